from __future__ import annotations

import base64
import csv
import io
import json
import os
import stat
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from guard.cli.review import review
from guard.cli.review_entry import MAX_FINDINGS_OF_RULE, MAX_REASONS, print_entry
from guard.cli.review_request import MAX_MISSING
from guard.detectors import explain
from guard.inference import Fault
from guard.journal import Entry, Journal, RequestContext
from guard.journal.reader import JournalReader
from guard.journal.reasons import MOST_EXPLAINED, Reasons
from guard.journal.rows import BodyKept
from guard.training import FittedDetector, fit_detector
from guard.verdict import Action, Digests, Finding, Kind, Mode, Verdict

DATA = Path(os.environ.get("INFERENCE_GUARD_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
STRINGS = DATA / "strings" / "blns.base64.json"

HOSTILE = "\x1b]0;owned\x07[red]\u202e\x9b2J\ud800\0"

IDS = [f"0190aa00-0000-7000-8000-{i:012}" for i in range(5)]


def build(event_id: str, *, action: Action = Action.FLAG, time_s: float = 1_800_000_000.0, **more: Any) -> Entry:
    rule, message = more.pop("rule", "G501"), more.pop("message", "p-value 0.004")
    detector = more.pop("detector", "d" * 64)
    findings = (
        Finding(rule_id=rule, action=action, kind=Kind.EVIDENCE, message=message, instance=1, feature="mean area"),
    )
    digests = Digests(detector=detector, contract=None, rules="a" * 64, settings="5" * 64, code="c" * 64)
    verdict = Verdict(
        event_id=event_id, action=action, mode=Mode.ENFORCE, status=422, findings=findings,
        model=more.pop("model", "tumours"), protocol="v2", n_instances=2, scores=np.array([0.5, 0.75]),
        p_values=np.array([0.5, 0.004]), digests=digests,
    )  # fmt: skip
    context = RequestContext(
        time_s=time_s, request_id=more.pop("request_id", None), traceparent=None, method="POST", path="/infer",
        client=more.pop("client", "client-1"), status=422 if action is Action.REJECT else None, content_type=None,
    )  # fmt: skip
    features = np.array(more.pop("features", [[14.5, 600.25], [float("nan"), 12345.5]]))
    names = more.pop("feature_names", ("mean radius", "mean area"))
    return Entry(verdict=verdict, context=context, feature_names=names, features=features, **more)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/guard.db"


Fill = Callable[..., None]
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def detector() -> FittedDetector:
    rows = np.random.default_rng(0).normal([14.0, 600.0], [1.0, 50.0], size=(300, 2))
    return fit_detector(rows, names=["mean radius", "mean area"])


@pytest.fixture
def fill(url: str) -> Fill:
    def write(*entries: Entry, body: BodyKept = "full", artifacts: dict[str, bytes] | None = None) -> None:
        journal = Journal(url, body=body)
        for digest, content in (artifacts or {}).items():
            journal.add_artifact("detector", digest, content)
        assert all(journal.append(entry) for entry in entries)
        assert journal.close() == 0

    return write


@pytest.fixture
def run(url: str) -> Run:
    def invoke(*arguments: str, env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(review, arguments, env={"GUARD_JOURNAL": url, "COLUMNS": "200", **(env or {})})

    return invoke


def is_inert(text: str) -> bool:
    return not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in text.replace("\n", ""))


def test_list_shows_the_newest_first(run: Run, fill: Fill) -> None:
    fill(build(IDS[0], time_s=1.0), build(IDS[1], action=Action.REJECT, time_s=2.0))

    result = run("list")

    assert result.exit_code == 0
    heading, newest, oldest, total = result.stdout.splitlines()
    assert heading.split() == ["time", "(UTC)", "event", "action", "model", "client", "rules", "p", "label"]
    assert newest.split() == ["1970-01-01", "00:00:02", IDS[1][-12:], "reject", "tumours", "client-1", "G501", "0.004"]
    assert oldest.split()[3] == "flag"
    assert total == "2 of 2 entries (1 flag, 1 reject)"


def test_list_at_80_columns_has_a_line_for_each_entry(run: Run, fill: Fill) -> None:
    fill(
        build(IDS[0], client="0123456789abcdef", model="breast-cancer-wisconsin-diagnostic"),
        build(IDS[1], action=Action.REJECT, client="fedcba9876543210", model="the tumours of Wisconsin, v2"),
    )
    run("label", IDS[0], "data_bug", "--reviewer", "ann")

    lines = run("list", env={"COLUMNS": "80"}).stdout.splitlines()

    assert len(lines) == 4
    assert max(map(len, lines)) <= 80
    labelled = next(line for line in lines if "data_bug" in line)
    assert "0.004" in labelled
    assert "0123456… " in labelled
    assert " breast" in labelled
    assert "wisconsin-diagnostic" not in labelled


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], [0, 1, 2]),
        (["--action", "reject"], [1]),
        (["--model", "other"], [2]),
        (["--client", "client-2"], [2]),
        (["--rule", "G501", "--max-p", "0.004", "--min-p", "0.004"], [0, 1, 2]),
        (["--rule", "G205"], []),
        (["--route", "/infer", "--min-score", "0.7", "--max-score", "0.8"], [0, 1, 2]),
        (["--since", "1970-01-01T00:00:02Z", "--until", "1970-01-01T00:00:03Z"], [1]),
        (["--since", "7d"], []),
        (["--label", "benign"], [0]),
        (["--unlabelled"], [1, 2]),
        (["--limit", "1"], [2]),
    ],
)
@pytest.mark.parametrize("command", [["list", "--json"], ["export"]], ids=["list", "export"])
def test_filters_choose(run: Run, fill: Fill, command: list[str], options: list[str], expected: list[int]) -> None:
    fill(
        build(IDS[0], time_s=1.0),
        build(IDS[1], time_s=2.0, action=Action.REJECT),
        build(IDS[2], time_s=3.0, model="other", client="client-2"),
    )
    run("label", IDS[0], "benign", "--reviewer", "ann")

    result = run(*command, *options)

    assert result.exit_code == 0
    assert sorted(json.loads(line)["event_id"] for line in result.stdout.splitlines()) == [IDS[i] for i in expected]


