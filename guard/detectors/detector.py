"""Detector: one ONNX file, loaded, checked against its own golden vectors, and asked for scores.

Threat model. The file may be altered, cut short, or another's: `check_onnx` looks at it before the runtime does,
its digest can be demanded, and what it computes here is compared with what it computed where it was fitted.
"""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from guard.contract import Contract
from guard.detectors.manifest import MANIFEST_KEY, TOLERANCE, Calibration, Golden, Manifest
from guard.detectors.onnx_file import check_onnx
from guard.errors import DetectorError, ScoringError

__all__ = ["MAX_DETECTOR_BYTES", "Detector", "Scores", "load_detector", "open_detector", "open_session"]

# A forest has half a megabyte, the largest calibration table a few; what is much larger isn't a detector.
MAX_DETECTOR_BYTES = 64 * 2**20

# onnxruntime's severities: 3 is error. What it has to say comes as an exception.
LOG_ERRORS_ONLY = 3

_FLOAT32 = np.dtype(np.float32)
_OUTPUTS = ("score", "p_value")

# An input that may be left out.
RELATION_WEIGHTS = "relation_weights"


class Scores(NamedTuple):
    """`score`, higher being more anomalous, and conformal `p_value`, lower being so: float32 [N], NaN alike.

    `group` is the place of the calibration that gave the p-value, int64 [N]; None where there is one for all.
    """

    score: npt.NDArray[np.float32]
    p_value: npt.NDArray[np.float32]
    group: npt.NDArray[np.int64] | None = None


