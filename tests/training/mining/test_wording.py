"""Relations in words."""

import pytest

from guard.contract import parse_contract
from guard.training.mining.candidate import Candidate
from guard.training.mining.wording import in_grammar, text
from tests.training.mining.tables import category, number

FEATURES = (number("a"), number("b"), number("c d"), number("on", "boolean"), number("up", "boolean"))
WHOLE = 0.5


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        (Candidate("integral", (0,), 9), "`a` is a whole number"),
        (Candidate("domain", (0,), 9, (-1.0, 0.5)), "`a` is one of -1, 0.5"),
        (Candidate("range", (2,), 9, (-1.5, 1e20)), "`c d` >= -1.5 and `c d` <= 1e+20"),
        (Candidate("order", (1, 0), 9), "`b` <= `a`"),
        (Candidate("equality", (0, 1), 9, (1.0, -1.0, 0.0, WHOLE)), "`a` == `b`"),
        (Candidate("equality", (0, 1), 9, (1.0, 1.0, 10.0, WHOLE)), "`a` + `b` == 10"),
        (Candidate("equality", (0, 1), 9, (1.0, -2.0, -3.0, WHOLE)), "`a` + 3 == 2 * `b`"),
        (Candidate("equality", (3, 4), 9, (1.0, -1.0, 0.0, WHOLE)), "`on` == `up`"),
        (
            Candidate("equality", (0, 1), 9, (-1.0, 0.5, 2.0, 0.25)),
            "- `a` + 0.5 * `b` >= 1.75 and - `a` + 0.5 * `b` <= 2.25",
        ),
        (Candidate("positive_implies_positive", (0, 3), 9), "if `a` > 0 then `on`"),
        (Candidate("zero_implies_zero", (3, 0), 9), "if not `on` then `a` == 0"),
        (Candidate("two_sums", (0, 1), 9, (0.75, 1.0)), "`a` + `b` == 0 or `a` + `b` >= 0.75 and `a` + `b` <= 1"),
        (Candidate("share", (0, 1), 9, (0.02,)), "`a` * `b` is a whole number"),
        (Candidate("either", (0, 1, 2), 9), "`a` == `b` or `a` == `c d`"),
    ],
)
def test_relation_reads_well_and_the_grammar_takes_it(candidate: Candidate, words: str) -> None:
    assert text(candidate, FEATURES) == words
    types = "".join(f'[features."{card.name}"]\ntype = "{card.type}"\n' for card in FEATURES)
    for saying in in_grammar(candidate, FEATURES):
        assert parse_contract(f"{types}[[relations]]\nrequire = '{saying}'\n").relations[0].text == words


def test_a_dependence_of_many_codes_isnt_written_out() -> None:
    features = (category("x", 51), category("y", 2))
    table = ((0,),) * 51

    assert in_grammar(Candidate("determines", (0, 1), 9, table=table), features) == []
    assert len(in_grammar(Candidate("determines", (0, 1), 9, table=table[:50]), features)) == 50


def test_a_category_with_both_quotes_cant_be_written() -> None:
    features = (category("x", 1).model_copy(update={"categories": ("'\"",)}), category("y", 1))

    assert in_grammar(Candidate("determines", (0, 1), 9, table=((0,),)), features) == []
