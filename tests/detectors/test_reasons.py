"""Reasons of a flagged row, one rule after the other."""

import numpy as np
import polars as pl
import pytest

from guard.detectors import Detector, Explanation, explain_row, open_detector
from guard.detectors.explanation import FeatureReason
from guard.detectors.ranges import HALF_WIDTH, excess, learned_ranges
from guard.detectors.reasons import MOST_CHARACTERS, MOST_REASONS, MOST_UNUSUAL, reasons, similar
from guard.detectors.relations import RelationCard
from guard.inference import Fault
from guard.training import fit_detector


@pytest.fixture
def row() -> np.ndarray:
    return np.array([50, 20, 2, 0, 3], dtype=np.float64)


@pytest.fixture(scope="module")
def pairs() -> Detector:
    """`low` is never above `high`; `share` follows from `size`."""
    random = np.random.default_rng(0)
    low, size = random.uniform(0, 100, 900), random.normal(size=900)
    frame = pl.DataFrame(
        {
            "low": low,
            "high": low + random.uniform(0, 100, 900),
            "size": size,
            "share": size + random.normal(0, 0.02, 900),
        }
    )
    return open_detector(fit_detector(frame).content, source="test")


def of_rule(found: Explanation, rule: str) -> list[Fault]:
    return [fault for fault in found.faults if fault.rule == rule]


def reason(name: str, **more: object) -> FeatureReason:
    given = {"direction": "above", "usual": 1.0, "decades": 0.0, "notable": False, "excess": -1.0, "value": 2.0}
    return FeatureReason(name, **(given | more))  # type: ignore[arg-type]


def test_outside_the_learned_range_names_range_and_instance(mixed_detector: Detector, row: np.ndarray) -> None:
    row[0] = 500

    (found,) = of_rule(explain_row(mixed_detector, row, instance=7), "G511")

    assert (found.feature, found.instance) == ("age", 7)
    assert found.detail.startswith("500 lies outside the learned range, 18 to 89; ")
    assert "would lower the score by" in found.detail


def test_outside_the_learned_range_begins_with_the_farthest(mixed_detector: Detector, row: np.ndarray) -> None:
    row[0], row[1] = 100, 1e9

    found = of_rule(explain_row(mixed_detector, row), "G511")

    assert [fault.feature for fault in found] == ["income", "age"]


def test_departed_constant_is_outside(mixed_detector: Detector, row: np.ndarray) -> None:
    row[4] = 4

    (found,) = of_rule(explain_row(mixed_detector, row), "G511")

    assert found.detail == "4, where every fitted row had 3"


def test_outside_agrees_with_the_ranges(mixed_detector: Detector) -> None:
    random = np.random.default_rng(8)
    rows = np.column_stack([random.integers(0, 120, 40), random.lognormal(3, 2, 40), np.full((40, 3), [2, 0, 3])])
    ranges = learned_ranges(mixed_detector.manifest.features)

    outside = [bool((excess(values, ranges) > 0).any()) for values in rows]

    assert outside == [bool(of_rule(explain_row(mixed_detector, values), "G511")) for values in rows]
    assert set(outside) == {True, False}
    assert HALF_WIDTH > 0.5


@pytest.mark.parametrize("code", [-1, 3, 1e9])
def test_unseen_category_is_named(mixed_detector: Detector, row: np.ndarray, code: float) -> None:
    row[2] = code

    (found,) = of_rule(explain_row(mixed_detector, row), "G512")

    assert (found.feature, found.detail) == ("kind", "a category that no fitted row had")


def test_missing_category_is_no_unseen_one(mixed_detector: Detector, row: np.ndarray) -> None:
    row[1] = row[2] = np.nan

    assert not of_rule(explain_row(mixed_detector, row), "G512")


