"""Imports go downward only, and `import guard` stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "guard"

# From the bottom up; parts of one tuple are siblings and don't import each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "verdict", "event_id"),
    ("settings",),
    ("inference", "contract", "paths"),
    ("decode",),
    ("features",),
    ("rules", "detectors"),
    ("protection",),
    ("policy",),
    ("screening",),
    ("asgi",),
    ("client", "upload", "workers"),
    ("examiner",),
    ("problem",),
    ("journal",),
    ("recorder",),
    ("monitor",),
    ("middleware",),
    ("training", "review", "proxy", "schema"),
    # What `from guard import` gives: the package as its users see it, which imports the middleware.
    ("__init__",),
    ("demo",),
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def imported_parts(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    parts = {module.split(".")[1] for module in modules if module.startswith("guard.")}
    from_package = any(isinstance(node, ast.ImportFrom) and node.module == "guard" for node in ast.walk(tree))
    return parts | ({"__init__"} if from_package else set())


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE or path.stem != "__init__"]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_go_downward(path: Path) -> None:
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")

    upward = {other for other in imported_parts(path) - {part} if RANK[other] >= RANK[part]}

    assert not upward


@pytest.mark.parametrize("path", [p for p in modules() if not {"training", "cli", "demo"} & set(p.parts)], ids=str)
def test_serving_module_imports_nothing_heavy(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    roots = {name.split(".")[0] for name in names}

    assert not roots & {"sklearn", "onnx", "polars", "typer", "rich", "starlette", "fastapi", "httpx", "pandas"}


def test_import_guard_loads_no_heavy_library() -> None:
    code = "import sys, guard; print(*sorted({name.split('.')[0] for name in sys.modules}))"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    heavy = {"sklearn", "onnx", "polars", "typer", "starlette", "sqlalchemy", "rich", "scipy", "pandas", "fastapi"}
    assert "guard" in loaded
    assert not heavy & set(loaded)


def test_public_names_are_sorted_and_exist() -> None:
    import guard

    assert sorted(guard.__all__) == guard.__all__
    assert all(hasattr(guard, name) for name in guard.__all__)


def test_module_names_say_what_they_hold() -> None:
    names = {path.stem for path in PACKAGE.rglob("*.py")}

    assert not names & {"utils", "util", "helpers", "common", "manager", "misc"}
