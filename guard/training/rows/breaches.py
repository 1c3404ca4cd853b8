"""How many of the clean rows break the contract that was declared for them.

The promise is about evidence: a clean row that the contract refuses is counted nowhere in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.contract import Contract, FeatureType
from guard.features import Table
from guard.rules import RULES
from guard.training.rows.data import Column, Dataset
from guard.verdict import Kind

__all__ = ["MOST_CHECKED", "Breaches", "checked_rows", "find_breaches"]

# Enough for the share of refused rows within half a percent; checking them takes well below a second.
MOST_CHECKED = 50_000

MOST_NAMES = 10

BoolArray = npt.NDArray[np.bool_]


class Breaches(NamedTuple):
    """Of `checked` rows, how many break the contract, and how many do so by feature or text of a relation."""

    rows: int
    checked: int
    by_name: Mapping[str, int]
    sampled: bool

    def describe(self) -> str:
        """Say it in one line, the worst first."""
        worst = sorted(self.by_name.items(), key=lambda item: -item[1])
        listed = ", ".join(f"{name} ({count:,})" for name, count in worst[:MOST_NAMES])
        more = f", and {len(worst) - MOST_NAMES} more" if len(worst) > MOST_NAMES else ""
        kind = "sampled rows" if self.sampled else "rows"
        return (
            f"{self.rows:,} of {self.checked:,} {kind} break the contract and would be refused: {listed}{more}; "
            f"the promise counts none of them"
        )


def checked_rows(n: int) -> npt.NDArray[np.intp]:
    """Which of n rows are checked: all, or MOST_CHECKED of them spread evenly."""
    return np.linspace(0, n - 1, min(n, MOST_CHECKED)).astype(np.intp)


def find_breaches(dataset: Dataset, contract: Contract, *, sampled: bool = False) -> Breaches:
    """Check rows, which may be a sample, against a contract whose features are the columns."""
    table = _table(dataset, contract)
    broken: dict[str, BoolArray] = {}
    for rule in RULES:
        if rule.kind is Kind.CONTRACT and rule.check is not None:
            found = rule.check(table)
            for place in np.flatnonzero(found.mask.any(axis=0)).tolist():
                _add(broken, str(found.features[place]), found.mask[:, place])
    for place, feature in enumerate(contract.features):
        if feature.type is FeatureType.BOOLEAN:
            # Serving finds this while it reads the request, by the type: no rule checks it in a table.
            _add(broken, feature.name, ~(np.isin(table.values[:, place], (0, 1)) | np.isnan(table.values[:, place])))
    any_broken = np.logical_or.reduce([np.zeros(dataset.n_rows, dtype=np.bool_), *broken.values()])
    by_name = {name: count for name, mask in broken.items() if (count := int(mask.sum()))}
    return Breaches(int(any_broken.sum()), dataset.n_rows, by_name, sampled)


def _add(broken: dict[str, BoolArray], name: str, mask: BoolArray) -> None:
    broken[name] = broken[name] | mask if name in broken else mask


def _table(dataset: Dataset, contract: Contract) -> Table:
    """Build what serving would read; from the columns, since the raw matrix has lost digits to float32."""
    values = np.stack([_values(column) for column in dataset.columns], axis=1)
    texts = {column.name: column.texts for column in dataset.columns if column.texts is not None}
    return Table(contract, values, texts)


def _values(column: Column) -> npt.NDArray[np.float64]:
    if column.values is not None:
        return column.values
    # The contract is about texts, not codes: any number will do where there is one.
    return np.where(column.missing | (column.type is FeatureType.STRING), np.nan, 0.0)