def test_list_says_what_is_missing(run: Run, fill: Fill, url: str) -> None:
    bodies = ((IDS[0], b""), (IDS[1], b"x" * 200_000), (IDS[2], b""))
    journal = Journal(url, queue_bytes=100_000)
    accepted = [journal.append(build(event_id, body=body)) for event_id, body in bodies]
    journal.close()

    result = run("list")

    assert accepted == [True, False, True]
    assert "1 entries were lost, or are being written" in result.stdout


def test_show_tells_everything(run: Run, fill: Fill) -> None:
    fill(build(IDS[0], action=Action.REJECT, request_id="req-7"))
    run("label", IDS[0], "attack", "--reviewer", "ann", "--reason", "far out")

    result = run("show", IDS[0][-12:])

    assert result.exit_code == 0
    for text in (IDS[0], "refused with 422", "req-7", "G501", "p-value 0.004", "12345.5", "0.75", "d" * 64, "far out"):
        assert text in result.stdout
    assert "600.25" not in result.stdout, "an instance without findings is not shown"
    assert "missing" in result.stdout


def part(page: str, heading: str) -> str:
    """The lines under a heading of `show`, up to the next empty one."""
    return page.partition(f"\n{heading}\n")[2].partition("\n\n")[0]


@pytest.mark.parametrize("rule", ["G501", "G904"])
def test_show_tells_the_reasons_of_an_outlier(run: Run, fill: Fill, detector: FittedDetector, rule: str) -> None:
    entry = build(IDS[0], rule=rule, detector=detector.digest, features=[[99.0, 600.0], [14.0, 12345.5]])
    fill(entry, artifacts={detector.digest: detector.content})

    heading, line, *more = part(run("show", IDS[0]).stdout, "Reasons").splitlines()

    assert heading.split() == ["rule", "instance", "feature", "reason"]
    assert line.split()[:4] == ["G511", "1", "mean", "area"]
    assert not any("mean radius" in other for other in more), "instance 0 is no outlier"
    area = detector.manifest.features[1]
    assert f"12345.5 lies outside the learned range, {area.minimum:.6g} to {area.maximum:.6g}" in line
    assert "would lower the score by" in " ".join([line, *more])


