"""Explanations of several rows, from a detector's bytes."""

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from guard.detectors import Detector, Explanation, explain, explain_row, open_detector
from guard.detectors.explain import flag_threshold
from guard.errors import DetectorError
from guard.training import FittedDetector, fit_detector

NAMES = ("age", "income", "kind", "vip", "version")


@pytest.fixture
def rows() -> npt.NDArray[np.float64]:
    """A typical row, one of an unheard-of age, one of an unseen kind."""
    return np.array([[50, 20, 2, 0, 3], [500, 20, 2, 0, 3], [50, 20, -1, 0, 3]], dtype=np.float64)


def test_explain_names_what_is_wrong_with_each_instance(mixed: FittedDetector, rows: npt.NDArray[np.float64]) -> None:
    found = explain(mixed.content, rows, [0, 1, 2], names=NAMES)

    told = [[(fault.rule, fault.instance, fault.feature) for fault in one.faults[:1]] for one in found]
    assert told == [[("G515", 0, None)], [("G511", 1, "age")], [("G512", 2, "kind")]]
    assert [one.features[0].feature for one in found[1:]] == ["age", "kind"]


def test_explain_explains_only_who_is_asked_for(mixed: FittedDetector, rows: npt.NDArray[np.float64]) -> None:
    (found,) = explain(mixed.content, rows, [2], names=NAMES)

    assert found.instance == 2
    assert {fault.instance for fault in found.faults} == {2}


def test_explain_finds_columns_by_name(mixed: FittedDetector, rows: npt.NDArray[np.float64]) -> None:
    shuffled = [3, 1, 4, 0, 2]
    widened = np.column_stack([np.full(3, 1e9), rows[:, shuffled]])
    names = ("undeclared", *(NAMES[place] for place in shuffled))

    assert explain(mixed.content, widened, [1, 2], names=names) == explain(mixed.content, rows, [1, 2], names=NAMES)


def test_explain_takes_a_column_that_isnt_there_as_missing(
    mixed_detector: Detector, rows: npt.NDArray[np.float64]
) -> None:
    (found,) = explain(mixed_detector, rows[:, 1:2], [1], names=["income"])

    assert {value.feature for value in found.nearest if value.value is None} == {"age", "kind", "vip", "version"}


@pytest.mark.parametrize("instance", [-1, 3])
def test_explain_of_an_instance_that_isnt_there_is_nothing(
    mixed: FittedDetector, rows: npt.NDArray[np.float64], instance: int
) -> None:
    rows[:, 0] = 500

    assert explain(mixed.content, rows, [instance], names=NAMES) == []


def test_explain_refuses_what_is_no_detector(rows: npt.NDArray[np.float64]) -> None:
    with pytest.raises(DetectorError, match="from somewhere"):
        explain(b"not ONNX", rows, [0], names=NAMES, source="from somewhere")


@pytest.fixture
def old_man(mixed_detector: Detector, rows: npt.NDArray[np.float64]) -> Explanation:
    return explain_row(mixed_detector, rows[1])


def test_explanation_has_the_score_and_what_it_is_made_of(
    old_man: Explanation, mixed_detector: Detector, rows: npt.NDArray[np.float64]
) -> None:
    scores = mixed_detector.score(rows[1:2])

    assert (old_man.score, old_man.p_value) == (scores.score[0], scores.p_value[0])
    assert max(old_man.votes.values()) == pytest.approx(old_man.score, rel=1e-4)
    assert np.isfinite(list(old_man.votes.values())).all()
    assert old_man.predicted is None


def test_threshold_parts_what_is_flagged_from_what_isnt(numeric_detector: Detector) -> None:
    rows = np.random.default_rng(3).normal(0, 2, size=(3000, 4))
    scores = numeric_detector.score(rows)

    threshold = flag_threshold(numeric_detector.manifest.calibrations[0])

    k = int(0.01 * (numeric_detector.manifest.calibrations[0].n + 1))
    flagged = scores.p_value <= k / (numeric_detector.manifest.calibrations[0].n + 1) * (1 + 1e-6)
    np.testing.assert_array_equal(scores.score > threshold, flagged)
    assert set(flagged.tolist()) == {True, False}


def test_feature_tells_where_its_value_stands(old_man: Explanation, mixed_detector: Detector) -> None:
    card, age = mixed_detector.manifest.features[0], old_man.features[0]

    assert (age.feature, age.value, age.direction, age.notable) == ("age", 500, "above", True)
    assert age.below == (0.99, 1.0)
    assert age.expected == (card.quantiles[0], card.quantiles[-1])
    assert age.learned == (18, 89)
    assert isinstance(age.usual, float)
    assert 18 <= age.usual <= 89
    usual = mixed_detector.score([[age.usual, 20, 2, 0, 3]]).score[0]
    assert age.decades == pytest.approx(old_man.score - usual, rel=1e-4)


@pytest.mark.parametrize(("value", "direction"), [(500, "above"), (-500, "below"), (np.inf, "above"), (-1e39, "below")])
def test_direction_is_that_of_the_value(mixed_detector: Detector, value: float, direction: str) -> None:
    found = explain_row(mixed_detector, [value, 20, 2, 0, 3]).features[0]

    assert (found.feature, found.direction) == ("age", direction)


