"""Contracts as TOML files."""

from pathlib import Path

import pytest

from guard.contract import Contract, Feature, FeatureType, Relation, load_contract, parse_contract
from guard.errors import ContractError

WHOLE = r"""
[features."mean radius"]
type = "number"
minimum = 0.0
maximum = 50
nullable = true
description = "of the nucleus, in micrometres"
[features.kind]
type = "category"
allowed = ["x", 2, true]
[features.code]
type = "string"
pattern = "[A-Z]{3}[0-9]+"
[features.y]
type = "integer"
[features.smoker]
type = "boolean"
[[relations]]
require = "`mean radius` <= y"
[[relations]]
require = 'if kind == "x" then y > 0'
"""


def test_contract_file_read_whole() -> None:
    contract = parse_contract(WHOLE, source="whole.toml")

    assert contract == Contract(
        (
            Feature(
                "mean radius",
                FeatureType.NUMBER,
                minimum=0.0,
                maximum=50,
                nullable=True,
                description="of the nucleus, in micrometres",
            ),
            Feature("kind", FeatureType.CATEGORY, allowed=("x", 2, True)),
            Feature("code", FeatureType.STRING, pattern="[A-Z]{3}[0-9]+"),
            Feature("y", FeatureType.INTEGER),
            Feature("smoker", FeatureType.BOOLEAN),
        ),
        (Relation("`mean radius` <= y"), Relation('if kind == "x" then y > 0')),
        source="whole.toml",
    )


def test_contract_file_declares_the_request() -> None:
    contract = parse_contract("""
    [request]
    instances = "/rows"
    datatype = "BF16"
    [features.a]
    type = "number"
    pointer = "/x/0"
    """)

    feature = Feature("a", FeatureType.NUMBER, pointer="/x/0")
    assert contract == Contract((feature,), datatype="BF16", instances="/rows")


