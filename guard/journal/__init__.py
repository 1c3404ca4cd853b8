"""The journal: flagged requests are queued, written by one thread in each process, and read for review."""

from guard.journal.counters import Counters
from guard.journal.entry import Entry, RequestContext
from guard.journal.journal import Journal

__all__ = ["Counters", "Entry", "Journal", "RequestContext"]
