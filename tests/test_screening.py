"""Bytes in, verdict out."""

import datetime as dt
import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard import Action, GuardSettings, Screener
from guard.event_id import new_event_id
from guard.training import fit_detector

CONTRACT = """
[features.a]
type = "number"
minimum = 0
maximum = 10

[features.b]
type = "number"
nullable = true
"""

HONEST = b'{"a": 1, "b": 2}'


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("contract") / "contract.toml"
    path.write_text(CONTRACT)
    return path


@pytest.fixture(scope="module")
def screener(contract: Path) -> Screener:
    return Screener(GuardSettings.from_environ({"GUARD_CONTRACT": str(contract)}))


def rules(verdict: Any) -> list[str]:
    return [finding.rule_id for finding in verdict.findings]


@pytest.mark.parametrize(
    ("body", "action", "expected"),
    [
        (HONEST, Action.ALLOW, []),
        (b'[{"a": 1, "b": 2}, {"a": 2, "b": null}]', Action.ALLOW, ["G303"]),
        (b"[[1, 2], [2, 3]]", Action.ALLOW, []),
        (b'{"instances": [[1, NaN]]}', Action.ALLOW, ["G303"]),
        (b'{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}', Action.ALLOW, []),
        (b'{"a": 11, "b": 2}', Action.REJECT, ["G205"]),
        (b'{"a": "1", "b": 2}', Action.REJECT, ["G203"]),
        (b'{"a": null, "b": 2}', Action.REJECT, ["G207"]),
        (b'{"b": 2}', Action.REJECT, ["G201"]),
        (b'{"a": 1, "a": 2, "b": 2}', Action.REJECT, ["G104"]),
        (b'{"a": 1, "b": 2}}', Action.REJECT, ["G110"]),
        (b'{"a": NaN, "b": 2}', Action.REJECT, ["G105"]),
        (b"[[1, 2, 3]]", Action.REJECT, ["G208"]),
    ],
)
def test_screen_judges_a_body(screener: Screener, body: bytes, action: Action, expected: list[str]) -> None:
    verdict = screener.screen(body)

    assert verdict.action is action
    assert rules(verdict) == expected


def test_screen_finding_names_instance_and_feature(screener: Screener) -> None:
    verdict = screener.screen(b'[{"a": 1, "b": 2}, {"a": -1, "b": 2}]')

    assert [(finding.instance, finding.feature) for finding in verdict.findings] == [(1, "a")]
    assert verdict.n_instances == 2


@pytest.mark.parametrize("headers", [{"Content-Encoding": "gzip"}, [("content-encoding", "br")]])
def test_screen_refuses_encoded_bodies(screener: Screener, headers: Any) -> None:
    assert rules(screener.screen(HONEST, headers=headers)) == ["G109"]


def test_screen_takes_identity_for_no_encoding(screener: Screener) -> None:
    assert screener.screen(HONEST, headers={"content-encoding": "identity"}).action is Action.ALLOW


def test_screen_tells_the_model_by_path(screener: Screener) -> None:
    assert screener.screen(HONEST, path="/models/m/infer").model == "m"


def test_screen_without_contract_or_detector_has_protocol_rules_alone() -> None:
    bare = Screener(GuardSettings.from_environ({}))

    assert bare.screen(b'{"anything": "goes"}').action is Action.ALLOW
    assert rules(bare.screen(b'{"a": 1, "a": 1}')) == ["G104"]


@pytest.mark.parametrize(
    ("exclusion", "action"),
    [
        ('G205:"a" until 2030-01-01 new sensor', Action.ALLOW),
        ('G205:"b" until 2030-01-01 new sensor', Action.REJECT),
        ("G205 the bounds are being revised", Action.ALLOW),
    ],
)
def test_screen_leaves_disabled_rules_out(contract: Path, exclusion: str, action: Action) -> None:
    chosen = GuardSettings.from_environ({"GUARD_CONTRACT": str(contract), "GUARD_DISABLED_RULES": exclusion})

    screener = Screener(chosen, today=dt.date(2026, 11, 23))

    assert screener.screen(b'{"a": 11, "b": 2}').action is action


@pytest.mark.parametrize(
    ("exclusion", "body", "rule"),
    [
        ("G105 sensors send NaN", b'{"a": NaN, "b": 2}', "G105"),
        ("G119 tensors carry more", b'{"instances": [[1, 2]], "inputs": [[1, 2]]}', "G119"),
        ("G208 shapes vary", b'{"instances": []}', "G208"),
    ],
)
def test_screen_exclusion_of_a_rule_lets_nothing_through_that_can_t_be_read(
    contract: Path, exclusion: str, body: bytes, rule: str
) -> None:
    chosen = GuardSettings.from_environ({"GUARD_CONTRACT": str(contract), "GUARD_DISABLED_RULES": exclusion})

    verdict = Screener(chosen).screen(body)

    assert rules(verdict) == [rule]
    assert verdict.action is Action.REJECT