FAULTS = [
    ('[features.a]\ntype = "number"\npointer = 1', 'features."a".pointer is 1; expected a string'),
    ('[features.a]\ntype = "number"\npointer = "x"', "features.\"a\".pointer is 'x'; expected a JSON pointer"),
    ('request = 1\n[features.a]\ntype = "number"', "request is not a table; expected [request]"),
    (
        '[request]\ninstance = ""\n[features.a]\ntype = "number"',
        "request.instance is not known; did you mean instances?",
    ),
    ('[request]\ndatatype = 32\n[features.a]\ntype = "number"', "request.datatype is 32; expected a string"),
    (
        '[request]\ndatatype = "fp32"\n[features.a]\ntype = "number"',
        "request.datatype is 'fp32'; expected one of: BOOL",
    ),
    ('[request]\ninstances = "x"\n[features.a]\ntype = "number"', "request.instances is 'x'; expected a JSON pointer"),
    ('[features.a]\ntype = "number"\nminimun = 0', 'features."a".minimun is not known; did you mean minimum?'),
    ('[feature.b]\n[features.a]\ntype = "number"', "feature is not known; did you mean features?"),
    ("[features.a]\nminimum = 0", 'features."a".type is missing; expected one of: number, integer, boolean, category'),
    ('[features.a]\ntype = "float"', "features.\"a\".type is 'float'; expected one of: number"),
    ('[features.a]\ntype = "number"\nminimum = "0"', "features.\"a\".minimum is '0'; expected a number"),
    ('[features.a]\ntype = "number"\nminimum = true', 'features."a".minimum is True; expected a number'),
    ('[features.a]\ntype = "number"\nmaximum = inf', 'features."a".maximum is inf; expected a finite number'),
    ('[features.a]\ntype = "integer"\nmaximum = 1' + "0" * 400, 'features."a".maximum is beyond 2^53'),
    ('[features.a]\ntype = "number"\nminimum = 2\nmaximum = 1', 'features."a".minimum is 2, above its maximum, 1'),
    ('[features.a]\ntype = "category"\nminimum = 2', 'features."a".minimum: type category has none'),
    ('[features.a]\ntype = "number"\nnullable = 1', 'features."a".nullable is 1; expected true or false'),
    ('[features.a]\ntype = "number"\nallowed = []', 'features."a".allowed is empty'),
    ('[features.a]\ntype = "number"\nallowed = ["x"]', "features.\"a\".allowed: 'x' is not of type number"),
    ('[features.a]\ntype = "number"\nallowed = [true]', 'features."a".allowed: True is not of type number'),
    ('[features.a]\ntype = "integer"\nallowed = [1.5]', 'features."a".allowed: 1.5 is not of type integer'),
    ('[features.a]\ntype = "string"\nallowed = [1]', 'features."a".allowed: 1 is not of type string'),
    ('[features.a]\ntype = "boolean"\nallowed = [1]', 'features."a".allowed: 1 is not of type boolean'),
    ('[features.a]\ntype = "number"\nallowed = [[1]]', 'features."a".allowed holds something else'),
    ('[features.a]\ntype = "number"\nminimum = 1\nallowed = [0]', "0 lies outside minimum and maximum"),
    ('[features.a]\ntype = "number"\npattern = "x"', 'features."a".pattern: type number has none'),
    ('[features.a]\ntype = "string"\npattern = "("', "features.\"a\".pattern: '(' is not a pattern in RE2's syntax"),
    ('[features.""]\ntype = "number"', "a name has 1 to 200 characters"),
    ("features = 1", "features is not a table"),
    ("[features]\na = 1", 'features."a" is not a table'),
    ("", "no feature is declared"),
    ('relations = 1\n[features.a]\ntype = "number"', "relations is not a list"),
    ('[features.a]\ntype = "number"\n[[relations]]\nrequired = "a > 0"', "relations[1] has no require"),
    (
        '[features.a]\ntype = "number"\n[[relations]]\nrequire = "a > 0"\nwhy = "so"',
        "relations[1].why is not known; expected: require",
    ),
    (
        '[features."worst radius"]\ntype = "number"\n[[relations]]\nrequire = "`worst radus` > 0"',
        "character 2: `worst radus` is not a feature; did you mean `worst radius`?",
    ),
]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_contract_file_faulty(text: str, message: str) -> None:
    with pytest.raises(ContractError) as caught:
        parse_contract(text)

    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_contract_file_faults_told_at_once() -> None:
    text = """
    extra = 1
    [features.a]
    type = "number"
    minimum = 2
    maximum = 1
    nulable = true
    [features.b]
    type = "integer"
    allowed = ["x"]
    [[relations]]
    require = "a <= c"
    [[relations]]
    require = "a <="
    """

    with pytest.raises(ContractError) as caught:
        parse_contract(text, source="c.toml")

    lines = str(caught.value).splitlines()
    assert len(lines) == 6
    assert all(line.startswith("c.toml: ") for line in lines)


def test_contract_file_with_unknown_type_keeps_relations_out_of_it() -> None:
    text = '[features.a]\ntype = "nubmer"\n[features.b]\ntype = "string"\nminimum = 1\n[[relations]]\nrequire = "a > 0"'

    with pytest.raises(ContractError) as caught:
        parse_contract(text)

    assert [line.split()[0] for line in str(caught.value).splitlines()] == [
        'features."a".type',
        'features."b".minimum:',
    ]


@pytest.mark.parametrize(
    ("content", "message"), [(None, "can't be read"), (b"\xff", "not UTF-8"), (b"a = ", "not TOML")]
)
def test_contract_file_unreadable(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "c.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ContractError, match=message):
        load_contract(path)


def test_contract_file_loaded_names_its_source(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[features.a]\ntype = "number"', encoding="utf-8")

    contract = load_contract(path)

    assert contract.names == ("a",)
    assert contract.source == str(path)
