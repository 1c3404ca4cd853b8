"""Each of the naughty strings as the name of a feature that a contract declares."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from guard import GuardSettings
from guard.cli.main import main
from guard.contract.feature import MAX_NAME_LENGTH
from guard.journal.reader import JournalReader
from guard.rules.evaluation import MOST_FINDINGS
from guard.verdict import Mode
from tests.suites.exchange import Gate, event_id
from tests.suites.terminal import is_inert, show


def toml_key(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def test_every_string_may_be_a_feature_of_the_contract(strings: list[str], tmp_path: Path) -> None:
    names = list(dict.fromkeys(text for text in strings if 0 < len(text) <= MAX_NAME_LENGTH))
    tables = [f'[features.{toml_key(name)}]\ntype = "number"\nmaximum = 10\n' for name in names]
    (tmp_path / "contract.toml").write_text("".join(tables), encoding="utf-8")
    url = f"sqlite:///{tmp_path}/guard.db"
    chosen = GuardSettings(mode=Mode.ENFORCE, contract=str(tmp_path / "contract.toml"), journal=url)
    # A request's findings of one rule are that many.
    parts = [names[start : start + MOST_FINDINGS] for start in range(0, len(names), MOST_FINDINGS)]
    rows = [dict.fromkeys(names, 1) | dict.fromkeys(part, 99) for part in parts]

    with Gate(chosen) as gate:
        answers = [asyncio.run(gate.send(json.dumps(row, ensure_ascii=False).encode())) for row in rows]

    entries = [JournalReader(url).entry(event_id(answer)) for answer in answers]
    assert [answer.status for answer in answers] == [422] * len(parts)
    assert all(list(entry.feature_names) == names for entry in entries)
    found = [finding.feature for entry in entries for finding in entry.findings]
    assert found == names
    assert len(names) > 490
    exported = {entry["event_id"]: entry for entry in map(json.loads, show(url, "export").splitlines())}
    told = [finding["feature"] for answer in answers for finding in exported[event_id(answer)]["findings"]]
    assert told == names
    assert all(is_inert(show(url, "show", event_id(answer))) for answer in answers[::8])


def test_contract_that_is_refused_is_told_without_control_characters(
    strings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A contract may come from somebody else, and its faults quote it."""
    tables = [f"[features.{toml_key(text)}]\ntype = {toml_key(text)}\n" for text in dict.fromkeys(strings)]
    (tmp_path / "contract.toml").write_text("".join(tables), encoding="utf-8")
    monkeypatch.setenv("GUARD_CONTRACT", str(tmp_path / "contract.toml"))
    monkeypatch.setenv("GUARD_JOURNAL", "off")
    monkeypatch.setattr("sys.argv", ["guard", "config"])

    with pytest.raises(SystemExit):
        main()

    told = capsys.readouterr()
    assert len(told.err.splitlines()) > len(tables)
    assert is_inert(told.out + told.err)
