"""Writes json_verdicts.toml: python -m tests.suites.json_verdicts > tests/suites/json_verdicts.toml."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from guard import GuardSettings, Screener
from tests.suites.conftest import DATA
from tests.suites.readers import outcome

__all__ = ["FORMS", "bodies", "verdicts"]

HEADER = """\
# What guard says of each file of the JSONTestSuite (github.com/nst/JSONTestSuite) by itself, and as the value of one
# V1 instance: "allow", or the rules that refuse it. With default settings, and without a contract.
# Written by: python -m tests.suites.json_verdicts > tests/suites/json_verdicts.toml
"""

# Each form has its path and puts a file's bytes into a body.
FORMS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "bare": ("/infer", lambda text: text),
    "instance": ("/v1/models/m:predict", lambda text: b'{"instances": [[' + text + b"]]}"),
}


def bodies(form: str, data: Path) -> Iterator[tuple[str, bytes]]:
    """Each file's name, and its body in this form."""
    wrap = FORMS[form][1]
    for file in sorted((data / "json").glob("test_*/*.json")):
        yield f"{file.parent.name}/{file.name}", wrap(file.read_bytes())


def verdicts(form: str, data: Path) -> dict[str, str]:
    """Each file's verdict in this form."""
    screener = Screener(GuardSettings(journal="off"))
    path = FORMS[form][0]
    return {name: outcome(screener, body, path=path) for name, body in bodies(form, data)}


def main() -> None:
    """Print the table."""
    print(HEADER, end="")
    for form in FORMS:
        print(f"\n[{form}]")
        for name, verdict in verdicts(form, DATA).items():
            print(f'{json.dumps(name)} = "{verdict}"')


if __name__ == "__main__":
    main()
