"""Bodies that run code when a careless host opens them: pickle and its kin, archives.

Threat model: pickle.loads runs what the client wrote; joblib, torch.load and np.load open a pickle, or a zip file with
one inside. guard recognises them by their first bytes and never opens them, not even to look. Out of scope: code
within a format that guard reads (an npy file's object dtype, an Arrow extension type), which its decoder refuses.
"""

from __future__ import annotations

from guard.decode.media import Media, MediaType

__all__ = ["name_serialised"]

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


def name_serialised(body: bytes, media: MediaType) -> str | None:
    """Name what the body, or its Content-Type, is; None for a body that is nothing of the kind."""
    if body.startswith(_PICKLE):
        return "a pickle"
    for magic, name in _MAGIC:
        if body.startswith(magic):
            return name
    if media.media is Media.CODE:
        return f"a Content-Type of serialised code, {media.essence}"
    return None
