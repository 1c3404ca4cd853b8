"""Texts of language models: OpenAI's chat, completions, embeddings and responses, Anthropic's messages, TGI's inputs.

Taken are the texts that reach the model: contents, system prompts, names, a tool call's arguments and results,
descriptions of tools. Token ids are no texts: such a request has an empty tuple, and is passed on. Nor are images,
audio and files that stand beside texts: they are neither fetched nor decoded here.

Threat model. A client that sends a text where guard doesn't look (a content in parts, a tool's result), or a record of
features that looks like a chat, so that it isn't checked as one. Out of scope: what a text says, and what a server's
chat template makes of it.

https://platform.openai.com/docs/api-reference, https://docs.anthropic.com/en/api/messages
"""

from __future__ import annotations

from typing import Any

from guard.decode.json.batch import check_count
from guard.decode.limits import DecodeLimits
from guard.decode.texts.passages import Texts, refuse
from guard.errors import MalformedRequest
from guard.inference import InferenceRequest, Layout, WireFormat

__all__ = ["decode_openai", "decode_texts"]

# No role that a server knows is longer.
_LONGEST_ROLE = 64

# What a request is about; two of them would be read differently by two servers.
_SUBJECTS = ("messages", "prompt", "input", "inputs", "prompt_embeds")

# Members beside the subject that reach the model, and who speaks in them.
_BESIDE = {
    "system": "system",
    "instructions": "system",
    "prediction": "assistant",
    "suffix": "prompt",
    "chat_template": "template",
}

# What stands beside messages or a prompt on a path that no protocol claims; anything else is a feature.
_PARAMETERS = frozenset(
    {
        "add_generation_prompt", "audio", "best_of", "chat_template", "chat_template_kwargs", "context",
        "custom_inputs", "documents", "echo", "extra_body", "frequency_penalty", "function_call", "functions",
        "ignore_eos", "instructions", "logit_bias", "logprobs", "max_completion_tokens", "max_new_tokens",
        "max_tokens", "metadata", "min_p", "min_tokens", "modalities", "model", "n", "options",
        "parallel_tool_calls", "parameters", "params", "prediction", "presence_penalty", "reasoning",
        "reasoning_effort", "repetition_penalty", "response_format", "seed", "service_tier", "stop",
        "stop_sequences", "stop_token_ids", "store", "stream", "stream_options", "suffix", "system", "temperature",
        "thinking", "tool_choice", "tools", "top_k", "top_logprobs", "top_p", "user",
    }
)  # fmt: skip


def decode_openai(document: Any, *, limits: DecodeLimits) -> InferenceRequest | None:
    """Decode the texts of a request on a path of this protocol; None where the document has none of its subjects.

    Raises MalformedRequest with rule G111, G116 or G119, NotScorable with rule G208.
    """
    if type(document) is not dict:
        return None
    # Of the responses protocol, a prompt is a reference to a stored one, beside an input.
    found = [member for member in _SUBJECTS if document.get(member) is not None]
    subjects = [member for member in found if type(document[member]) is not dict] or found
    if not subjects:
        return None
    if len(subjects) > 1:
        raise MalformedRequest(f"{' beside '.join(subjects)}; expected one of them", rule="G119", where="the document")
    texts = Texts(limits)
    _read_beside(document, texts)
    n_instances = _read_subject(document, subjects[0], texts, limits)
    return InferenceRequest(WireFormat.OPENAI, Layout.TEXTS, tuple(texts.found), n_instances)


def decode_texts(document: Any, *, limits: DecodeLimits) -> InferenceRequest | None:
    """Decode texts on a path that no protocol claims; None where the document could as well be a record of features.

    Taken are messages that all have a role, and an `inputs` or `prompt` that is a text, beside parameters alone.
    """
    return decode_openai(document, limits=limits) if _is_unmistakable(document) else None


def _is_unmistakable(document: Any) -> bool:
    if type(document) is not dict:
        return False
    beside = document.keys() - _PARAMETERS
    if beside == {"messages"}:
        messages = document["messages"]
        return type(messages) is list and bool(messages) and all(map(_has_role, messages))
    return beside in ({"inputs"}, {"prompt"}) and type(document[beside.pop()]) is str


def _has_role(message: Any) -> bool:
    return type(message) is dict and type(message.get("role")) is str


def _read_beside(document: dict[str, Any], texts: Texts) -> None:
    for member, role in _BESIDE.items():
        if member in document:
            texts.add_content(document[member], role, member)
    if type(document.get("prompt")) is dict:
        texts.add_strings(document["prompt"].get("variables"), "prompt", "prompt.variables")
    texts.add_strings(document.get("documents"), "document", "documents")
    for member in ("tools", "functions"):
        texts.add_descriptions(document.get(member), member)


def _read_subject(document: dict[str, Any], subject: str, texts: Texts, limits: DecodeLimits) -> int:
    """Read what the request is about; how many instances that is."""
    value = document[subject]
    if subject == "messages":
        _read_messages(value, texts, limits)
        return 1
    if type(value) is dict or subject == "prompt_embeds":
        return 1
    return _read_prompts(value, subject, texts, limits)


def _read_messages(messages: Any, texts: Texts, limits: DecodeLimits) -> None:
    if type(messages) is not list:
        refuse("an array of messages", "messages")
    check_count(len(messages), where="messages", limits=limits)
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if type(message) is not dict:
            refuse("a message, which is an object", where)
        texts.add_part(message, _read_role(message.get("role"), where), where)


def _read_role(role: Any, where: str) -> str:
    if type(role) is not str or len(role) > _LONGEST_ROLE:
        refuse(f"a text of at most {_LONGEST_ROLE} characters", f"{where}.role")
    return role


def _read_prompts(value: Any, subject: str, texts: Texts, limits: DecodeLimits) -> int:
    """Read one prompt or several: a text, texts, token ids, lists of these, or a conversation's items."""
    if type(value) is str:
        texts.add(value, subject, subject)
        return 1
    if type(value) is not list:
        refuse("a text or an array", subject)
    kinds = set(map(type, value))
    if kinds == {int}:  # the token ids of one prompt
        return 1
    check_count(len(value), where=subject, limits=limits)
    if kinds == {dict}:
        _read_items(value, subject, texts)
        return 1
    for index, prompt in enumerate(value):
        where = f"{subject}[{index}]"
        if type(prompt) is not type(value[0]):
            refuse("prompts of one sort", where)
        if type(prompt) is str:
            texts.add(prompt, subject, where)
        elif type(prompt) is not list or set(map(type, prompt)) - {int}:
            refuse("a text or token ids", where)
    return len(value)


def _read_items(items: list[dict[str, Any]], subject: str, texts: Texts) -> None:
    """Read a conversation as the responses protocol has it: messages, calls of tools, their results."""
    for index, item in enumerate(items):
        where = f"{subject}[{index}]"
        role = _read_role(item["role"], where) if "role" in item else subject
        texts.add_part(item, role, where)
