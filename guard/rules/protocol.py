"""Rules of the protocol: what can't be read, could be read in two ways, or is too much.

Threat model: a client that wants the model to read something else than guard does (duplicate keys, encodings, huge
integers, members of two formats), or to exhaust guard (depth, length, slowness). All are found by the transport
and the decoders, which name the rule's id. Out of scope: what a well-formed request says.
"""

from __future__ import annotations

from guard.rules.rule import Rule
from guard.verdict import Action, Kind

__all__ = ["PROTOCOL_RULES"]

# MITRE ATLAS: denial of AI service; exploit public-facing application; craft adversarial data
DENIAL, EXPLOIT, CRAFT = "AML.T0029", "AML.T0049", "AML.T0043"
# MITRE ATLAS: cost harvesting
COST = "AML.T0034"
# OWASP Machine Learning Security Top 10: input manipulation
MANIPULATION = "ML01:2023"

JSON = "https://www.rfc-editor.org/rfc/rfc8259"
I_JSON = "https://www.rfc-editor.org/rfc/rfc7493"
HTTP = "https://www.rfc-editor.org/rfc/rfc9110"
HTTP_1_1 = "https://www.rfc-editor.org/rfc/rfc9112"
OPEN_INFERENCE = "https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md"
CWE = "https://cwe.mitre.org/data/definitions/"
TWO_READINGS = f"{CWE}436.html"
EXHAUSTION = f"{CWE}770.html"


# Where reading stops, nothing else was looked at: such a rule can't be switched off. Those that can also speak of
# a request that was read on are not fixed.
def _rule(
    rule_id: str,
    title: str,
    message: str,
    *references: str,
    tags: tuple[str, ...] = (EXPLOIT, CRAFT, MANIPULATION),
    status: int = 400,
    is_fixed: bool = True,
) -> Rule:
    return Rule(
        id=rule_id,
        action=Action.REJECT,
        kind=Kind.PROTOCOL,
        title=title,
        message=message,
        tags=tags,
        references=references,
        status=status,
        is_fixed=is_fixed,
    )


def _limit(rule_id: str, title: str, message: str, *references: str, status: int, tag: str = DENIAL) -> Rule:
    return _rule(rule_id, title, message, *references, tags=(tag, MANIPULATION), status=status)


