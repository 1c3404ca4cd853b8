from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.contract import Contract, Feature, FeatureType
from guard.decode import DecodeLimits, Source, decode
from guard.decode.texts.openai import decode_openai, decode_texts
from guard.errors import MalformedRequest, NotScorable, RequestError, UnsupportedMediaType
from guard.inference import InferenceRequest, Layout, WireFormat
from guard.paths import Protocol
from tests.strategies.texts import requests

LIMITS = DecodeLimits(max_depth=64, max_containers=100_000, max_instances=16)


def read_texts(document: Any) -> InferenceRequest:
    source = Source(protocol=Protocol.OPENAI)
    return decode(orjson.dumps(document), limits=LIMITS, allow_non_finite=False, source=source)


def chat(*messages: Any, **members: Any) -> dict[str, Any]:
    return {"messages": list(messages), **members}


@given(requests())
def test_each_text_is_taken_once_and_in_order(made: tuple[dict[str, Any], list[str]]) -> None:
    document, texts = made

    request = decode_openai(document, limits=LIMITS)

    assert request is not None
    assert (request.wire_format, request.layout) == (WireFormat.OPENAI, Layout.TEXTS)
    assert [passage.text for passage in request.data] == texts


@pytest.mark.parametrize(
    ("document", "passages", "n_instances"),
    [
        (chat({"role": "user", "content": "hi"}), [("user", "hi", "messages[0].content")], 1),
        (
            chat({"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {}}]}),
            [("user", "hi", "messages[0].content[0].text")],
            1,
        ),
        (
            chat(
                {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
            ),
            [
                ("assistant", "f", "messages[0].tool_calls[0].function.name"),
                ("assistant", "{}", "messages[0].tool_calls[0].function.arguments"),
            ],
            1,
        ),
        (
            chat({"role": "user", "content": "", "name": "Bo"}),
            [("user", "", "messages[0].content"), ("user", "Bo", "messages[0].name")],
            1,
        ),
        ({"prompt": "a", "suffix": "b"}, [("prompt", "b", "suffix"), ("prompt", "a", "prompt")], 1),
        ({"prompt": ["a", "b"]}, [("prompt", "a", "prompt[0]"), ("prompt", "b", "prompt[1]")], 2),
        ({"prompt": [1, 2, 3]}, [], 1),
        ({"prompt": [[1], [2, 3]]}, [], 2),
        ({"prompt": None, "prompt_embeds": "AAAA"}, [], 1),
        ({"input": ["a", "b", "c"]}, [("input", c, f"input[{i}]") for i, c in enumerate("abc")], 3),
        ({"input": "a", "instructions": "b"}, [("system", "b", "instructions"), ("input", "a", "input")], 1),
        ({"input": [{"role": "user", "content": "a"}]}, [("user", "a", "input[0].content")], 1),
        (
            {"input": [{"type": "function_call_output", "call_id": "1", "output": "a"}]},
            [("input", "a", "input[0].output")],
            1,
        ),
        (
            {"prompt": {"id": "p", "variables": {"v": "a"}}, "input": "b"},
            [("prompt", "a", "prompt.variables"), ("input", "b", "input")],
            1,
        ),
        (
            chat(
                {"role": "user", "content": [{"type": "tool_use", "input": {"q": ["a", 5], "r": {"s": "b"}}}]},
                system="c",
            ),
            [
                ("system", "c", "system"),
                ("user", "a", "messages[0].content[0].input[0]"),
                ("user", "b", "messages[0].content[0].input"),
            ],
            1,
        ),
        (
            chat(
                {
                    "role": "user",
                    "content": [{"type": "document", "source": {"type": "text", "data": "a"}, "title": "b"}],
                }
            ),
            [("user", "a", "messages[0].content[0].source.data"), ("user", "b", "messages[0].content[0].title")],
            1,
        ),
        (chat({"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": "AAAA"}}]}), [], 1),
        (
            chat(
                {"role": "user", "content": []},
                tools=[{"function": {"name": "f", "description": "a", "parameters": {"p": {"description": "b"}}}}],
            ),
            [("tool", "a", "tools[0].description"), ("tool", "b", "tools[0].description")],
            1,
        ),
    ],
)
def test_texts_are_taken_with_role_and_place(
    document: Any, passages: list[tuple[str, str, str]], n_instances: int
) -> None:
    request = read_texts(document)

    assert [tuple(passage) for passage in request.data] == passages
    assert request.n_instances == n_instances


