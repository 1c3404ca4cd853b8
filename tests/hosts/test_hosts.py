"""Real hosts, each in an environment of its own; not run by the plain test command.

`pytest tests/hosts -m hosts` runs them all, `-k NAME` one, as `python -m tests.hosts.run` does.
"""

from pathlib import Path

import pytest

from tests.hosts.environment import build_wheel
from tests.hosts.run import try_host
from tests.hosts.table import HOSTS


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.mark.hosts
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", HOSTS)
def test_host_is_served_and_protected(name: str, wheel: Path) -> None:
    assert try_host(HOSTS[name], wheel=wheel).faults == []
