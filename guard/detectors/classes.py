"""ClassCard: which class function stands in the detector's graph, and how far it can be relied on."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["ClassCard"]


class ClassCard(BaseModel):
    """The classes of the protected model, as the detector computes them.

    `kind` is `model` where the model's own operators stand in the graph, `surrogate` where trees fitted to its
    predictions do. `agreement` is the share of select rows on which the graph gives the model's class,
    `class_agreement` the same among the rows of each class, None where there were none. `sha256` is the model
    file's, where there was one; `note` says why a model that was given isn't in the graph. `groups` is the calibration
    group of each class.

    What a surrogate can't see: an adversarial row that crosses the model's boundary often doesn't cross the
    surrogate's, and then is compared with clean rows of the class that it was made from.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    names: tuple[str, ...]
    kind: Literal["model", "surrogate"]
    agreement: float
    class_agreement: tuple[float | None, ...]
    sha256: str | None = None
    note: str | None = None
    groups: tuple[int, ...] = ()
