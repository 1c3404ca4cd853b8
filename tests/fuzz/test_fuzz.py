"""Seeds are accepted, the corpus of earlier findings is answered, and a short search finds nothing new.

For a long search: `python -m tests.fuzz --seconds 600`.
"""

from __future__ import annotations

import importlib.util
import logging
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.verdict import Action
from tests.fuzz.__main__ import CORPUS, fuzz
from tests.fuzz.exchange import STATUSES, Harness, parse_request, write_request
from tests.fuzz.seeds import FORMATS, seeds_of

FOUND = sorted(path for path in CORPUS.glob("*/*") if path.is_file())

# Images and texts are no rows of a tabular contract: they're read, and then refused by it.
NOT_TABULAR = {"image", "openai"}

# Forms with an image aren't either.
FEWEST = {"multipart": 1}


@pytest.fixture(scope="module", params=["original", "canonical"])
def harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    made = Harness(GUARD_FORWARD=request.param)
    logging.disable(logging.CRITICAL)
    yield made
    logging.disable(logging.NOTSET)
    made.close()


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in NOT_TABULAR])
def test_most_seeds_are_accepted(harness: Harness, name: str) -> None:
    seeds = seeds_of(name)

    passed = [harness.send(seed).status == 200 for seed in seeds]

    assert sum(passed) >= FEWEST.get(name, len(seeds) / 2)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.name[:24]}")
def test_earlier_finding_is_refused(harness: Harness, path: Path) -> None:
    """Each made guard fail, or passed though a host would have read something else, or far more, than guard had."""
    assert harness.send(path.read_bytes()).status in STATUSES - {200}


@pytest.mark.parametrize("name", FORMATS)
def test_randomly_changed_seeds_are_answered(harness: Harness, name: str) -> None:
    seeds, draw = seeds_of(name), random.Random(0)

    for _ in range(200):
        changed = bytearray(draw.choice(seeds))
        for _ in range(draw.choice((1, 1, 2, 8))):
            at = draw.randrange(len(changed))
            changed[at : at + draw.choice((0, 1, 1, 4))] = draw.randbytes(draw.choice((0, 1, 1, 2)))
        harness.send(bytes(changed))


@pytest.mark.timeout(300)
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris isn't installed: it has no wheel here")
@pytest.mark.parametrize("name", FORMATS)
def test_short_search_finds_nothing(tmp_path: Path, name: str) -> None:
    run = fuzz(name, seconds=60, n_runs=1500, keep=tmp_path)

    assert run.failure is None
    assert run.n_bodies >= 1500


def test_input_is_read_as_it_was_written() -> None:
    data = write_request("/v2/x", [("content-type", "text/csv")], b"a\n\nb")

    assert parse_request(data) == ("/v2/x", ((b"content-type", b"text/csv"),), b"a\n\nb")


def test_harness_notices_what_guard_would_do_wrong(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> object:
        raise ZeroDivisionError

    honest = seeds_of("v1")[0]
    assert harness.send(honest).verdict.action is Action.ALLOW  # type: ignore[union-attr]

    monkeypatch.setattr(harness.app.screener, "examine", fail)

    with pytest.raises(AssertionError, match="status 503"):
        harness.send(honest)
