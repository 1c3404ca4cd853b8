"""GuardSettings: the GUARD_* variables, one table of name, default, unit and help.

Values come from a mapping that is passed in, never from a global. Every fault is collected and raised
once. A secret may be given as `NAME_FILE`, the path of a file that holds it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from guard.errors import ConfigError
from guard.settings.environ import PREFIX, find_unknown, ours, read_secret_files, variable
from guard.settings.values import (
    EVERYWHERE,
    DetectorRef,
    choice,
    list_of,
    or_everywhere,
    parse_callable,
    parse_client,
    parse_detectors,
    parse_encodings,
    starts_with,
)
from guard.verdict import Mode

__all__ = ["MASK", "GuardSettings", "SettingRow"]

MASK = "********"

# Clients send a request again that got one of these; a verdict doesn't change by asking again.
RETRIED = frozenset({408, 409, 425, 429})

# In a URL that was given where none is taken: a password in an error would end in a log.
_CREDENTIALS = re.compile(r"//[^/@]*@")

_Texts = Annotated[tuple[str, ...], NoDecode, list_of(",")]


class SettingRow(NamedTuple):
    """One line of the table that `guard config` and the README print."""

    name: str
    default: str
    unit: str
    help: str


def _setting(default: Any, help: str, *, unit: str = "", **constraints: Any) -> Any:
    if isinstance(default, float):
        constraints["allow_inf_nan"] = False
    return Field(default=default, description=help, json_schema_extra={"unit": unit}, **constraints)


class GuardSettings(BaseSettings):
    """What the operator chose. Frozen; `from_environ` reads it from a mapping of variables."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", validate_default=False, hide_input_in_errors=True
    )

    mode: Mode = _setting(
        Mode.MONITOR, "`off`: pass everything unseen; `monitor`: flag, never reject; `enforce`: reject"
    )
    detector: Annotated[tuple[DetectorRef, ...], NoDecode, BeforeValidator(parse_detectors)] = _setting(
        (), "the detector: `FILE`, `FILE@sha256:DIGEST`, or `MODEL=FILE;MODEL=FILE`; without one, rules run alone"
    )
    contract: str | None = _setting(None, "TOML file of declared features and relations")
    flag_fpr: float = _setting(0.01, "share of clean requests that may be flagged", unit="share", gt=0, lt=1)
    reject_fpr: float = _setting(0.001, "share of clean requests that may be rejected", unit="share", ge=0, lt=1)
    fpr_per: Annotated[str, choice("request", "instance")] = _setting(
        "request", "what the two rates count: `request`, or `instance` of a batch"
    )
    paths: Annotated[_Texts, AfterValidator(or_everywhere)] = _setting(
        EVERYWHERE, "globs of inference paths, split by commas; on these a body that no decoder reads is refused"
    )
    exclude_paths: _Texts = _setting((), "globs of paths that are never screened, split by commas")
    websocket: Annotated[str, choice("pass", "deny")] = _setting(
        "pass", "`pass` or `deny` websockets, which guard can't screen"
    )
    max_body_bytes: int = _setting(8_388_608, "longest body", unit="bytes", gt=0)
    max_inflight_bytes: int = _setting(
        268_435_456, "bytes that all bodies being read may hold; one client, an eighth of it", unit="bytes", gt=0
    )
    body_timeout_s: float = _setting(30.0, "time for a whole body to arrive", unit="seconds", gt=0)
    body_idle_s: float = _setting(5.0, "longest pause within a body", unit="seconds", gt=0)
    max_instances: int = _setting(1024, "most instances in a request", gt=0)
    max_json_depth: int = _setting(64, "deepest nesting of JSON", gt=0, le=1000)
    max_json_containers: int = _setting(100_000, "most objects and arrays in a JSON document", gt=0)
    max_image_pixels: int = _setting(16_777_216, "most pixels of an image, width times height", unit="pixels", gt=0)
    content_encodings: Annotated[_Texts, AfterValidator(parse_encodings)] = _setting(
        (),
        "what the host behind guard decodes, split by commas: `gzip`, `deflate`; any other Content-Encoding is refused",
    )
    max_compression_ratio: int = _setting(100, "how many times longer decoding may make a compressed body", gt=0)
    decoder: Annotated[str | None, AfterValidator(parse_callable)] = _setting(
        None, "your own decoder, `module:callable`, asked first"
    )
    score_timeout_ms: int = _setting(1000, "time for decoding and scoring a request", unit="milliseconds", gt=0)
    on_error: Annotated[str, choice("allow", "reject")] = _setting(
        "reject", "in `enforce`, what becomes of a request when guard fails or is late"
    )
    on_journal_error: Annotated[str, choice("allow", "reject")] = _setting(
        "allow", "in `enforce`, what becomes of a flagged request whose entry can't be queued"
    )
    disabled_rules: Annotated[tuple[str, ...], NoDecode, list_of(";")] = _setting(
        (), 'rules switched off, split by `;`: `ID[:"feature"] [until YYYY-MM-DD] reason`'
    )
    journal: Annotated[str, starts_with("sqlite:///", or_name="off")] = _setting(
        "sqlite:///guard.db", "where flagged requests are kept: `sqlite:///FILE`, or `off`"
    )
    journal_body: Annotated[str, choice("none", "features", "full")] = _setting(
        "features", "what is kept of a journaled request: `none`, `features` or the `full` body"
    )
    journal_sample: float = _setting(0.0, "share of accepted requests that is journaled too", unit="share", ge=0, le=1)
    forward: Annotated[str, choice("original", "canonical")] = _setting(
        "original", "what the host gets in `enforce`: the `original` bytes, or guard's `canonical` re-encoding of them"
    )
    reject_status: int = _setting(422, "HTTP status of a rejection by contract or evidence", ge=400, le=499)
    client: Annotated[str, AfterValidator(parse_client)] = _setting(
        "address", "who a client is: `address`, or `header:NAME`"
    )
    trusted_proxies: _Texts = _setting(
        (), "addresses or networks whose X-Forwarded-For names the client, split by commas"
    )
    client_secret: SecretStr | None = _setting(None, "salt of the hashed client identities; random where none is given")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the settings from a mapping of variables (`os.environ` where none is given).

        Raises ConfigError, which lists every bad or unknown variable at once.
        """
        return cls._from(os.environ if environ is None else environ)

    @classmethod
    def _from(cls, environ: Mapping[str, str]) -> Self:
        values, faults = read_secret_files(ours(environ), _secret_names(cls))
        faults += find_unknown(values, _variable_names(cls))
        source = EnvSettingsSource(cls, case_sensitive=False)
        source.env_vars = {k.lower(): v for k, v in values.items()}
        try:
            settings = cls(**source())
        except ValidationError as error:
            faults += [line for item in error.errors() for line in _explain(item, values).splitlines()]
            raise ConfigError(faults) from None
        if faults:
            raise ConfigError(faults)
        return settings

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        faults = _contradictions(self)
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in counts: the process environment is read by `from_environ` alone."""
        del settings_cls
        return (init_settings,)

    @classmethod
    def table(cls) -> tuple[SettingRow, ...]:
        """Every variable with its default, unit and meaning, in the order of declaration."""
        return tuple(_row(name, field) for name, field in cls.model_fields.items())

    def masked(self) -> dict[str, str]:
        """Every variable with its value as text; secrets are masked. The order is that of `table`."""
        return {variable(name): _shown(name, getattr(self, name)) for name in type(self).model_fields}

    def canonical(self) -> bytes:
        """The masked settings as JSON with sorted keys; what `digest` is taken of."""
        return json.dumps(self.masked(), sort_keys=True).encode()

    def digest(self) -> str:
        """SHA-256 of the masked settings, in hexadecimal."""
        return hashlib.sha256(self.canonical()).hexdigest()


