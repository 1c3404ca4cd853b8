"""`guard fit`: from a file of clean rows to a detector."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from guard.cli.progress import progress_bar
from guard.cli.terminal import safe
from guard.contract import load_contract
from guard.detectors.manifest import FeatureCard
from guard.training import FittedDetector, fit_detector, read_dataset
from guard.training.files import looks_like_number
from guard.training.fit import DEFAULT_RATES, STEPS, select
from guard.training.split import rows_needed

__all__ = ["fit"]

MOST_NAMES = 20


def fit(
    data: Annotated[Path, typer.Argument(help="Clean rows: a .csv, .parquet, .npy or .npz file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The detector's file.")],
    *,
    target: Annotated[str | None, typer.Option(help="Column that the model predicts; left out.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Column to leave out; may be repeated.")] = None,
    categorical: Annotated[list[str] | None, typer.Option(help="Column of numbers that are categories.")] = None,
    contract: Annotated[Path | None, typer.Option(help="TOML file of declared features; kept in the detector.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the split and of the forest.")] = 0,
    fpr: Annotated[
        list[float] | None, typer.Option(min=0, max=1, help="False-positive rate to promise; may be repeated.")
    ] = None,
    confidence: Annotated[
        float | None, typer.Option(min=0.5, max=1, help="Keep the rates with this probability, such as 0.95.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse rows too few for any of the rates, or that break the contract.")
    ] = False,
) -> None:
    """Fit a detector to clean rows and calibrate it; print what it promises."""
    declared = load_contract(contract) if contract else None
    dropped = [*(drop or ()), *([target] if target else ())]
    with progress_bar("fitting", total=len(STEPS)) as bar:
        dataset = read_dataset(data, selection=select(declared, categorical or (), dropped))
        fitted = fit_detector(
            dataset,
            contract=contract.read_text(encoding="utf-8") if contract else None,
            seed=seed,
            rates=fpr or DEFAULT_RATES,
            confidence=confidence,
            strict=strict,
            on_step=bar.step,
        )
    fitted.save(output)
    if data.suffix.lower() == ".csv" and all(looks_like_number(column.name) for column in dataset.columns):
        typer.echo("warning: all column names are numbers: the first row was read as names; add a header if it is data")
    for line in _summary(fitted, output):
        typer.echo(safe(line))


def _summary(fitted: FittedDetector, output: Path) -> Iterator[str]:
    manifest, split = fitted.manifest, fitted.manifest.split
    yield f"{output}: {len(fitted.content):,} bytes, sha256:{fitted.digest}"
    yield f"rows: fit {split.fit:,}, select {split.select:,}, calibrate {split.calibrate:,}"
    yield f"features: {len(manifest.features)}; {_by_type(manifest.features)}"
    constants = [card.name for card in manifest.features if card.constant]
    if constants:
        yield f"constant: {_listed(constants)}"
    if fitted.missing:
        yield f"missing: {_listed([f'{name} ({count:,})' for name, count in fitted.missing.items()])}"
    if fitted.duplicates:
        yield (
            f"warning: {fitted.duplicates:,} rows are the same as an earlier one; if they aren't drawn independently, "
            f"the promise is too good"
        )
    if fitted.breaches is not None and fitted.breaches.rows:
        yield f"warning: {fitted.breaches.describe()}"
    for promise in manifest.calibration.promises:
        total = "" if promise.carried else f" ({rows_needed(promise.needed):,} rows in all)"
        yield f"rate {promise.fpr:g}: {promise.describe()}{total}"


def _by_type(features: tuple[FeatureCard, ...]) -> str:
    kinds = sorted({card.type for card in features})
    return ", ".join(f"{sum(card.type == kind for card in features)} {kind}" for kind in kinds)


def _listed(names: list[str]) -> str:
    more = f", and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
