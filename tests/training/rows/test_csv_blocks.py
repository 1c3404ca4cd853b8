"""CSV in blocks: whole records, whatever is quoted."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.errors import TrainingError
from guard.training.rows.csv_blocks import LARGEST_RECORD, csv_blocks

CELLS = st.text(alphabet='a,"\n\r ', max_size=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("blocks")


@given(
    lines=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=12),
    block_bytes=st.integers(1, 64),
    ends=st.booleans(),
    terminator=st.sampled_from(["\n", "\r\n"]),
)
def test_blocks_together_have_every_record_once(
    folder: Path, lines: list[tuple[str, str]], block_bytes: int, ends: bool, terminator: str
) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=terminator, quoting=csv.QUOTE_ALL).writerows(lines)
    text = written.getvalue() if ends else written.getvalue().removesuffix(terminator)
    (folder / "rows.csv").write_bytes(text.encode())

    blocks = [
        list(csv.reader(io.StringIO(block.text.decode(), newline="")))
        for block in csv_blocks(folder / "rows.csv", header=b"0,1\n", block_bytes=block_bytes)
    ]

    assert all(block[0] == ["0", "1"] for block in blocks)
    assert [tuple(line) for block in blocks for line in block[1:]] == lines[1:]


def test_quote_that_is_never_closed(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b'a\n"' + b"1\n" * LARGEST_RECORD)

    with pytest.raises(TrainingError, match=r"a record of more than .* close its quote"):
        list(csv_blocks(tmp_path / "rows.csv", header=b"0\n"))


def test_empty_file_has_no_block(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b"")

    assert not list(csv_blocks(tmp_path / "rows.csv", header=b"0\n"))
