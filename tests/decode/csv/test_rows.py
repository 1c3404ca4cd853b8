from __future__ import annotations

import csv
import io
import tracemalloc
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guard.contract import Contract, parse_contract
from guard.decode import DecodeLimits, Source, decode
from guard.errors import MalformedRequest, NotScorable, RequestError, UnsupportedMediaType
from guard.features import extract
from guard.inference import InferenceRequest, Layout, WireFormat
from guard.paths import Protocol

LIMITS = DecodeLimits(max_depth=8, max_containers=10_000, max_instances=1024)
SMALL = DecodeLimits(max_depth=8, max_containers=100, max_instances=16)

THREE = parse_contract("""
[features.a]
type = "number"
nullable = true
[features.b]
type = "string"
nullable = true
[features.c]
type = "boolean"
nullable = true
""")


def read(
    body: str | bytes, *, contract: Contract | None = None, media: bytes = b"text/csv", limits: DecodeLimits = SMALL
) -> InferenceRequest:
    source = Source(Protocol.INVOCATIONS, {b"content-type": media}, contract)
    given_body = body.encode() if isinstance(body, str) else body
    return decode(given_body, limits=limits, allow_non_finite=True, source=source)


def rows_of(body: str, **given: Any) -> Any:
    request = read(body, **given)
    assert (request.wire_format, request.layout, request.faults) == (WireFormat.CSV, Layout.ROWS, ())
    assert request.n_instances == len(request.data)
    return request.data


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ("1,2", [[1, 2]]),
        ("1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("1,-2.5\r\n1e3,0.25\r\n", [[1, -2.5], [1000.0, 0.25]]),
        ("1,\n,2\n", [[1, None], [None, 2]]),
        ("1234,,\n,,5678\n", [[1234, None, None], [None, None, 5678]]),
        ("1,x\n2,y", [[1, "x"], [2, "y"]]),
        ('1,"x,y"\n2,"say ""z"""\n', [[1, "x,y"], [2, 'say "z"']]),
        ('"1",x\n', [[1, "x"]]),
        ("1,ü\n", [[1, "ü"]]),
        ("1, x\t\n", [[1, " x\t"]]),
        ("1,\n2,x\n3,4\n", [[1, None], [2, "x"], [3, 4]]),
        ("5", [[5]]),
        ("1,2\r\n3,4", [[1, 2], [3, 4]]),
    ],
)
def test_lines_without_names_are_rows(body: str, rows: Any) -> None:
    found = rows_of(body)

    assert found == rows
    assert [list(map(type, row)) for row in found] == [list(map(type, row)) for row in rows]


@pytest.mark.parametrize(
    "text", ["-0", "0", "-0.0", "1E5", "1e-05", "123456789.123456789", "9007199254740992", "2e308"]
)
def test_numbers_are_read_as_in_json(text: str) -> None:
    for body in (text, f"{text},x"):
        try:
            expected = orjson.loads(text)
        except orjson.JSONDecodeError:
            with pytest.raises(MalformedRequest, match="beyond what a double holds"):
                read(body)
        else:
            assert repr(rows_of(body)[0][0]) == repr(expected)


@pytest.mark.parametrize(
    ("body", "contract", "layout", "data"),
    [
        ("x,y\n1,2\n", None, Layout.COLUMNS, {"x": [1], "y": [2]}),
        ("a,b,c\n1,x,true\n", THREE, Layout.ROWS, [[1, "x", True]]),
        ("c,b,a\nFalse,x,1\n,y,2\n", THREE, Layout.ROWS, [[1, "x", False], [2, "y", None]]),
        ('"b","a"\nx,1\n', THREE, Layout.COLUMNS, {"b": ["x"], "a": [1]}),
        ("1,x,TRUE\n", THREE, Layout.ROWS, [[1, "x", True]]),
        ("1,true,0\n", THREE, Layout.ROWS, [[1, "true", 0]]),
        ("x,y,z\n", THREE, Layout.ROWS, [["x", "y", "z"]]),
    ],
)
def test_first_line_may_be_names(body: str, contract: Contract | None, layout: Layout, data: Any) -> None:
    assert read(body, contract=contract) == InferenceRequest(
        WireFormat.CSV, layout, data, 1 if layout is Layout.COLUMNS else len(data)
    )


@pytest.mark.parametrize(
    ("media", "body", "contract", "n_instances"),
    [
        (b"text/csv; header=present", "a,b,c\n1,x,true\n", THREE, 1),
        (b"text/csv; header=absent", "1,x,true\n", THREE, 1),
        (b"text/csv; header=absent", "x,y\nz,w\n", None, 2),
        (b"text/csv; header=present", "x,y\nz,w\n", None, 1),
        (b"application/csv; charset=UTF-8", "1,2\n", None, 1),
    ],
)
def test_parameters_that_agree_are_heeded(media: bytes, body: str, contract: Contract | None, n_instances: int) -> None:
    assert read(body, media=media, contract=contract).n_instances == n_instances