def test_show_puts_the_similar_clean_row_beside_the_instance(run: Run, fill: Fill, detector: FittedDetector) -> None:
    entry = build(IDS[0], detector=detector.digest, features=[[14.0, 600.0], [14.5, 12345.5]])
    fill(entry, artifacts={detector.digest: detector.content})

    heading, radius, area, _ = part(run("show", IDS[0]).stdout, "Request").splitlines()

    assert heading.split() == ["feature", "instance", "1", "similar", "clean", "row"]
    assert radius.split()[:3] == ["mean", "radius", "14.5"]
    assert float(radius.split()[3]) == pytest.approx(14.5, abs=3)
    assert area.split()[:3] == ["mean", "area", "12345.5"]
    assert float(area.split()[3]) == pytest.approx(600, abs=250)


def test_show_calls_the_clean_row_of_a_private_detector_a_mean(run: Run, fill: Fill) -> None:
    rows = np.random.default_rng(0).normal([14.0, 600.0], [1.0, 50.0], size=(900, 2))
    fitted = fit_detector(rows, names=["mean radius", "mean area"], private=True)
    entry = build(IDS[0], detector=fitted.digest, features=[[14.0, 600.0], [14.5, 12345.5]])
    fill(entry, artifacts={fitted.digest: fitted.content})

    assert "mean of similar clean rows" in part(run("show", IDS[0]).stdout, "Request")


def test_show_names_an_unseen_category(run: Run, fill: Fill) -> None:
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"size": random.normal(size=600), "city": np.array(["Oslo", "Rome"])[np.arange(600) % 2]})
    fitted = fit_detector(frame)
    entry = build(
        IDS[0], detector=fitted.digest, features=[[0.0, 0.0], [0.0, -1.0]], feature_names=("size", "city"),
        texts={"city": ["Oslo", "Atlantis\x1b"]},
    )  # fmt: skip
    fill(entry, artifacts={fitted.digest: fitted.content})

    assert "'Atlantis\\x1b', a category that no fitted row had" in part(run("show", IDS[0]).stdout, "Reasons")


def test_show_prints_whole_numbers_plainly(run: Run, fill: Fill) -> None:
    fill(build(IDS[0], features=[[0.0, 0.0], [41.0, 1e300]]))

    _, radius, area, _ = part(run("show", IDS[0]).stdout, "Request").splitlines()

    assert radius.split() == ["mean", "radius", "41"]
    assert area.split() == ["mean", "area", "1e+300"]


def test_show_tells_outliers_from_what_the_contract_refused(run: Run, fill: Fill, detector: FittedDetector) -> None:
    entry = build(IDS[0], detector=detector.digest, features=[[14.0, 600.0]] * 8 + [[14.0, 12345.5]])
    (one,) = entry.verdict.findings
    refused = [
        replace(one, rule_id="G205", kind=Kind.CONTRACT, action=Action.REJECT, instance=place) for place in range(7)
    ]
    warned = replace(one, rule_id="G205", kind=Kind.CONTRACT, action=Action.FLAG, instance=0)
    scores = np.full(9, 0.5)
    verdict = entry.verdict._replace(
        findings=(warned, *refused[1:], replace(one, instance=8)), n_instances=9, scores=scores, p_values=scores
    )
    fill(replace(entry, verdict=verdict), artifacts={detector.digest: detector.content})

    _, *lines = part(run("show", IDS[0]).stdout, "Instances").splitlines()

    assert [line.split()[0] for line in lines] == ["0", "1", "2", "3", "8"]
    assert lines[0].rstrip().endswith("found by contract")
    assert all(line.rstrip().endswith("refused by contract") for line in lines[1:4])
    assert "near " in lines[4]


def test_show_of_a_request_that_lacks_most_is_short(run: Run, fill: Fill) -> None:
    names = tuple(f"f{place}" for place in range(40))
    row = [1.0] + [float("nan")] * 39
    entry = build(IDS[0], rule="G201", feature_names=names, features=[row, row])
    (one,) = entry.verdict.findings
    findings = (*(replace(one, feature=name) for name in names[1:]), replace(one, rule_id="G205"))
    fill(replace(entry, verdict=entry.verdict._replace(findings=findings)))

    page = run("show", IDS[0]).stdout

    assert part(page, "Findings").count("G201") == MAX_FINDINGS_OF_RULE
    assert part(page, "Findings").count("G205") == 1
    assert f"{39 - MAX_FINDINGS_OF_RULE} more findings" in page
    assert part(page, "Request").count("missing") == MAX_MISSING + 1
    assert f"{39 - MAX_MISSING} more features are missing" in page


