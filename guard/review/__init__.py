"""Reading what the journal holds again: replay, and what other settings or another detector would have done."""

from guard.review.comparison import Change, Comparison, Other, compare
from guard.review.replay import Difference, Replay, replay

__all__ = ["Change", "Comparison", "Difference", "Other", "Replay", "compare", "replay"]
