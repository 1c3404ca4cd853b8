"""What the README says of the code is so."""

import re
from pathlib import Path

from guard.rules import RULES
from guard.settings import GuardSettings

README = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")


def test_readme_lists_every_rule_with_what_it_asks_for() -> None:
    for rule in RULES:
        status = f", {rule.status}" if rule.status else ""
        assert f"| `{rule.id}` {rule.title} | {rule.action.label}{status} | {rule.message} |" in README


def test_readme_lists_every_setting_with_its_default() -> None:
    for row in GuardSettings.table():
        default = f"`{row.default}`" if row.default else "none"
        unit = f" {row.unit}" if row.unit else ""
        assert f"| `{row.name}` | {default}{unit} | {row.help} |" in README


def test_readme_names_no_rule_that_is_not_there() -> None:
    assert set(re.findall(r"\bG\d{3}\b", README)) <= {rule.id for rule in RULES}


def test_readme_has_no_placeholder_left() -> None:
    assert not re.search(r"^[A-Z_]{4,}$", README, re.MULTILINE)