def _row(name: str, field: FieldInfo) -> SettingRow:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    return SettingRow(variable(name), _shown(name, field.default), str(extra.get("unit", "")), field.description or "")


def _shown(name: str, value: object) -> str:
    """Write a value so that it can be read back."""
    if value is None or value == ():
        return ""
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, tuple):
        return (";" if name in {"detector", "disabled_rules"} else ",").join(_shown_item(item) for item in value)
    return str(value)


def _shown_item(item: object) -> str:
    if not isinstance(item, DetectorRef):
        return str(item)
    digest = f"@sha256:{item.sha256}" if item.sha256 else ""
    return f"{item.model}={item.path}{digest}" if item.model else f"{item.path}{digest}"


def _secret_names(cls: type[GuardSettings]) -> set[str]:
    return {variable(name) for name, field in cls.model_fields.items() if "SecretStr" in str(field.annotation)}


def _variable_names(cls: type[GuardSettings]) -> list[str]:
    return [variable(name) for name in cls.model_fields]


def _explain(item: Any, values: Mapping[str, str]) -> str:
    if not item["loc"]:
        return str(item["msg"]).removeprefix("Value error, ")
    name = variable(str(item["loc"][0]))
    if name not in values:
        return f"{name.removeprefix(PREFIX).lower()}: {item['msg']}"
    given = MASK if name in _secret_names(GuardSettings) else repr(_CREDENTIALS.sub(f"//{MASK}@", values[name]))
    message = re.sub(r"^(Value error, |Input should be )", "", item["msg"])
    if item["type"] == "enum":
        message = "one of: " + item["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
    expected = message if message.startswith(("expected", "after", "where", "a model")) else f"expected {message}"
    return f"{name} is {given}; {expected}"


def _contradictions(settings: GuardSettings) -> list[str]:
    faults = []
    if settings.reject_fpr > settings.flag_fpr:
        faults.append(
            f"GUARD_REJECT_FPR is {settings.reject_fpr}; expected no more than GUARD_FLAG_FPR, {settings.flag_fpr}"
        )
    if settings.reject_status in RETRIED:
        faults.append(
            f"GUARD_REJECT_STATUS is {settings.reject_status}, which clients retry; expected one such as 422 or 403"
        )
    if settings.max_body_bytes > settings.max_inflight_bytes // 8:
        faults.append(
            f"GUARD_MAX_INFLIGHT_BYTES is {settings.max_inflight_bytes}; expected at least eight times "
            f"GUARD_MAX_BODY_BYTES, {settings.max_body_bytes}, since one client may hold an eighth"
        )
    return faults
