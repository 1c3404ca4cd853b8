"""Table: the instances of a request as a matrix."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from guard.contract import Contract
from guard.inference import Fault

__all__ = ["Table"]


# Not frozen: freezing would double the cost of making one, which is a tenth of the cost of reading a request.
@dataclass(slots=True)
class Table:
    """The N instances of a request over the d features of a contract.

    `values` is float64 [N, d] in the contract's order: numbers as they came, booleans as 0 and 1,
    categories as codes (-1 for an unseen one), strings and what is missing or unreadable as NaN. `texts` has the texts
    of category and string features, None where missing. `unreadable` is bool [N, d], True in cells
    that `faults` are about; None where there are none. An instance with such a cell can't be scored. `narrow` has
    the same as `values`, where the client sent float32.
    """

    contract: Contract
    values: npt.NDArray[np.float64]
    texts: dict[str, list[str | None]] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    unreadable: npt.NDArray[np.bool_] | None = None
    narrow: npt.NDArray[np.float32] | None = None

    @property
    def n_instances(self) -> int:
        """The number of instances."""
        return len(self.values)

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Which cells are null, NaN or absent, bool [N, d]; unreadable ones aren't."""
        missing = np.isnan(self.values)
        for name, texts in self.texts.items():
            missing[:, self.contract.compiled.places[name]] = [text is None for text in texts]
        if self.unreadable is not None:
            missing &= ~self.unreadable
        return missing
