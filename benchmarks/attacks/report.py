"""The benchmark's tables: clean rows flagged, and what is detected of each attack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Clean", "Found", "report"]

# Of an attack, fewer rows say nothing.
LEAST = 20

UNAWARE_GOAL = 0.95
AWARE_GOALS = (0.93, 0.25, 0.60)


class Found(NamedTuple):
    """One attack on one model: rows that succeeded, and what share of them each way of judging flags.

    Of `relations` there is one share; of the detectors AUROC, then the shares at 1 % and at 5 %.
    """

    victim: str
    attack: str
    n: int
    relations: float
    without: tuple[float, ...]
    score: tuple[float, ...]
    surrogate: tuple[float, ...]


class Clean(NamedTuple):
    """The shares of clean test rows that a detector flags at 1 % and at 5 %."""

    victim: str
    detector: str
    rates: tuple[float, ...]


def report(lines: Sequence[Found | Clean]) -> None:
    """Print both tables, and whether the goals are reached."""
    _clean([line for line in lines if isinstance(line, Clean)])
    pooled = _pooled([line for line in lines if isinstance(line, Found)])
    columns = "   AUROC    1 %    5 %" * 3
    print(f"\n{'':48}rela-   without relations      the one score          a surrogate's classes")
    print(f"model    {'attack':30} {'n':>6}   tions{columns}")
    for line in pooled:
        shares = "  ".join(" ".join(f"{value:6.3f}" for value in part) for part in line[4:])
        note = "" if line.n >= LEAST else "  few rows, not counted"
        print(f"{line.victim:8} {line.attack:30} {line.n:6}  {line.relations:6.3f}  {shares}{note}")
    _goals([line for line in pooled if line.n >= LEAST])


def _clean(lines: Sequence[Clean]) -> None:
    print("\nclean test rows flagged              promised    1 %     5 %")
    for victim, name in dict.fromkeys((line.victim, line.detector) for line in lines):
        rates = np.array([line.rates for line in lines if (line.victim, line.detector) == (victim, name)])
        each = f"   seeds: {', '.join(f'{rate:.2%}' for rate in rates[:, 0])}" if len(rates) > 1 else ""
        print(f"{victim:8} {name:34} {' '.join(f'{rate:7.2%}' for rate in rates.mean(axis=0))}{each}")


def _pooled(lines: Sequence[Found]) -> list[Found]:
    """Means over seeds, weighted by rows."""
    found = []
    for victim, attack in dict.fromkeys((line.victim, line.attack) for line in lines):
        own = [line for line in lines if (line.victim, line.attack) == (victim, attack)]
        weights = np.array([line.n for line in own])
        relations = float(np.average([line.relations for line in own], weights=weights))
        parts = [np.average([line[place] for line in own], axis=0, weights=weights) for place in (4, 5, 6)]
        found.append(Found(victim, attack, int(weights.sum()), relations, *(tuple(part.tolist()) for part in parts)))
    return found


def _goals(lines: Sequence[Found]) -> None:
    """Print mean and worst attack, of phishing pages that are to pass as legitimate and of the reverse."""
    print("\n                                           attacks    mean AUROC, 1 %, 5 %    worst at 1 %, 5 %   goal")
    for reverse in (False, True):
        for kind in ("unaware", "unaware, 6 columns", "aware, mimicry", "aware, HopSkipJump"):
            own = [line for line in lines if _kind(line) == kind and line.attack.endswith("reverse") == reverse]
            if own:
                _summary(f"{kind}{', reverse' if reverse else ''}", own)


def _kind(line: Found) -> str:
    """Six columns at once break few relations, whether these are known or not."""
    if "aware" in line.attack:
        return "aware, HopSkipJump" if "Hop" in line.attack else "aware, mimicry"
    return "unaware, 6 columns" if "6 columns" in line.attack else "unaware"


def _summary(name: str, lines: Sequence[Found]) -> None:
    scores = np.array([line.score for line in lines])
    mean, worst = scores.mean(axis=0), scores.min(axis=0)
    at_1, at_5 = (lines[int(scores[:, place].argmin())] for place in (1, 2))
    goal = f"each >= {UNAWARE_GOAL:.2f} at 1 %"
    if name.startswith("aware"):
        goal = "AUROC >= {:.2f}, >= {:.2f} at 1 %, >= {:.2f} at 5 %".format(*AWARE_GOALS)
    print(
        f"{name:40} {len(lines):7}    {mean[0]:.3f}  {mean[1]:.3f}  {mean[2]:.3f}    {worst[1]:.3f} ({at_1.victim}: "
        f"{at_1.attack}), {worst[2]:.3f} ({at_5.victim}: {at_5.attack})   {goal}"
    )
