"""ClassFunction: the class that the protected model predicts, computed inside the detector's graph.

Fitting and serving must mean the same by a row's class, so the classes of the training rows come from `predict`, which
runs the very nodes that the detector will have, and never from a column. A class computed one row at a time may differ
from one computed in a batch where the model's scores tie within float32's last bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from guard.detectors.classes import ClassCard
from guard.detectors.detector import open_session
from guard.detectors.manifest import FeatureCard
from guard.errors import DetectorError, TrainingError
from guard.training.graph.nodes import INPUT, GraphBuilder
from guard.training.protected.model_file import CHUNK, Answer, ModelFile, read_model
from guard.training.protected.model_graph import embed
from guard.training.protected.model_limits import NotEmbeddable
from guard.training.protected.surrogate import fit_surrogate

__all__ = ["LEAST_AGREEMENT", "MOST_CLASSES", "ClassFunction", "code_classes", "from_model", "predict", "surrogate"]

MOST_CLASSES = 100
"""More distinct values than that are a regression's, or an identifier."""

# Rows that are asked about alone and among others, and the share of them whose class may change by rounding.
PROBES, MIXED = 256, 0.02

LEAST_AGREEMENT = 0.999
"""Of an embedded model with itself: scores that tie may be rounded otherwise, nothing else may differ."""

Matrix = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]


class _Body(Protocol):
    def add(self, graph: GraphBuilder, x: str) -> str: ...


@dataclass(frozen=True, slots=True)
class ClassFunction:
    """A function from the raw row to the index of its class among `names`, as nodes of a graph.

    `kind`, `agreement`, `class_agreement`, `sha256` and `note` are as in ClassCard. Of kind `surrogate`, it can't be
    relied on to see what fools the model: an adversarial row that crosses the model's boundary often stays on this
    side of the surrogate's, and is then compared with clean rows of its true class.
    """

    names: tuple[str, ...]
    kind: Literal["model", "surrogate"]
    agreement: float
    class_agreement: tuple[float | None, ...]
    body: _Body
    sha256: str | None = None
    note: str | None = None

    def add(self, graph: GraphBuilder, x: str) -> str:
        """Add the nodes to a graph whose raw rows are `x`, float32 [N, d]; returns the name of the int64 [N] index."""
        return self.body.add(graph, x)

    def card(self, groups: tuple[int, ...] = ()) -> ClassCard:
        """Give what the manifest says of it; `groups` is the calibration group of each class."""
        return ClassCard(
            names=self.names,
            kind=self.kind,
            agreement=self.agreement,
            class_agreement=self.class_agreement,
            sha256=self.sha256,
            note=self.note,
            groups=groups,
        )


def from_model(
    model: str | Path | bytes,
    *,
    features: tuple[FeatureCard, ...],
    fit_rows: Matrix,
    select_rows: Matrix,
    seed: int,
) -> ClassFunction:
    """Make it from the protected model's ONNX file, given by path or bytes.

    Rows are the detector's raw ones, float32 [n, d], with NaN where a value is missing: the model is given them as they
    are, so where it was trained on filled-in values, the filling must be part of the file. A model that can't stand
    in a detector's graph, or is too large for it, is run on the rows once and replaced by a surrogate fitted to its
    predictions; then `note` says why. Raises TrainingError where the file, its inputs or outputs don't fit.
    """
    content, source = (model, "the model") if isinstance(model, bytes) else (_read(Path(model)), str(model))
    file = read_model(content, features=features, source=source)
    rows = np.concatenate([fit_rows, select_rows])
    answer, texts = file.classes(rows)
    names, codes = code_classes(texts.tolist())
    try:
        return _embedded(file, answer, names, codes, rows=rows, n_fit=len(fit_rows))
    except NotEmbeddable as obstacle:
        return surrogate(
            fit_rows,
            codes[: len(fit_rows)],
            select_rows,
            codes[len(fit_rows) :],
            names=names,
            features=features,
            seed=seed,
            sha256=file.sha256,
            note=f"{source} isn't in the detector, since it {obstacle}; trees fitted to its predictions are",
        )


def _embedded(
    file: ModelFile, answer: Answer, seen: tuple[str, ...], codes: Codes, *, rows: Matrix, n_fit: int
) -> ClassFunction:
    body, declared = embed(file, answer, seen)
    names, wanted = _recode(seen, codes, declared)
    try:
        found = _run(body, rows)
    except DetectorError as error:
        raise NotEmbeddable("can't be run there") from error
    if (differing := float((found != wanted).mean())) > 1 - LEAST_AGREEMENT:
        raise NotEmbeddable(f"gives another class there on {differing:.1%} of the rows")
    _check_rows_apart(body, rows)
    agreement = _agreement(found[n_fit:], wanted[n_fit:], len(names))
    return ClassFunction(names, "model", *agreement, body, sha256=file.sha256)


