"""One libFuzzer process, coverage-guided by atheris: `python -m tests.fuzz.fuzz_one CORPUS... [libFuzzer options]`.

It ends at the first input that guard fails on, with that input in the folder of `-artifact_prefix`.
"""

from __future__ import annotations

import logging
import sys

import atheris

with atheris.instrument_imports(include=["guard"]):
    from guard.decode import decode  # noqa: F401 - instrumented by being imported here
    from guard.middleware import GuardMiddleware  # noqa: F401
    from tests.fuzz.exchange import Harness


def main() -> None:
    logging.disable(logging.CRITICAL)
    harness = Harness(GUARD_FORWARD="canonical" if "--canonical" in sys.argv else "original")
    options = [argument for argument in sys.argv if argument != "--canonical"]
    atheris.Setup(options, lambda data: harness.send(data) and None)
    atheris.Fuzz()


main()
