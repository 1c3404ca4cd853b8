from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.decode.base64_text import decode_base64
from guard.errors import MalformedRequest


@given(st.lists(st.binary(max_size=8), max_size=5))
def test_what_was_encoded_comes_back(contents: list[bytes]) -> None:
    assert decode_base64([b64encode(content).decode() for content in contents], where="data") == contents


@pytest.mark.parametrize(
    "text",
    [
        "Y",
        "YQ",
        "YQ=",
        "YQ===",
        "=YQ=",
        "YR==",
        "YWJ=",
        "YQ==YQ==",
        "YQ==\n",
        "Y Q==",
        "\nYQ==",
        "YQ\n==",
        "-_-_",
        "YQ*=",
        "é===",
        "\x00YQ==",
        "not base64",
        "====",
        "=",
        " ",
        "\n",
    ],
)
def test_text_that_readers_differ_in_is_refused(text: str) -> None:
    for texts in ([text], ["YQ==", text], [text, "YQ=="]):
        with pytest.raises(MalformedRequest) as caught:
            decode_base64(texts, where="data")
        assert (caught.value.rule, caught.value.where) == ("G126", f"data[{texts.index(text)}]")


@pytest.mark.parametrize("index", [0, 1023, 1024, 2999])
def test_the_first_bad_text_of_many_is_named(index: int) -> None:
    texts = ["YWJj"] * 3000
    texts[index] = "YWJ"
    texts[2999] = "YWJ"

    with pytest.raises(MalformedRequest) as caught:
        decode_base64(texts, where="data")

    assert caught.value.where == f"data[{index}]"


@given(st.lists(st.text(alphabet="YQRg=\n", max_size=9), max_size=4))
def test_texts_together_are_read_as_each_alone(texts: list[str]) -> None:
    def each(found: list[str]) -> list[bytes] | None:
        try:
            return decode_base64(found, where="data")
        except MalformedRequest:
            return None

    alone = [each([text]) for text in texts]

    assert each(texts) == (None if None in alone else [content for found in alone if found for content in found])
