"""The evaluation as a figure."""

import re
from pathlib import Path

import numpy as np
import pytest

from guard.errors import TrainingError
from guard.training.evaluation.plot import check_plot, draw, save_plot
from guard.training.evaluation.scored import Group, ScoredRows

GROUPS = (Group("all", 499, None),)


def scored(p_values: np.ndarray) -> ScoredRows:
    p_value = p_values.astype(np.float32)
    return ScoredRows(-np.log10(p_value), p_value, np.zeros(len(p_value), dtype=np.int64), {}, {})


@pytest.fixture
def sides() -> tuple[ScoredRows, ScoredRows]:
    random = np.random.default_rng(0)
    return scored(random.random(500)), scored(random.random(50) ** 4)


def test_figure_shows_cuts_curve_and_promise(sides: tuple[ScoredRows, ScoredRows]) -> None:
    scores, curve, promise = draw(*sides, GROUPS, flag_fpr=0.01, reject_fpr=0.001).axes

    assert [line.get_xdata()[0] for line in scores.lines] == [2.0, 3.0]
    assert curve.get_xscale() == "log"
    assert curve.lines[0].get_ydata()[-1] == 1
    asked, flagged = promise.lines[0].get_data()
    assert np.abs(flagged - asked)[asked > 0.1].max() < 0.1


@pytest.mark.parametrize("empty", [0, 1])
def test_figure_without_one_side_says_so(sides: tuple[ScoredRows, ScoredRows], empty: int) -> None:
    nothing = scored(np.empty(0))
    clean, anomalous = (nothing, sides[1]) if empty == 0 else (sides[0], nothing)

    figure = draw(clean, anomalous, GROUPS, flag_fpr=0.01, reject_fpr=0.0)

    assert figure.axes[1].texts[0].get_text() == ("no clean rows" if empty == 0 else "no anomalies")


def test_png_and_the_same_bytes_again(sides: tuple[ScoredRows, ScoredRows], tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "a.html", "b.html"):
        save_plot(draw(*sides, GROUPS, flag_fpr=0.01, reject_fpr=0.001), tmp_path / name, title="t")

    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_page_stands_alone_and_escapes_texts(sides: tuple[ScoredRows, ScoredRows], tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>$x_1$"

    save_plot(
        draw(*sides, GROUPS, flag_fpr=0.01, reject_fpr=0.001), tmp_path / "p.html", title=hostile, lines=[hostile]
    )

    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;$x_1$") == 3
    assert "<svg" in page
    assert "<?xml" not in page
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#)""", page)


@pytest.mark.parametrize("name", ["p.pdf", "p"])
def test_plot_of_another_format_is_refused(name: str) -> None:
    with pytest.raises(TrainingError, match=r"ends in \.png or \.html"):
        check_plot(Path(name))


def test_plot_that_cannot_be_written(sides: tuple[ScoredRows, ScoredRows], tmp_path: Path) -> None:
    figure = draw(*sides, GROUPS, flag_fpr=0.01, reject_fpr=0.001)

    with pytest.raises(TrainingError, match="can't be written"):
        save_plot(figure, tmp_path / "none" / "p.png", title="t")