@pytest.mark.parametrize(
    ("document", "rule", "where"),
    [
        ({"messages": "hi"}, "G116", "messages"),
        (chat("hi"), "G116", "messages[0]"),
        (chat({"content": "hi"}), "G116", "messages[0].role"),
        (chat({"role": 1, "content": "hi"}), "G116", "messages[0].role"),
        (chat({"role": "x" * 65, "content": "hi"}), "G116", "messages[0].role"),
        (chat({"role": "user", "content": "hi"}, {"role": "user", "content": 5}), "G116", "messages[1].content"),
        (chat({"role": "user", "content": [5]}), "G116", "messages[0].content[0]"),
        (chat({"role": "user", "content": [["a"]]}), "G116", "messages[0].content[0]"),
        (chat({"role": "user", "content": [{"type": "text"}]}), "G116", "messages[0].content[0].text"),
        (chat({"role": "user", "content": [{"type": "text", "text": 1}]}), "G116", "messages[0].content[0].text"),
        (chat({"role": "user", "content": [{"type": 1}]}), "G116", "messages[0].content[0].type"),
        (chat({"role": "user", "tool_calls": True}), "G116", "messages[0].tool_calls"),
        (chat({"role": "user", "content": "hi"}, system=5), "G116", "system"),
        ({"prompt": 5}, "G116", "prompt"),
        ({"prompt": ["a", 1]}, "G116", "prompt[1]"),
        ({"prompt": [1, "a"]}, "G116", "prompt[0]"),
        ({"prompt": [1.5]}, "G116", "prompt[0]"),
        ({"prompt": [True]}, "G116", "prompt[0]"),
        ({"prompt": [[1], ["a"]]}, "G116", "prompt[1]"),
        ({"prompt": [[1.5]]}, "G116", "prompt[0]"),
        ({"input": [{"role": None}]}, "G116", "input[0].role"),
        ({"input": [{"role": "user"}, "a"]}, "G116", "input[0]"),
        ({"input": "a", "prompt": "b"}, "G119", "the document"),
        (chat({"role": "user", "content": "a"}, prompt="b"), "G119", "the document"),
        ({"input": ["a"] * 17}, "G111", "input"),
        (chat(*[{"role": "user", "content": "a"}] * 17), "G111", "messages"),
        (chat({"role": "user", "content": ["a"] * 4097}), "G111", "messages[0].content[4096]"),
    ],
)
def test_what_servers_would_read_differently_is_refused(document: Any, rule: str, where: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read_texts(document)

    assert (caught.value.rule, caught.value.where) == (rule, where)


@pytest.mark.parametrize("document", [{"messages": []}, {"input": []}, {"prompt": []}])
def test_nothing_to_answer_is_not_scorable(document: Any) -> None:
    with pytest.raises(NotScorable) as caught:
        read_texts(document)

    assert caught.value.rule == "G208"


@pytest.mark.parametrize("document", [[{"role": "user"}], {}, {"model": "m"}, {"messages": None}])
def test_what_has_no_text_member_is_of_no_known_format(document: Any) -> None:
    with pytest.raises(UnsupportedMediaType):
        read_texts(document)


@pytest.mark.parametrize(
    "document",
    [
        chat({"role": "user", "content": "hi"}, model="m", temperature=1),
        {"inputs": "hi"},
        {"inputs": "hi", "parameters": {"max_new_tokens": 9}},
        {"prompt": "hi", "max_tokens": 9},
    ],
)
@pytest.mark.parametrize("protocol", [Protocol.ANY, Protocol.INVOCATIONS])
def test_texts_are_recognised_on_paths_of_no_protocol(protocol: Protocol, document: Any) -> None:
    request = decode(orjson.dumps(document), limits=LIMITS, allow_non_finite=False, source=Source(protocol=protocol))

    assert request.layout is Layout.TEXTS
    assert request.data[0].text == "hi"


@pytest.mark.parametrize(
    "document",
    [
        {"input": 3.5},
        {"input": "x"},
        {"prompt": "x", "age": 3},
        {"prompt": ["x"]},
        {"inputs": [[1.0]]},
        {"inputs": "x", "age": 3},
        {"messages": 3},
        {"messages": []},
        {"messages": [{"content": "x"}]},
        {"messages": [{"role": "user"}, 5]},
        chat({"role": "user", "content": "hi"}, age=3),
        chat({"role": "user", "content": "hi"}, instances=[[1]]),
        [{"role": "user", "content": "hi"}],
        {"temperature": 0.5},
    ],
)
def test_record_that_may_be_one_stays_a_record(document: Any) -> None:
    assert decode_texts(document, limits=LIMITS) is None


def test_chat_beside_a_feature_of_the_contract_is_no_chat() -> None:
    contract = Contract((Feature("temperature", FeatureType.NUMBER),))
    body = orjson.dumps({"temperature": 99, "prompt": "x"})

    request = decode(body, limits=LIMITS, allow_non_finite=False, source=Source(contract=contract))

    assert request.layout is Layout.RECORDS


WORDS = [
    *(
        "messages",
        "prompt",
        "input",
        "inputs",
        "role",
        "content",
        "type",
        "text",
        "tool_calls",
        "function",
        "arguments",
    ),
    *("source", "data", "system", "tools", "description", "documents", "output", "variables", "suffix", "name"),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["text", "user", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=4))
def test_any_document_is_read_or_refused(document: dict[str, Any]) -> None:
    with suppress(RequestError):
        request = decode_openai(document, limits=LIMITS)

        assert request is None or all(type(passage.text) is str for passage in request.data)


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[{"role":"user","content":[' + b'"",' * 300_000 + b'""]}]}',
        b'{"prompt":[' + b"1," * 500_000 + b"1]}",
        b'{"prompt":[' + b"1," * 500_000 + b'""]}',
        b'{"messages":[{"role":"user","input":[' + b"1," * 500_000 + b"1]}]}",
        b'{"messages":[{"role":"u","content":' + b'[{"content":' * 25 + b'"a"' + b"}]" * 25 + b"}]}",
        b'{"tools":[' + b'{"description":""},' * 50_000 + b'{}],"messages":[{"role":"u"}]}',
    ],
    ids=["texts", "tokens", "mixed", "values", "depth", "descriptions"],
)
def test_hostile_texts_cost_little(body: bytes) -> None:
    document = orjson.loads(body)
    start = time.process_time()
    with suppress(RequestError):
        decode_openai(document, limits=LIMITS)

    assert time.process_time() - start < 0.1
