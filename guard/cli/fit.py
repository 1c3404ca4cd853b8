"""`guard fit`: from a file of clean rows to a detector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from guard.cli.progress import progress_bar
from guard.cli.terminal import safe
from guard.contract import load_contract
from guard.detectors.manifest import FeatureCard, Manifest
from guard.errors import ConfigError
from guard.training import FittedDetector, fit_detector, open_source
from guard.training.card import card_path, render_card, write_card
from guard.training.concerns import concerns_of_names
from guard.training.evaluation.scored import groups_of
from guard.training.fit import DEFAULT_RATES, STEPS, select
from guard.training.mining import contract_text
from guard.training.rows.split import MOST_FIT
from guard.training.write import refuse_same_files, write_whole

__all__ = ["fit"]

MOST_NAMES = 20


def fit(
    data: Annotated[Path, typer.Argument(help="Clean rows: a .csv, .parquet, .npy or .npz file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The detector's file.")],
    *,
    target: Annotated[str | None, typer.Option(help="Column that the model predicts; left out.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Column to leave out; may be repeated.")] = None,
    categorical: Annotated[list[str] | None, typer.Option(help="Column of numbers that are categories.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="The protected model's ONNX file: rows are compared with those of their class.")
    ] = None,
    predictions: Annotated[
        str | None, typer.Option(help="Without the model: column with the class that it predicted; no feature.")
    ] = None,
    contract: Annotated[Path | None, typer.Option(help="TOML file of declared features; kept in the detector.")] = None,
    write_contract: Annotated[
        Path | None,
        typer.Option(help="TOML file to write: the mined relations as a contract, to keep those you trust."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the split and of what is drawn.")] = 0,
    fpr: Annotated[
        list[float] | None, typer.Option(min=0, max=1, help="False-positive rate to promise; may be repeated.")
    ] = None,
    confidence: Annotated[
        float | None, typer.Option(min=0.5, max=1, help="Keep the rates with this probability, such as 0.95.")
    ] = None,
    contaminated: Annotated[
        bool, typer.Option("--contaminated", help="Some rows may be what the detector is to find: rely less on each.")
    ] = False,
    cross_fit: Annotated[
        bool, typer.Option("--cross-fit", help="Few rows: each both fits and calibrates; the promise is approximate.")
    ] = False,
    private: Annotated[
        bool, typer.Option("--private", help="Keep no row in the detector, only means of several.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse rows too few for any of the rates, or that break the contract.")
    ] = False,
    card: Annotated[bool, typer.Option("--card/--no-card", help="Write a model card beside the detector.")] = True,
) -> None:
    """Fit a detector to clean rows and calibrate it; print what it promises."""
    refuse_same_files(
        {
            "the data": data,
            "--output": output,
            "the card beside it": card_path(output) if card else None,
            "--contract": contract,
            "--write-contract": write_contract,
            "--model": model,
        }
    )
    _check_usage(
        rates=fpr or (), confidence=confidence, model=model, predictions=predictions, write_contract=write_contract
    )
    declared = load_contract(contract) if contract else None
    dropped = [*(drop or ()), *([target] if target else ())]
    with progress_bar("fitting", total=len(STEPS)) as bar:
        source = open_source(
            data, selection=select(declared, categorical or (), dropped, predictions), on_bytes=bar.part
        )
        fitted = fit_detector(
            source,
            drop=dropped,
            categorical=categorical or (),
            predictions=predictions,
            model=model,
            contract=contract.read_text(encoding="utf-8") if contract else None,
            seed=seed,
            rates=fpr or DEFAULT_RATES,
            confidence=confidence,
            strict=strict,
            rows="contaminated" if contaminated else "clean",
            cross_fitted=cross_fit,
            private=private,
            on_step=bar.step,
            on_rows=bar.part,
        )
    concerns = (*fitted.concerns, *(concerns_of_names(source.names) if data.suffix.lower() == ".csv" else ()))
    fitted.save(output)
    beside = list(_write_beside(fitted, output, card=card, contract=write_contract, concerns=concerns))
    for line in (*_summary(fitted, output), *beside, *(f"warning: {concern}" for concern in concerns)):
        typer.echo(safe(line))


def _write_beside(
    fitted: FittedDetector, output: Path, *, card: bool, contract: Path | None, concerns: Sequence[str]
) -> Iterator[str]:
    """Write what was asked for beside the detector, and tell where."""
    if card:
        text = render_card(
            fitted.content, path=output, select=fitted.select, measured=fitted.measured, concerns=concerns
        )
        yield f"card: {write_card(text, output)}"
    if contract:
        write_whole(contract, contract_text(fitted.manifest.features, fitted.manifest.relations).encode())
        yield f"contract: {contract}"


def _check_usage(
    *,
    rates: Sequence[float],
    confidence: float | None,
    model: Path | None,
    predictions: str | None,
    write_contract: Path | None,
) -> None:
    faults = [f"--fpr is {rate:g}; expected more than 0 and less than 1" for rate in rates if not 0 < rate < 1]
    if confidence is not None and not 0.5 <= confidence < 1:
        faults.append(f"--confidence is {confidence:g}; expected at least 0.5 and less than 1, such as 0.95")
    if model is not None and predictions is not None:
        faults.append("--model and --predictions were both given; give the model alone")
    if write_contract is not None and write_contract.exists():
        faults.append(f"--write-contract is {write_contract}, which is there already; name a new file")
    if faults:
        raise ConfigError(faults)


def _summary(fitted: FittedDetector, output: Path) -> Iterator[str]:
    manifest, split = fitted.manifest, fitted.manifest.split
    yield f"{output}: {len(fitted.content):,} bytes, sha256:{fitted.digest}"
    kept = f" ({MOST_FIT:,} kept; ranges and categories are of all)" if split.fit > MOST_FIT else ""
    if manifest.options.cross_fit:
        yield f"rows: {sum((split.fit, split.select, split.calibrate)):,}, each fitted to and, in turns, calibrating"
    else:
        yield f"rows: fit {split.fit:,}{kept}, select {split.select:,}, calibrate {split.calibrate:,}"
    yield f"features: {len(manifest.features)}; {_by_type(manifest.features)}"
    if fitted.missing:
        yield f"missing: {_listed([f'{name} ({count:,})' for name, count in fitted.missing.items()])}"
    if manifest.relations:
        yield f"relations: {len(manifest.relations)} mined; `guard detector show` lists them"
    if manifest.classes is not None:
        classes = manifest.classes
        yield f"classes: {_listed(list(classes.names))}; by {_origin(classes.kind, classes.agreement)}"
        if classes.note:
            yield f"note: {classes.note}"
    yield from _promises(manifest)
    if fitted.measured is not None:
        rate = manifest.options.rates[0]
        yield f"approximate: at {rate:g}, {fitted.measured:.3%} of rows held out in turns were flagged"


def _listed(names: list[str]) -> str:
    more = f", and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _origin(kind: str, agreement: float) -> str:
    if kind == "model":
        return "the model's own operators"
    return f"a surrogate, which agrees on {agreement:.2%} of the select rows and may not be fooled where the model is"


def _promises(manifest: Manifest) -> Iterator[str]:
    """What is promised; the rates of which nothing is are among the warnings."""
    groups = groups_of(manifest)
    for group, calibration in zip(groups, manifest.calibrations, strict=True):
        whose = f" for {group.name}" if len(groups) > 1 else ""
        for promise in calibration.promises:
            if promise.carried:
                yield f"rate {promise.fpr:g}{whose}: {promise.describe(approximate=manifest.options.cross_fit)}"


def _by_type(features: tuple[FeatureCard, ...]) -> str:
    kinds = sorted({card.type for card in features})
    return ", ".join(f"{sum(card.type == kind for card in features)} {kind}" for kind in kinds)
