"""`guard replay` on journals that the real middleware wrote."""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from guard.cli.main import app
from guard.journal.reader import JournalReader
from guard.journal.records import LabelName
from guard.training import fit_detector
from tests.review.serving import (
    BREAKS_CONTRACT,
    CLEAN,
    KIND,
    OUTLIER,
    alter,
    clean_rows,
    fit,
    from_elsewhere,
    saved,
    serve,
)

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(fit(1), tmp_path_factory.mktemp("replayed") / "detector.onnx")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/guard.db"


@pytest.fixture(scope="session")
def journal(detector: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("journal") / "guard.db"
    variables = {"GUARD_DETECTOR": detector, "GUARD_JOURNAL_SAMPLE": 1}
    serve(f"sqlite:///{path}", OUTLIER, [OUTLIER, CLEAN], b"{", *clean_rows(30), variables=variables)
    return path


@pytest.fixture
def served(url: str, journal: Path, tmp_path: Path) -> str:
    shutil.copy(journal, tmp_path / "guard.db")
    return url


@pytest.fixture
def run(url: str) -> Run:
    def invoke(*arguments: object, env: dict[str, str] | None = None) -> Result:
        env = {"GUARD_JOURNAL": url, "COLUMNS": "80", **(env or {})}
        return CliRunner().invoke(app, ["replay", *map(str, arguments)], env=env)

    return invoke


@pytest.fixture
def env_file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        (tmp_path / "what-if.env").write_text(text)
        return tmp_path / "what-if.env"

    return write


def test_all_that_agrees_is_status_0_and_says_what_was_demanded(run: Run, served: str) -> None:
    result = run()

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "33 entries",
        "scores: 32 computed again",
        "  32 agree: demanded bit for bit, came out the same bit for bit",
        "  1 not replayable: it was never scored",
        "actions: 32 judged again with the kept settings",
        "  32 the same, 0 DIFFER: contract, quality and evidence, from its features",
        "  1 not replayable: it was refused for how it was read, which features don't show, and its body wasn't kept",
        "all that was replayed agrees",
    ]


def test_difference_is_status_1_and_listed(run: Run, served: str) -> None:
    event = JournalReader(served).entries()[0].event_id
    alter(served, "UPDATE entries SET scores = ? WHERE event_id = ?", np.array([7.5], "<f8").tobytes(), event)
    alter(served, "UPDATE entries SET digest_code = 'c' WHERE event_id = ?", event)

    result = run()

    assert result.exit_code == 1
    assert "  1 DIFFER: demanded bit for bit, came out otherwise" in result.stdout
    assert "1 had been judged by another version of guard than this" in result.stdout
    assert "1 entries differ" in result.stdout
    (line,) = [line for line in result.stdout.splitlines() if event[-12:] in line]
    assert len(line) <= 80


def test_limit_of_what_is_listed(run: Run, served: str) -> None:
    alter(served, "UPDATE entries SET p_values = x'000000000000e03f' WHERE n_instances = 1 AND p_values IS NOT NULL")

    result = run("--limit", 2)

    assert result.exit_code == 1
    assert "29 more; --limit tells of them" in result.stdout
    assert result.stdout.count("0, the p-value does") == 2


def test_tolerance_is_said(run: Run, served: str, url: str, detector: Path, tmp_path: Path) -> None:
    (entry, *_) = JournalReader(served).details()
    assert entry.scores is not None
    almost = (entry.scores * (1 + 1e-6)).astype("<f8").tobytes()
    alter(served, "UPDATE entries SET scores = ? WHERE event_id = ?", almost, entry.row.event_id)

    strict, loose = run(), run("--within-tolerance")

    assert (strict.exit_code, loose.exit_code) == (1, 0)
    assert "1 DIFFER: demanded bit for bit, came out within 0.0001" in strict.stdout
    assert "--within-tolerance" in strict.stdout
    assert "1 agree: demanded within 0.0001, came out within 0.0001" in loose.stdout

    serve(url, OUTLIER, variables={"GUARD_DETECTOR": from_elsewhere(detector, tmp_path / "elsewhere.onnx")})
    elsewhere = run("--action", "reject", "--since", "1h", "--limit", 0)
    assert "1 agree: demanded within 0.0001, came out the same bit for bit" in elsewhere.stdout
    assert "fitting had another processor, onnxruntime or NumPy" in elsewhere.stdout


