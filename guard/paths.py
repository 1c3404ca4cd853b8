r"""Which paths are screened, and how strictly: one stated algorithm.

Threat model: a client that spells a path so that guard takes it for an excluded one while the router
behind serves the model. Out of scope: a proxy *behind* guard that rewrites paths.

1. The path is `scope["path"]`, which the server has percent-decoded, less `root_path` where the path
   begins with it at the end of a segment (as Starlette's routing does).
2. A glob is matched against the whole path, case-sensitively: `*` stands for any characters but `/`,
   `**` for any characters, `?` for one character but `/`. Nothing else is special, nothing is
   normalised.
3. A path that two routers could read differently (an empty, `.` or `..` segment, a backslash, a control
   character, an encoded `/`, `\` or `.`, a `%` left after decoding, more than 2,048 characters) is never excluded
   and always counts as listed in GUARD_PATHS.
"""

from __future__ import annotations

import enum
import re
from functools import lru_cache
from typing import NamedTuple

from guard.settings import GuardSettings

__all__ = ["PathPolicy", "Protocol", "Route", "route_path"]

_AMBIGUOUS = re.compile(r"//|\\|%|[\x00-\x1f\x7f]|/\.{1,2}(/|$)")
_AMBIGUOUS_RAW = re.compile(rb"%(2f|5c|2e|25|00)", re.IGNORECASE)
_MODEL = re.compile(r"(?:^|/)models/([^/:]+)")

# Longer paths aren't cached, so that a client can't fill the memory with them.
_CACHED_PATH_CHARS = 256

# Matching costs time in proportion to the path; no real route is longer.
_LONGEST_PATH_CHARS = 2048


class Protocol(enum.Enum):
    """The protocol that a path belongs to; it limits the formats that a body may have."""

    V2 = "Open Inference Protocol V2"
    V1 = "V1"
    INVOCATIONS = "invocations of MLflow and SageMaker"
    OPENAI = "OpenAI"
    ANY = "any"
    """a path that no protocol claims: the body's shape alone tells"""


# Matched at the end of a decoded path, whatever stands before it: an app may be mounted anywhere.
_PROTOCOLS: tuple[tuple[re.Pattern[str], Protocol], ...] = (
    (re.compile(r"/v2/models/[^/]+(?:/versions/[^/]+)?/infer(?:_stream)?/?\Z"), Protocol.V2),
    (
        re.compile(r"/v1/models/[^/]+(?:/(?:versions|labels)/[^/:]+)?:(?:predict|explain|classify|regress)/?\Z"),
        Protocol.V1,
    ),
    (re.compile(r"/(?:chat/completions|completions|embeddings|responses|v1/messages)/?\Z"), Protocol.OPENAI),
    (re.compile(r"/invocations/?\Z"), Protocol.INVOCATIONS),
)


class Route(NamedTuple):
    """What guard makes of a path.

    `path` is relative to where guard is mounted; `model` is the name after `/models/`, None where there is none,
    or where it isn't certain which one the router takes.
    """

    path: str
    excluded: bool
    listed: bool
    model: str | None
    protocol: Protocol = Protocol.ANY


class PathPolicy:
    """Decides by path whether a request is screened, and whether its body must be readable."""

    def __init__(self, settings: GuardSettings) -> None:
        self._listed = [_Glob(glob) for glob in settings.paths]
        self._excluded = [_Glob(glob) for glob in settings.exclude_paths]
        self._cached = lru_cache(maxsize=1024)(self._match)

    def match(self, path: str, root_path: str = "", raw_path: bytes | None = None) -> Route:
        """Match one path; the three arguments are those of the ASGI scope."""
        if len(path) > _CACHED_PATH_CHARS:
            return self._match(path, root_path, raw_path)
        return self._cached(path, root_path, raw_path)

    def _match(self, path: str, root_path: str, raw_path: bytes | None) -> Route:
        relative = route_path(path, root_path)
        if _is_ambiguous(relative, raw_path):
            return Route(relative, excluded=False, listed=True, model=None, protocol=_protocol(relative))
        models = _MODEL.findall(relative)
        name = models[0] if len(models) == 1 else None
        excluded = any(glob.matches(relative) for glob in self._excluded)
        listed = any(glob.matches(relative) for glob in self._listed)
        return Route(relative, excluded, listed, name, _protocol(relative))


def _protocol(path: str) -> Protocol:
    end = path[-_LONGEST_PATH_CHARS:]
    return next((protocol for pattern, protocol in _PROTOCOLS if pattern.search(end)), Protocol.ANY)


def route_path(path: str, root_path: str) -> str:
    """The path as the router below sees it: less `root_path`, where it begins with it.

    Servers differ: uvicorn prefixes the path with the root path, granian and hypercorn don't.
    """
    root = root_path.rstrip("/")
    if not root or not path.startswith(root):
        return path
    rest = path[len(root) :]
    return rest if rest.startswith("/") else (path if rest else "/")


def _is_ambiguous(path: str, raw_path: bytes | None) -> bool:
    if len(path) > _LONGEST_PATH_CHARS or _AMBIGUOUS.search(path):
        return True
    return raw_path is not None and _AMBIGUOUS_RAW.search(raw_path.partition(b"?")[0]) is not None


class _Glob:
    """One glob, matched by following all its readings at once: linear in the path, whatever the stars."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = re.findall(r"\*\*+|.", text, re.DOTALL)

    def matches(self, path: str) -> bool:
        """Whether the glob stands for the whole path."""
        states = self._skip_stars({0})
        for char in path:
            states = self._skip_stars({after for state in states for after in self._step(state, char)})
            if not states:
                return False
        return len(self._tokens) in states

    def _step(self, state: int, char: str) -> tuple[int, ...]:
        token = self._tokens[state] if state < len(self._tokens) else ""
        if token.startswith("**") or (token == "*" and char != "/"):
            return (state,)
        if token == char or (token == "?" and char != "/"):
            return (state + 1,)
        return ()

    def _skip_stars(self, states: set[int]) -> set[int]:
        reached = set(states)
        for state in states:
            after = state
            while after < len(self._tokens) and self._tokens[after].startswith("*"):
                after += 1
                reached.add(after)
        return reached
