"""The language of relations: a recursive-descent parser.

    relation   = "if" either "then" either | either
    either     = both { "or" both }
    both       = denial { "and" denial }
    denial     = "not" denial | comparison
    comparison = sum [ ( "<=" | "<" | ">=" | ">" | "==" | "!=" ) sum ]
    sum        = product { ( "+" | "-" ) product }
    product    = factor { "*" factor }
    factor     = number | string | "true" | "false" | name | "`" name "`" | "-" factor | "(" relation ")"

Nothing is handed to Python's own evaluator: each piece becomes a closure over NumPy arrays. Length,
tokens and depth are bounded, so that a contract can't exhaust the stack of the process that reads it.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from typing import NoReturn

import numpy as np

from guard.contract.expression import Expression, Sort, binary
from guard.contract.feature import Feature, FeatureType, category_text
from guard.contract.tokens import Token, fail, tokenize

__all__ = ["parse"]

# Deeper nesting is not read by people either.
MAX_DEPTH = 20

# A key that TOML takes without quotes.
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

KEYWORDS = frozenset({"if", "then", "and", "or", "not", "true", "false"})
COMPARISONS: dict[str, np.ufunc] = {
    "<=": np.less_equal,
    "<": np.less,
    ">=": np.greater_equal,
    ">": np.greater,
    "==": np.equal,
    "!=": np.not_equal,
}
ARITHMETIC: dict[str, np.ufunc] = {"+": np.add, "-": np.subtract, "*": np.multiply}


def parse(text: str, *, features: Mapping[str, Feature]) -> Expression:
    """Read a relation over these features, whose order is that of the matrix.

    Raises ContractError, which says where and what.
    """
    parser = _Parser(text, features)
    return parser.relation_alone()


class _Parser:
    """One pass over the tokens of one relation."""

    def __init__(self, text: str, features: Mapping[str, Feature]) -> None:
        self._text = text
        self._features = features
        self._places = {name: place for place, name in enumerate(features)}
        self._tokens = tokenize(text)
        self._next = 0
        self._depth = 0

    def relation_alone(self) -> Expression:
        found = self._relation()
        if self._token.kind != "end":
            self._fail(f"expected the end, found {self._token.text!r}", self._token.column)
        if found.sort is not Sort.TRUTH:
            self._fail(f"this is {found.sort.value}; a relation compares something", found.column)
        if not found.names:
            self._fail("it names no feature", 1)
        return found

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self, *signs: str) -> Token | None:
        """Move past the next token if it is one of these signs or keywords."""
        token = self._token
        if token.kind not in {"sign", "word"} or token.text not in signs:
            return None
        self._next += 1
        return token

    def _fail(self, what: str, column: int) -> NoReturn:
        fail(self._text, column=column, what=what)

    def _relation(self) -> Expression:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail(f"nested more than {MAX_DEPTH} deep", self._token.column)
        found = self._implication() if self._take("if") else self._either()
        self._depth -= 1
        return found

    def _implication(self) -> Expression:
        condition = self._either()
        if not self._take("then"):
            self._fail("expected `then`", self._token.column)
        return self._logical(np.logical_or, self._denied(condition), self._either())

    def _either(self) -> Expression:
        found = self._both()
        while self._take("or"):
            found = self._logical(np.logical_or, found, self._both())
        return found

    def _both(self) -> Expression:
        found = self._denial()
        while self._take("and"):
            found = self._logical(np.logical_and, found, self._denial())
        return found

    def _denial(self) -> Expression:
        # A loop, since `not not not ...` would be a way round the bound on depth.
        denials = 0
        while self._take("not"):
            denials += 1
        found = self._comparison()
        return self._denied(found) if denials % 2 else found

    def _comparison(self) -> Expression:
        left = self._sum()
        sign = self._take(*COMPARISONS)
        if sign is None:
            return left
        right = self._sum()
        if self._token.text in COMPARISONS:
            self._fail("comparisons can't be chained; write `a <= b and b <= c`", self._token.column)
        self._check_comparison(sign, left, right)
        ufunc = COMPARISONS[sign.text]
        both = binary(ufunc, left, right, Sort.TRUTH)
        return both._replace(comparison=(sign.text, left, right))

    def _check_comparison(self, sign: Token, left: Expression, right: Expression) -> None:
        if left.sort is not right.sort:
            self._fail(f"{left.sort.value} is compared with {right.sort.value}", sign.column)
        if left.sort is not Sort.NUMBER and sign.text not in {"==", "!="}:
            self._fail(f"only == and != compare {left.sort.value} with another", sign.column)
        for name, literal in ((left.feature, right), (right.feature, left)):
            self._check_literal(name, literal)

    def _check_literal(self, name: str | None, other: Expression) -> None:
        feature = self._features.get(name) if name is not None else None
        if feature is None or feature.allowed is None or other.literal is None:
            return
        if other.literal not in map(category_text, feature.allowed):
            self._fail(f"{other.literal!r} is not an allowed value of `{feature.name}`", other.column)

    def _sum(self) -> Expression:
        found = self._product()
        while sign := self._take("+", "-"):
            found = self._arithmetic(sign, found, self._product())
        return found

    def _product(self) -> Expression:
        found = self._factor()
        while sign := self._take("*"):
            found = self._arithmetic(sign, found, self._factor())
        return found

    def _factor(self) -> Expression:
        minus = None
        while sign := self._take("-"):
            minus = None if minus else sign
        found = self._primary()
        if minus is None:
            return found
        zero = Expression(Sort.NUMBER, lambda _: 0.0, frozenset(), minus.column)
        return self._arithmetic(minus, zero, found)

    def _primary(self) -> Expression:
        if self._take("("):
            found = self._relation()
            if not self._take(")"):
                self._fail("expected `)`", self._token.column)
            return found
        if truth := self._take("true", "false"):
            value = truth.text == "true"
            return Expression(Sort.TRUTH, lambda _: value, frozenset(), truth.column)
        token = self._token
        if token.kind in {"sign", "end"} or (token.kind == "word" and token.text in KEYWORDS):
            self._fail(f"expected a feature, a number or a string, found {token.text or 'the end'!r}", token.column)
        self._next += 1
        return self._operand(token)

    def _operand(self, token: Token) -> Expression:
        kind, text, column = token
        if kind == "number":
            number = float(text)
            return Expression(Sort.NUMBER, lambda _: number, frozenset(), column)
        if kind in {"double", "single"}:
            return Expression(Sort.TEXT, lambda _: text, frozenset(), column, literal=text)
        if text not in self._features:
            self._fail(f"`{text}` is not a feature{self._hint(text)}", column)
        return self._feature(text, column)

    def _hint(self, text: str) -> str:
        near = difflib.get_close_matches(text, self._features, n=1)
        key = text if BARE_KEY.fullmatch(text) else json.dumps(text, ensure_ascii=False)
        remedy = f"declare it, e.g. [features.{key}] with its type"
        return f"; did you mean `{near[0]}`? If not, {remedy}" if near else f"; {remedy}"

    def _feature(self, name: str, column: int) -> Expression:
        place, kind = self._places[name], self._features[name].type
        names = frozenset({name})
        if kind.is_text:
            return Expression(Sort.TEXT, lambda c: np.array(c.texts[name], dtype=object), names, column, feature=name)
        if kind is FeatureType.BOOLEAN:
            return Expression(Sort.TRUTH, lambda c: c.values[:, place] == 1, names, column, feature=name)
        return Expression(Sort.NUMBER, lambda c: c.values[:, place], names, column, feature=name)

    def _arithmetic(self, sign: Token, left: Expression, right: Expression) -> Expression:
        for side in (left, right):
            if side.sort is not Sort.NUMBER:
                self._fail(f"`{sign.text}` takes numbers, and this is {side.sort.value}", side.column)
        return binary(ARITHMETIC[sign.text], left, right, Sort.NUMBER)

    def _logical(self, ufunc: np.ufunc, left: Expression, right: Expression) -> Expression:
        for side in (left, right):
            self._need_condition(side)
        return binary(ufunc, left, right, Sort.TRUTH)

    def _denied(self, inner: Expression) -> Expression:
        self._need_condition(inner)
        return Expression(Sort.TRUTH, lambda c: np.logical_not(inner.evaluate(c)), inner.names, inner.column)

    def _need_condition(self, side: Expression) -> None:
        if side.sort is not Sort.TRUTH:
            self._fail(f"expected a condition, and this is {side.sort.value}", side.column)
