"""The path algorithm, by its stated rules; the routers are asked in tests/middleware/test_mounting.py."""

import pytest

from guard.paths import PathPolicy, route_path
from guard.settings import GuardSettings


def policy(*, paths: str = "/v2/models/*/infer", exclude: str = "/health,/static/**") -> PathPolicy:
    return PathPolicy(GuardSettings.from_environ({"GUARD_PATHS": paths, "GUARD_EXCLUDE_PATHS": exclude}))


@pytest.mark.parametrize(
    ("path", "excluded"),
    [
        ("/health", True),
        ("/static/a", True),
        ("/static/a/b", True),
        ("/Health", False),
        ("/health/", False),
        ("/healthy", False),
        ("//health", False),
        ("/static//a", False),
        ("/static/../v2/models/m/infer", False),
        ("/static/./a", False),
        ("/static/..", False),
        ("/static/a\\b", False),
        ("/static/a%2fb", False),
        ("/static/a\x00", False),
        ("/static/a\nb", False),
        ("/static/..a", True),
        ("/static/" + "a" * 3000, False),
    ],
)
def test_path_is_excluded_only_when_it_can_be_read_in_one_way(path: str, *, excluded: bool) -> None:
    assert policy().match(path).excluded is excluded


@pytest.mark.parametrize(
    "raw", [b"/static%2Fx", b"/static/%2e%2e/x", b"/static/%5cx", b"/static/%252e", b"/static/x%00"]
)
def test_path_with_encoded_separators_is_never_excluded(raw: bytes) -> None:
    route = policy().match("/static/x", "", raw)

    assert not route.excluded
    assert route.listed


def test_path_query_in_raw_path_plays_no_part() -> None:
    assert policy().match("/static/x", "", b"/static/x?next=%2F").excluded


@pytest.mark.parametrize(
    ("path", "listed"),
    [
        ("/v2/models/m/infer", True),
        ("/v2/models/m/versions/1/infer", False),
        ("/v2/models/m/infer/", False),
        ("/V2/models/m/infer", False),
        ("//v2/models/m/infer", True),
        ("/login", False),
    ],
)
def test_path_listed_by_globs_or_by_being_ambiguous(path: str, *, listed: bool) -> None:
    assert policy().match(path).listed is listed


def test_path_default_lists_everything() -> None:
    everything = PathPolicy(GuardSettings.from_environ({}))

    assert everything.match("/any/where").listed
    assert everything.match("/").listed


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v2/models/m/infer", "m"),
        ("/v2/models/m/versions/3/infer", "m"),
        ("/v1/models/m:predict", "m"),
        ("/models/m/infer", "m"),
        ("/predict", None),
        ("/supermodels/m", None),
        ("/models/a/v2/models/b/infer", None),
        ("/models/a/../models/b/infer", None),
    ],
)
def test_path_names_the_model(path: str, model: str | None) -> None:
    assert policy().match(path).model == model


@pytest.mark.parametrize(
    ("path", "root_path", "expected"),
    [
        ("/api/health", "/api", "/health"),
        ("/health", "/api", "/health"),
        ("/apihealth", "/api", "/apihealth"),
        ("/api", "/api", "/"),
        ("/api/health", "/api/", "/health"),
        ("/health", "", "/health"),
    ],
)
def test_route_path_is_relative_to_the_root_path(path: str, root_path: str, expected: str) -> None:
    assert route_path(path, root_path) == expected


def test_path_glob_with_many_stars_is_matched_in_linear_time() -> None:
    hostile = policy(exclude="/" + "**a*a" * 20)

    assert not hostile.match("/" + "a" * 2000 + "b").excluded


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("/**a*b", "/a/ab", True),
        ("/*", "/a/b", False),
        ("/*/b", "/a/b", True),
        ("/a?c", "/abc", True),
        ("/a?c", "/a/c", False),
        ("/**", "/", True),
        ("/**/x", "/a/b/x", True),
        ("/***", "/a/b", True),
    ],
)
def test_path_glob_stars(glob: str, path: str, *, matches: bool) -> None:
    assert policy(exclude=glob).match(path).excluded is matches


@pytest.mark.parametrize("glob", ["/a.b", "/a+b", "/(a)", "/[ab]"])
def test_path_glob_has_no_other_special_characters(glob: str) -> None:
    assert policy(exclude=glob).match(glob).excluded
    assert not policy(exclude="/a.b").match("/aXb").excluded