def test_nothing_kept_says_that_nothing_was_replayed(run: Run, url: str, detector: Path) -> None:
    serve(url, OUTLIER, OUTLIER, variables={"GUARD_DETECTOR": detector, "GUARD_JOURNAL_BODY": "none"})

    result = run()

    assert result.exit_code == 0
    assert (
        result.stdout.count(
            "2 not replayable: none of its features were kept (GUARD_JOURNAL_BODY=none, or no contract to take them by)"
        )
        == 2
    )
    assert "nothing was replayed: that nothing differs says nothing" in result.stdout


def test_json_of_a_replay(run: Run, served: str) -> None:
    alter(served, "UPDATE entries SET action = 'allow' WHERE n_instances = 2")

    result = run("--json")

    assert result.exit_code == 1
    found = json.loads(result.stdout)
    (differing,) = found.pop("differing")
    assert found == {
        "entries": 33,
        "agrees": False,
        "scores": [{"demanded": "bit for bit", "met": "bit for bit", "agrees": True, "entries": 32}],
        "not_scored": {"it was never scored": 1},
        "actions": [{"from": "contract, quality and evidence, from its features", "same": 31, "other": 1}],
        "not_judged": {
            "it was refused for how it was read, which features don't show, and its body wasn't kept": 1,
        },
        "judged_by_other_code": 0,
        "n_differing": 1,
    }
    assert (differing["action"], differing["action_now"], differing["scores_differ"]) == ("allow", "reject", False)


@pytest.mark.parametrize(
    ("options", "n"),
    [(["--action", "reject"], 3), (["--model", "m"], 0), (["--rule", "G501"], 2), (["--since", "1h"], 33)],
)
def test_filters_choose(run: Run, served: str, options: list[str], n: int) -> None:
    assert json.loads(run(*options, "--json").stdout)["entries"] == n


def test_events_choose(run: Run, served: str) -> None:
    one, other = [row.event_id for row in JournalReader(served).entries(limit=2)]

    assert json.loads(run(one, other[-12:], "--json").stdout)["entries"] == 2


def test_settings_show_what_would_change(run: Run, served: str, env_file: Callable[[str], Path]) -> None:
    reader = JournalReader(served)
    rejected = [row.event_id for row in reader.entries() if "G501" in row.rules]
    reader.label(rejected, LabelName.BENIGN, reviewer="ann")
    event = rejected[0]

    result = run("--settings", env_file("# what if\nGUARD_REJECT_FPR=0\n"))

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "33 entries, 32 judged again"
    table = {line.split()[0]: line.split()[1:] for line in lines[3:7]}
    assert table["action"] == ["now", "allow", "now", "flag", "now", "reject"]
    assert table["reject"] == ["0", "2", "0"]
    assert "rejected: 2, now 0 (-2)" in lines
    assert "2 entries change" in lines
    assert "  2 benign: 2 reject -> flag" in lines
    (line,) = [line for line in lines if event[-12:] in line]
    assert line.split()[3:5] == ["reject", "flag"]
    assert line.endswith("benign")
    assert "a sample of the accepted ones" in result.stdout


