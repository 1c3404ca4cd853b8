"""guard looks at every inference request before the model does, and allows, flags or rejects it."""

from guard.contract import Contract, load_contract
from guard.detectors import Detector, load_detector
from guard.errors import ConfigError, ContractError, DetectorError, GuardError, MalformedRequest
from guard.middleware import GuardMiddleware
from guard.screening import Screener
from guard.settings import GuardSettings
from guard.verdict import Action, Finding, Kind, Mode, Verdict

__version__ = "0.1.0"

__all__ = [
    "Action",
    "ConfigError",
    "Contract",
    "ContractError",
    "Detector",
    "DetectorError",
    "Finding",
    "GuardError",
    "GuardMiddleware",
    "GuardSettings",
    "Kind",
    "MalformedRequest",
    "Mode",
    "Screener",
    "Verdict",
    "load_contract",
    "load_detector",
]
