"""Gathering: the same from every container and in any chunks, bounded, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from guard.contract import parse_contract
from guard.errors import ContractError, TrainingError
from guard.training.rows.data import Selection, Source, from_array
from guard.training.rows.encode import describe, raw_matrix
from guard.training.rows.frames import from_frame
from guard.training.rows.gather import Gathered, gather
from guard.training.rows.provenance import TrainingDigest, duplicates
from guard.training.rows.sources import open_source, to_source
from guard.training.rows.split import split_rows

CHUNKS = {"csv": 2**16, "parquet": 2**11, "npy": 2**9}


def assert_same(left: Gathered, right: Gathered) -> None:
    np.testing.assert_equal(left._asdict(), right._asdict())


def written(frame: pl.DataFrame, folder: Path, ending: str) -> Path:
    path = folder / f"rows.{ending}"
    match ending:
        case "csv":
            frame.write_csv(path)
        case "parquet":
            frame.write_parquet(path, row_group_size=100)
        case _:
            np.save(path, frame.to_numpy())
    return path


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_file_in_chunks_gathers_what_the_frame_does(frame: pl.DataFrame, tmp_path: Path, ending: str) -> None:
    selection = Selection(categorical=["version"], predictions="vip")
    given = frame.with_columns(vip=pl.col("vip").fill_null(value=False))
    whole = gather(to_source(from_frame(given, selection=selection), None, selection), seed=3)

    source = open_source(written(given, tmp_path, ending), selection=selection, smaller=CHUNKS[ending])

    assert len(list(source.chunks())) > 2
    assert_same(gather(source, seed=3), whole)


@pytest.mark.parametrize("ending", ["csv", "parquet", "npy"])
def test_numbers_gather_alike_whatever_they_come_in(tmp_path: Path, ending: str) -> None:
    rows = np.random.default_rng(0).normal(size=(600, 3))
    rows[::9, 1] = np.nan
    frame = pl.DataFrame(rows, schema=["f0", "f1", "f2"])
    whole = gather(to_source(rows, None, Selection()))

    source = open_source(written(frame, tmp_path, ending), selection=Selection(), smaller=CHUNKS[ending])

    assert len(list(source.chunks())) > 2
    assert_same(gather(source), whole)


def test_all_that_is_kept_is_what_the_whole_data_set_gives(frame: pl.DataFrame) -> None:
    dataset, shares = from_frame(frame), split_rows(frame.height, seed=2)
    cards = describe(dataset, fit=shares.fit)
    rows = raw_matrix(dataset, cards)
    digest = TrainingDigest(cards)
    digest.add(rows)

    found = gather(to_source(frame, None, Selection()), seed=2)

    assert found.features == cards
    for name in ("fit", "select", "calibrate"):
        np.testing.assert_array_equal(getattr(found, name), rows[getattr(shares, name)])
    assert found.training_sha256 == digest.hexdigest()
    assert found.duplicates == duplicates(rows)
    assert found.missing == {c.name: int(c.missing.sum()) for c in dataset.columns if c.missing.any()}


def test_no_row_is_in_two_shares() -> None:
    found = gather(to_source(np.arange(4000.0)[:, None], None, Selection()), most_fit=500)

    kept = np.concatenate([found.fit, found.select, found.calibrate])

    assert len(np.unique(kept)) == len(kept)


def test_beyond_the_cap_the_matrix_is_a_sample_and_the_cards_are_of_all_rows() -> None:
    rows = np.column_stack([np.arange(4000.0), np.arange(4000) % 3])
    selection = Selection(categorical=["f1"])
    whole, thinned = (gather(Source.of(from_array(rows, selection=selection)), most_fit=most) for most in (4000, 300))

    assert (len(thinned.fit), thinned.seen) == (300, whole.seen)
    assert np.isin(thinned.fit[:, 0], whole.fit[:, 0]).all()
    assert thinned.training_sha256 == whole.training_sha256
    unlike = {"median": None, "quantiles": ()}
    unlike = {"median": None, "quantiles": ()}
    for few, all_ in zip(thinned.features, whole.features, strict=True):
        assert few.model_copy(update=unlike) == all_.model_copy(update=unlike)
    assert sum(thinned.features[1].counts) == whole.seen.fit == 2000
    assert thinned.features[0].median == np.median(thinned.fit[:, 0])


def test_feature_that_no_kept_row_has_gets_a_median_that_some_row_has() -> None:
    rows = np.full((4000, 1), np.nan)
    rows[split_rows(4000, seed=0).fit[10:13], 0] = [5, 6, 7]

    found = gather(to_source(rows, None, Selection()), most_fit=50)

    assert np.isnan(found.fit).all()
    assert found.features[0].median == 5


def test_classes_stand_beside_the_rows(frame: pl.DataFrame) -> None:
    classes = ["high" if age > 60 else "low" for age in frame["age"]]
    source = to_source(frame.with_columns(label=pl.Series(classes)), None, Selection(predictions="label"))

    found = gather(source)

    assert found.classes is not None
    assert found.classes.names == ("high", "low")
    assert [card.name for card in found.features] == frame.columns
    for rows, codes in zip((found.fit, found.select, found.calibrate), found.classes[1:], strict=True):
        assert (codes == np.where(rows[:, 0] > 60, 0, 1)).all()


def test_class_that_no_fit_row_has_is_unknown() -> None:
    rows = np.column_stack([np.arange(200.0), np.zeros(200)])
    rows[split_rows(200, seed=0).select[0], 1] = 9

    found = gather(to_source(rows, None, Selection(predictions="f1")))

    assert found.classes is not None
    assert found.classes.names == ("0",)
    assert found.classes.select.tolist() == [-1] + [0] * (len(found.select) - 1)


@pytest.mark.parametrize(
    ("columns", "selection", "message"),
    [
        ({"a": [f"id{row}" for row in range(100)]}, {}, "'a' has 100 different texts in 100 rows.*--drop"),
        ({"a": [f"id{row % 1001}" for row in range(5000)]}, {}, "1001 different texts"),
        (
            {"a": [*([1.0] * 90), float("inf"), -1e37]},
            {},
            "holds inf in row 91, counted from 1, and 2 such values in all",
        ),
        ({"a": [None] * 90, "b": [1] * 90}, {}, "'a' has no value in the rows that fit"),
        ({"a": [1] * 90, "c": [None, *"x" * 89]}, {"predictions": "c"}, "no value in row 1, counted from 1"),
        (
            {"a": [str(row) if row != 20 else "n/a" for row in range(100)]},
            {},
            "but for 'n/a' in row 21, counted from 1",
        ),
        ({"a": [1] * 9000, "c": list(range(9000))}, {"predictions": "c"}, "more than 1,000 different values"),
        ({"a": [1] * 90}, {"predictions": "c"}, "there is no column 'c'"),
        ({"a": [1] * 90}, {"predictions": "a"}, "no column is left"),
    ],
)
@pytest.mark.parametrize("chunk_rows", [7, 10_000])
def test_rows_that_cannot_be_gathered(
    columns: dict[str, Any], selection: dict[str, Any], message: str, chunk_rows: int
) -> None:
    with pytest.raises(TrainingError, match=message):
        gather(frame_in_chunks(pl.DataFrame(columns), Selection(**selection), chunk_rows))


def frame_in_chunks(frame: pl.DataFrame, selection: Selection, chunk_rows: int) -> Source:
    from guard.training.rows.frames import frame_source

    return frame_source(frame, selection=selection, chunk_rows=chunk_rows)


@pytest.mark.parametrize("chunk_rows", [13, 10_000])
def test_breaches_of_the_contract_are_counted_over_chunks(frame: pl.DataFrame, chunk_rows: int) -> None:
    declared = parse_contract('[features.age]\ntype = "integer"\nmaximum = 50\n', source="test")

    found = gather(frame_in_chunks(frame, Selection(), chunk_rows), declared=declared).breaches

    assert found is not None
    assert (found.rows, found.checked, found.sampled) == ((frame["age"] > 50).sum(), frame.height, False)


def test_contract_that_contradicts_the_rows_is_found_after_the_first_pass(frame: pl.DataFrame) -> None:
    declared = parse_contract('[features.kind]\ntype = "number"\n', source="test")
    told: list[tuple[int, int]] = []

    with pytest.raises(ContractError, match="was fitted with it as a category"):
        gather(to_source(frame, None, Selection()), declared=declared, on_rows=lambda *part: told.append(part))

    assert told[-1] == (frame.height, 2 * frame.height)


def test_progress_counts_the_rows_of_both_passes(frame: pl.DataFrame) -> None:
    told: list[tuple[int, int]] = []

    gather(frame_in_chunks(frame, Selection(), 100), on_rows=lambda *part: told.append(part))

    assert told == [(done, 2 * frame.height) for done in range(100, 2 * frame.height + 1, 100)]


@pytest.mark.parametrize("n", [90, 110])
def test_rows_that_change_while_they_are_read(n: int) -> None:
    dataset = from_array(np.zeros((n, 1)))

    with pytest.raises(TrainingError, match="held 100 rows at first"):
        gather(Source(("f0",), 100, lambda: iter([dataset])))


def test_rows_in_order_of_a_feature_drift(rows: npt.NDArray[np.float64]) -> None:
    ordered = rows[np.argsort(rows[:, 2])]

    assert [drift.name for drift in gather(to_source(ordered, None, Selection())).drift] == ["f2"]
    assert not gather(to_source(rows, None, Selection())).drift
