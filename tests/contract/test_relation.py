"""Relations: the language, and what it means on matrices."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.contract import Feature, FeatureType, Relation
from guard.errors import ContractError

FEATURES = {
    feature.name: feature
    for feature in (
        Feature("a", FeatureType.NUMBER),
        Feature("b", FeatureType.INTEGER),
        Feature("mean radius", FeatureType.NUMBER),
        Feature("flag", FeatureType.BOOLEAN),
        Feature("kind", FeatureType.CATEGORY, allowed=("x", "y", 3)),
        Feature("code", FeatureType.STRING),
        Feature("if", FeatureType.NUMBER),
    )
}

ROW = {"a": 1.0, "b": 2.0, "mean radius": 3.0, "flag": 1.0, "kind": "x", "code": "Q", "if": 0.0}


def holds(text: str, **changes: float | str | None) -> bool:
    row = ROW | changes
    texts = {name: [row[name]] for name in ("kind", "code")}
    values = np.array([[math.nan if name in texts else row[name] for name in FEATURES]], dtype=np.float64)
    broken = Relation(text).bind(FEATURES).broken(values, texts)  # type: ignore[arg-type]
    assert broken.shape == (1,)
    assert broken.dtype == np.bool_
    return not broken[0]


TABLE = [
    ("a <= b", True),
    ("a >= b", False),
    ("a < 1", False),
    ("a <= 1.0e0", True),
    ("a == 1", True),
    ("a != .5", True),
    ("a + b == `mean radius`", True),
    ("a - b - 1 == -2", True),
    ("a - (b - 1) == 0", True),
    ("a + b * 2 == 5", True),
    ("(a + b) * 2 == 6", True),
    ("-a < 0", True),
    ("--a > 0", True),
    ("- a * b == -2", True),
    ("`if` == 0", True),
    ('kind == "x"', True),
    ("kind != 'x'", False),
    ('"x" == kind', True),
    ('kind == "3"', False),
    ("kind == code", False),
    ("flag", True),
    ("not flag", False),
    ("not not flag", True),
    ("flag == true", True),
    ("flag != (a < b)", False),
    ("a > 1 or b > 1", True),
    ("a > 1 and b > 1", False),
    ("a > 1 and b > 1 or b == 2", True),
    ("a > 1 and (b > 1 or b == 2)", False),
    ("not a > 1 and b > 1", True),
    ('if kind == "x" then b > 1', True),
    ('if kind == "x" then b > 2', False),
    ('if kind == "y" then b > 2', True),
    ("if a > 1 or flag then not b > 2", True),
    ("(if a > 1 then false) and b == 2", True),
    ("a<=b", True),
]


@pytest.mark.parametrize(("text", "expected"), TABLE)
def test_relation_evaluated(text: str, expected: bool) -> None:
    assert holds(text) is expected


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("a >= b", {"a": math.nan}),
        ("a != a", {"a": math.nan}),
        ("a > b and b > 5", {"a": math.nan}),
        ('kind == "y"', {"kind": None}),
        ("kind == code", {"code": None}),
        ('if kind == "x" then b > 2', {"b": math.nan}),
        ("not flag", {"flag": math.nan}),
    ],
)
def test_relation_with_missing_operand_is_not_broken(text: str, changes: dict[str, float | None]) -> None:
    assert holds(text, **changes)


def test_relation_of_infinite_operands_warns_of_nothing() -> None:
    assert not holds("a - `mean radius` <= 0", a=math.inf, **{"mean radius": math.inf})


def test_relation_over_a_batch() -> None:
    values = np.zeros((3, len(FEATURES)))
    values[:, 0] = [1, 2, 3]
    values[:, 1] = [2, 2, 2]

    broken = Relation("a <= b").bind(FEATURES).broken(values, {})

    assert broken.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("a <= b", ("<=", 0, 1)),
        ("(b < a)", ("<", 1, 0)),
        ("a >= b", ("<=", 1, 0)),
        ("a > b", ("<", 1, 0)),
        ("a == `mean radius`", ("==", 0, 2)),
        ("a <= 1", None),
        ("a <= b + 1", None),
        ("kind == code", None),
        ("not a <= b", None),
    ],
)
def test_relation_of_two_numbers_is_a_pair(text: str, pair: tuple[str, int, int] | None) -> None:
    assert Relation(text).bind(FEATURES).pair == pair


FAULTS = [
    ("a <= z", "character 6: `z` is not a feature; declare it, e.g. [features.z] with its type"),
    ("a <= `total cost`", 'declare it, e.g. [features."total cost"] with its type'),
    ("a <=", "character 5: expected a feature, a number or a string, found 'the end'"),
    ("a <= b b", "character 8: expected the end, found 'b'"),
    ("a ? b", "character 3: '?' begins nothing"),
    ("a / b", "character 3: '/' begins nothing"),
    ("a = b", "character 3: '=' begins nothing"),
    ("a + b", "a number; a relation compares something"),
    ("1 < 2", "names no feature"),
    ("0 < a < 1", "comparisons can't be chained"),
    ('a == "x"', "a number is compared with a text"),
    ('kind < "x"', "only == and != compare a text"),
    ("kind == 3", "a text is compared with a number"),
    ('kind == "z"', "'z' is not an allowed value of `kind`"),
    ('"z" != kind', "'z' is not an allowed value of `kind`"),
    ("kind + 1 > 2", "`+` takes numbers, and this is a text"),
    ("-flag > 2", "`-` takes numbers, and this is a condition"),
    ("a and flag", "expected a condition, and this is a number"),
    ("not a", "expected a condition, and this is a number"),
    ("if a > 1 and b", "expected a condition"),
    ("if a > 1", "expected `then`"),
    ("if a then flag", "expected a condition"),
    ("(a <= b", "expected `)`"),
    ("a <= if", "found 'if'"),
    ("then a <= b", "found 'then'"),
    ("`a <= b", "character 1: '`' begins nothing"),
    ("", "found 'the end'"),
    ("a <= " + "(" * 30 + "b" + ")" * 30, "nested more than 20 deep"),
    ("a <= " + "+".join("b" * 150), "more than 200 words and signs"),
    ("a <= b" + " " * 1000, "has 1006 characters"),
    ("__import__('os')", "character 1: `__import__` is not a feature"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_relation_faulty(text: str, message: str) -> None:
    with pytest.raises(ContractError) as caught:
        Relation(text).bind(FEATURES)

    assert message in str(caught.value)


WORDS = st.sampled_from(
    [
        "a",
        "b",
        "kind",
        "flag",
        "`mean",
        "radius`",
        '"x"',
        "1",
        "2.5",
        "true",
        "if",
        "then",
        "and",
        "or",
        "not",
        "<=",
        "==",
        "!=",
        ">",
        "+",
        "-",
        "*",
        "(",
        ")",
        "?",
        "`",
        '"',
        "\x00",
        "�",
    ]
)


@given(st.lists(WORDS, max_size=40).map(" ".join) | st.text(max_size=60))
def test_relation_of_any_text_binds_or_says_why_not(text: str) -> None:
    try:
        bound = Relation(text).bind(FEATURES)
    except ContractError:
        return

    assert bound.broken(np.ones((2, len(FEATURES))), {"kind": ["x", None], "code": ["", "x"]}).shape == (2,)


NUMBERS = st.sampled_from([0.0, 1.0, -2.5, 1e300])


@given(NUMBERS, NUMBERS, st.sampled_from(["<=", "<", ">=", ">", "==", "!="]), st.sampled_from(["+", "-", "*"]))
def test_relation_agrees_with_python(a: float, b: float, sign: str, operator: str) -> None:
    expected = eval(f"{a!r} {operator} {b!r} {sign} {b!r} * 3.0")

    assert holds(f"a {operator} b {sign} b * 3", a=a, b=b) is expected