@pytest.mark.parametrize(
    ("media", "body", "contract"),
    [
        (b"text/csv; header=absent", "a,b,c\n1,x,true\n", THREE),
        (b"text/csv; header=present", "1,x,true\n", THREE),
        (b"text/csv; header=present", "x,y,z\n1,x,true\n", THREE),
        (b"text/csv; header=present", "1,2\n", None),
        (b"text/csv; header=yes", "1,2\n", None),
        (b"text/csv; charset=latin-1", "1,2\n", None),
    ],
)
def test_parameters_that_disagree_are_refused(media: bytes, body: str, contract: Contract | None) -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        read(body, media=media, contract=contract)

    assert caught.value.rule == "G120"


def test_names_that_could_be_values_need_a_parameter() -> None:
    contract = parse_contract('[features.0]\ntype = "number"\n[features.1]\ntype = "number"')

    with pytest.raises(MalformedRequest, match="names that could be values") as caught:
        read("0,1\n5,6\n", contract=contract)

    assert caught.value.rule == "G128"
    assert rows_of("1,0\n5,6\n", contract=contract, media=b"text/csv; header=present") == [[6, 5]]


MISSING = ["NA", "N/A", "n/a", "<NA>", "#N/A", "#N/A N/A", "#NA", "NULL", "null", "None", "1.#IND", "-1.#QNAN"]
NON_FINITE = ["NaN", "nan", "-NaN", "-nan", "inf", "-inf", "+Inf", "Infinity", "INFINITY", "nAn"]
ODD_NUMBERS = [
    "01",
    "-01",
    "+1",
    "1.",
    ".5",
    "-.5",
    "1_000",
    "0x10",
    "0b1",
    "0o7",
    "1d5",
    " 1",
    "1 ",
    "\t1",
    "1.e5",
    "٣",
]


@pytest.mark.parametrize("cell", [*MISSING, *NON_FINITE, *ODD_NUMBERS, '"1,5"', " ", '" NA"'])
def test_cell_that_readers_differ_on_is_refused(cell: str) -> None:
    quoted = cell if cell.startswith('"') else f'"{cell}"'
    for body in (f"{cell},2", f"2,x\n3,{cell}", f"2,x\n3,{quoted}\n", f"1,2\n3,{quoted}"):
        with pytest.raises(MalformedRequest) as caught:
            read(body)

        assert caught.value.rule == "G128"
        assert caught.value.where == ("line 1" if body.endswith(",2") else "line 2")


@pytest.mark.parametrize(
    "cell", ["none", "na", "N", "nano", "x1", "1x", "1-2", "2024-01-01", "1.2.3", "-", "+", ".", "e5"]
)
def test_text_that_only_looks_odd_is_a_text(cell: str) -> None:
    assert rows_of(f"1,{cell}\n2,x") == [[1, cell], [2, "x"]]


@pytest.mark.parametrize(
    ("body", "rule", "where"),
    [
        (b"\xef\xbb\xbf1,2\n", "G108", None),
        ("1,x".encode("utf-16"), "G108", None),
        (b"1,\xff\n", "G108", "line 1"),
        (b"1,x\n2,\xed\xa0\x80\n", "G108", "line 2"),
        (b"1,x\0\n", "G128", None),
        (b"1,x\x0b\n", "G128", None),
        (b"1,\x1b[0m\n", "G128", None),
        ("1,x\x85y\n".encode(), "G128", None),
        ("1,x\u2028y\n".encode(), "G128", None),
        (b"1,2\r3,4\r", "G128", None),
        (b"1,2\r\n3,4\n", "G128", None),
        (b"1,2\n\n3,4\n", "G128", "line 2"),
        (b"1,2\n\n", "G128", "line 2"),
        (b"\n1,2\n", "G128", "line 1"),
        (b"1,2\n3\n", "G128", "line 2"),
        (b"1,2\n3,x,4\n", "G128", "line 2"),
        (b"x,y\n1\n", "G128", "line 2"),
        (b"x,x\n1,2\n", "G128", "line 1"),
        (b'1,"x\ny"\n', "G128", "line 1"),
        (b'1,x"y"\n', "G128", "line 1"),
        (b'1,"x"y\n', "G128", "line 1"),
        (b'1,"x\n', "G128", "line 1"),
        (b'1,""\n', "G128", "line 1"),
        (b'1, "x"\n', "G128", "line 1"),
        (b"1\n" * 17, "G111", None),
        (b"1\n" * 1000, "G111", None),
        (b"1," + b"9" * 401, "G107", None),
        (b"9" * 17 + b"\n" + b"9" * 401, "G107", None),
        (b"x," + b"9" * 17 + b"\ny," + b"9" * 401, "G107", None),
        (b"x," + b"9" * 401 + b"\n1,2", "G107", None),
        (b"1," + b"9" * 401 + b",x", "G107", None),
        (b"1,2,1e400", "G105", "line 1"),
        (b"1," * 4096 + b"x", "G112", "line 1"),
        (b"1,x," * 50 + b"y", "G112", None),
    ],
)
def test_bad_csv_is_refused(body: bytes, rule: str, where: str | None) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(body)

    assert (caught.value.rule, caught.value.where) == (rule, where)


