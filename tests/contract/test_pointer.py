"""JSON pointers, taken apart."""

from __future__ import annotations

import pytest

from guard.contract import Contract, Feature, FeatureType
from guard.contract.pointer import Token, pointer_fault


@pytest.mark.parametrize(
    ("pointer", "tokens"),
    [
        ("", ()),
        ("/", (Token("", -1),)),
        ("/a/b", (Token("a", -1), Token("b", -1))),
        ("/a~1b/~0~01", (Token("a/b", -1), Token("~~1", -1))),
        (
            "/0/10/01/-/+1/1e0",
            (*(Token(str(n), n) for n in (0, 10)), *(Token(t, -1) for t in ("01", "-", "+1", "1e0"))),
        ),
        ("/٣", (Token("٣", -1),)),
        ("/" + "9" * 10, (Token("9" * 10, -1),)),
    ],
)
def test_pointer_is_taken_apart(pointer: str, tokens: tuple[Token, ...]) -> None:
    assert pointer_fault(pointer) is None

    contract = Contract((Feature("a", FeatureType.NUMBER),), instances=pointer)

    assert contract.pointers.instances == tokens
    assert contract.pointers.features is None


def test_pointers_of_features_are_one_tree() -> None:
    features = tuple(
        Feature(name, FeatureType.NUMBER, pointer=pointer)
        for name, pointer in (("a", "/x/0"), ("b", "/x/y"), ("c", "/z"), ("d", "/x"))
    )

    tree = Contract(features).pointers.features

    assert tree is not None
    assert tree.members.leaves == {"z": "c", "x": "d"}
    assert (tree.elements.leaves, tree.elements.steps) == ({}, {})
    below = tree.members.steps["x"]
    assert below.members.leaves == {"0": "a", "y": "b"}
    assert below.elements.leaves == {0: "a"}
    assert below.elements.take([5, 6]) == (5,)
    assert below.members.take({"y": 1, "0": 2}) == (2, 1)


def test_deepest_tree_is_compiled() -> None:
    pointer = "/x" * 250

    step = Contract((Feature("a", FeatureType.NUMBER, pointer=pointer),)).pointers.features

    depth = 1
    while step is not None and not step.members.leaves:
        step = step.members.steps["x"]
        depth += 1
    assert depth == 250
