"""One honest and one hostile request as files, for a client of the reader's choice."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from guard.demo.assets import BREAST_CANCER, model_folder, read_rows
from guard.demo.host import INFER_PATH
from guard.demo.hostile import contract_breaking
from guard.demo.traffic import tensor, v2

__all__ = ["Example", "write_examples"]


class Example(NamedTuple):
    """What it is, where its body lies, where to send it."""

    name: str
    path: Path
    url: str


def write_examples(folder: Path, *, base_url: str) -> list[Example]:
    """Write the bodies into the folder."""
    features, heldout = read_rows(model_folder(BREAST_CANCER) / "heldout.csv")
    row = heldout[0].tolist()
    hostile = next(request for request in contract_breaking(row, features) if request.variant == "mean above worst")
    bodies = {"honest": v2(tensor(row)), "hostile": hostile.body}
    examples = []
    for name, body in bodies.items():
        path = folder / f"{name}.json"
        path.write_bytes(body)
        examples.append(Example(name, path, base_url + INFER_PATH))
    return examples