def test_share_of_rows_below_is_bounded(mixed_detector: Detector, mixed_frame: pl.DataFrame) -> None:
    incomes = np.sort(mixed_frame["income"].drop_nulls().to_numpy())
    for income in incomes[::40].tolist():
        found = explain_row(mixed_detector, [50, income, 2, 0, 3])
        low, high = next(reason.below for reason in found.features if reason.feature == "income") or (1.0, 0.0)

        # The quantiles are those of the fit rows, which are some of these.
        assert low - 0.05 <= float(np.mean(incomes < income)) <= high + 0.05


def test_categories_are_texts_with_their_share(mixed_detector: Detector, rows: npt.NDArray[np.float64]) -> None:
    card = mixed_detector.manifest.features[2]

    known, unseen = (
        next(reason for reason in explain_row(mixed_detector, row).features if reason.feature == "kind")
        for row in (rows[0], rows[2])
    )

    assert known.value == card.categories[2] == "x"
    assert known.share == pytest.approx(card.counts[2] / sum(card.counts))
    assert (unseen.value, unseen.direction, unseen.share) == (None, "unseen", None)
    assert unseen.usual in card.categories


def test_unseen_category_is_told_where_its_text_is_known(
    mixed_detector: Detector, rows: npt.NDArray[np.float64]
) -> None:
    texts = {"kind": ["x", "x", "Atlantis"]}

    known, unseen = explain(mixed_detector, rows, [0, 2], names=NAMES, texts=texts)

    assert [one.nearest[2].value for one in (known, unseen)] == ["x", "Atlantis"]
    (fault,) = [fault for fault in unseen.faults if fault.rule == "G512"]
    assert fault.detail == "'Atlantis', a category that no fitted row had"


def test_number_is_told_as_it_was_given(mixed_detector: Detector) -> None:
    found = explain_row(mixed_detector, [1e300, 20.1, 2, 0, 3])

    assert found.features[0].value == found.nearest[0].value == 1e300
    assert found.nearest[1].value == 20.1
    assert found.faults[0].detail.startswith("1e+300 lies outside the learned range, 18 to 89")


def test_shares_of_a_tied_value_have_both_sides() -> None:
    random = np.random.default_rng(4)
    frame = pl.DataFrame(
        {
            "count": np.where(random.random(1000) < 0.8, 0, random.integers(1, 9, 1000)),
            "vip": random.random(1000) < 0.15,
            "size": random.normal(size=1000),
        }
    )
    detector = open_detector(fit_detector(frame).content, source="test")

    found = {reason.feature: reason for reason in explain_row(detector, [0, 1, 0.1]).features}

    assert (found["count"].below, found["count"].no_higher) == ((0.0, 0.01), (0.75, 0.95))
    assert not found["count"].two_valued
    assert (found["vip"].below, found["vip"].no_higher, found["vip"].two_valued) == ((0.75, 0.95), (0.99, 1.0), True)
    assert found["size"].below == found["size"].no_higher == (0.5, 0.75)


@pytest.mark.parametrize("private", [False, True])
def test_nearest_of_a_private_detector_is_a_mean(*, private: bool) -> None:
    fitted = fit_detector(np.random.default_rng(0).normal(size=(900, 3)), private=private)

    assert explain_row(open_detector(fitted.content, source="test"), [9, 0, 0]).is_mean is private


def test_missing_value_says_so(mixed_detector: Detector) -> None:
    found = {reason.feature: reason for reason in explain_row(mixed_detector, [50, np.nan, np.nan, 0, 3]).features}

    assert (found["income"].value, found["income"].direction, found["income"].below) == (None, "missing", None)
    assert (found["kind"].value, found["kind"].direction) == (None, "missing")


def test_nearest_clean_row_stands_beside_the_instance(old_man: Explanation, mixed_frame: pl.DataFrame) -> None:
    beside = {value.feature: value for value in old_man.nearest}

    assert list(beside) == list(NAMES)
    assert {name for name, value in beside.items() if value.differs} == {"age"}
    clean = {name: value.normal for name, value in beside.items()}
    same = mixed_frame.filter(
        (pl.col("age") == clean["age"]) & (pl.col("kind") == clean["kind"]) & (pl.col("vip") == bool(clean["vip"]))
    )
    assert len(same)


def test_difference_from_missing_is_notable(mixed_detector: Detector) -> None:
    found = explain_row(mixed_detector, [50, np.nan, 2, 0, 3]).nearest[1]

    assert found.differs == (found.normal is not None)


def test_strings_are_no_part_of_it() -> None:
    frame = pl.DataFrame({"a": np.random.default_rng(0).normal(size=600), "note": [f"n{i}" for i in range(600)]})
    contract = '[features.a]\ntype = "number"\n[features.note]\ntype = "string"\n'
    detector = open_detector(fit_detector(frame, contract=contract).content, source="test")

    found = explain_row(detector, [9, np.nan])

    assert [reason.feature for reason in found.features] == ["a"]
    assert [value.feature for value in found.nearest] == ["a"]


def test_class_is_named() -> None:
    random = np.random.default_rng(1)
    kind = random.integers(2, size=1200)
    frame = pl.DataFrame(
        {"a": kind * 8 + random.normal(size=1200), "b": random.normal(size=1200), "said": np.array(["no", "yes"])[kind]}
    )
    detector = open_detector(fit_detector(frame, predictions="said", rates=[0.01]).content, source="test")

    assert [explain_row(detector, [a, 9]).predicted for a in (0, 8)] == ["no", "yes"]
