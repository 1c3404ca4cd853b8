"""The bar, on a terminal and elsewhere."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from guard.cli.progress import Bar, progress_bar


@pytest.fixture
def bar() -> Bar:
    display = Progress(console=Console(file=io.StringIO()))
    return Bar(display, display.add_task("fitting", total=3), display.add_task("of the rows", visible=False))


def test_step_says_what_begins_and_counts_one_more(bar: Bar) -> None:
    bar.step("reading")
    bar.step("growing")

    assert (bar.display.tasks[0].description, bar.display.tasks[0].completed) == ("growing", 2)


def test_part_of_a_step_shows_until_it_is_done(bar: Bar) -> None:
    part = bar.display.tasks[1]

    bar.part(5, 20)
    assert (part.visible, part.completed, part.total) == (True, 5, 20)
    bar.part(20, 20)
    assert not part.visible
    assert bar.display.tasks[0].completed == 0


def test_bar_writes_nothing_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("fitting", total=2) as bar:
        bar.step("reading")
        bar.part(1, 2)
        bar.reach(2)

    assert capsys.readouterr() == ("", "")
