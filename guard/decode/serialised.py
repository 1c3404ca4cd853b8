"""Content that runs code when a careless host opens it: pickle and its kin, archives; a body, or a value within one.

Threat model: pickle.loads runs what the client wrote; joblib, torch.load and np.load open a pickle, or a zip file with
one inside. guard recognises them by their first bytes and never opens them, not even to look. Bytes count as such by
these alone; a text in base64 only where what it holds is also built like one, since a text may begin with any letters.
Out of scope: code within a format that guard reads (an npy file's object dtype, an Arrow extension type), which its
decoder refuses; compressed pickles; in a text, those without frames that bytes follow; those of protocols 0 and 1,
which are text.
"""

from __future__ import annotations

from guard.decode.media import Media, MediaType

__all__ = ["name_code", "name_code_in_text", "name_serialised"]

# PROTO and a version: every pickle of protocol 2 and later. Older ones are text, which no decoder reads.
_PICKLE = tuple(bytes((0x80, version)) for version in range(2, 6))

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"\xac\xed\x00\x05", "serialised Java objects"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
)

# Shorter texts are tokens and categories.
_SHORTEST = 16

# Protocol 4 and later: the opcode FRAME, and eight bytes of length.
_FRAME, _FRAME_END = 0x95, 11

# Those that may follow the version; STOP is the last byte of what pickle writes.
_OPCODES = frozenset(b"()]}BCFGIJKLMNSTUVXcdeghijlpqr\x80\x82\x83\x84\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x95\x96")
_STOP = b"."


def name_serialised(body: bytes, media: MediaType) -> str | None:
    """Name what the body, or its Content-Type, is; None for a body that is nothing of the kind."""
    name = name_code(body)
    if name is None and media.media is Media.CODE:
        return f"a Content-Type of serialised code, {media.essence}"
    return name


def name_code(content: bytes) -> str | None:
    """Name what bytes are by the first of them; None where they are nothing of the kind."""
    if content.startswith(_PICKLE):
        return "a pickle"
    for magic, name in _MAGIC:
        if content.startswith(magic):
            return name
    return None


def name_code_in_text(content: bytes) -> str | None:
    """Name what a text in base64 holds, which may be a text that only looks like base64; None where it is unlikely."""
    name = name_code(content) if len(content) >= _SHORTEST else None
    return None if name is not None and content.startswith(_PICKLE) and not _is_built_like_pickle(content) else name


def _is_built_like_pickle(content: bytes) -> bool:
    if content[2] == _FRAME:
        return int.from_bytes(content[3:_FRAME_END], "little") <= len(content) - _FRAME_END
    return content[2] in _OPCODES and content.endswith(_STOP)