def test_show_tells_what_the_score_is_made_of(run: Run, fill: Fill, detector: FittedDetector) -> None:
    entry = build(IDS[0], detector=detector.digest, features=[[14.0, 600.0], [14.5, 12345.5]])
    fill(entry, artifacts={detector.digest: detector.content})

    heading, line = part(run("show", IDS[0]).stdout, "Instances").splitlines()

    assert heading.rstrip().endswith("votes in decades, and class")
    assert "flagged above" in heading
    assert "class" not in line
    assert "near " in line
    assert "forest " in line


def test_show_tells_the_class_of_the_instance(run: Run, fill: Fill) -> None:
    random = np.random.default_rng(1)
    rows, said = random.normal([14.0, 600.0], [1.0, 50.0], size=(900, 2)), random.integers(2, size=900)
    rows[:, 0] += 20 * said
    frame = pl.DataFrame(rows, schema=["mean radius", "mean area"]).with_columns(
        said=pl.Series(["benign", "bad"])[said]
    )
    fitted = fit_detector(frame, predictions="said", rates=[0.01])
    entry = build(IDS[0], detector=fitted.digest, features=[[14.0, 600.0], [34.0, 12345.5]])
    fill(entry, artifacts={fitted.digest: fitted.content})

    _, line = part(run("show", IDS[0]).stdout, "Instances").splitlines()

    assert line.rstrip().endswith("class bad")


def test_show_says_that_no_single_feature_is_the_reason(run: Run, fill: Fill, detector: FittedDetector) -> None:
    entry = build(IDS[0], detector=detector.digest, features=[[14.0, 600.0], [14.0, 600.0]])
    fill(entry, artifacts={detector.digest: detector.content})

    _, line = part(run("show", IDS[0]).stdout, "Reasons").splitlines()

    assert line.split()[:2] == ["G515", "1"]


def test_show_matches_reasons_to_features_by_name(run: Run, fill: Fill, detector: FittedDetector) -> None:
    names = ("mean area", "mean radius")
    entry = build(IDS[0], detector=detector.digest, feature_names=names, features=[[600.0, 14.0], [600.0, 99.0]])
    fill(entry, artifacts={detector.digest: detector.content})

    _, line, *_ = part(run("show", IDS[0]).stdout, "Reasons").splitlines()

    assert line.split()[2:5] == ["mean", "radius", "99"]


def test_show_counts_the_reasons_that_it_leaves_out(fill: Fill, url: str, detector: FittedDetector) -> None:
    fill(build(IDS[0]))
    screen = io.StringIO()
    (one,) = explain(detector.content, np.array([[99.0, 600.0]]), [0], names=("mean radius", "mean area"))
    faults = tuple(Fault("G511", "far", instance, "mean area") for instance in range(MAX_REASONS + 3))

    print_entry(Console(file=screen), JournalReader(url).entry(IDS[0]), reasons=Reasons((one._replace(faults=faults),)))

    _, *lines, rest = part(screen.getvalue(), "Reasons").splitlines()
    assert len(lines) == MAX_REASONS
    assert rest == "3 more reasons"


def test_show_explains_some_of_many_outliers(run: Run, fill: Fill, detector: FittedDetector) -> None:
    entry = build(IDS[0], detector=detector.digest, features=[[99.0, 600.0]] * (MOST_EXPLAINED + 2))
    one = entry.verdict.findings[0]
    findings = tuple(replace(one, instance=instance) for instance in range(MOST_EXPLAINED + 2))
    fill(
        replace(entry, verdict=entry.verdict._replace(findings=findings)),
        artifacts={detector.digest: detector.content},
    )

    told = part(run("show", IDS[0]).stdout, "Reasons").splitlines()

    assert told[-1] == "2 more outliers aren't explained"


@pytest.mark.parametrize(
    ("body", "kept", "note"),
    [
        ("none", True, "unknown: the entry has no features; GUARD_JOURNAL_BODY=features keeps them"),
        ("features", False, "unknown: the detector isn't in the journal"),
    ],
)
def test_show_says_why_there_are_no_reasons(
    run: Run, fill: Fill, detector: FittedDetector, *, body: BodyKept, kept: bool, note: str
) -> None:
    artifacts = {detector.digest: detector.content} if kept else {}
    fill(build(IDS[0], detector=detector.digest), body=body, artifacts=artifacts)

    assert part(run("show", IDS[0]).stdout, "Reasons") == note