class Detector:
    """A loaded detector; may be used from several threads at once. Make it with `load_detector`."""

    def __init__(self, content: bytes, *, session: ort.InferenceSession, manifest: Manifest) -> None:
        self.content = content
        self.digest = hashlib.sha256(content).hexdigest()
        self.manifest = manifest
        self._session = session
        # The public `run` checks the names at each call, which are fixed here; that takes a tenth of one row's time.
        self._run = _runner(session)
        self._n_features = len(manifest.features)
        self._extra: dict[str, npt.NDArray[np.float32]] = {}
        self._scored = [*_OUTPUTS, "group"] if len(manifest.calibrations) > 1 else list(_OUTPUTS)

    def without_relations(self, ids: Collection[str]) -> Self:
        """Give the same detector with these mined relations counting nothing; raises KeyError for an unknown one."""
        relations = self.manifest.relations
        unknown = set(ids) - {card.id for card in relations}
        if unknown:
            raise KeyError(*sorted(unknown))
        if not ids:
            return self
        kept = self._extra.get(RELATION_WEIGHTS, np.array([[card.decades] for card in relations], dtype=np.float32))
        weights = np.where([[card.id in ids] for card in relations], np.float32(0), kept)
        found = copy.copy(self)
        found._extra = {RELATION_WEIGHTS: weights}  # noqa: SLF001 - of the same class
        return found

    def score(self, X: npt.ArrayLike) -> Scores:
        """Score raw rows, array-like [N, d] in the manifest's order.

        Booleans are 0 or 1, categories their code (-1 where unseen), missing values NaN. A NaN where no fitted row
        had one gives a NaN score. Raises DetectorError where the shape doesn't fit, ScoringError where the runtime
        fails.
        """
        found = self._compute(self._scored, X)
        return Scores(found[0][:, 0], found[1][:, 0], *found[2:])

    def parts(self, X: npt.ArrayLike) -> Mapping[str, npt.NDArray[np.float32]]:
        """What the score is made of, float32 [N] each, as the manifest's `parts` name and describe them.

        `near_*` are mean distances to the nearest prototypes in a scaling; `forest` is the binary logarithm of the
        isolation forest's score; `class_doubt` is minus the logarithm of the predicted class's probability by another
        forest, `class_distance` the logarithm of the squared distance to the class. Two are above 0 where they found
        something: `unseen`, the number of unseen categories less a half, and `relations`, the decades of those broken
        less a hundredth. The raw row is as in `score`.
        """
        (columns,) = self._compute(["parts"], X)
        return {card.name: columns[:, place] for place, card in enumerate(self.manifest.parts)}

    def broken(self, X: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Which of the manifest's relations each raw row breaks, bool [N, r]."""
        if not self.manifest.relations:
            return np.zeros((len(np.asarray(X)), 0), dtype=np.bool_)
        (found,) = self._compute(["broken"], X)
        return np.asarray(found > 0)

    def classes(self, X: npt.ArrayLike) -> npt.NDArray[np.int64] | None:
        """The class that the protected model predicts for each raw row, int64 [N], as a place in the manifest's names.

        None where the detector knows no classes.
        """
        if self.manifest.classes is None:
            return None
        (found,) = self._compute(["class"], X)
        return np.asarray(found)

    def nearest(self, X: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """The clean row that is most like each raw row, as far as the detector keeps them: float32 [N, d]."""
        places, rows = self._compute(["places", "rows"], X)
        nearest: npt.NDArray[np.float32] = rows[places[:, -1, 0]]
        return nearest

    def contract(self) -> Contract:
        """What a request must keep: features, types, nullability as fitting found them, and what was declared then."""
        return self.manifest.to_contract()

    def _compute(self, outputs: list[str], X: npt.ArrayLike) -> list[npt.NDArray[Any]]:
        rows = X if type(X) is np.ndarray and X.dtype is _FLOAT32 else _as_float32(X)
        shape = rows.shape
        if len(shape) != 2 or shape[1] != self._n_features:
            raise DetectorError(
                f"rows of shape {shape} were given to a detector of {self._n_features} features; "
                f"expected (N, {self._n_features})"
            )
        try:
            results: list[npt.NDArray[Any]] = self._run(outputs, {"x": rows, **self._extra}, None)
        except Exception as error:
            raise ScoringError(f"onnxruntime failed on {len(rows)} rows: {type(error).__name__}") from error
        return results


def _runner(session: ort.InferenceSession) -> Callable[..., Any]:
    inner = getattr(session, "_sess", session)
    run: Callable[..., Any] = inner.run
    return run


def _as_float32(X: npt.ArrayLike) -> npt.NDArray[np.float32]:
    # What float32 can't hold becomes infinite, and scores as such.
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(X, dtype=np.float32)


def load_detector(path: str | Path, *, sha256: str | None = None) -> Detector:
    """Read a detector, check it, and score its golden vectors again.

    `sha256`, in hexadecimal, is demanded of the file where given. Raises DetectorError.
    """
    source = str(path)
    content = _read(Path(path))
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256.lower():
        found = hashlib.sha256(content).hexdigest()
        raise DetectorError(f"{source} has sha256 {found}; {sha256} was demanded: the file was altered, or is another")
    return open_detector(content, source=source)


def open_detector(content: bytes, *, source: str) -> Detector:
    """Check a detector's bytes, and score its golden vectors again; `source` names them in messages.

    Raises DetectorError.
    """
    check_onnx(content, source=source)
    session = open_session(content, source=source)
    text = session.get_modelmeta().custom_metadata_map.get(MANIFEST_KEY)
    if text is None:
        raise DetectorError(f"{source}: an ONNX file without guard's manifest; give one that `guard fit` wrote")
    detector = Detector(content, session=session, manifest=Manifest.from_json(text, source=source))
    _check_interface(session, detector.manifest, source)
    _self_test(detector, source)
    return detector


def open_session(content: bytes, *, source: str) -> ort.InferenceSession:
    """Open a model for one thread: a pool costs more than a row takes. Raises DetectorError."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = LOG_ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # Else the runtime guesses, and reads its own format too, which check_onnx doesn't know.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise DetectorError(f"{source}: onnxruntime can't load it ({type(error).__name__}); fit it again") from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_DETECTOR_BYTES + 1)
    except OSError as error:
        raise DetectorError(f"{path}: can't be read: {error.strerror}; `guard fit` makes a detector") from None
    if len(content) > MAX_DETECTOR_BYTES:
        raise DetectorError(f"{path}: longer than {MAX_DETECTOR_BYTES} bytes, which no detector is")
    return content


def _check_interface(session: ort.InferenceSession, manifest: Manifest, source: str) -> None:
    inputs = [(put.name, put.type, put.shape[1:]) for put in session.get_inputs()]
    wanted = [("x", "tensor(float)", [len(manifest.features)])]
    if inputs != wanted:
        raise DetectorError(f"{source}: the graph takes {inputs}; by its manifest it should take {wanted}")
    wanted_outputs = {*_OUTPUTS, "parts", "places", "rows", *(["group"] if len(manifest.calibrations) > 1 else [])}
    missing = wanted_outputs - {put.name for put in session.get_outputs()}
    if missing:
        raise DetectorError(f"{source}: the graph has no output {' and no '.join(sorted(missing))}; fit it again")


def _self_test(detector: Detector, source: str) -> None:
    """Score the golden vectors again.

    A score may differ by 1e-4 relative (of 1 at least). A p-value is a step function of the score, so it must lie
    between those that the manifest's calibration gives for the expected score a tolerance higher and lower.
    """
    golden = detector.manifest.golden
    if not golden:
        raise DetectorError(f"{source}: the manifest has no golden vectors; fit the detector again")
    wrong_width = {len(vector.x) for vector in golden} - {len(detector.manifest.features)}
    if wrong_width:
        raise DetectorError(f"{source}: golden vectors don't fit the features; fit the detector again")
    rows = np.array([[math.nan if value is None else value for value in vector.x] for vector in golden])
    try:
        found = detector.score(rows)
    except ScoringError as error:
        raise DetectorError(f"{source}: the self-test failed: {error}; fit it again") from error
    calibrations = detector.manifest.calibrations
    if found.group is not None and not ((found.group >= 0) & (found.group < len(calibrations))).all():
        raise DetectorError(f"{source}: the graph names a group that the manifest hasn't; fit it again")
    for place, (vector, score, p_value) in enumerate(zip(golden, found.score, found.p_value, strict=True)):
        calibration = calibrations[0 if found.group is None else int(found.group[place])]
        if not _agrees(vector, float(score), float(p_value), calibration):
            raise DetectorError(
                f"{source}: the self-test failed: golden vector {place} scores {score:.6g} with p = {p_value:.6g}, "
                f"where fitting computed {vector.score} with p = {vector.p_value}; fit it again on this kind of machine"
            )


def _agrees(expected: Golden, score: float, p_value: float, calibration: Calibration) -> bool:
    if expected.score is None:
        return math.isnan(score) and math.isnan(p_value)
    room = TOLERANCE * max(1.0, abs(expected.score))
    least, most = calibration.p_value([expected.score + room, expected.score - room]).tolist()
    return (
        abs(score - expected.score) <= room
        and least * (1 - TOLERANCE) - 1e-30 <= p_value <= most * (1 + TOLERANCE) + 1e-30
    )
