"""Replay of journals that the real middleware wrote."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from guard.detectors import load_detector
from guard.journal.reader import JournalReader
from guard.review import Replay, replay
from guard.review.judging import Basis
from guard.review.scores import Agreement
from guard.rules import MINED_RELATION
from guard.training import fit_detector
from guard.verdict import Action
from tests.review.serving import (
    BREAKS_CONTRACT,
    CLEAN,
    MISSING,
    OUTLIER,
    UNSEEN,
    alter,
    clean_rows,
    from_elsewhere,
    saved,
    serve,
)

EXACTLY = (Agreement.BIT_FOR_BIT, Agreement.BIT_FOR_BIT)

NO_FEATURES = "none of its features were kept (GUARD_JOURNAL_BODY=none, or no contract to take them by)"
UNREAD = "it was refused for how it was read, which features don't show, and its body wasn't kept"

REQUESTS: tuple[Any, ...] = (
    OUTLIER,
    UNSEEN,
    MISSING,
    BREAKS_CONTRACT,
    [OUTLIER, CLEAN, CLEAN, MISSING, UNSEEN],
    {**CLEAN, "age": "forty"},
    b"{",
)


def run(url: str, **options: Any) -> Replay:
    reader = JournalReader(url)
    return replay(reader, reader.details(), **options)


def variables(detectors: tuple[Path, Path], contract: Path, **more: object) -> dict[str, object]:
    return {
        "GUARD_DETECTOR": detectors[0],
        "GUARD_CONTRACT": contract,
        "GUARD_JOURNAL_SAMPLE": 1,
        **{f"GUARD_{name.upper()}": value for name, value in more.items()},
    }


def test_features_give_scores_bit_for_bit_and_actions(url: str, detectors: tuple[Path, Path], contract: Path) -> None:
    serve(url, *REQUESTS, *clean_rows(60), variables=variables(detectors, contract))

    found = run(url)

    assert found.agrees
    assert found.entries == 67
    assert found.scores == {EXACTLY: 65}
    assert found.unscored == {"it was never scored": 2}
    assert found.actions == {Basis.FEATURES: 65}
    assert found.unjudged == {UNREAD: 2}
    assert found.other_code == 0


def test_full_body_is_screened_again_whole(url: str, detectors: tuple[Path, Path], contract: Path) -> None:
    serve(url, *REQUESTS, variables=variables(detectors, contract, journal_body="full"))
    gzip = ((b"content-encoding", b"gzip"),)
    serve(url, CLEAN, headers=gzip, variables=variables(detectors, contract, journal_body="full"))

    found = run(url)

    assert found.agrees
    assert found.actions == {Basis.BODY: len(REQUESTS)}
    assert found.unjudged == {UNREAD: 1}


def post(url: str, path: str, headers: dict[str, str], *bodies: bytes, **more: object) -> None:
    """Serve them with whole bodies in the journal, a sample of all."""
    pairs = tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
    chosen = {"GUARD_JOURNAL_BODY": "full", "GUARD_JOURNAL_SAMPLE": 1, "GUARD_CONTENT_ENCODINGS": "gzip", **more}
    serve(url, *bodies, path=path, headers=pairs, variables=chosen)


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    (tmp_path / "numbers.toml").write_text(
        "".join(f'[features.{name}]\ntype = "number"\nmaximum = 9\n' for name in "abcd")
    )
    return tmp_path / "numbers.toml"


@pytest.mark.parametrize("mode", ["enforce", "monitor"])
def test_encoded_body_is_screened_again_by_its_headers(url: str, numbers: Path, mode: str) -> None:
    bodies = [gzip.compress(text) for text in (b'{"instances": [[1, 2, 3, 4]]}', b'{"instances": [[1, 2, 3, 10]]}')]
    gzipped = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    post(
        url, "/v1/models/m:predict", gzipped, *bodies, bodies[0][:-1],
        GUARD_CONTRACT=numbers, GUARD_MODE=mode, GUARD_FORWARD="canonical",
    )  # fmt: skip

    found = run(url)

    assert found.agrees
    assert found.actions == {Basis.BODY: 3}
    entries = list(JournalReader(url).details())
    assert [(entry.row.action, entry.row.rules) for entry in entries] == [
        (Action.REJECT, ("G123",)), (Action.REJECT, ("G205",)), (Action.ALLOW, ()),
    ]  # fmt: skip
    assert entries[-1].row.protocol == "v1"


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_binary_tensors_are_screened_again_by_their_length(url: str, numbers: Path, encoding: str | None) -> None:
    head = b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}]}'
    bodies = [head + np.array([1, 2, 3, last], "<f4").tobytes() for last in (4, 10)]
    headers = {"Inference-Header-Content-Length": str(len(head))}
    if encoding:
        bodies, headers = [*map(gzip.compress, bodies)], {**headers, "Content-Encoding": encoding}
    post(url, "/v2/models/m/infer", headers, *bodies, GUARD_CONTRACT=numbers)

    found = run(url)

    assert found.agrees
    assert found.actions == {Basis.BODY: 2}
    assert [(entry.row.action, entry.row.protocol) for entry in JournalReader(url).details()] == [
        (Action.REJECT, "v2-binary"), (Action.ALLOW, "v2-binary"),
    ]  # fmt: skip


def test_body_is_screened_again_by_the_protocol_of_its_path(url: str, numbers: Path) -> None:
    post(url, "/app/v1/models/m:predict", {}, b'{"a": 1, "b": 2, "c": 3, "d": 4}', GUARD_CONTRACT=numbers)
    post(url, "/app", {}, b'{"a": 1, "b": 2, "c": 3, "d": 4}', GUARD_CONTRACT=numbers)

    found = run(url)

    assert [entry.row.action for entry in JournalReader(url).details()] == [Action.ALLOW, Action.REJECT]
    assert found.agrees
    assert found.actions == {Basis.BODY: 2}


def test_entry_of_an_earlier_guard_is_screened_again_by_its_content_type(url: str, numbers: Path) -> None:
    typed = {"Content-Type": "text/csv"}
    post(url, "/predict", typed, b'{"a": 1, "b": 2, "c": 3, "d": 4}', GUARD_CONTRACT=numbers)
    alter(url, "UPDATE entries SET headers = NULL")

    found = run(url)

    assert found.agrees
    (entry,) = JournalReader(url).details()
    assert entry.row.rules == ("G120",)
    assert found.actions == {Basis.BODY: 1}


CHAT = b'{"model": "m", "messages": [{"role": "user", "content": "hello"}]}'


@pytest.mark.parametrize("body", ["none", "features", "full"])
@pytest.mark.parametrize("contract", [False, True])
def test_texts_without_a_table_are_journaled_and_replayed(
    url: str,
    numbers: Path,
    body: str,
    contract: bool,
) -> None:
    declared = {"GUARD_CONTRACT": numbers} if contract else {}
    post(url, "/v1/chat/completions", {}, CHAT, GUARD_JOURNAL_BODY=body, **declared)

    found = run(url)

    assert found.agrees
    (entry,) = JournalReader(url).details()
    assert (entry.row.protocol, entry.scores) == ("openai", None)
    assert found.actions.total() + found.unjudged.total() == 1
    assert found.actions == ({Basis.BODY: 1} if body == "full" else {})


def test_entry_without_features_is_not_replayable(url: str, detectors: tuple[Path, Path], contract: Path) -> None:
    serve(url, OUTLIER, BREAKS_CONTRACT, b"{", variables=variables(detectors, contract, journal_body="none"))

    found = run(url)

    assert found.agrees
    assert not found.scores
    assert found.unscored == {NO_FEATURES: 2, "it was never scored": 1}
    assert found.unjudged == {NO_FEATURES: 2, UNREAD: 1}


def test_float32_tensors_and_single_values(url: str, tmp_path: Path) -> None:
    rows = np.random.default_rng(3).normal(size=(700, 5))
    path = saved(fit_detector(rows, names=list("abcde")), tmp_path / "numbers.onnx")
    batch = np.random.default_rng(4).standard_t(2, size=(40, 5)).astype(np.float32)

    def request(some: Any) -> dict[str, Any]:
        return {"inputs": [{"name": "x", "shape": list(some.shape), "datatype": "FP32", "data": some.ravel().tolist()}]}

    requests = [*(request(batch[i : i + 1]) for i in range(20)), request(batch), request(np.full((1, 5), 3e38, "f4"))]
    serve(
        url, *requests, {"instances": [[1e300, 0, 0, 0, 0]]}, path="/models/m/infer",
        variables={"GUARD_DETECTOR": f"m={path}", "GUARD_JOURNAL_SAMPLE": 1},
    )  # fmt: skip

    found = run(url)

    assert found.agrees
    assert found.scores == {EXACTLY: 23}
    assert found.actions == {Basis.FEATURES: 23}


def test_contract_without_a_detector_is_judged_again_though_never_scored(url: str, contract: Path) -> None:
    relation_broken = {**CLEAN, "income": 2e6}
    serve(
        url, {**CLEAN, "age": 200}, relation_broken, {**CLEAN, "age": 1.5},
        variables={"GUARD_CONTRACT": contract, "GUARD_JOURNAL_SAMPLE": 1},
    )  # fmt: skip

    found = run(url)

    assert found.unscored == {"it was never scored": 3}
    assert not found.actions, "vip isn't declared: the request can't be read"
    assert found.unjudged == {UNREAD: 3}

    without = [{name: value for name, value in row.items() if name != "vip"} for row in (CLEAN, relation_broken)]
    serve(url, *without, variables={"GUARD_CONTRACT": contract, "GUARD_JOURNAL_SAMPLE": 1})
    assert run(url).actions == {Basis.FEATURES: 2}


def test_neither_contract_nor_detector(url: str) -> None:
    serve(url, CLEAN, variables={"GUARD_JOURNAL_SAMPLE": 1})

    assert run(url).unjudged == {NO_FEATURES: 1}


def test_model_without_a_detector(url: str, detectors: tuple[Path, Path]) -> None:
    serve(url, CLEAN, path="/models/other/infer", variables={"GUARD_DETECTOR": f"m={detectors[0]}"})

    assert run(url).unjudged == {"no detector is configured for its model": 1}


@pytest.mark.parametrize(
    "exclusions",
    ['G205:"age" they were older', 'G302 twins, and,G205 isn\'t one of them; G205:"age" until 9999-12-31 older'],
)
def test_exclusions_hold_again(url: str, detectors: tuple[Path, Path], contract: Path, exclusions: str) -> None:
    serve(url, BREAKS_CONTRACT, variables=variables(detectors, contract, disabled_rules=exclusions))

    found = run(url)

    assert found.agrees
    assert found.actions == {Basis.FEATURES: 1}


def test_mined_relation_that_is_switched_off_counts_nothing_again(
    url: str, detectors: tuple[Path, Path], contract: Path
) -> None:
    relations = load_detector(detectors[0]).manifest.relations
    off = ";".join(f'{MINED_RELATION}:"{card.id}" until 9999-12-31 it is wrong' for card in relations)
    broken = {**CLEAN, "age": 95, "income": -3.0}
    serve(url, broken, variables=variables(detectors, contract, disabled_rules=off))
    serve(url, broken, variables=variables(detectors, contract))
    off_score, on_score = [entry.row.max_score for entry in reversed(list(JournalReader(url).details()))]

    assert relations
    assert off_score != on_score
    assert run(url).scores == {EXACTLY: 2}
    assert run(url).agrees


@pytest.mark.parametrize("body", ["features", "full"])
def test_relation_of_another_models_detector_may_be_switched_off(
    url: str, detectors: tuple[Path, Path], related: tuple[Path, str], body: str
) -> None:
    path, relation = related
    settings = {
        "GUARD_DETECTOR": f"a={detectors[0]};b={path}",
        "GUARD_DISABLED_RULES": f'G513:"{relation}" it is wrong',
        "GUARD_JOURNAL_BODY": body,
    }
    for model in "ab":
        serve(url, OUTLIER, path=f"/models/{model}/infer", variables=settings)

    found = run(url)

    assert found.agrees
    assert found.scores == {EXACTLY: 2}
    assert found.actions.total() == 2
    assert not found.unjudged


def test_exclusion_holds_on_the_days_it_held(url: str, detectors: tuple[Path, Path], contract: Path) -> None:
    exclusions = 'G205:"age" until 2020-02-02 older; G501 until 2020-03-03 all of them'
    serve(url, BREAKS_CONTRACT, variables=variables(detectors, contract, disabled_rules=exclusions))
    assert run(url).agrees

    alter(url, "UPDATE entries SET time_s = 1580601600")  # 2020-02-02
    assert [difference.action for difference in run(url).differences] == [Action.ALLOW]

    alter(url, "UPDATE entries SET time_s = 1580688000")
    assert run(url).agrees


def test_other_detector_gives_other_scores(url: str, detectors: tuple[Path, Path], contract: Path) -> None:
    serve(url, OUTLIER, *clean_rows(5), variables=variables(detectors, contract))
    other = load_detector(detectors[1])
    alter(url, "UPDATE entries SET digest_detector = ?", other.digest)
    alter(url, "INSERT INTO artifacts VALUES (?, 'detector', ?, 0)", other.digest, other.content)

    found = run(url, limit=2)

    assert not found.agrees
    assert found.scores[Agreement.BIT_FOR_BIT, Agreement.NONE] >= 4
    assert found.n_differences >= 4
    assert len(found.differences) == 2
    assert all(difference.scores and difference.scores.difference > 1e-4 for difference in found.differences)


def test_bits_count_unless_the_tolerance_is_asked_for(url: str, detectors: tuple[Path, Path], contract: Path) -> None:
    serve(url, CLEAN, variables=variables(detectors, contract))
    (entry,) = JournalReader(url).details()
    assert entry.scores is not None
    alter(url, "UPDATE entries SET scores = ?", (entry.scores * (1 + 1e-6)).astype("<f8").tobytes())

    assert run(url).scores == {(Agreement.BIT_FOR_BIT, Agreement.WITHIN_TOLERANCE): 1}
    assert not run(url).agrees
    assert run(url, within_tolerance=True).agrees

    alter(url, "UPDATE entries SET scores = ?", (entry.scores + 2e-4 * max(1, entry.scores[0])).astype("<f8").tobytes())
    assert run(url, within_tolerance=True).scores == {(Agreement.WITHIN_TOLERANCE, Agreement.NONE): 1}


def test_detector_of_another_machine_demands_the_tolerance(
    url: str, detectors: tuple[Path, Path], contract: Path, tmp_path: Path
) -> None:
    elsewhere = from_elsewhere(detectors[0], tmp_path / "elsewhere.onnx")
    serve(url, OUTLIER, variables=variables((elsewhere, elsewhere), contract))

    found = run(url)

    assert found.agrees
    assert found.scores == {(Agreement.WITHIN_TOLERANCE, Agreement.BIT_FOR_BIT): 1}


def test_p_value_alone_may_differ(url: str, detectors: tuple[Path, Path], contract: Path) -> None:
    serve(url, CLEAN, variables=variables(detectors, contract))
    alter(url, "UPDATE entries SET p_values = ?", np.array([0.125], "<f8").tobytes())

    (difference,) = run(url).differences

    assert difference.scores is not None
    assert difference.scores.difference == 0


def test_score_that_is_no_number(url: str, detectors: tuple[Path, Path], contract: Path) -> None:
    serve(
        url,
        b'{"age": 40, "income": 2, "kind of \\u007f": null, "vip": false}',
        variables=variables(detectors, contract),
    )

    found = run(url)

    assert found.agrees
    assert found.scores == {EXACTLY: 1}
    assert found.actions == {Basis.FEATURES: 1}


@pytest.mark.parametrize(
    ("statement", "reason", "scored"),
    [
        ("DELETE FROM artifacts WHERE kind = 'detector'", "the journal lacks its detector", False),
        ("DELETE FROM artifacts WHERE kind = 'contract'", "the journal lacks its contract", True),
        ("DELETE FROM artifacts WHERE kind = 'settings'", "the journal lacks its settings", False),
        (
            "UPDATE artifacts SET content = x'00' WHERE kind = 'detector'",
            "the journal's copy of its detector was altered: its digest is another",
            False,
        ),
    ],
)
def test_what_lacks_is_told(
    url: str, detectors: tuple[Path, Path], contract: Path, statement: str, reason: str, scored: bool
) -> None:
    serve(url, OUTLIER, *clean_rows(3), variables=variables(detectors, contract))
    alter(url, statement)

    found = run(url)

    assert found.agrees
    assert found.unjudged == {reason: 4}
    assert found.unscored == ({} if scored else {reason: 4})


@pytest.mark.parametrize(
    ("kind", "content", "reason"),
    [
        ("settings", b"{", "the journal's copy of its settings can't be read by this guard: JSONDecodeError"),
        ("settings", b'{"GUARD_NEWER": "1"}', "its settings can't be read by this guard: GUARD_NEWER is not a setting"),
        ("contract", b"{}", "the journal's copy of its contract can't be read by this guard: KeyError"),
        ("detector", b"?", "the journal's copy of its detector can't be read by this guard: the detector"),
    ],
)
def test_artifact_that_this_guard_cant_read_is_told(
    url: str, detectors: tuple[Path, Path], contract: Path, kind: str, content: bytes, reason: str
) -> None:
    serve(url, OUTLIER, variables=variables(detectors, contract))
    digest = hashlib.sha256(content).hexdigest()
    alter(url, "INSERT INTO artifacts VALUES (?, ?, ?, 0)", digest, kind, content)
    alter(url, f"UPDATE entries SET digest_{kind} = ?", digest)

    (found,) = run(url).unjudged

    assert found.startswith(reason)


def test_what_guard_failed_on_is_told(url: str, detectors: tuple[Path, Path], contract: Path) -> None:
    serve(url, OUTLIER, variables=variables(detectors, contract))
    alter(url, "UPDATE findings SET rule_id = 'G902', kind = 'error'")

    assert run(url).unjudged == {"guard had failed on it, or was late": 1}


def test_scores_of_another_shape_differ(url: str, detectors: tuple[Path, Path], contract: Path) -> None:
    serve(url, OUTLIER, variables=variables(detectors, contract))
    alter(url, "UPDATE entries SET scores = ?", np.array([1.0, 2.0], "<f8").tobytes())

    (difference,) = run(url).differences

    assert difference.scores is not None
    assert difference.scores.difference == np.inf


def test_action_that_was_altered_differs(url: str, detectors: tuple[Path, Path], contract: Path) -> None:
    serve(url, OUTLIER, CLEAN, variables=variables(detectors, contract))
    alter(url, "UPDATE entries SET action = 'allow' WHERE action = 'reject'")

    found = run(url)

    (difference,) = found.differences
    assert (difference.row.action, difference.action, difference.scores) == (Action.ALLOW, Action.REJECT, None)
    assert found.other_actions == {Basis.FEATURES: 1}


def test_damaged_texts_are_told(url: str, detectors: tuple[Path, Path], contract: Path) -> None:
    serve(url, OUTLIER, variables=variables(detectors, contract))
    alter(url, 'UPDATE entries SET texts = \'{"kind of \\u007f": ["x", "x"]}\'')

    (reason,) = run(url).unjudged

    assert reason.endswith("is damaged: 2 texts for 1 instances")


def test_other_version_of_guard_is_counted(url: str, detectors: tuple[Path, Path], contract: Path) -> None:
    serve(url, OUTLIER, variables=variables(detectors, contract))
    alter(url, "UPDATE entries SET digest_code = 'c'")

    assert run(url).other_code == 1


def test_files_are_private_and_removed(url: str, detectors: tuple[Path, Path], contract: Path, tmp_path: Path) -> None:
    serve(url, OUTLIER, variables=variables(detectors, contract))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path / "empty"))
        (tmp_path / "empty").mkdir()

        assert run(url).agrees

    assert list((tmp_path / "empty").iterdir()) == []