def test_show_of_an_entry_with_a_damaged_detector_shows_the_rest(run: Run, fill: Fill) -> None:
    fill(build(IDS[0]), artifacts={"d" * 64: b"\x1b[2J"})

    result = run("show", IDS[0])

    assert result.exit_code == 0
    assert part(result.stdout, "Reasons").startswith("unknown: the detector in the journal")
    assert "12345.5" in result.stdout


def test_show_of_an_entry_without_an_outlier_has_no_reasons(run: Run, fill: Fill, detector: FittedDetector) -> None:
    fill(build(IDS[0], rule="G205", detector=detector.digest), artifacts={detector.digest: detector.content})

    assert "Reasons" not in run("show", IDS[0]).stdout


def test_show_says_that_there_is_a_body_where_no_features_are(run: Run, fill: Fill) -> None:
    fill(build(IDS[0], body=b"\x89PNG", features=np.empty((0, 2))), build(IDS[1]))

    told = run("show", IDS[0]).stdout

    assert "Request\nnone kept\nthe body is kept, 4 bytes; --body FILE writes it as it came" in told
    assert "the body is kept" not in run("show", IDS[1]).stdout


def test_show_tells_how_the_body_is_read(run: Run, fill: Fill) -> None:
    entry = build(IDS[0], body=b"...")
    headers = (("content-encoding", "gzip\x1b"), ("inference-header-content-length", "96"))
    fill(replace(entry, context=replace(entry.context, headers=headers)))

    told = run("show", IDS[0]).stdout

    assert "content-encoding                 gzip\\x1b" in told
    assert "inference-header-content-length  96" in told


def test_show_body_goes_to_a_private_new_file_only(run: Run, fill: Fill, tmp_path: Path) -> None:
    fill(build(IDS[0], body=b"\x1b[2J\0\xff"))
    target = tmp_path / "body.bin"

    first = run("show", IDS[0], "--body", str(target))
    again = run("show", IDS[0], "--body", str(target))

    assert (first.exit_code, again.exit_code) == (0, 1)
    assert target.read_bytes() == b"\x1b[2J\0\xff"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert "\x1b" not in first.output
    assert "File exists" in again.stderr


def test_show_body_that_wasnt_kept(run: Run, fill: Fill, tmp_path: Path) -> None:
    fill(build(IDS[0]))

    result = run("show", IDS[0], "--body", str(tmp_path / "body.bin"))

    assert result.exit_code == 1
    assert "GUARD_JOURNAL_BODY=full" in result.stderr
    assert not (tmp_path / "body.bin").exists()


def test_label_takes_several_events(run: Run, fill: Fill) -> None:
    fill(*(build(event_id) for event_id in IDS))

    result = run("label", IDS[0], IDS[1][-12:], "data_bug", "--reviewer", "ann")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [f"{IDS[0]} data_bug", f"{IDS[1]} data_bug"]
    labelled = run("list", "--json", "--label", "data_bug").stdout.splitlines()
    assert len(labelled) == 2


def test_export_to_a_file_is_private(run: Run, fill: Fill, tmp_path: Path) -> None:
    fill(build(IDS[0]), build(IDS[1]))
    target = tmp_path / "entries.jsonl"

    result = run("export", "-o", str(target))

    assert result.exit_code == 0
    assert {json.loads(line)["event_id"] for line in target.read_text().splitlines()} == set(IDS[:2])
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_export_as_csv(run: Run, fill: Fill) -> None:
    fill(build(IDS[0], client="=1+1", texts={"mean area": ["a\nb", '"']}))

    result = run("export", "--format", "csv")

    (row,) = csv.DictReader(io.StringIO(result.stdout))
    assert (row["event_id"], row["client"], row["action"]) == (IDS[0], "'=1+1", "flag")
    assert json.loads(row["texts"]) == {"mean area": ["a\nb", '"']}
    assert json.loads(row["features"]) == [[14.5, 600.25], [None, 12345.5]]
    assert (row["content_type"], row["headers"], row["body_kept"]) == ("", "{}", "features")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["show", "nope-nope"], 1, "guard: no event 'nope-nope'"),
        (["show", "0190aa00"], 1, "several events"),
        (["label", "nope", "attack", "--reviewer", "ann"], 1, "no event 'nope'"),
        (["label", IDS[0], "attack"], 2, "--reviewer"),
        (["label", IDS[0], "spam", "--reviewer", "ann"], 2, "spam"),
        (["list", "--since", "yesterday"], 2, "yesterday"),
        (["list", "--limit", "0"], 2, "--limit"),
        (["list", "--action", "block"], 2, "block"),
        (["export", "--format", "xml"], 2, "xml"),
        (["export", "-o", "/nowhere/x.jsonl"], 1, "guard: No such file or directory: '/nowhere/x.jsonl'"),
        (["list", "--rule", "G5O1"], 2, "guard: --rule: G5O1 is not a rule; did you mean G5"),
        (["list", "--rule", "G999"], 2, "G999 is not a rule; did you mean G9"),
        *(
            (["list", "--rule", rule], 2, f"--rule: {rule} is a reason, computed when an entry is read; filter by G501")
            for rule in ("G511", "G512", "G513", "G514", "G515")
        ),
        (["export", "--rule", "outlier"], 2, "outlier is not a rule; rules are named as G101 is"),
        (["frobnicate"], 2, "frobnicate"),
    ],
)
def test_fault_has_a_message_and_a_status(
    run: Run, fill: Fill, arguments: list[str], status: int, message: str
) -> None:
    fill(build(IDS[0]), build(IDS[1]))

    result = run(*arguments)

    assert result.exit_code == status
    assert message in result.stderr


