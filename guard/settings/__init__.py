"""What the operator chose: the GUARD_* variables."""

from __future__ import annotations

from guard.settings.environ import source_of, variable
from guard.settings.model import MASK, GuardSettings, SettingRow
from guard.settings.values import DetectorRef

__all__ = ["MASK", "DetectorRef", "GuardSettings", "SettingRow", "source_of", "variable"]
