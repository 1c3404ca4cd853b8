"""Construction fails early; threads and connections belong to one process."""

import os
from pathlib import Path
from typing import Any

import pytest

from guard import ConfigError, ContractError, DetectorError, GuardMiddleware, GuardSettings
from guard.journal.reader import JournalReader

BREAKS_CONTRACT = b'{"a": 11, "b": 2}'


@pytest.mark.parametrize(
    ("variables", "error", "message"),
    [
        ({"GUARD_DETECTOR": "/nowhere/d.onnx"}, DetectorError, "/nowhere/d.onnx"),
        ({"GUARD_CONTRACT": "/nowhere/c.toml"}, ContractError, "/nowhere/c.toml"),
        ({"GUARD_DISABLED_RULES": "G999 because"}, ConfigError, "G999"),
        ({"GUARD_TRUSTED_PROXIES": "lb"}, ConfigError, "lb"),
    ],
)
def test_constructor_fails_on_what_can_t_be_used(
    probe: Any, variables: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        GuardMiddleware(probe, GuardSettings.from_environ({"GUARD_JOURNAL": "off", **variables}))


def test_constructor_reads_the_environment_when_given_nothing(monkeypatch: pytest.MonkeyPatch, probe: Any) -> None:
    monkeypatch.setenv("GUARD_MODE", "enforced")

    with pytest.raises(ConfigError, match="GUARD_MODE is 'enforced'"):
        GuardMiddleware(probe)


def test_constructor_touches_no_file(settings: Any, probe: Any, tmp_path: Path) -> None:
    GuardMiddleware(probe, settings())

    assert not (tmp_path / "guard.db").exists()


def test_fork_after_use_gives_each_process_a_journal_writer_of_its_own(
    call: Any, settings: Any, probe: Any, tmp_path: Path
) -> None:
    guarded = GuardMiddleware(probe, settings())
    call(guarded, BREAKS_CONTRACT)

    child = os.fork()
    if child == 0:
        status = 1
        try:
            call(guarded, BREAKS_CONTRACT)
            call(guarded, BREAKS_CONTRACT)
            guarded.recorder.close()
            status = 0
        finally:
            os._exit(status)
    _, exit_status = os.waitpid(child, 0)
    guarded.recorder.close()

    entries = JournalReader(f"sqlite:///{tmp_path / 'guard.db'}").entries()
    assert exit_status == 0
    assert len(entries) == 3
    assert len({entry.writer for entry in entries}) == 2
