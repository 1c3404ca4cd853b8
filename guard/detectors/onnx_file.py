"""A look at an ONNX file before the runtime opens it.

Threat model. Whoever can put a detector file before guard (a bucket, a pull request, a shared volume) must not
thereby read other files (external data), run other code (custom operators, which come from other libraries under
other domains), or keep the runtime busy (loops, subgraphs, functions). What is allowed is listed: operators, and
protobuf fields; anything else is refused. Out of scope, and a reason to demand the file's sha256: faults in the
runtime's own parser and kernels, memory (a few broadcasts or concatenations multiply a small tensor, at loading
already), and a file that is well formed and simply detects nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from guard.errors import DetectorError

__all__ = ["DOMAINS", "OPERATORS", "check_onnx"]

DOMAINS = frozenset({b"", b"ai.onnx", b"ai.onnx.ml"})

OPERATORS = frozenset(
    # Element by element.
    b"Abs Add And Cast Ceil Clip Div Elu Equal Erf Exp Floor Greater GreaterOrEqual HardSigmoid Identity IsInf IsNaN "
    b"LeakyRelu Less LessOrEqual Log Max Mean Min Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu Sigmoid Sign "
    b"Softplus Softsign Sqrt Sub Sum Tanh ThresholdedRelu Where Xor "
    # Over an axis, or with a matrix.
    b"ArgMax ArgMin BatchNormalization Gemm LayerNormalization LogSoftmax LpNormalization MatMul ReduceL1 ReduceL2 "
    b"ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Softmax TopK "
    # Moving values about.
    b"ArrayFeatureExtractor Concat Flatten Gather GatherElements Reshape Shape Slice Split Squeeze Transpose Unsqueeze "
    # Of ai.onnx.ml.
    b"Binarizer FeatureVectorizer Imputer LinearClassifier LinearRegressor Normalizer SVMClassifier SVMRegressor "
    b"Scaler TreeEnsembleClassifier TreeEnsembleRegressor".split()
)
"""What guard's own detectors are made of, and the classifiers that may stand in them.

Each computes its outputs from its inputs alone: no subgraph, state, randomness, text or file; and none makes a tensor
of a size that a value says, as Expand, Tile, Range, Pad and ConstantOfShape do.
"""


class _Message(NamedTuple):
    """The fields that a message may have, by number; those that are messages themselves, with theirs."""

    name: str
    plain: frozenset[int]
    nested: Mapping[int, _Message] = {}
    checked: Mapping[int, tuple[str, frozenset[bytes]]] = {}


# Field numbers are those of onnx.proto3. Left out on purpose: external_data (13) and data_location (14) of a tensor;
# graphs, tensors and functions within attributes; functions and training_info of a model.
_TENSOR = _Message("a tensor", frozenset({1, 2, 4, 7, 8, 9}))
_ATTRIBUTE = _Message("an attribute", frozenset({1, 2, 3, 4, 7, 8, 9, 20}))
_NODE = _Message(
    "a node",
    frozenset({1, 2, 3, 4, 7}),
    {5: _ATTRIBUTE},
    {4: ("operator", OPERATORS), 7: ("domain", DOMAINS)},
)
_GRAPH = _Message("the graph", frozenset({2, 11, 12}), {1: _NODE, 5: _TENSOR})
_OPERATOR_SET = _Message("an operator set", frozenset({1, 2}), {}, {1: ("domain", DOMAINS)})
_MODEL = _Message("the model", frozenset({1, 2, 3, 14}), {7: _GRAPH, 8: _OPERATOR_SET})

# Known by number, so that the message can say what was found.
_REFUSED = {
    ("a tensor", 13): "external data",
    ("a tensor", 14): "external data",
    ("an attribute", 6): "a subgraph",
    ("an attribute", 11): "subgraphs",
    ("the model", 25): "functions",
    ("the model", 20): "training information",
}

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def check_onnx(data: bytes, *, source: str) -> None:
    """Raise DetectorError unless the bytes are an ONNX model of allowed fields, operators and domains only."""
    try:
        seen = _check(data, 0, len(data), _MODEL)
    except (IndexError, ValueError) as error:
        raise DetectorError(f"{source}: not an ONNX file ({error}); give one that `guard fit` wrote") from None
    except DetectorError as error:
        raise DetectorError(f"{source}: {error}; give a file that `guard fit` wrote") from None
    if 7 not in seen:
        raise DetectorError(f"{source}: not an ONNX file (it holds no graph); give one that `guard fit` wrote")


def _check(data: bytes, start: int, end: int, message: _Message) -> set[int]:
    seen = set()
    for number, wire, begin, stop in _fields(data, start, end):
        seen.add(number)
        if number in message.nested:
            if wire != _BYTES:
                raise ValueError(f"a broken field at byte {begin}")
            _check(data, begin, stop, message.nested[number])
        elif number not in message.plain and number not in message.checked:
            what = _REFUSED.get((message.name, number), f"the unexpected field {number}")
            raise DetectorError(f"{message.name} has {what}")
        if number in message.checked:
            _check_name(data[begin:stop], *message.checked[number])
    return seen


def _check_name(value: bytes, what: str, allowed: frozenset[bytes]) -> None:
    if value not in allowed:
        raise DetectorError(
            f"the {what} {value[:100].decode(errors='backslashreplace')!r} is not one that guard writes"
        )


def _fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (number, wire type, begin, stop) of the fields between two offsets."""
    at = start
    while at < end:
        tag, begin = (data[at], at + 1) if data[at] < 0x80 else _varint(data, at)
        wire = tag & 7
        if wire == _VARINT:
            stop = _varint(data, begin)[1]
        elif wire == _FIXED32:
            stop = begin + 4
        elif wire == _BYTES:
            length, begin = _varint(data, begin)
            stop = begin + length
        elif wire == _FIXED64:
            stop = begin + 8
        else:
            raise ValueError(f"a broken field at byte {at}")
        if stop > end:
            raise ValueError(f"it ends within a field, at byte {at}")
        yield tag >> 3, wire, begin, stop
        at = stop


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError(f"a broken number at byte {at}")
