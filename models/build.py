"""Builds the demo's files: python -m models.build [FOLDER].

`contract.toml` is not built: what a measurement can be is declared by people, and reviewed.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from guard.demo.assets import BREAST_CANCER
from guard.training import fit_detector
from models.card import render_card
from models.data import Rows, load_rows, split
from models.network import compile_network
from models.train import provenance, train

__all__ = ["HOME", "SEED", "build"]

HOME = Path(__file__).resolve().parent / BREAST_CANCER
SEED = 0

# Of the rates that the card tells.
CARD_SEEDS = 100


def build(folder: Path) -> None:
    """Write `model.onnx`, `detector.onnx` and `heldout.csv` into the folder, beside a copy of the contract."""
    training, heldout = split(load_rows(), seed=SEED)
    network = compile_network(train(training, seed=SEED), features=training.features, metadata=provenance(seed=SEED))
    (folder / "model.onnx").write_bytes(network)
    contract = (HOME / "contract.toml").read_text(encoding="utf-8")
    (folder / "contract.toml").write_text(contract, encoding="utf-8")
    fitted = fit_detector(training.values, names=training.features, model=network, contract=contract, seed=SEED)
    fitted.save(folder / "detector.onnx")
    write_csv(heldout, folder / "heldout.csv")


def write_csv(rows: Rows, path: Path) -> None:
    """A header and the values, in the shortest form that reads back the same; no class."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(rows.features)
        writer.writerows(rows.values.tolist())


def main() -> None:
    """Build into the folder given, else where the files lie in the checkout."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HOME
    folder.mkdir(parents=True, exist_ok=True)
    build(folder)
    card = render_card(folder, seed=SEED, n_seeds=CARD_SEEDS)
    (folder / "README.md").write_text(card, encoding="utf-8")
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size:>9,} bytes  {path}")


if __name__ == "__main__":
    main()