def test_sample_tells_what_of_all_accepted_would_be_flagged(
    run: Run, url: str, detector: Path, env_file: Callable[[str], Path]
) -> None:
    serve(url, *clean_rows(80), variables={"GUARD_DETECTOR": detector, "GUARD_JOURNAL_SAMPLE": 0.25})
    what_if = env_file("GUARD_FLAG_FPR=0.9999\n")

    found = json.loads(run("--settings", what_if, "--action", "allow", "--json").stdout)
    told = run("--settings", what_if, "--action", "allow").stdout

    n = found["sampled"]["now"]["flag"]
    assert n == found["sampled"]["judged"] == found["entries"] > 0
    assert found["sampled"]["estimated_now"] == {"allow": 0.0, "flag": 4 * n, "reject": 0.0}
    assert f"Of {n} sampled ones, which had been accepted:\n  {n} now flag: about {4 * n} of all; " in told
    low, high = found["sampled"]["share_95"]["flag"]
    assert low < high == 1
    assert f"; {low:.2%} to {high:.2%} of the accepted (95 % interval)\n" in told


def test_without_a_sample_the_number_of_accepted_is_unknown(
    run: Run, url: str, detector: Path, env_file: Callable[[str], Path]
) -> None:
    serve(url, OUTLIER, variables={"GUARD_DETECTOR": detector})

    result = run("--settings", env_file("GUARD_FLAG_FPR=0.05\n"))

    assert "How many accepted requests would have been flagged is unknown" in result.stdout


def test_detector_shows_what_would_change(run: Run, served: str, detector: Path, tmp_path: Path) -> None:
    result = run("--detector", saved(fit(2), tmp_path / "other.onnx"), "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["judged"] == 32


def test_detector_of_other_features_judges_nothing(run: Run, served: str, tmp_path: Path) -> None:
    fit_detector(np.random.default_rng(0).normal(size=(400, 2))).save(tmp_path / "other.onnx")

    told, as_json = (run("--detector", tmp_path / "other.onnx", *more) for more in ([], ["--json"]))

    assert (told.exit_code, as_json.exit_code) == (1, 1)
    assert told.stdout.startswith("33 entries, 0 judged again\n")
    assert told.stdout.endswith("nothing could be judged: what would have changed is unknown\n")
    assert "now allow" not in told.stdout
    assert json.loads(as_json.stdout)["judged"] == 0


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--settings", "/nowhere.env"], 2, "/nowhere.env: can't be read"),
        (["--detector", "/nowhere.onnx"], 1, "/nowhere.onnx: can't be read"),
        (["--journal", "sqlite:////nowhere.db"], 1, "there is no journal at"),
        (["x", "--action", "flag"], 2, "expected one of them"),
        (["nope-nope"], 1, "no event 'nope-nope'"),
        (["--rule", "G5O1"], 2, "G5O1 is not a rule"),
    ],
)
def test_fault_has_a_message_and_a_status(
    served: str, arguments: list[str], status: int, message: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from guard.cli.main import main

    monkeypatch.setattr("sys.argv", ["guard", "replay", *arguments])
    monkeypatch.setenv("GUARD_JOURNAL", served)

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == status
    assert message in capsys.readouterr().err


def test_wrong_use_is_status_2(run: Run, served: str) -> None:
    assert run("--limit", "-1").exit_code == 2


def is_inert(text: str) -> bool:
    return not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in text.replace("\n", ""))


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_nothing_hostile_reaches_the_terminal(
    run: Run, url: str, detector: Path, env_file: Callable[[str], Path], options: list[str]
) -> None:
    hostile = "\x1b]0;owned\x07[red]\u202e\x9b2J\x7f"
    serve(
        url, {**BREAKS_CONTRACT, KIND: hostile}, {**OUTLIER, hostile: 1}, path=f"/models/{hostile}/infer",
        variables={"GUARD_DETECTOR": detector, "GUARD_JOURNAL_BODY": "full"},
    )  # fmt: skip
    alter(url, "UPDATE entries SET action = 'allow', event_id = event_id || ?", hostile)
    alter(url, "UPDATE entries SET feature_names = '[\"\\u001b[2J\"]', features = x'0000000000000000', body = NULL")

    results = [
        run(*options),
        run(*options, "--settings", env_file("GUARD_REJECT_FPR=0\n")),
    ]

    assert all(result.exit_code in {0, 1} for result in results)
    assert all(result.exception is None or isinstance(result.exception, SystemExit) for result in results)
    assert all(is_inert(result.output) for result in results)
