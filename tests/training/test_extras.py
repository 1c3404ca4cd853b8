"""A missing extra says what to install."""

import sys

import pytest

from guard.errors import TrainingError
from guard.training.extras import require


def test_require_of_a_missing_module_says_what_to_install() -> None:
    with pytest.raises(TrainingError, match=r"no_such isn't installed; pip install 'inference-guard\[fit\]'"):
        require("no_such.module")


def test_require_of_a_module_of_another_extra_names_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(TrainingError, match=r"matplotlib isn't installed; pip install 'inference-guard\[plot\]'"):
        require("matplotlib")
