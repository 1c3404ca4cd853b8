"""Contract: construction, digest, tables."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from guard.contract import Contract, Feature, FeatureType, Relation, category_text
from guard.contract.model import DATATYPES
from guard.errors import ContractError
from guard.inference import Datatype

A = Feature("a", FeatureType.NUMBER, minimum=0)
B = Feature("b", FeatureType.CATEGORY, allowed=("x", 3, True))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("3.0", "3.0"),
        (3, "3"),
        (3.0, "3"),
        (0.1, "0.1"),
        (True, "true"),
        (False, "false"),
        (-0.0, "0"),
        (1e20, str(10**20)),
    ],
)
def test_category_text(value: str | float | bool, text: str) -> None:
    assert category_text(value) == text


def test_contract_tells_names_and_nullability() -> None:
    contract = Contract((A, B))

    assert contract.names == ("a", "b")
    assert not contract.allows_missing
    assert Contract((A, replace(B, nullable=True))).allows_missing


@pytest.mark.parametrize(
    ("features", "relations", "message"),
    [
        ((), (), "no feature is declared"),
        ((A, A), (), 'features."a" is declared twice'),
        ((replace(A, minimum=5, maximum=1),), (), "above its maximum"),
        ((A,), (Relation("a <= c"),), "`c` is not a feature"),
    ],
)
def test_contract_faulty(features: tuple[Feature, ...], relations: tuple[Relation, ...], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        Contract(features, relations, source="here")


def test_contract_digest_ignores_what_cannot_alter_a_verdict() -> None:
    contract = Contract((A, B), source="one")

    same = Contract((replace(A, description="of something", minimum=0.0), B), source="other")

    assert contract.digest == same.digest
    assert len(contract.digest) == 64


@pytest.mark.parametrize(
    "other",
    [
        Contract((B, A)),
        Contract((replace(A, minimum=1), B)),
        Contract((replace(A, nullable=True), B)),
        Contract((A, replace(B, categories=("x",)))),
        Contract((A, B), (Relation("a > 0"),)),
    ],
)
def test_contract_digest_differs(other: Contract) -> None:
    assert Contract((A, B)).digest != other.digest


def test_contract_digest_is_as_before_where_nothing_of_the_request_is_declared() -> None:
    contract = Contract((Feature("a", FeatureType.NUMBER),))

    assert contract.digest == "533cc894d4d0e39f5160958c9d34e3ebcd8c907eff0e68c565599245111246dc"


@pytest.mark.parametrize(
    "other",
    [
        Contract((A, B), datatype="FP32"),
        Contract((A, B), instances=""),
        Contract((A, B), instances="/rows"),
        Contract((replace(A, pointer="/a"), replace(B, pointer="/b"))),
    ],
)
def test_contract_digest_depends_on_the_request(other: Contract) -> None:
    assert Contract((A, B)).digest != other.digest


def test_contract_is_mapped_by_any_pointer() -> None:
    assert not Contract((A, B), datatype="FP32").is_mapped
    assert Contract((A, B), instances="").is_mapped
    assert Contract((replace(A, pointer=""),)).is_mapped


def test_datatypes_are_those_of_the_protocol() -> None:
    assert tuple(Datatype) == DATATYPES


@pytest.mark.parametrize(
    ("features", "request_", "messages"),
    [
        ((replace(A, pointer="a"),), {}, ["features.\"a\".pointer is 'a'; expected a JSON pointer, which begins with"]),
        ((replace(A, pointer="/a~2"),), {}, ["~ is written ~0"]),
        ((replace(A, pointer="/a~"),), {}, ["~ is written ~0"]),
        ((replace(A, pointer="/" + "a" * 500),), {}, ["has 501 characters; at most 500"]),
        (
            (replace(A, pointer="/x"), replace(B, pointer="/x")),
            {},
            ['features."b".pointer is \'/x\', which is that of features."a" already'],
        ),
        ((replace(A, pointer="/x"), B), {}, ['features."b" has no pointer, where other features have one']),
        ((A,), {"instances": "rows"}, ["request.instances is 'rows'; expected a JSON pointer"]),
        ((A,), {"datatype": "FLOAT"}, ["request.datatype is 'FLOAT'; expected one of: BOOL, UINT8"]),
        ((A,), {"datatype": "FLOAT", "instances": "~"}, ["request.datatype", "request.instances"]),
    ],
)
def test_request_faulty(features: tuple[Feature, ...], request_: dict[str, str], messages: list[str]) -> None:
    with pytest.raises(ContractError) as caught:
        Contract(features, datatype=request_.get("datatype"), instances=request_.get("instances"))

    lines = str(caught.value).splitlines()
    assert len(lines) == len(messages)
    assert all(message in line for message, line in zip(messages, lines, strict=True))


def test_compiled_bounds_admit_the_nearest_float32() -> None:
    feature = Feature("a", FeatureType.NUMBER, minimum=0.3, maximum=0.1 + 0.6)

    compiled = Contract((feature,)).compiled

    assert compiled.low[0] <= min(0.3, float(np.float32(0.3)))
    assert compiled.high[0] >= max(0.7, float(np.float32(0.7)))
    assert compiled.high[0] < 0.7 + 1e-7


def test_compiled_codes_are_learned_or_else_allowed() -> None:
    learned = replace(B, categories=("y", "x"))

    assert Contract((B,)).compiled.codes == {"b": {"x": 0, "3": 1, "true": 2}}
    assert Contract((learned,)).compiled.codes == {"b": {"y": 0, "x": 1}}


def test_pattern_without_google_re2_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)

    with pytest.raises(ContractError, match=r"pip install 'inference-guard\[contract\]'"):
        Contract((Feature("a", FeatureType.STRING, pattern="x"),))
