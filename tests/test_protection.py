"""Mined relations, switched off by GUARD_DISABLED_RULES."""

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest

from guard import GuardSettings, Screener
from guard.detectors import Scores, load_detector
from guard.errors import ConfigError
from guard.protection import Protections
from guard.rules import DisabledRules
from guard.training import fit_detector
from guard.verdict import Verdict


@pytest.fixture(scope="module")
def ordered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    low = random.normal(size=900)
    rows = np.stack([low, low + random.exponential(1.0, 900), random.normal(size=900)], axis=1)
    path = tmp_path_factory.mktemp("ordered") / "detector.onnx"
    fit_detector(rows, names=["low", "high", "other"]).save(path)
    return path


def screen(detector: Path, disabled: str = "") -> Verdict:
    settings = {"GUARD_DETECTOR": str(detector), "GUARD_JOURNAL": "off", "GUARD_DISABLED_RULES": disabled}
    screener = Screener(GuardSettings.from_environ(settings))
    return screener.screen(json.dumps({"low": 0.5, "high": 0.2, "other": 0.0}).encode())


def order_of(detector: Path) -> str:
    return next(card.id for card in load_detector(detector).manifest.relations if card.kind == "order")


def score_of(verdict: Verdict) -> float:
    assert verdict.scores is not None
    return float(verdict.scores[0])


def test_relation_switched_off_by_id_counts_nothing(ordered: Path) -> None:
    without = screen(ordered, f'G513:"{order_of(ordered)}" the sensor drifts')

    assert score_of(without) < score_of(screen(ordered)) - 0.5


def test_relations_switched_off_together_count_nothing(ordered: Path) -> None:
    assert score_of(screen(ordered, "G513 too many")) < score_of(screen(ordered)) - 0.5


def test_relation_whose_exclusion_has_expired_counts_again(ordered: Path, caplog: pytest.LogCaptureFixture) -> None:
    expired = screen(ordered, f'G513:"{order_of(ordered)}" until 2020-01-01 for a while')

    assert score_of(expired) == score_of(screen(ordered))
    assert "ended on 2020-01-01" in caplog.text


def test_unscorable_instance_is_told_beyond_many_outliers(ordered: Path) -> None:
    settings = {"GUARD_DETECTOR": str(ordered), "GUARD_DISABLED_RULES": "G501 too many;G502 too many"}
    protection = Protections.load(GuardSettings.from_environ(settings)).find(None)
    assert protection is not None
    scores = Scores(np.full(30, 9.0, np.float32), np.full(30, 1e-9, np.float32))
    scores.score[25], scores.p_value[25] = np.nan, np.nan
    disabled = DisabledRules.parse(["G501 too many", "G502 too many"], today=dt.date(2026, 1, 1))

    found = protection.evidence(scores, disabled=disabled)

    assert [(finding.rule_id, finding.instance) for finding in found] == [("G904", 25)]


def test_relation_that_no_detector_has_is_refused(ordered: Path) -> None:
    with pytest.raises(ConfigError, match=r"R999.*no detector has"):
        screen(ordered, 'G513:"R999" a slip')


def test_exclusions_are_shown_so_that_they_can_be_read_back() -> None:
    given = 'G302 batches repeat rows, by design;G205:"a, b" until 2030-01-31 new scanner'

    shown = GuardSettings.from_environ({"GUARD_DISABLED_RULES": given}).masked()["GUARD_DISABLED_RULES"]

    again = GuardSettings.from_environ({"GUARD_DISABLED_RULES": shown})
    assert again.disabled_rules == GuardSettings.from_environ({"GUARD_DISABLED_RULES": given}).disabled_rules
    assert len(again.disabled_rules) == 2
