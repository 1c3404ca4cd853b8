"""What a manifest holds, in words: for the command line, and for model cards."""

from __future__ import annotations

from guard.detectors.manifest import Calibration, FeatureCard, Manifest, Versions

__all__ = ["built_with", "contract_line", "learned", "libraries", "secret", "table_and_tail"]

# Of a feature with many categories.
SHOWN_CATEGORIES = 6


def secret(manifest: Manifest) -> str:
    """Why the file must be kept secret."""
    held = (
        "holds none of them whole, but means of several, and single values: ranges, quantiles, categories"
        if manifest.options.private
        else "holds some of them beside ranges, categories and scores"
    )
    return f"It is derived from the training rows, and {held}: keep it as secret as they are."


def contract_line(manifest: Manifest) -> str:
    """What of a contract the file brings along."""
    if manifest.contract is not None:
        return "declared at fitting, kept in the file"
    return "types, names and missing values as learned are enforced (G201 to G204, G207); nothing declared"


def learned(card: FeatureCard) -> str:
    """What fitting learned of a feature: its range, or its commonest categories with their counts."""
    if card.type == "string":
        return "not scored"
    if card.type != "category":
        return f"always {card.minimum:.6g}" if card.constant else f"{card.minimum:.6g} to {card.maximum:.6g}"
    common = list(zip(card.categories, card.counts, strict=True))[::-1]
    shown = ", ".join(f"{text} {count:,}" for text, count in common[:SHOWN_CATEGORIES])
    return f"{shown}, and {len(common) - SHOWN_CATEGORIES} more" if len(common) > SHOWN_CATEGORIES else shown


def built_with(versions: Versions) -> str:
    """What made the file."""
    return f"guard {versions.guard}, {libraries(versions)}, on {versions.processor}"


def libraries(versions: Versions) -> str:
    """Python and the libraries, with their versions."""
    named = {
        "Python": versions.python,
        "numpy": versions.numpy,
        "scikit-learn": versions.scikit_learn,
        "onnx": versions.onnx,
        "onnxruntime": versions.onnxruntime,
    }
    return ", ".join(f"{name} {version}" for name, version in named.items())


def table_and_tail(calibration: Calibration) -> tuple[str, str]:
    """The calibration scores, and what extrapolates beyond them."""
    tail = calibration.tail
    kind = "exponential" if tail.shape == 0 else f"generalised Pareto of shape {tail.shape:.3g}"
    kept = (
        "each kept"
        if calibration.exact
        else f"{len(calibration.scores):,} scores kept, p-values of the bulk rounded up"
    )
    return (
        f"{calibration.n:,} rows, {kept}; scores up to {calibration.scores[-1]:.4g}",
        f"{kind} from {tail.start:.4g} on, by {tail.exceedances:,} scores; nothing is promised there",
    )
