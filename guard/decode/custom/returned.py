"""From what a user's decoder returns to the request.

| returned | read as |
| --- | --- |
| array of numbers [N, d] | N instances |
| list of rows, or of single values | N instances, by place |
| dict, or list of dicts | one instance or N, by name |
| dict of lists, or of arrays [N] or [N, 1] | N instances, a column per name |
| list of str | texts |
| uint8 array [H, W, C] or [N, H, W, C], or list of such | images |
| InferenceRequest | as it is, once its data has been read as above |

JSON values may be the client's own: what is wrong with them is the client's fault, a RequestError. Any other object
is the decoder's fault, a ScoringError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from guard.decode.json.batch import check_count, lay_out
from guard.decode.limits import DecodeLimits
from guard.errors import MalformedRequest, ScoringError
from guard.inference import Datatype, InferenceRequest, Layout, Passage, Tensor, WireFormat

__all__ = ["read_returned"]

_JSON_TYPES = frozenset({str, int, float, bool, type(None), list, dict, bytes})

_DATATYPES = {
    datatype.numpy: datatype
    for datatype in Datatype
    if datatype is not Datatype.BYTES and datatype is not Datatype.BF16
}

_MOST_CHANNELS = 4


def read_returned(returned: Any, *, limits: DecodeLimits) -> InferenceRequest:
    """Read what a user's decoder returned.

    Raises MalformedRequest (G111, G116, G129), NotScorable (G208), and ScoringError for what no client can cause.
    """
    if isinstance(returned, InferenceRequest):
        return _read_request(returned, limits)
    layout, data, n_instances = _read(returned, limits)
    return InferenceRequest(WireFormat.CUSTOM, layout, data, n_instances)


def _read_request(given: InferenceRequest, limits: DecodeLimits) -> InferenceRequest:
    """Trust nothing but the faults: the data decide the rest."""
    if given.layout is Layout.TENSORS:
        layout, data, n_instances = _read_tensors(given.data, limits)
    elif given.layout is Layout.TEXTS:
        layout, data, n_instances = _read_passages(given, limits)
    else:
        listed = list(given.data) if isinstance(given.data, tuple) else given.data
        layout, data, n_instances = _read(listed, limits)
    if layout is not given.layout:
        _refuse(f"an InferenceRequest of layout {given.layout} with data of {layout}")
    return InferenceRequest(WireFormat.CUSTOM, layout, data, n_instances, faults=tuple(given.faults))


def _read(returned: Any, limits: DecodeLimits) -> tuple[Layout, Any, int]:
    if isinstance(returned, np.ndarray):
        return _read_array(returned, limits)
    if isinstance(returned, dict):
        return _read_dict(returned, limits)
    if not isinstance(returned, list | tuple):
        _refuse(
            f"an object of type {type(returned).__name__}; expected an array, a list, a dict or an InferenceRequest"
        )
    return _read_list(returned, limits)


def _read_array(array: npt.NDArray[Any], limits: DecodeLimits) -> tuple[Layout, Any, int]:
    if array.ndim == 2:
        native = _native(array)
        check_count(len(native), where=None, limits=limits)
        return Layout.TENSORS, (Tensor("input", _DATATYPES[native.dtype], native.shape, native),), len(native)
    if array.dtype != np.uint8 or array.ndim not in {3, 4}:
        found = f"an array of {array.dtype} {list(array.shape)}"
        _refuse(f"{found}; expected numbers [N, d], or uint8 [H, W, C], [N, H, W, C]")
    return _read_images([array] if array.ndim == 3 else list(array), limits)


def _native(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array in the machine's byte order; ScoringError where it doesn't hold numbers."""
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    if native.dtype not in _DATATYPES:
        _refuse(f"an array of {array.dtype}; expected booleans, integers or floats of at most 64 bits")
    return native


def _read_images(images: Sequence[npt.NDArray[Any]], limits: DecodeLimits) -> tuple[Layout, Any, int]:
    check_count(len(images), where=None, limits=limits)
    for image in images:
        if image.dtype != np.uint8 or image.ndim != 3 or not 1 <= image.shape[2] <= _MOST_CHANNELS:
            found = f"an image of {image.dtype} {list(image.shape)}"
            _refuse(f"{found}; expected uint8 [H, W, C] with 1 to {_MOST_CHANNELS} channels")
    return Layout.IMAGES, tuple(images), len(images)