@pytest.mark.parametrize("body", ["", "x,y\n"])
def test_csv_without_instances_is_not_scorable(body: str) -> None:
    with pytest.raises(NotScorable) as caught:
        read(body)

    assert caught.value.rule == "G208"


def test_width_is_that_of_the_contract() -> None:
    with pytest.raises(MalformedRequest, match="2 cells; expected 3 for 3 features") as caught:
        read("1,x\n", contract=THREE)

    assert (caught.value.rule, caught.value.where) == ("G208", "line 1")


@pytest.mark.parametrize(
    ("body", "where"), [("1,2\n3,9007199254740993\n", "line 2"), ("x,y\n1,z\n-12345678901234567,z\n", "line 3")]
)
def test_integer_that_readers_round_is_told(body: str, where: str) -> None:
    request = read(body)

    assert [(fault.rule, fault.where) for fault in request.faults] == [("G106", where)]


def test_text_in_a_numeric_feature_is_told_by_features() -> None:
    table = extract(read("abc,x,true\n1,2,maybe\n", contract=THREE), THREE)

    assert [(fault.rule, fault.instance, fault.feature) for fault in table.faults] == [
        ("G203", 0, "a"),
        ("G203", 1, "b"),
        ("G203", 1, "c"),
    ]


def test_wide_row_of_numbers_is_read_in_pieces() -> None:
    values = [float(i) / 7 for i in range(20_000)]

    assert rows_of(",".join(map(repr, values))) == [values]


@pytest.mark.parametrize("width", range(32_760, 32_776))
def test_empty_cells_where_a_wide_row_is_cut_are_kept(width: int) -> None:
    row = f"{'1234,' * 6550 + '1.':5<{width}},,,"

    assert rows_of(row) == [[float(cell) if cell else None for cell in row.split(",")]]


def test_long_and_wide_tables_of_texts_are_read_in_blocks() -> None:
    for n_rows, n_columns in ((900, 5), (3, 2000)):
        rows = [[f"t{i % 7}", *range(i, i + n_columns - 1)] for i in range(n_rows)]
        body = "\n".join(",".join(map(str, row)) for row in rows)

        assert rows_of(body, limits=LIMITS) == rows


CELLS = st.sampled_from(["1", "-2.5", "", "x", "NA", "01", '"a,b"', '""', '"', "1.5e3", "ü", " 1", "nan", "1" * 20])
LINES = st.lists(CELLS, min_size=1, max_size=4).map(",".join)


@given(st.lists(LINES, max_size=4).map("\n".join) | st.text('1a,."\r\n é', max_size=20))
@example('"a""b"\n')
def test_what_is_read_is_what_other_readers_read(body: str) -> None:
    try:
        request = read(body, media=b"text/csv; header=absent")
    except RequestError:
        return
    if request.faults:  # an integer beyond 2^53, on whose value readers differ
        return

    texts = list(csv.reader(io.StringIO(body, newline=""), strict=True))
    assert [list(map(_plain, row)) for row in texts] == request.data


def _plain(cell: str) -> Any:
    if not cell:
        return None
    try:
        return float(cell)
    except ValueError:
        return cell


@pytest.mark.parametrize(
    "body",
    [
        b",".join([b"1"] * 100_000),
        b"\n".join([b",".join([b"1.5"] * 100)] * 1000),
        b"\n".join([b",".join([b"7", *[b""] * 8, b"x"])] * 1000),
        b"\n".join(b",".join(b"%c%c" % (65 + i % 26, 97 + j) for j in range(9)) for i in range(1000)),
    ],
)
def test_memory_is_bounded_by_the_body(body: bytes) -> None:
    tracemalloc.start()
    try:
        read(body, limits=LIMITS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak <= 16 * max(len(body), 65_536)
