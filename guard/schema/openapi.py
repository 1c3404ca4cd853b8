"""A contract from an operation of an OpenAPI 3 document: what its JSON request body holds.

A body may be one instance, an array of them, or an object with such an array beside optional members. Nested objects
and arrays of a fixed length give features with JSON pointers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from guard.contract import Feature
from guard.contract.written import escape
from guard.errors import ContractError
from guard.schema.draft import Draft, check_name, check_width
from guard.schema.json_schema import Node, Resolver, Unsayable
from guard.schema.value import read_value

__all__ = ["Operation", "draft_from_openapi"]

_MOST_NESTED = 16

_METHODS = ("post", "put", "patch", "get", "delete", "options", "head", "trace")


class Operation(NamedTuple):
    """Which operation is meant; without a path the only one of the method that takes JSON, without a method POST."""

    path: str | None = None
    method: str | None = None


def draft_from_openapi(document: dict[str, Any], operation: Operation) -> Draft:
    """Draft a contract; raises ContractError."""
    version = document.get("openapi")
    if not isinstance(version, str) or not version.startswith("3."):
        found = f"OpenAPI {version}" if version else f"Swagger {document.get('swagger')}"
        raise ContractError(f"the document is {escape(found[:80])}; expected OpenAPI 3")
    resolver = Resolver(document)
    try:
        schema = _find_body(document, operation, resolver)
        return _Reader(resolver).read(resolver.resolve(schema))
    except Unsayable as reason:
        raise ContractError(f"a contract can't say the request body: {reason}") from None


def _find_body(document: dict[str, Any], operation: Operation, resolver: Resolver) -> Any:
    """The schema of the one JSON body that the operation has."""
    method = (operation.method or "post").lower()
    if method not in _METHODS:
        raise ContractError(f"--method is {ascii(method)[:80]}; expected one of: {', '.join(_METHODS)}")
    bodies = dict(_bodies(document, method, resolver))
    if operation.path is not None:
        if operation.path not in bodies:
            raise ContractError(f"{method.upper()} {operation.path} takes no JSON here; {_listed(list(bodies))}")
        return bodies[operation.path]
    if len(bodies) != 1:
        raise ContractError(f"expected one {method.upper()} with a JSON body, or --path; {_listed(list(bodies))}")
    return next(iter(bodies.values()))


def _listed(paths: list[str]) -> str:
    more = f" and {len(paths) - 20} more" if len(paths) > 20 else ""
    return f"there are: {', '.join(path[:80] for path in paths[:20])}{more}" if paths else "there are none"


def _bodies(document: dict[str, Any], method: str, resolver: Resolver) -> Iterator[tuple[str, Any]]:
    paths = document.get("paths")
    for path, item in paths.items() if isinstance(paths, dict) else ():
        operation = _deref(_deref(item, resolver).get(method), resolver)
        content = _deref(operation.get("requestBody"), resolver).get("content")
        for media_type, media in content.items() if isinstance(content, dict) else ():
            essence = str(media_type).partition(";")[0].strip().lower()
            if (essence == "application/json" or essence.endswith("+json")) and isinstance(media, dict):
                yield str(path), media.get("schema")
                break


def _deref(value: Any, resolver: Resolver) -> dict[str, Any]:
    """The object, or the one that it refers to; an empty one for nothing."""
    if not isinstance(value, dict):
        return {}
    return resolver.follow(value["$ref"])[0] if "$ref" in value else value


class _Place(NamedTuple):
    """Where a value stands within an instance; `optional` where it, or what it stands in, may be left out."""

    tokens: tuple[str, ...] = ()
    optional: bool = False

    @property
    def name(self) -> str:
        return ".".join(self.tokens)

    @property
    def pointer(self) -> str:
        return "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in self.tokens)

    def within(self, token: str, *, optional: bool) -> _Place:
        return _Place((*self.tokens, token), self.optional or optional)


class _Reader:
    """Reads one body."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._draft = Draft()
        self._found: list[tuple[_Place, Feature]] = []
        self._left_out = False

    def read(self, body: Node) -> Draft:
        """Draft a contract of the body."""
        self._refuse_v2(body)
        if body.type == "array":
            self._read_instances(body, pointer="")
        elif (wrapped := self._find_wrapped(body)) is not None:
            name, instances = wrapped
            others = [other for other in body.schema["properties"] if other != name]
            self._draft.warnings += [
                f"{ascii(other)[:80]} stands beside the instances: not checked" for other in others
            ]
            self._read_instances(instances, pointer=_Place((name,)).pointer)
            self._draft.instances = _Place((name,)).pointer
        else:
            self._read_object(body, _Place())
        return self._finish()

    def _refuse_v2(self, body: Node) -> None:
        """Refuse a body of tensors: the protocol's own document says nothing of a model's features."""
        try:
            inputs = self._resolver.resolve(dict(_properties(body)).get("inputs"), body.trail)
            members = dict(_properties(self._items(inputs)))
        except Unsayable:
            return
        if {"datatype", "shape"} <= members.keys():
            raise ContractError("the operation takes tensors of any model; read the model's own, GET /v2/models/NAME")

    def _find_wrapped(self, body: Node) -> tuple[str, Node] | None:
        """The only member that is an array of objects or rows, where no other is required."""
        found = []
        for name, schema in _properties(body):
            try:
                node = self._resolver.resolve(schema, body.trail)
                if node.type == "array" and self._items(node).type in {"object", "array"}:
                    found.append((name, node))
            except Unsayable:
                continue
        if len(found) != 1 or _required(body) - {found[0][0]}:
            return None
        return found[0]

    def _items(self, array: Node) -> Node:
        return self._resolver.resolve(array.schema.get("items"), array.trail)

    def _read_instances(self, array: Node, *, pointer: str) -> None:
        items = self._items(array)
        if items.type == "array":
            self._read_row(items, pointer.rpartition("/")[2] or "input")
        else:
            self._read_object(items, _Place())
            if self._is_mapped():
                self._draft.instances = pointer

    def _read_row(self, row: Node, name: str) -> None:
        """Read rows, whose values have no names: neither have they pointers."""
        for index, cell in enumerate(self._cells(row)):
            feature_name = check_name(f"{name}[{index}]", where="a feature's name")
            feature = read_value(cell, feature_name, nullable=False, warnings=self._draft.warnings)
            self._found.append((_Place((feature_name,)), feature))

    def _cells(self, array: Node) -> list[Node]:
        """The elements of an array of a fixed length; raises Unsayable."""
        if isinstance(array.schema.get("prefixItems"), list):
            return [self._resolver.resolve(cell, array.trail) for cell in array.schema["prefixItems"]]
        least, most = array.schema.get("minItems"), array.schema.get("maxItems")
        if type(least) is not int or least != most or least < 1:
            raise Unsayable("an array doesn't say how many values it has, by minItems and maxItems alike")
        check_width(least, where="minItems")
        return [self._items(array)] * least

    def _read_object(self, node: Node, place: _Place) -> None:
        if node.type != "object" or not _properties(node):
            raise Unsayable("it is no object with properties")
        if len(place.tokens) > _MOST_NESTED:
            raise Unsayable(f"objects are nested more than {_MOST_NESTED} deep")
        if node.schema.get("additionalProperties", False) is not False and not place.tokens:
            self._draft.warnings.append("the document allows other properties, which a contract refuses (G202)")
        required = _required(node)
        for name, schema in _properties(node):
            check_name(name, where="a property's name")
            at = place.within(name, optional=name not in required or node.nullable)
            found = len(self._found)
            try:
                self._read_property(self._resolver.resolve(schema, node.trail), at)
            except Unsayable as reason:
                del self._found[found:]
                self._left_out = True
                self._draft.warnings.append(f"{ascii(at.name)[:80]} is left out, and not checked: {reason}")

    def _read_property(self, node: Node, place: _Place) -> None:
        if node.schema.get("readOnly") is True:
            raise Unsayable("it is read-only, and no part of a request")
        check_width(len(self._found), where="the request body")
        if node.type == "object":
            self._read_object(node, place)
        elif node.type == "array":
            for index, cell in enumerate(self._cells(node)):
                self._read_property(cell, place.within(str(index), optional=node.nullable))
        else:
            name = check_name(place.name, where="a feature's name")
            feature = read_value(node, name, nullable=place.optional, warnings=self._draft.warnings)
            self._found.append((place, feature))

    def _is_mapped(self) -> bool:
        """Whether pointers are needed: without them, an unknown member would be refused."""
        return self._left_out or any(len(place.tokens) > 1 for place, _ in self._found)

    def _finish(self) -> Draft:
        if not self._found:
            raise ContractError(
                "\n".join(["nothing of the request body can be said in a contract", *self._draft.warnings])
            )
        check_width(len(self._found), where="the request body")
        names = Counter(feature.name for _, feature in self._found)
        for place, feature in self._found:
            # `a.b` may also be a property's own name.
            name = feature.name if names[feature.name] == 1 else place.pointer
            pointer = place.pointer if self._is_mapped() else None
            self._draft.features.append(replace(feature, name=name, pointer=pointer))
        return self._draft


def _properties(node: Node) -> list[tuple[str, Any]]:
    properties = node.schema.get("properties")
    return list(properties.items()) if isinstance(properties, dict) else []


def _required(node: Node) -> set[str]:
    required = node.schema.get("required")
    return {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
