"""What other settings, or another detector, would have made of journals that the real middleware wrote."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from guard.detectors import Detector, load_detector
from guard.errors import ConfigError, ContractError, DetectorError
from guard.journal.reader import JournalReader
from guard.journal.records import LabelName
from guard.review import Comparison, Other, compare
from guard.review.comparison import UNLABELLED, Step
from guard.training import fit_detector
from guard.verdict import Action
from tests.review.serving import (
    BREAKS_CONTRACT,
    CLEAN,
    CONTRACT,
    KIND,
    MISSING,
    OUTLIER,
    UNSEEN,
    alter,
    clean_rows,
    fit,
    frame,
    saved,
    serve,
)

ALLOW, FLAG, REJECT = Action


def run(url: str, other: Other, **options: Any) -> Comparison:
    reader = JournalReader(url)
    return compare(reader, reader.details(), other, **options)


@pytest.fixture(scope="session")
def journal(detectors: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("journal")
    (folder / "contract.toml").write_text(CONTRACT)
    serve(
        f"sqlite:///{folder}/guard.db", OUTLIER, UNSEEN, MISSING, BREAKS_CONTRACT, *clean_rows(120), [CLEAN, OUTLIER],
        variables={
            "GUARD_DETECTOR": detectors[0],
            "GUARD_CONTRACT": folder / "contract.toml",
            "GUARD_JOURNAL_SAMPLE": 0.5,
        },
    )  # fmt: skip
    return folder / "guard.db"


@pytest.fixture
def served(url: str, journal: Path, tmp_path: Path) -> str:
    """Outliers, and half of the clean ones."""
    shutil.copy(journal, tmp_path / "guard.db")
    return url


def test_nothing_different_changes_nothing(served: str) -> None:
    found = run(served, Other({"GUARD_FLAG_FPR": "0.01"}))

    assert found.n_changes == 0
    assert not found.changes
    assert not found.labels
    assert found.n_judged == found.entries


def test_a_higher_rate_flags_what_was_accepted(served: str) -> None:
    found = run(served, Other({"GUARD_FLAG_FPR": "0.3"}), limit=3)

    n = found.steps[Step(ALLOW, FLAG)]
    accepted = found.steps[Step(ALLOW, ALLOW)] + n
    assert 0.1 * accepted < n < 0.5 * accepted
    assert found.now(FLAG) - found.before(FLAG) == n
    assert found.n_changes == n
    assert len(found.changes) == 3
    assert all(0.01 < (change.min_p_value or 0) <= 0.3 for change in found.changes)
    assert found.sampled == {ALLOW: accepted - n, FLAG: n}
    assert found.estimates == {ALLOW: 2 * (accepted - n), FLAG: 2 * n}
    low, high = found.sampled_share(FLAG) or (0, 0)
    assert 0 < low < n / accepted < high < 1


def test_a_rate_of_zero_rejects_nothing_by_evidence(served: str) -> None:
    found = run(served, Other({"GUARD_REJECT_FPR": "0"}))

    assert found.steps[Step(REJECT, FLAG)] >= 3
    assert found.steps[Step(REJECT, REJECT)] == 1, "what breaks the contract"


def test_labels_count_by_the_newest(served: str) -> None:
    reader = JournalReader(served)
    flagged = [
        entry.event_id for entry in reader.entries(limit=500) if entry.action is REJECT and "G205" not in entry.rules
    ]
    reader.label(flagged[:1], LabelName.BENIGN, reviewer="ann")
    reader.label(flagged[:2], LabelName.ATTACK, reviewer="ann")

    found = run(served, Other({"GUARD_REJECT_FPR": "0"}))

    assert found.steps[Step(REJECT, FLAG)] == found.n_changes >= 3
    assert found.labels == {"attack": {(REJECT, FLAG): 2}, UNLABELLED: {(REJECT, FLAG): found.n_changes - 2}}


def test_a_rule_that_is_switched_off(served: str) -> None:
    found = run(served, Other({"GUARD_DISABLED_RULES": 'G501 and more; G205:"age" older'}))

    assert found.now(REJECT) == 0
    assert found.before(REJECT) > 3


@pytest.mark.parametrize(
    "variables", [{"GUARD_MODE": "off"}, {"GUARD_EXCLUDE_PATHS": "/pre*"}], ids=["off", "excluded"]
)
def test_what_isnt_looked_at_is_accepted(served: str, variables: dict[str, str]) -> None:
    found = run(served, Other(variables))

    assert found.now(ALLOW) == found.entries


def test_contract_that_is_taken_away(served: str) -> None:
    found = run(served, Other({"GUARD_CONTRACT": "", "GUARD_DISABLED_RULES": "G501 only the contract counts"}))

    assert found.now(REJECT) == 0


def test_contract_that_is_stricter(served: str, tmp_path: Path) -> None:
    (tmp_path / "strict.toml").write_text('[features.age]\ntype = "integer"\nmaximum = 17\n')

    found = run(served, Other({"GUARD_CONTRACT": str(tmp_path / "strict.toml")}))

    assert found.now(REJECT) == found.entries


def other_detector(rows: pl.DataFrame, folder: Path) -> Detector:
    return load_detector(saved(fit_detector(rows, seed=5), folder / "fitted.onnx"))


def test_the_same_detector_changes_nothing(served: str, detectors: tuple[Path, Path]) -> None:
    assert run(served, Other(detector=load_detector(detectors[0]))).n_changes == 0


def test_another_detector_codes_categories_anew(served: str, tmp_path: Path) -> None:
    rows = frame(7)
    # Codes go by rarity: what is common is rare here, and the unseen one known; the columns are turned round.
    kinds = np.random.default_rng(0).choice(["new", "x", "yy", 'z"'], len(rows), p=[0.91, 0.03, 0.03, 0.03])
    rows = rows.with_columns(pl.Series(KIND, kinds)).select(rows.columns[::-1])
    detector = other_detector(rows, tmp_path)

    found = run(served, Other(detector=detector))

    assert found.n_judged == found.entries
    codes = {text: code for code, text in enumerate(detector.manifest.features[1].categories)}
    for entry in JournalReader(served).details():
        assert entry.features is not None
        values = dict(zip(entry.feature_names, entry.features.T, strict=True))
        values[KIND] = np.array([codes[str(text)] for text in entry.texts[KIND]], dtype=np.float64)
        p_value = float(
            detector.score(np.column_stack([values[name] for name in detector.manifest.names])).p_value.min()
        )
        change = next((change for change in found.changes if change.row.event_id == entry.row.event_id), None)
        if change is not None:
            assert change.min_p_value == p_value


def test_detector_with_a_feature_that_wasnt_kept(served: str, tmp_path: Path) -> None:
    rows = frame(7).with_columns(pl.Series("new one", np.random.default_rng(0).normal(size=900)))

    found = run(served, Other(detector=other_detector(rows, tmp_path)))

    assert found.unjudged == {"it lacks the feature 'new one'": found.entries}
    assert found.n_judged == 0


def test_detector_that_lacks_a_declared_feature_wouldnt_start(served: str, tmp_path: Path) -> None:
    found = run(served, Other(detector=other_detector(frame(7).drop("age"), tmp_path)))

    (reason,) = found.unjudged
    assert reason.startswith('the contract kept with the entry doesn\'t fit the detector: features."age" is declared')


def test_only_the_first_of_many_faults_is_told(served: str, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    rows = pl.DataFrame({name: draw.normal(size=400) for name in ("p", "q")})

    (reason,) = run(served, Other(detector=other_detector(rows, tmp_path))).unjudged

    assert reason.endswith("wasn't fitted with it, and 2 more")
    assert "\n" not in reason
    assert ".toml" not in reason


def test_relation_that_only_one_of_the_detectors_has(
    url: str, detectors: tuple[Path, Path], related: tuple[Path, str]
) -> None:
    other, relation = related
    for model, path in (("a", detectors[0]), ("b", other)):
        serve(url, OUTLIER, path=f"/models/{model}/infer", variables={"GUARD_DETECTOR": path})

    found = run(url, Other({"GUARD_DISABLED_RULES": f'G513:"{relation}" it is wrong'}))

    assert found.n_judged == 2


def test_detector_that_lacks_an_undeclared_feature(url: str, detectors: tuple[Path, Path], tmp_path: Path) -> None:
    serve(url, OUTLIER, CLEAN, variables={"GUARD_DETECTOR": detectors[0], "GUARD_JOURNAL_SAMPLE": 1})

    found = run(url, Other(detector=other_detector(frame(7).drop("age", "vip"), tmp_path)))

    assert found.n_judged == found.entries == 2


def test_detector_with_another_kind_of_feature(url: str, detectors: tuple[Path, Path], tmp_path: Path) -> None:
    serve(url, OUTLIER, variables={"GUARD_DETECTOR": detectors[0]})
    rows = frame(7).with_columns(pl.Series(KIND, np.arange(900.0)))

    found = run(url, Other(detector=other_detector(rows, tmp_path)))

    assert found.unjudged == {f"its feature {KIND!r} has texts, where numbers are expected": 1}


def test_detector_for_what_had_none(url: str, contract: Path, detectors: tuple[Path, Path]) -> None:
    row = {name: value for name, value in OUTLIER.items() if name != "vip"}
    serve(url, row, variables={"GUARD_CONTRACT": contract, "GUARD_JOURNAL_SAMPLE": 1})

    found = run(url, Other(detector=load_detector(detectors[0])))

    assert found.unjudged == {"it lacks the feature 'vip'": 1}


def test_detector_may_stand_in_for_one_that_wasnt_kept(served: str, detectors: tuple[Path, Path]) -> None:
    alter(served, "DELETE FROM artifacts WHERE kind = 'detector'")

    assert run(served, Other(detector=load_detector(detectors[0]))).n_changes == 0
    assert run(served, Other({"GUARD_DETECTOR": str(detectors[0])})).n_changes == 0
    assert run(served, Other({"GUARD_FLAG_FPR": "0.02"})).unjudged == {
        "the journal lacks its detector": len(list(JournalReader(served).details()))
    }


def test_detector_of_each_model_by_settings(url: str, detectors: tuple[Path, Path]) -> None:
    for model in ("a", "b"):
        serve(url, OUTLIER, path=f"/models/{model}/infer", variables={"GUARD_DETECTOR": detectors[0]})

    found = run(url, Other({"GUARD_DETECTOR": f"a={detectors[1]}"}))

    assert found.n_judged == 1
    assert found.unjudged == {"no detector is configured for its model": 1}


def test_full_body_is_screened_by_what_is_different(url: str, detectors: tuple[Path, Path]) -> None:
    serve(
        url, OUTLIER, CLEAN, b"{", [CLEAN] * 3,
        variables={"GUARD_DETECTOR": detectors[0], "GUARD_JOURNAL_BODY": "full", "GUARD_JOURNAL_SAMPLE": 1},
    )  # fmt: skip

    assert run(url, Other({"GUARD_MAX_INSTANCES": "2"})).steps == {
        (REJECT, REJECT): 2, (ALLOW, ALLOW): 1, (ALLOW, REJECT): 1,
    }  # fmt: skip
    assert run(url, Other({"GUARD_MAX_BODY_BYTES": "5"})).steps == {(REJECT, REJECT): 2, (ALLOW, REJECT): 2}
    assert run(url, Other(detector=load_detector(detectors[1]))).n_judged == 4


def test_share_of_the_sample_that_isnt_known(url: str, detectors: tuple[Path, Path]) -> None:
    serve(url, CLEAN, variables={"GUARD_DETECTOR": detectors[0], "GUARD_JOURNAL_SAMPLE": 1})
    older = b"{}"
    digest = hashlib.sha256(older).hexdigest()
    alter(url, "INSERT INTO artifacts VALUES (?, 'settings', ?, 0)", digest, older)
    alter(url, "UPDATE entries SET digest_settings = ?", digest)

    found = run(url, Other(detector=load_detector(detectors[0])))

    assert found.estimates == {ALLOW: None}


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        ({"GUARD_FLAG_FPR": "2"}, ConfigError),
        ({"GUARD_FLAG_FPT": "0.1"}, ConfigError),
        ({"GUARD_DISABLED_RULES": "G501 until 2026-02-31 never"}, ConfigError),
        ({"GUARD_DISABLED_RULES": 'G513:"none" no such relation'}, ConfigError),
        ({"GUARD_FLAG_FPR": "0.0001"}, ConfigError),
        ({"GUARD_DETECTOR": "/nowhere.onnx"}, DetectorError),
        ({"GUARD_CONTRACT": "/nowhere.toml"}, ContractError),
    ],
)
def test_what_cant_be_used_is_an_error(served: str, variables: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        run(served, Other(variables))


def test_two_other_detectors_are_an_error(detectors: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigError, match="one of them"):
        Other({"GUARD_DETECTOR": "x"}, load_detector(detectors[0]))


def test_fitting_again_gives_the_same_verdicts(served: str, tmp_path: Path) -> None:
    again = load_detector(saved(fit(1), tmp_path / "again.onnx"))

    assert run(served, Other(detector=again)).n_changes == 0
