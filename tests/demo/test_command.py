from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from guard.cli.demo import check_extras

COMMAND = [sys.executable, "-c", "from guard.cli.main import main; main()", "demo"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(tmp_path), "GUARD_MODE": "off"}


def test_demo_command_exits_with_0_within_a_minute(environ: dict[str, str]) -> None:
    done = subprocess.run(COMMAND, env=environ, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "All went as promised." in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.fixture
def staying(environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*COMMAND, "--serve"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        yield process
        process.kill()


def test_demo_command_that_serves_ends_cleanly_on_ctrl_c(staying: subprocess.Popen[str]) -> None:
    assert staying.stdout is not None
    printed = ""
    while "# hostile" not in printed:
        line = staying.stdout.readline()
        assert line, printed
        printed += line
    url = re.search(r"http://[\d.:]+", printed)
    assert url is not None
    alive = httpx.get(f"{url[0]}/v2/health/ready", trust_env=False)

    staying.send_signal(signal.SIGINT)
    rest = staying.communicate(timeout=20)[0]

    assert alive.status_code == 200
    assert staying.returncode == 0, rest
    assert "Traceback" not in rest


def test_check_extras_where_all_are_there_is_silent() -> None:
    check_extras()


def test_demo_command_without_its_extras_says_what_to_install(environ: dict[str, str]) -> None:
    code = "import sys; sys.modules['httpx'] = None\n" + COMMAND[2]

    done = subprocess.run(
        [*COMMAND[:1], "-c", code, "demo"], env=environ, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode != 0
    assert "pip install 'inference-guard[all]'" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