def test_broken_relation_is_told_with_its_id_and_text(pairs: Detector) -> None:
    (card,) = [card for card in pairs.manifest.relations if card.kind == "order"]

    found = of_rule(explain_row(pairs, [90, 20, 0, 0]), "G513")

    (fault,) = [fault for fault in found if card.text in fault.detail]
    kept, checked = card.checked - card.broken, card.checked
    assert fault.detail == f"{card.text} ({card.id}) doesn't hold; it does in {kept} of {checked} clean rows"
    assert fault.feature in {"low", "high"}


def test_kept_relations_are_no_reason(pairs: Detector) -> None:
    assert not of_rule(explain_row(pairs, [20, 90, 2, 2]), "G513")


def test_unusual_value_inside_its_range_is_named_with_a_usual_one(pairs: Detector) -> None:
    found = explain_row(pairs, [40, 90, -1, 2])

    unusual = of_rule(found, "G514")
    assert unusual[0].feature in {"size", "share"}
    assert {fault.feature for fault in unusual} <= {"size", "share"}
    detail = {fault.feature: fault.detail for fault in unusual}
    told = detail.get("share") or detail["size"]
    assert "is high for such a row" in told or "is low for such a row" in told
    assert "of the fitted rows lie below; 98 % have" in told


STANDING = {"notable": True, "value": 0.0, "usual": 2.0, "decades": 1.0, "direction": "below"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"below": (0.0, 0.01), "no_higher": (0.75, 0.95)},
            (
                "0 is common, but unusual in this combination: 2 ... "
                "less than 1 % of the fitted rows lie below, 75 % to 95 % are no higher"
            ),
        ),
        (
            {"below": (0.95, 0.99), "no_higher": (0.99, 1.0), "direction": "above", "value": 8.0},
            "8 is high for such a row: 2 ... 95 % to 99 % of the fitted rows lie below, at least 99 % are no higher",
        ),
        (
            {"below": (0.01, 0.05), "no_higher": (0.01, 0.05), "expected": (0, 8), "learned": (0, 8)},
            "0 is low for such a row: 2 ... 1 % to 5 % of the fitted rows lie below; all have 0 to 8",
        ),
        (
            {"below": (0.25, 0.5), "no_higher": (0.25, 0.5), "expected": (0, 8), "learned": (0, 9)},
            "0 is low for such a row: 2 ... 25 % to 50 % of the fitted rows lie below; 98 % have 0 to 8",
        ),
        (
            {"below": (0.75, 0.95), "no_higher": (0.99, 1.0), "expected": (0, 1), "two_valued": True, "value": 1.0},
            "1 is unusual for such a row: 2 ... 5 % to 25 % of the fitted rows have it",
        ),
        (
            {"below": (0.99, 1.0), "no_higher": (0.99, 1.0), "expected": (0, 0), "two_valued": True, "value": 1.0},
            "1 is unusual for such a row: 2 ... less than 1 % of the fitted rows have it",
        ),
        (
            {"below": (0.0, 0.01), "no_higher": (0.75, 0.95), "expected": (0, 1), "two_valued": True},
            "0 is common, but unusual in this combination: 2 ... 75 % to 95 % of the fitted rows have it",
        ),
        (
            {"share": 0.7, "value": "x", "usual": "y", "direction": "other"},
            "'x' is common, but unusual in this combination: 'y' ... 70 % of the fitted rows have it",
        ),
    ],
    ids=["tied", "high", "low", "within", "one", "rare", "zero", "category"],
)
def test_unusual_value_is_told_with_where_it_stands(given: dict[str, object], told: str) -> None:
    (fault,) = reasons([reason("a", **(STANDING | given))], [], ["a"])

    assert (fault.rule, fault.detail) == ("G514", told.replace("...", "would lower the score by 1 decades;"))


def test_long_text_is_cut() -> None:
    (fault,) = reasons([reason("a", direction="unseen", value="x" * 5000)], [], ["a"])

    assert fault.detail == f"'{'x' * (MOST_CHARACTERS - 1)}…', a category that no fitted row had"


