"""`guard schema`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from guard import GuardSettings, Kind, Screener
from guard.cli.main import app
from guard.contract import load_contract

Run = Callable[..., Result]

METADATA = {
    "name": "m",
    "platform": "onnx",
    "inputs": [
        {"name": "age", "datatype": "UINT8", "shape": [-1, 1]},
        {"name": "dose", "datatype": "FP32", "shape": [-1, 1]},
    ],
}
MATRIX = {"name": "m", "inputs": [{"name": "x", "datatype": "INT8", "shape": [-1, 2]}]}

BODY = {
    "type": "object",
    "required": ["patient"],
    "properties": {
        "patient": {
            "type": "object",
            "required": ["age", "kind"],
            "properties": {
                "age": {"type": "integer", "minimum": 0, "maximum": 120},
                "kind": {"type": "string", "enum": ["a", "b"]},
            },
        },
        "notes": {"type": "array", "items": {"type": "string"}},
    },
}
OPENAPI = {
    "openapi": "3.1.0",
    "paths": {"/predict": {"post": {"requestBody": {"content": {"application/json": {"schema": BODY}}}}}},
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(declared: Any, *options: str) -> Result:
        source = tmp_path / "declared.json"
        source.write_text(declared if isinstance(declared, str) else json.dumps(declared))
        return CliRunner().invoke(app, ["schema", str(source), "-o", str(tmp_path / "contract.toml"), *options])

    return call


def rules(contract: Path, body: Any, path: str = "/") -> list[str]:
    screener = Screener(GuardSettings.from_environ({"GUARD_CONTRACT": str(contract)}))
    found = screener.screen(json.dumps(body).encode(), path=path).findings
    return [finding.rule_id for finding in found if finding.kind is Kind.CONTRACT]


def tensor(name: str, data: list[Any], datatype: str = "FP32", width: int = 1) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [len(data) // width, width], "data": data}


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ([tensor("age", [40]), tensor("dose", [0.5])], []),
        ([tensor("age", [256]), tensor("dose", [0.5])], ["G205"]),
        ([tensor("age", [40.5]), tensor("dose", [0.5])], ["G204"]),
        ([tensor("age", ["x"], "BYTES"), tensor("dose", [0.5])], ["G203"]),
        ([tensor("age", [40])], ["G201"]),
        ([tensor("age", [40]), tensor("dose", [0.5]), tensor("other", [1])], ["G202"]),
    ],
)
def test_contract_from_metadata_is_enforced(run: Run, tmp_path: Path, inputs: Any, expected: list[str]) -> None:
    assert run(METADATA).exit_code == 0

    assert rules(tmp_path / "contract.toml", {"inputs": inputs}, "/v2/models/m/infer") == expected


@pytest.mark.parametrize(
    ("data", "width", "expected"), [([1, 2], 2, []), ([1, 200], 2, ["G205"]), ([1, 2, 3], 3, ["G208", "G904"])]
)
def test_contract_of_a_matrix_is_enforced(
    run: Run, tmp_path: Path, data: list[int], width: int, expected: list[str]
) -> None:
    assert run(MATRIX).exit_code == 0

    body = {"inputs": [tensor("x", data, "INT16", width)]}
    assert rules(tmp_path / "contract.toml", body, "/v2/models/m/infer") == expected
    assert load_contract(tmp_path / "contract.toml").datatype == "INT8"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"patient": {"age": 40, "kind": "a"}, "notes": ["x"]}, []),
        ({"patient": {"age": 121, "kind": "a"}}, ["G205"]),
        ({"patient": {"age": 40, "kind": "c"}}, ["G206"]),
        ({"patient": {"age": "40", "kind": "a"}}, ["G203"]),
        ({"patient": {"age": 40}}, ["G201"]),
    ],
)
def test_contract_from_openapi_is_enforced(run: Run, tmp_path: Path, body: Any, expected: list[str]) -> None:
    done = run(yaml.safe_dump(OPENAPI), "--path", "/predict", "--method", "post")

    assert done.exit_code == 0
    told = "'notes' is left out, and not checked: an array doesn't say how many values it has"
    assert f"warning: {told}" in done.stderr
    assert f"# Not in this contract: {told}" in (tmp_path / "contract.toml").read_text()
    assert rules(tmp_path / "contract.toml", body, "/predict") == expected


def test_contract_from_an_mlflow_signature_is_enforced(run: Run, tmp_path: Path) -> None:
    done = run([{"name": "a", "type": "integer"}, {"name": "b", "type": "string", "required": False}])

    assert done.exit_code == 0
    assert rules(tmp_path / "contract.toml", [{"a": 1}]) == []
    assert rules(tmp_path / "contract.toml", [{"a": 2**31, "b": 5}]) == ["G203", "G205"]


def test_file_names_its_source_and_is_not_overwritten_unasked(run: Run, tmp_path: Path) -> None:
    written = tmp_path / "contract.toml"
    assert run(METADATA).stdout == f"{written}: 2 features\n"
    assert written.read_text().startswith(f"# Written by `guard schema` from {tmp_path / 'declared.json'}\n")

    refused = run(MATRIX)
    assert refused.exit_code != 0
    assert "is there already" in str(refused.exception)
    assert load_contract(written).names == ("age", "dose")

    assert run(MATRIX, "--force").exit_code == 0
    assert load_contract(written).names == ("x[0]", "x[1]")


@pytest.mark.parametrize(
    "name", ['a"]\n[features.b]\ntype = "string"', "\x1b[2J", "a\\", "\u202eb", "\x7f", "'''", "a.b", "é \U0001f600"]
)
def test_hostile_name_stays_a_name(run: Run, tmp_path: Path, name: str) -> None:
    done = run({"inputs": [{"name": name, "datatype": "FP32", "shape": [-1]}]})

    assert done.exit_code == 0
    assert load_contract(tmp_path / "contract.toml").names == (name,)
    assert "\x1b" not in (tmp_path / "contract.toml").read_text() + done.output


def test_allowed_text_that_is_no_unicode_is_refused(run: Run, tmp_path: Path) -> None:
    declared = json.loads(json.dumps(OPENAPI))
    properties = declared["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"][
        "properties"
    ]
    properties["patient"]["properties"]["kind"]["enum"] = ["\ud800"]

    assert "Unicode scalar value" in str(run(declared).exception)
    assert not (tmp_path / "contract.toml").exists()


def test_dash_reads_standard_input_and_prints() -> None:
    code = "from guard.cli.main import main; main()"

    done = subprocess.run(
        [sys.executable, "-c", code, "schema", "-", "-o", "-"],
        input=json.dumps(MATRIX).encode(),
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b'# Written by `guard schema` from standard input\n\n[features."x[0]"]\n')


def test_failure_is_told_without_a_traceback(tmp_path: Path) -> None:
    declared = b'{"inputs": [{"name": "\\u001b", "datatype": "\\u001b[2J"}]}'
    command = [sys.executable, "-c", "from guard.cli.main import main; main()", "schema", "-"]

    done = subprocess.run([*command, "-o", str(tmp_path / "c.toml")], input=declared, capture_output=True, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith(b"guard: inputs[0].datatype is ")
    assert b"\x1b" not in done.stderr
    assert b"Traceback" not in done.stderr
    assert not (tmp_path / "c.toml").exists()