def _read_list(items: Sequence[Any], limits: DecodeLimits) -> tuple[Layout, Any, int]:
    check_count(len(items), where=None, limits=limits)
    if all(isinstance(item, np.ndarray) and item.ndim == 3 for item in items):
        return _read_images(items, limits)
    if all(type(item) is str for item in items):
        return Layout.TEXTS, tuple(Passage("text", text, f"[{i}]") for i, text in enumerate(items)), len(items)
    layout, data = lay_out([_read_instance(item) for item in items], where=None, limits=limits)
    return layout, data, len(data)


def _read_instance(item: Any) -> Any:
    if isinstance(item, dict):
        return {_name(name): _value(value) for name, value in item.items()}
    if isinstance(item, list | tuple):
        return [_value(value) for value in item]
    if isinstance(item, np.ndarray) and item.ndim == 1:
        return _cells(item)
    return _value(item)


def _read_dict(columns: dict[Any, Any], limits: DecodeLimits) -> tuple[Layout, Any, int]:
    are_columns = [isinstance(column, list | tuple | np.ndarray) for column in columns.values()]
    if not any(are_columns):
        return _read_list([columns], limits)
    if not all(are_columns):
        raise MalformedRequest("single values beside columns", rule="G129")
    read = {_name(name): _cells(column) for name, column in columns.items()}
    lengths = set(map(len, read.values()))
    if len(lengths) > 1:
        raise MalformedRequest("columns of different lengths", rule="G129")
    n_instances = lengths.pop()
    check_count(n_instances, where=None, limits=limits)
    return Layout.COLUMNS, read, n_instances


def _cells(column: Any) -> list[Any]:
    if not isinstance(column, np.ndarray):
        return [_value(value) for value in column]
    if column.ndim == 2 and column.shape[1] == 1:
        column = column.reshape(-1)
    if column.ndim != 1 or column.dtype.kind not in "fiubUS":
        _refuse(f"a column of {column.dtype} {list(column.shape)}; expected numbers or texts, [N] or [N, 1]")
    cells: list[Any] = column.tolist()
    return cells


def _name(name: Any) -> str:
    if type(name) is not str:
        _refuse(f"a name of type {type(name).__name__}; expected str")
    return name


def _value(value: Any) -> Any:
    """The value as JSON has it."""
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) not in _JSON_TYPES:
        _refuse(f"a value of type {type(value).__name__}; expected str, int, float, bool or None")
    return value


def _read_tensors(tensors: Any, limits: DecodeLimits) -> tuple[Layout, Any, int]:
    if not isinstance(tensors, tuple) or not tensors or not all(isinstance(tensor, Tensor) for tensor in tensors):
        _refuse("an InferenceRequest of layout TENSORS without a tuple of tensors")
    for tensor in tensors:
        if tensor.shape != tensor.data.shape or not tensor.shape or tensor.data.dtype != tensor.datatype.numpy:
            found = f"a tensor {tensor.datatype} {list(tensor.shape)} with data {tensor.data.dtype}"
            _refuse(f"{found} {list(tensor.data.shape)}; expected the same")
    lengths = {tensor.shape[0] for tensor in tensors}
    if len(lengths) > 1:
        raise MalformedRequest("tensors of different lengths", rule="G129")
    n_instances = lengths.pop()
    check_count(n_instances, where=None, limits=limits)
    return Layout.TENSORS, tensors, n_instances


def _read_passages(given: InferenceRequest, limits: DecodeLimits) -> tuple[Layout, Any, int]:
    passages = tuple(given.data)
    if not all(isinstance(passage, Passage) and type(passage.text) is str for passage in passages):
        _refuse("an InferenceRequest of layout TEXTS without a tuple of passages")
    check_count(given.n_instances, where=None, limits=limits)
    return Layout.TEXTS, passages, given.n_instances


def _refuse(returned: str) -> NoReturn:
    raise ScoringError(returned)