def test_similar_clean_row_is_told_where_it_differs(mixed_detector: Detector, row: np.ndarray) -> None:
    row[0], row[2] = 500, -1
    found = explain_row(mixed_detector, row)
    clean = {value.feature: value.normal for value in found.nearest}

    told = similar(found, most=5)

    assert told.startswith("the most similar clean row has ")
    assert f"age {clean['age']:.6g}" in told
    assert f"kind {clean['kind']!r}" in told
    assert "version" not in told
    one = similar(found, most=1)
    assert one.startswith(f"the most similar clean row has {found.features[0].feature} ")
    assert one.endswith(" more features differ")
    assert similar(found._replace(is_mean=True), most=1).startswith("the mean of similar clean rows has ")


def test_similar_clean_row_that_is_alike_hardly_differs(mixed_detector: Detector) -> None:
    typical = np.array([[50, 20, 2, 0, 3]], dtype=np.float32)

    alike = explain_row(mixed_detector, mixed_detector.nearest(typical)[0])

    assert similar(alike, most=5) == "the most similar clean row hardly differs"


def test_missing_value_without_a_score_is_named(numeric_detector: Detector) -> None:
    found = explain_row(numeric_detector, [0, np.nan, 0, 0])

    assert [(fault.rule, fault.feature) for fault in found.faults] == [("G514", "b")]
    assert np.isnan(found.score)


def test_no_single_feature_where_nothing_is_out_of_place() -> None:
    features = [reason("a", decades=0.29), reason("b")]

    assert reasons(features, [], ["a", "b"], instance=3) == [Fault("G515", "no feature alone makes it unusual", 3)]


def test_no_single_feature_where_each_is_a_little_off() -> None:
    random = np.random.default_rng(2)
    n, d = 1500, 30
    factors = random.normal(size=(n, 3)) @ random.normal(size=(3, d))
    fit = factors + random.normal(0, 0.3, size=(n, d))
    detector = open_detector(fit_detector(fit).content, source="test")
    drifted = fit[:200] + 1.2 * random.choice([-1, 1], size=(200, d))
    inside = drifted[((drifted >= fit.min(axis=0)) & (drifted <= fit.max(axis=0))).all(axis=1)]
    flagged = inside[detector.score(inside).p_value <= 0.001]

    found = [[fault.rule for fault in explain_row(detector, values).faults] for values in flagged]

    assert len(found) >= 20
    assert found.count(["G515"]) > 0.7 * len(found)


def test_whatever_is_out_of_place_is_a_single_feature() -> None:
    card = RelationCard(
        id="R1", kind="order", text="b <= a", features=(1, 0), support=9, checked=9, broken=0, decades=1
    )
    one = [reason("a", excess=0.1, learned=(0.0, 1.0))]

    assert [fault.rule for fault in reasons(one, [], ["a"])] == ["G511"]
    assert [fault.rule for fault in reasons([reason("a", direction="unseen", value=None)], [], ["a"])] == ["G512"]
    assert [fault.rule for fault in reasons([reason("a"), reason("b")], [card], ["a", "b"])] == ["G513"]
    assert [fault.rule for fault in reasons([reason("a", notable=True)], [], ["a"])] == ["G514"]


def test_relation_names_the_likeliest_of_its_features() -> None:
    card = RelationCard(
        id="R1", kind="order", text="b <= a", features=(1, 0), support=9, checked=9, broken=0, decades=1
    )

    (found,) = reasons([reason("c"), reason("a"), reason("b")], [card], ["a", "b", "c"])

    assert found.feature == "a"


def test_reasons_of_a_row_that_is_wrong_everywhere_are_few() -> None:
    names = [f"f{place}" for place in range(40)]
    outside = [reason(name, excess=1.0, learned=(0.0, 1.0)) for name in names]
    unusual = [reason(name, notable=True) for name in names]

    assert len(reasons(outside, [], names)) == MOST_REASONS
    assert len(reasons(unusual, [], names)) == MOST_UNUSUAL