PROTOCOL_RULES: tuple[Rule, ...] = (
    _limit(
        "G101",
        "body too long",
        "The body is longer than GUARD_MAX_BODY_BYTES.",
        f"{HTTP}#section-15.5.14",
        EXHAUSTION,
        status=413,
    ),
    _rule(
        "G102",
        "JSON nested too deep",
        "Arrays and objects are nested deeper than GUARD_MAX_JSON_DEPTH.",
        f"{JSON}#section-9",
        f"{CWE}674.html",
        tags=(DENIAL, MANIPULATION),
    ),
    _rule("G103", "malformed JSON", "The body is not a JSON document.", f"{JSON}#section-2", f"{CWE}1286.html"),
    _rule(
        "G104",
        "duplicate key",
        "An object names a key twice, and readers differ in which they take.",
        f"{I_JSON}#section-2.3",
        TWO_READINGS,
    ),
    _rule(
        "G105",
        "NaN or Infinity",
        "NaN or Infinity stand where neither protocol nor contract has them.",
        f"{JSON}#section-6",
        TWO_READINGS,
        is_fixed=False,
    ),
    _rule(
        "G106",
        "integer beyond 2^53",
        "An integer is too large to be the same number to every reader.",
        f"{I_JSON}#section-2.2",
        f"{CWE}681.html",
        is_fixed=False,
    ),
    _rule(
        "G107",
        "number with too many digits",
        "A number has more digits than any measurement, or an exponent beyond float64.",
        f"{I_JSON}#section-2.2",
        f"{CWE}1176.html",
        tags=(DENIAL, MANIPULATION),
    ),
    _rule(
        "G108",
        "text not in plain UTF-8",
        "The body begins with a byte order mark, or is in UTF-16 or UTF-32, or is no UTF-8.",
        f"{JSON}#section-8.1",
        TWO_READINGS,
    ),
    _rule(
        "G109",
        "encoded body",
        "The body has a Content-Encoding that GUARD_CONTENT_ENCODINGS doesn't name.",
        f"{HTTP}#section-15.5.16",
        f"{CWE}409.html",
        status=415,
    ),
    _rule("G110", "trailing bytes", "Bytes follow the JSON document.", f"{JSON}#section-2", TWO_READINGS),
    _limit(
        "G111",
        "too many instances",
        "There are more instances than GUARD_MAX_INSTANCES.",
        EXHAUSTION,
        status=400,
        tag=COST,
    ),
    _limit(
        "G112",
        "too many objects and arrays",
        "There are more objects and arrays than GUARD_MAX_JSON_CONTAINERS.",
        f"{JSON}#section-9",
        EXHAUSTION,
        status=400,
    ),
    _limit(
        "G113",
        "body late",
        "The body didn't arrive in GUARD_BODY_TIMEOUT_S, or paused for GUARD_BODY_IDLE_S.",
        f"{HTTP}#section-15.5.9",
        f"{CWE}400.html",
        status=408,
    ),
    _limit(
        "G114",
        "over the byte budget",
        "The bodies being read hold all the bytes that they may.",
        f"{HTTP}#section-15.6.4",
        EXHAUSTION,
        status=503,
    ),
    _rule(
        "G115",
        "unknown format",
        "No decoder reads the body, and the path is one of inference.",
        f"{HTTP}#section-15.5.16",
        f"{CWE}434.html",
        status=415,
    ),
    _rule(
        "G116",
        "bad tensor",
        "A tensor's data doesn't fit its shape or its datatype.",
        OPEN_INFERENCE,
        f"{CWE}1288.html",
    ),
    _rule(
        "G117",
        "conflicting lengths",
        "The headers give the body's length twice, or wrongly.",
        f"{HTTP_1_1}#section-6.3",
        f"{CWE}444.html",
    ),
    _rule(
        "G118",
        "body cut off",
        # The client is most likely gone and sees no answer; half a body must not reach the model all the same.
        "The client left before the end of the body.",
        f"{HTTP_1_1}#section-8",
        f"{CWE}400.html",
        tags=(DENIAL, MANIPULATION),
    ),
    _rule(
        "G119",
        "ambiguous format",
        "The body has members of two formats, or unknown ones beside those of a known format.",
        OPEN_INFERENCE,
        TWO_READINGS,
        is_fixed=False,
    ),
    _rule(
        "G120",
        "conflicting content type",
        "The Content-Type names another format than the body has, or several.",
        f"{HTTP}#section-8.3",
        TWO_READINGS,
        status=415,
        is_fixed=False,
    ),
    _rule(
        "G121",
        "serialised code",
        "The body, or a value in it, is a pickle, an archive or the like, which runs code in a host that opens it.",
        f"{CWE}502.html",
        tags=(EXPLOIT, "AML.T0011", MANIPULATION),
        status=415,
    ),
    _limit(
        "G122",
        "expands too far",
        "Decoded, a compressed body is longer than GUARD_MAX_BODY_BYTES or GUARD_MAX_COMPRESSION_RATIO allow.",
        f"{HTTP}#section-15.5.14",
        f"{CWE}409.html",
        status=413,
    ),
    _rule(
        "G123",
        "broken compression",
        "A compressed body is damaged, cut off, followed by other bytes, or in several parts.",
        f"{HTTP}#section-8.4",
        TWO_READINGS,
    ),
    _limit(
        "G124",
        "image too large",
        "An image has more pixels than GUARD_MAX_IMAGE_PIXELS or than its bytes give reason for, or several frames.",
        f"{CWE}409.html",
        EXHAUSTION,
        status=413,
    ),
    _rule("G125", "broken image", "An image can't be decoded.", f"{CWE}1286.html"),
    _rule(
        "G126",
        "invalid base64",
        "A text that should be base64 isn't, and readers differ in what they make of it.",
        "https://www.rfc-editor.org/rfc/rfc4648#section-3.3",
        TWO_READINGS,
    ),
    _rule(
        "G127",
        "ambiguous multipart",
        "A multipart body is malformed, or could be read in two ways.",
        "https://www.rfc-editor.org/rfc/rfc7578",
        TWO_READINGS,
    ),
    _rule(
        "G128",
        "malformed CSV",
        "The lines of a CSV body have different lengths, or a cell could be read in two ways.",
        "https://www.rfc-editor.org/rfc/rfc4180",
        TWO_READINGS,
    ),
    _rule(
        "G129",
        "refused by your decoder",
        "The decoder that GUARD_DECODER names can't read the body.",
        f"{CWE}1286.html",
    ),
)