@pytest.mark.parametrize(
    "arguments", [["list"], ["show", "x"], ["export"], ["label", "x", "attack", "--reviewer", "a"]]
)
def test_journal_that_isnt_there_is_an_error_and_not_made(run: Run, tmp_path: Path, arguments: list[str]) -> None:
    result = run(*arguments)

    assert result.exit_code == 1
    assert "there is no journal at" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("env", "status", "message"),
    [
        ({"GUARD_JOURNAL": "off"}, 1, "GUARD_JOURNAL is off"),
        ({"GUARD_MODE": "enforced"}, 2, "GUARD_MODE is 'enforced'"),
    ],
)
def test_settings_that_name_no_journal(run: Run, env: dict[str, str], status: int, message: str) -> None:
    result = run("list", env=env)

    assert result.exit_code == status
    assert message in result.stderr


def test_option_comes_before_the_setting(run: Run, fill: Fill, url: str) -> None:
    fill(build(IDS[0]))

    result = run("list", "--journal", url, env={"GUARD_JOURNAL": "off"})

    assert result.exit_code == 0


@pytest.mark.parametrize(
    "command", [["list"], ["list", "--json"], ["show", IDS[0]], ["export"], ["export", "--format", "csv"]]
)
def test_nothing_hostile_reaches_the_terminal(run: Run, fill: Fill, command: list[str]) -> None:
    fill(
        build(
            IDS[0], model=HOSTILE, client=HOSTILE, request_id=HOSTILE, message=HOSTILE, body=b"\x1b[2J",
            texts={"mean area": [HOSTILE, HOSTILE]},
        )
    )  # fmt: skip
    run("label", IDS[0], "attack", "--reviewer", "ann", "--reason", "\x1b[2J")

    result = run(*command)

    assert result.exit_code == 0
    assert "owned" in result.output
    assert is_inert(result.output)


def test_naughty_strings_are_stored_exported_unchanged_and_shown_inert(run: Run, fill: Fill) -> None:
    if not STRINGS.exists():
        pytest.skip(f"no naughty strings at {STRINGS}; set INFERENCE_GUARD_DATA")
    encoded = json.loads(STRINGS.read_text(encoding="ascii"))
    strings = [base64.b64decode(text) for text in encoded]
    texts = {f"0190{i:04}-naughty": raw.decode() for i, raw in enumerate(strings)}
    fill(
        *(
            build(
                event_id, client=text, model=text, message=text, body=text.encode(), texts={"mean area": [text, text]}
            )
            for event_id, text in texts.items()
        )
    )

    exported = [json.loads(line) for line in run("export").stdout.splitlines()]
    listed = run("list", "--limit", "1000").stdout
    shown = [run("show", event_id).stdout for event_id in list(texts)[::10]]

    assert len(exported) == len(strings)
    for entry in exported:
        text = texts[entry["event_id"]]
        assert (entry["client"], entry["model"], entry["findings"][0]["message"]) == (text, text, text)
        assert entry["texts"] == {"mean area": [text, text]}
        assert base64.b64decode(entry["body_base64"]).decode() == text
    assert is_inert(listed)
    assert all(is_inert(page) for page in shown)
