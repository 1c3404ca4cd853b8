"""The command itself: `guard config`, errors, start-up without extras."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest

from guard import GuardSettings, __version__

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run() -> Run:
    def call(*arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GUARD_")}
        return subprocess.run(
            [sys.executable, "-c", "from guard.cli.main import main; main()", *arguments],
            env={**inherited, "COLUMNS": "200", **(environ or {})},
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def test_config_prints_every_setting_with_its_source_and_the_digest(run: Run) -> None:
    environ = {"GUARD_MODE": "enforce", "GUARD_CLIENT_SECRET": "hunter2"}

    done = run("config", environ=environ)

    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["GUARD_MODE", "enforce", "environment"] in lines
    assert ["GUARD_FLAG_FPR", "0.01", "share", "default"] in lines
    assert f"digest sha256:{GuardSettings.from_environ(environ).digest()}" in done.stdout
    assert "hunter2" not in done.stdout


def test_config_as_json_is_for_machines(run: Run) -> None:
    done = run("config", "--json", environ={"GUARD_FLAG_FPR": "0.02"})

    told = json.loads(done.stdout)
    assert told["settings"]["GUARD_FLAG_FPR"] == {"value": "0.02", "source": "environment"}
    assert told["digest"] == GuardSettings.from_environ({"GUARD_FLAG_FPR": "0.02"}).digest()


def test_config_with_faults_lists_them_all_and_exits_2(run: Run) -> None:
    done = run("config", environ={"GUARD_MODE": "on\x1b[31m", "GUARD_FLG_FPR": "1"})

    assert done.returncode == 2
    assert "GUARD_MODE is" in done.stderr
    assert "did you mean GUARD_FLAG_FPR?" in done.stderr
    assert "\x1b" not in done.stderr
    assert "Traceback" not in done.stderr


def test_config_tells_what_a_start_would_refuse(run: Run) -> None:
    done = run("config", environ={"GUARD_DETECTOR": "nowhere.onnx"})

    assert done.returncode == 1
    assert "nowhere.onnx" in done.stderr
    assert "digest sha256:" in done.stdout


def test_config_with_faults_of_several_users_lists_them_all(run: Run) -> None:
    done = run("config", environ={"GUARD_DISABLED_RULES": "G999 why", "GUARD_TRUSTED_PROXIES": "lb"})

    assert done.returncode == 2
    assert "G999" in done.stderr
    assert "lb" in done.stderr


def test_version_is_the_package_s(run: Run) -> None:
    assert run("--version").stdout.strip() == f"guard {__version__}"


@pytest.mark.parametrize("arguments", [["no-such-command"], ["config", "--no-such-option"], ["fit"]])
def test_wrong_usage_exits_2(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["detector", "show", "nowhere.onnx"], ["score", "nowhere.onnx", "rows.csv"], ["review", "list", "--journal", "x"]],
)
def test_what_guard_refuses_is_one_message_and_exit_1(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)

    assert done.returncode == 1
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_help_names_every_command(run: Run) -> None:
    told = run("--help").stdout

    assert all(command in told for command in ("fit", "score", "detector", "review", "config", "demo"))
