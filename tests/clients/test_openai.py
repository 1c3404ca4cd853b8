"""OpenAI's own client, with the retries that it has by default."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest

MESSAGES: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "one two caf\u00e9"}]


@pytest.fixture
def client_of() -> Iterator[Any]:
    """The client for a host."""
    clients = []

    def make(host: Any) -> openai.OpenAI:
        clients.append(openai.OpenAI(api_key="none", base_url=f"{host.url}/v1", timeout=60))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def test_chat_is_served(unbounded: Any, client_of: Any) -> None:
    answer = client_of(unbounded).chat.completions.create(model="m", messages=MESSAGES, temperature=0.5, seed=7)

    assert answer.choices[0].message.content == "one two caf\u00e9"
    unbounded.assert_one_served()


def test_chat_with_parts_and_tools_is_served(unbounded: Any, client_of: Any) -> None:
    parts: Any = [{"role": "user", "content": [{"type": "text", "text": "look"}]}]
    function = {"name": "f", "description": "adds", "parameters": {"type": "object", "properties": {}}}

    client_of(unbounded).chat.completions.create(
        model="m", messages=[*MESSAGES, *parts], tools=[{"type": "function", "function": function}]
    )

    unbounded.assert_one_served()


def test_streamed_chat_is_served(unbounded: Any, client_of: Any) -> None:
    with client_of(unbounded).chat.completions.create(model="m", messages=MESSAGES, stream=True) as events:
        parts = [event.choices[0].delta.content for event in events]

    assert parts == ["one", "two", "caf\u00e9"]
    unbounded.assert_one_served()


def test_completion_is_served(unbounded: Any, client_of: Any) -> None:
    answer = client_of(unbounded).completions.create(model="m", prompt="Once", max_tokens=5)

    assert answer.choices[0].text == "Once"
    unbounded.assert_one_served()


@pytest.mark.parametrize("given", ["a text", ["a", "b"], [[1, 2, 3], [4, 5]]], ids=["text", "texts", "tokens"])
def test_embeddings_are_served(unbounded: Any, client_of: Any, given: Any) -> None:
    answer = client_of(unbounded).embeddings.create(model="m", input=given)

    assert answer.data[0].embedding == [0.5, 1.0 if given == "a text" else 2.0]
    unbounded.assert_one_served()


def test_texts_for_a_model_of_numbers_raise_the_client_s_own_error_once(numbers: Any, client_of: Any) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match=r"The request was refused \(guard, event ") as caught:
        client_of(numbers).chat.completions.create(model="m", messages=MESSAGES)

    assert caught.value.type == "invalid_request_error"
    numbers.assert_one_refused(422)


@pytest.mark.parametrize("content", [7, [["x"]]], ids=["number", "nested"])
def test_malformed_chat_raises_the_client_s_own_error_once(unbounded: Any, client_of: Any, content: Any) -> None:
    with pytest.raises(openai.BadRequestError, match=r"The request can't be read \(guard, event ") as caught:
        client_of(unbounded).chat.completions.create(model="m", messages=[{"role": "user", "content": content}])

    assert caught.value.type == "invalid_request_error"
    unbounded.assert_one_refused(400)


def test_two_subjects_raise_the_client_s_own_error_once(unbounded: Any, client_of: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="The request can't be read"):
        client_of(unbounded).completions.create(model="m", prompt="x", extra_body={"messages": MESSAGES})

    unbounded.assert_one_refused(400)
