"""Put guard before real hosts, each in an environment of its own: `python -m tests.hosts.run [NAME ...]`.

Prints a line for each host, then a table in Markdown. The exit status is 1 where anything failed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.hosts.checks import CHECKS, MODES, observe
from tests.hosts.environment import build_wheel, make_environment, versions
from tests.hosts.process import serve
from tests.hosts.table import HOSTS, Host

__all__ = ["Outcome", "main", "try_host"]


class Outcome(NamedTuple):
    """What became of one host."""

    host: Host
    version: str
    starlette: str
    faults: list[str]
    install_s: float
    seconds: float


def try_host(host: Host, *, wheel: Path, keep: Path | None = None) -> Outcome:
    """Install a host, run it in each mode, and judge what it answered.

    Its environment and logs go to the folder `keep`, or are deleted.
    """
    if keep is not None:
        return _try(host, keep, wheel)
    # Short: Ray puts sockets below it, whose paths may have some hundred characters.
    with tempfile.TemporaryDirectory(prefix="gh-", ignore_cleanup_errors=True) as work:
        return _try(host, Path(work), wheel)


def _try(host: Host, work: Path, wheel: Path) -> Outcome:
    start = installed = time.monotonic()
    version = starlette = "-"
    try:
        python = make_environment(host, work / "env", wheel=wheel)
        installed = time.monotonic()
        version, starlette = versions(python, host.distribution, "starlette")
        faults = list(_faults(host, python, work))
    except Exception as error:  # noqa: BLE001 - a host that can't be run is a line of the table
        faults = [f"{type(error).__name__}: {error}"]
    return Outcome(host, version, starlette, faults, installed - start, time.monotonic() - start)


def _faults(host: Host, python: Path, work: Path) -> Iterable[str]:
    seen = {}
    for mode in MODES:
        with serve(host, python, mode=mode, scratch=work / mode) as running:
            seen[mode] = observe(host, running, python)
    for name, check in CHECKS.items():
        yield from (f"{name}: {fault}" for fault in check(host, seen))


def _print_outcome(outcome: Outcome) -> None:
    state = "failed" if outcome.faults else "passed"
    print(f"{outcome.host.name}: {state} in {outcome.seconds:.0f} s, of which {outcome.install_s:.0f} s to install")
    print("".join(f"  {fault}\n" for fault in outcome.faults), end="", flush=True)


def _row(outcome: Outcome) -> str:
    state = "failed" if outcome.faults else "passed"
    cells = (outcome.host.title, outcome.version, outcome.starlette, state, f"{outcome.seconds:.0f}")
    return f"| {' | '.join(cells)} |"


def _print_table(outcomes: Iterable[Outcome]) -> None:
    print("\n| host | version | starlette | checks | seconds |\n| --- | --- | --- | --- | ---: |")
    print("\n".join(map(_row, outcomes)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.hosts.run", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(HOSTS)}; all where none is given")
    parser.add_argument("--quick", action="store_true", help="those that install and start in seconds")
    parser.add_argument("--work", type=Path, help="a folder for environments and logs, which are then kept")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in HOSTS]
    if unknown:
        parser.error(f"no host {unknown[0]!r}; expected some of: {', '.join(HOSTS)}")
    return arguments


def main() -> int:
    """Run the hosts that were named, one after another."""
    arguments = _arguments()
    names = arguments.names or [name for name, host in HOSTS.items() if host.quick or not arguments.quick]
    outcomes = []
    with tempfile.TemporaryDirectory() as scratch:
        wheel = build_wheel(Path(scratch))
        for name in names:
            keep = arguments.work.resolve() / name if arguments.work else None
            outcome = try_host(HOSTS[name], wheel=wheel, keep=keep)
            outcomes.append(outcome)
            _print_outcome(outcome)
    _print_table(outcomes)
    failed = sum(bool(outcome.faults) for outcome in outcomes)
    print(f"\n{len(outcomes) - failed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
