"""From p-values to actions."""

import numpy as np
import pytest

from guard.detectors import Judge
from guard.verdict import Action


def judge(*, n: int = 9999, per: str = "request", flag: float = 0.01, reject: float = 0.001) -> Judge:
    return Judge.of(
        n_calibration=n, flag_fpr=flag, reject_fpr=reject, per="instance" if per == "instance" else "request"
    )


@pytest.mark.parametrize("per", ["request", "instance"])
@pytest.mark.parametrize(
    ("p_value", "action"),
    [
        (1.0, Action.ALLOW),
        (0.0101, Action.ALLOW),
        (0.01, Action.FLAG),
        (0.0011, Action.FLAG),
        (0.001, Action.REJECT),
        (1e-30, Action.REJECT),
        (np.nan, Action.REJECT),
    ],
)
def test_judge_of_one_instance(per: str, p_value: float, action: Action) -> None:
    assert judge(per=per).judge(np.array([p_value])).action is action


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_judge_of_the_last_flagged_rank_in_either_precision(dtype: type) -> None:
    for n in (99, 150, 777, 9999):
        k = int(0.01 * (n + 1) + 1e-9)

        assert judge(n=n, reject=0).judge(np.array([k / (n + 1)], dtype=dtype)).action is Action.FLAG
        assert judge(n=n, reject=0).judge(np.array([(k + 1) / (n + 1)], dtype=dtype)).action is Action.ALLOW


def test_judge_of_no_instances() -> None:
    assert judge().judge(np.array([])).action is Action.ALLOW


def test_judge_never_rejects_at_rate_zero() -> None:
    assert judge(reject=0).judge(np.array([1e-30])).action is Action.FLAG


def test_judge_of_a_batch_asks_more_of_its_smallest() -> None:
    p_values = np.full(10, 0.5)
    p_values[3] = 0.0006

    assert judge().judge(p_values).action is Action.ALLOW


@pytest.mark.parametrize(("p_value", "action"), [(0.0005, Action.FLAG), (0.0001, Action.REJECT)])
def test_judge_of_a_batch_names_its_outlier(p_value: float, action: Action) -> None:
    p_values = np.full(10, 0.5)
    p_values[3] = p_value

    found = judge().judge(p_values)

    assert [(outlier.instance, outlier.action) for outlier in found.outliers] == [(3, action)]
    assert found.action is action
    assert found.crowd is None


def test_judge_marks_what_is_extrapolated() -> None:
    found = judge(n=150).judge(np.array([0.0005]))

    assert found.outliers[0].extrapolated


def test_judge_of_many_mild_instances_flags_and_never_rejects() -> None:
    p_values = np.full(100, 0.5)
    p_values[:60] = 0.05

    found = judge().judge(p_values)

    assert found.action is Action.FLAG
    assert found.outliers == ()
    assert found.crowd is not None
    assert found.crowd.instances == tuple(range(60))
    assert found.crowd.limit <= 60


def test_judge_per_instance_judges_each_alone() -> None:
    found = judge(per="instance").judge(np.array([0.5, 0.008, 0.0005, 0.05]))

    assert [(outlier.instance, outlier.action) for outlier in found.outliers] == [(1, Action.FLAG), (2, Action.REJECT)]


@pytest.mark.parametrize("m", [1, 5, 50])
def test_judge_flags_clean_requests_at_most_at_the_rate(m: int) -> None:
    random, n, fpr, trials = np.random.default_rng(6), 400, 0.05, 3000
    decider = judge(n=n, flag=fpr, reject=0.01)
    flags = 0
    for _ in range(trials):
        calibration = np.sort(random.normal(size=n))
        p_values = (1 + n - np.searchsorted(calibration, random.normal(size=m))) / (n + 1)
        flags += decider.judge(p_values).action is not Action.ALLOW

    assert flags / trials <= fpr + 4 * np.sqrt(fpr / trials)


def grouped(*sizes: int, per: str = "request") -> Judge:
    return Judge.of(
        n_calibration=sizes,
        flag_fpr=0.01,
        reject_fpr=0.001,
        per="instance" if per == "instance" else "request",
    )


def test_judge_of_one_instance_by_its_own_group() -> None:
    # 150 rows flag down to 1/151, 9,999 down to 100/10,000.
    p_value = np.array([0.008])

    assert grouped(150, 9999).judge(p_value, np.array([0])).action is Action.ALLOW
    assert grouped(150, 9999).judge(p_value, np.array([1])).action is Action.FLAG


def test_judge_clears_nothing_that_some_group_flags() -> None:
    assert grouped(150, 9999).flag_cut >= 0.01


def test_judge_per_instance_by_groups() -> None:
    found = grouped(150, 9999, per="instance").judge(np.array([0.008, 0.008, 0.5]), np.array([0, 1, 1]))

    assert [outlier.instance for outlier in found.outliers] == [1]


def test_judge_of_a_crowd_within_one_group() -> None:
    p_values = np.full(100, 0.5)
    p_values[:20] = 0.05

    found = grouped(999, 999).judge(p_values, np.repeat([0, 1], [20, 80]))

    assert found.crowd is not None
    assert found.crowd.instances == tuple(range(20))


@pytest.mark.parametrize("m", [1, 8, 40])
def test_judge_by_groups_flags_clean_requests_at_most_at_the_rate(m: int) -> None:
    random, sizes, fpr, trials = np.random.default_rng(8), (120, 400), 0.05, 3000
    decider = Judge.of(n_calibration=sizes, flag_fpr=fpr, reject_fpr=0.01)
    flags = 0
    for _ in range(trials):
        groups = random.integers(0, 2, m)
        calibration = [np.sort(random.normal(size=n)) for n in sizes]
        p_values = np.array(
            [(1 + sizes[g] - np.searchsorted(calibration[g], random.normal())) / (sizes[g] + 1) for g in groups]
        )
        flags += decider.judge(p_values, groups).action is not Action.ALLOW

    assert flags / trials <= fpr + 4 * np.sqrt(fpr / trials)