def test_screen_of_a_row_whose_score_is_no_number_is_a_rejection() -> None:
    """With the rule against nulls switched off, the detector gives NaN where no fitted row lacked a value."""
    detector = Path(__file__).parents[1] / "models" / "breast_cancer" / "detector.onnx"
    variables = {"GUARD_DETECTOR": str(detector), "GUARD_DISABLED_RULES": "G207 a sensor fails at times"}
    tensor = {"name": "x", "shape": [1, 30], "datatype": "FP32", "data": [None] * 30}

    verdict = Screener(GuardSettings.from_environ(variables)).screen(json.dumps({"inputs": [tensor]}).encode())

    assert "G904" in rules(verdict)
    assert verdict.action is Action.REJECT
    assert verdict.status == 400


def test_screen_expired_exclusion_applies_again_with_a_warning(contract: Path, caplog: Any) -> None:
    variables = {"GUARD_CONTRACT": str(contract), "GUARD_DISABLED_RULES": "G205 until 2026-01-01 new sensor"}

    screener = Screener(GuardSettings.from_environ(variables), today=dt.date(2026, 11, 23))

    assert screener.screen(b'{"a": 11, "b": 2}').action is Action.REJECT
    assert "G205" in caplog.text


def test_screen_same_request_same_verdict_but_for_the_event(screener: Screener) -> None:
    one, other = (screener.screen(b'{"a": 11, "b": 2}') for _ in range(2))

    assert one.event_id != other.event_id
    assert one.findings == other.findings
    assert one.digests == other.digests


KINDS = {
    "number": 'type = "number"\nminimum = -3\nmaximum = 3',
    "free": 'type = "number"',
    "nullable": 'type = "number"\nnullable = true',
    "integer": 'type = "integer"',
    "boolean": 'type = "boolean"',
    "category": 'type = "category"\nallowed = ["0", "1"]',
    "allowed": 'type = "number"\nallowed = [0, 1]',
}


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    """Clean rows with a column of each kind."""
    rng = np.random.default_rng(5)
    columns = {
        "number": rng.normal(size=400).clip(-3, 3),
        "free": rng.normal(size=400),
        "nullable": np.where(rng.random(400) < 0.2, np.nan, rng.normal(size=400)),
        "integer": rng.integers(0, 9, 400),
        "boolean": rng.random(400) < 0.5,
        "category": np.where(rng.random(400) < 0.5, "0", "1"),
        "allowed": rng.integers(0, 2, 400).astype(float),
    }
    return pl.DataFrame(columns).with_columns(pl.col("nullable").fill_nan(None))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_screen_of_a_plain_row_is_that_of_the_exact_path(frame: pl.DataFrame, tmp_path: Path, kind: str) -> None:
    """The short way for plain rows may not see less than the rules do; `parameters` keeps a request off it."""
    frame = frame.select(list(dict.fromkeys(["number", "free", kind])))
    contract = "\n".join(f"[features.{name}]\n{KINDS[name]}" for name in frame.columns)
    contract += '\n[[relations]]\nrequire = "number <= free + 9"\n[[relations]]\nrequire = "number != free"\n'
    fit_detector(frame, contract=contract, rates=(0.01,)).save(tmp_path / "d.onnx")
    screener = Screener(GuardSettings.from_environ({"GUARD_DETECTOR": str(tmp_path / "d.onnx")}))

    values = [-4.0, -1.0, 0.0, 0.5, 1.0, 2.0, 7.0, 1e30]
    rows = [[a, b, c][: len(frame.columns)] for a in values for b in (0.0, 0.25, -12.0) for c in values]
    for row in rows:
        tensor = {"name": "x", "shape": [1, len(row)], "datatype": "FP32", "data": row}
        short = screener.screen(json.dumps({"inputs": [tensor]}).encode())
        exact = screener.screen(json.dumps({"inputs": [{**tensor, "parameters": {}}]}).encode())
        assert (short.action, short.findings) == (exact.action, exact.findings), row


def test_event_ids_are_uuids_ordered_by_time() -> None:
    ids = [new_event_id() for _ in range(3)]

    assert [uuid.UUID(text).version for text in ids] == [7, 7, 7]
    assert all(uuid.UUID(text).variant == uuid.RFC_4122 for text in ids)
    assert [text[:13] for text in ids] == sorted(text[:13] for text in ids)
    assert len(set(ids)) == 3


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["a", "b", "FP32", "BYTES"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["a", "b", "inputs", "instances", "name", "shape", "datatype", "data", "x"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


def _as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


@given(body=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=300)
def test_screen_of_any_bytes_is_a_verdict_and_no_failure(screener: Screener, body: bytes) -> None:
    verdict = screener.screen(body, path="/models/m/infer")

    assert not {"G901", "G902"} & set(rules(verdict))


@given(value=JSON)
@settings(max_examples=500)
def test_screen_of_any_json_is_a_verdict_and_no_failure(screener: Screener, value: Any) -> None:
    verdict = screener.screen(_as_json(value))

    assert not {"G901", "G902"} & set(rules(verdict))


@given(path=st.text(max_size=60), body=st.sampled_from([HONEST, b'{"a"']))
def test_screen_of_any_path_is_a_verdict(screener: Screener, path: str, body: bytes) -> None:
    assert screener.screen(body, path=path).action in Action
