from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from guard.journal import Entry
from guard.journal.entry import FINDING_BYTES


@pytest.mark.parametrize(
    ("more", "extra_bytes"),
    [
        ({"body": b"x" * 1000}, 1000),
        ({"features": [[0.0, 0.0]] * 50}, 49 * 2 * 8),
        ({"texts": {"city": ["Paris", None, "Rom"]}}, 8),
        ({"findings": ()}, -FINDING_BYTES),
        ({"headers": (("content-type", "x" * 70), ("content-encoding", "gzip"))}, 74),
        ({"n_instances": 11}, 160),
    ],
)
def test_approximate_bytes_grows_with_what_is_held(
    make_entry: Callable[..., Entry], more: dict[str, Any], extra_bytes: int
) -> None:
    assert make_entry(**more).approximate_bytes - make_entry().approximate_bytes == extra_bytes
