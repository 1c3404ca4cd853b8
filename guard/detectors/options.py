"""FitOptions: what a fit was asked, so that it can be asked again; Recalibration: what was changed since."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["FitOptions", "Recalibration"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class FitOptions(_Part):
    """All that `fit_detector` was given beside the rows and the contract, which has a place of its own.

    `drop` and `categorical` are names of columns; of `predictions` it is one. `model_sha256` is the protected model's
    file, which is needed to fit again. Whether `--strict` was given doesn't matter: it only refuses.
    """

    seed: int
    rates: tuple[float, ...]
    confidence: float | None = None
    drop: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    predictions: str | None = None
    model_sha256: str | None = None
    rows: Literal["clean", "contaminated"] = "clean"
    cross_fit: bool = False
    private: bool = False


class Recalibration(_Part):
    """Fresh rows took the calibration rows' place; everything learned is the parent's.

    `parent_sha256` is the detector's file before, `rows_sha256` the fresh rows' digest, computed as the training
    rows' is; `n` of them have a score.
    """

    parent_sha256: str
    rows_sha256: str
    n: int
