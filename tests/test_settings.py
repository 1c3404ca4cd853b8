"""The GUARD_* variables: read from a mapping, checked at once, secrets kept."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from guard.cli.config import markdown
from guard.errors import ConfigError
from guard.settings import DetectorRef, GuardSettings, source_of
from guard.verdict import Mode

ZEROS = "0" * 64


def test_settings_without_variables_have_the_documented_defaults() -> None:
    settings = GuardSettings.from_environ({})

    assert settings.mode is Mode.MONITOR
    assert (settings.flag_fpr, settings.reject_fpr) == (0.01, 0.001)
    assert settings.journal == "sqlite:///guard.db"
    assert settings.max_body_bytes == 8_388_608


def test_settings_ignore_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUARD_MODE", "enforce")

    assert GuardSettings.from_environ({}).mode is Mode.MONITOR
    assert GuardSettings().mode is Mode.MONITOR
    assert GuardSettings.from_environ().mode is Mode.ENFORCE


def test_settings_are_frozen() -> None:
    settings = GuardSettings.from_environ({})

    with pytest.raises(ValidationError, match="frozen"):
        settings.mode = Mode.OFF


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("GUARD_MODE", "enforced", "GUARD_MODE is 'enforced'; expected one of: off, monitor, enforce"),
        ("GUARD_MODE", "", "GUARD_MODE is ''; expected one of: off, monitor, enforce"),
        ("GUARD_FLAG_FPR", "1.5", "GUARD_FLAG_FPR is '1.5'; expected less than 1"),
        ("GUARD_FLAG_FPR", "nan", "GUARD_FLAG_FPR is 'nan'; expected a finite number"),
        ("GUARD_MAX_INSTANCES", "many", "GUARD_MAX_INSTANCES is 'many'; expected a valid integer"),
        ("GUARD_FPR_PER", "row", "GUARD_FPR_PER is 'row'; expected one of: request, instance"),
        ("GUARD_JOURNAL", "mysql://x", "GUARD_JOURNAL is 'mysql://x'; expected off or something that begins with"),
        ("GUARD_JOURNAL", "postgresql://u:hunter2@h/db", "GUARD_JOURNAL is 'postgresql://********@h/db'"),
        ("GUARD_CLIENT", "ip", "GUARD_CLIENT is 'ip'; expected address, or header:NAME"),
        ("GUARD_DETECTOR", "a.onnx;b.onnx", "where several detectors are given, each is MODEL=FILE"),
        ("GUARD_DETECTOR", "m=a;m=b", "a model is named twice"),
        ("GUARD_DETECTOR", "a.onnx@sha256:12", "after @sha256: stand 64 lower-case hexadecimal digits"),
        ("GUARD_REJECT_FPR", "0.02", "GUARD_REJECT_FPR is 0.02; expected no more than GUARD_FLAG_FPR, 0.01"),
        ("GUARD_MAX_BODY_BYTES", "268435456", "expected at least eight times GUARD_MAX_BODY_BYTES"),
        ("GUARD_FLG_FPR", "0.1", "GUARD_FLG_FPR is not a setting of guard; did you mean GUARD_FLAG_FPR?"),
        ("GUARD_ZZZZ", "0.1", "GUARD_ZZZZ is not a setting of guard; `guard config` lists the known ones"),
    ],
)
def test_settings_with_a_fault_say_what_was_found_and_what_would_do(name: str, value: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        GuardSettings.from_environ({name: value})

    assert expected in str(caught.value)


def test_settings_made_in_code_are_checked_too() -> None:
    with pytest.raises(ValidationError, match="expected no more than GUARD_FLAG_FPR"):
        GuardSettings(flag_fpr=0.01, reject_fpr=0.02)


def test_settings_report_every_fault_at_once() -> None:
    environ = {"GUARD_MODE": "on", "GUARD_MAX_INSTANCES": "0", "GUARD_PORTS": "1", "GUARD_COLOUR": "blue"}

    with pytest.raises(ConfigError) as caught:
        GuardSettings.from_environ(environ)

    assert len(caught.value.faults) == 3


def test_settings_ignore_what_kubernetes_sets_for_a_service_named_guard() -> None:
    environ = {"GUARD_PORT_80_TCP_ADDR": "10.0.0.1", "GUARD_SERVICE_HOST": "10.0.0.1", "GUARD_PORT": "tcp://10.0.0.1"}

    assert GuardSettings.from_environ(environ) == GuardSettings.from_environ({})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("d.onnx", (DetectorRef(None, "d.onnx", None),)),
        (f"d.onnx@sha256:{ZEROS}", (DetectorRef(None, "d.onnx", ZEROS),)),
        ("a=x.onnx; b=y.onnx", (DetectorRef("a", "x.onnx", None), DetectorRef("b", "y.onnx", None))),
        ("", ()),
    ],
)
def test_settings_detector_names_files_models_and_digests(value: str, expected: tuple[DetectorRef, ...]) -> None:
    assert GuardSettings.from_environ({"GUARD_DETECTOR": value}).detector == expected


def test_settings_paths_are_split_at_commas() -> None:
    settings = GuardSettings.from_environ({"GUARD_PATHS": "/v2/**, /predict ,"})

    assert settings.paths == ("/v2/**", "/predict")


def test_settings_empty_paths_are_the_default_and_open_no_gate() -> None:
    assert GuardSettings.from_environ({"GUARD_PATHS": ""}).paths == ("/**",)


def test_settings_secret_is_masked_wherever_it_is_shown() -> None:
    settings = GuardSettings.from_environ({"GUARD_CLIENT_SECRET": "hunter2"})

    assert settings.client_secret is not None
    assert settings.client_secret.get_secret_value() == "hunter2"
    assert "hunter2" not in f"{settings!r}{settings.masked()}{settings.canonical()!r}"


def test_settings_secret_is_read_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")

    settings = GuardSettings.from_environ({"GUARD_CLIENT_SECRET_FILE": str(secret)})

    assert settings.client_secret is not None
    assert settings.client_secret.get_secret_value() == "hunter2"


def test_settings_secret_given_twice_is_a_fault_that_shows_neither(tmp_path: Path) -> None:
    environ = {"GUARD_CLIENT_SECRET_FILE": str(tmp_path / "none"), "GUARD_CLIENT_SECRET": "hunter2"}

    with pytest.raises(ConfigError, match="are both set") as caught:
        GuardSettings.from_environ(environ)

    assert "hunter2" not in str(caught.value)


def test_settings_secret_file_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="GUARD_CLIENT_SECRET_FILE can't be read"):
        GuardSettings.from_environ({"GUARD_CLIENT_SECRET_FILE": str(tmp_path / "none")})


def test_settings_file_suffix_works_for_secrets_alone() -> None:
    with pytest.raises(ConfigError, match="GUARD_MODE_FILE is not a setting"):
        GuardSettings.from_environ({"GUARD_MODE_FILE": "/etc/mode"})


def test_settings_digest_changes_with_a_value_and_not_with_a_secret() -> None:
    plain = GuardSettings.from_environ({}).digest()

    assert GuardSettings.from_environ({"GUARD_MODE": "monitor"}).digest() == plain
    assert GuardSettings.from_environ({"GUARD_FLAG_FPR": "0.02"}).digest() != plain
    one, other = ({"GUARD_CLIENT_SECRET": secret} for secret in ("a", "b"))
    assert GuardSettings.from_environ(one).digest() == GuardSettings.from_environ(other).digest()


@pytest.mark.parametrize(
    ("environ", "source"),
    [({}, "default"), ({"GUARD_MODE": "off"}, "environment"), ({"GUARD_MODE_FILE": "x"}, "file")],
)
def test_settings_source_of_a_value(environ: dict[str, str], source: str) -> None:
    assert source_of("GUARD_MODE", environ) == source


def test_settings_table_is_the_readme_s() -> None:
    readme = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")

    assert markdown(GuardSettings.table()) in readme


def test_settings_each_have_a_help_text() -> None:
    assert all(len(row.help) > 10 for row in GuardSettings.table())


@pytest.mark.parametrize("status", ["408", "409", "425", "429"])
def test_status_that_clients_retry_is_refused(status: str) -> None:
    with pytest.raises(ConfigError, match=f"GUARD_REJECT_STATUS is {status}, which clients retry"):
        GuardSettings.from_environ({"GUARD_REJECT_STATUS": status})