def _check_rows_apart(body: _Body, rows: Matrix) -> None:
    """Refuse a model that mixes the rows of a batch: a client would choose a row's class by the rows beside it."""
    probe = np.ascontiguousarray(rows[:: max(len(rows) // PROBES, 1)][:PROBES])
    together = _run(body, probe[::-1])[::-1]
    if (_run(body, probe, chunk=1) != together).mean() > MIXED:
        raise TrainingError(
            "the model gives a row another class among other rows: export it for inference, not for training, and "
            "without sums or means over the batch"
        )


def surrogate(
    fit_rows: Matrix,
    fit_codes: Codes,
    select_rows: Matrix,
    select_codes: Codes,
    *,
    names: tuple[str, ...],
    features: tuple[FeatureCard, ...],
    seed: int,
    sha256: str | None = None,
    note: str | None = None,
) -> ClassFunction:
    """Fit trees to the classes that the model predicted for the fit rows; the select rows tell how far they agree.

    Rows are raw, float32 [n, d]; codes int64 [n], indices of `names`. Raises TrainingError where the fit rows are
    all of one class.
    """
    if len(np.unique(fit_codes)) < 2:
        raise TrainingError(
            f"every row to fit on is predicted as {names[int(fit_codes[0])]!r}; fit without classes, "
            "or on rows of at least two"
        )
    body = fit_surrogate(fit_rows, fit_codes, n_classes=len(names), features=features, seed=seed)
    agreement = _agreement(_run(body, select_rows), select_codes, len(names))
    return ClassFunction(names, "surrogate", *agreement, body, sha256=sha256, note=note)


def predict(function: ClassFunction, rows: Matrix) -> Codes:
    """Give the class index of raw rows, float32 [n, d], as the detector will: int64 [n]."""
    return _run(function.body, rows)


def code_classes(texts: Sequence[str | None]) -> tuple[tuple[str, ...], Codes]:
    """Number the classes of a column of predictions: their names in order, and the index of each row's, int64 [n].

    Raises TrainingError where a row has none, or there are less than two classes or more than MOST_CLASSES.
    """
    if missing := sum(text is None for text in texts):
        raise TrainingError(f"{missing} rows have no predicted class; give one for each row, or leave these rows out")
    names = sorted({str(text) for text in texts}, key=_natural)
    if len(names) < 2:
        raise TrainingError(f"every row is predicted as {names}; fit without classes, or on rows of at least two")
    if len(names) > MOST_CLASSES:
        raise TrainingError(
            f"the predictions have {len(names)} distinct values; expected at most {MOST_CLASSES} classes: "
            "a regression's values are none, but the decision taken on each may be"
        )
    index = {name: code for code, name in enumerate(names)}
    return tuple(names), np.array([index[str(text)] for text in texts], dtype=np.int64)


def _natural(name: str) -> tuple[int, int, str]:
    """Whole numbers by value, before texts."""
    if name.isascii() and name.lstrip("-").isdigit():
        return 0, int(name), name
    return 1, 0, name


def _recode(names: tuple[str, ...], codes: Codes, declared: tuple[str, ...]) -> tuple[tuple[str, ...], Codes]:
    """Number the classes as the model does; those that it declares and never predicted keep their place."""
    if not declared:
        return names, codes
    if not set(names) <= set(declared):
        unknown = min(set(names) - set(declared))
        raise NotEmbeddable(f"predicts {unknown!r}, which isn't among the classes that it declares")
    index = np.array([declared.index(name) for name in names], dtype=np.int64)
    return declared, index[codes]


def _agreement(found: Codes, wanted: Codes, n_classes: int) -> tuple[float, tuple[float | None, ...]]:
    same = found == wanted
    by_class = [same[wanted == code] for code in range(n_classes)]
    return float(same.mean()), tuple(float(part.mean()) if len(part) else None for part in by_class)


def _run(body: _Body, rows: Matrix, *, chunk: int = CHUNK) -> Codes:
    graph = GraphBuilder(rows.shape[1])
    index = body.add(graph, INPUT)
    graph.export(index, ["N"], integral=True)
    session = open_session(graph.serialize(), source="the class function")
    try:
        chunks = [session.run([index], {INPUT: rows[at : at + chunk]})[0] for at in range(0, len(rows), chunk)]
    except Exception as error:
        raise DetectorError(f"onnxruntime failed on the class function: {type(error).__name__}") from error
    return np.concatenate(chunks) if chunks else np.empty(0, dtype=np.int64)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TrainingError(f"{path}: can't be read: {error.strerror}; give the model's ONNX file") from None
