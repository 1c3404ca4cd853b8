"""A missing extra says what to install."""

import pytest

from guard.errors import TrainingError
from guard.training.extras import require


def test_require_of_a_missing_module_says_what_to_install() -> None:
    with pytest.raises(TrainingError, match=r"no_such isn't installed; pip install 'inference-guard\[fit\]'"):
        require("no_such.module")
