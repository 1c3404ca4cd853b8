"""All requests of a demo, in the order in which they are sent."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.contract import Contract
from guard.demo.attack import Attacked, attack
from guard.demo.host import OnnxModel
from guard.demo.hostile import contract_breaking, malformed, missing
from guard.demo.outliers import far_outliers
from guard.demo.traffic import DemoRequest, TrafficKind, rows_request

__all__ = ["Plan", "keeps", "make_plan"]

Rows = npt.NDArray[np.float64]

# Each hostile variant is sent with this many of the held-out rows, since some depend on the row.
ROWS_PER_VARIANT = 3
N_OUTLIERS = 60


class Plan(NamedTuple):
    """`requests` in order; how many rows the attack tried, and what it asked of its copy of the model."""

    requests: list[DemoRequest]
    n_tried: int
    n_queries: int


def make_plan(heldout: Rows, *, model: OnnxModel, contract: Contract, seed: int) -> Plan:
    """Make every kind of request from held-out rows, float64 [N, d], shuffled; the last one is rejected for certain."""
    rows = heldout.astype(np.float32)
    attacked = attack(rows, predict=model.predict, obeys=lambda candidates: keeps(contract, candidates), seed=seed)
    requests = [*_hostile(heldout, contract), *_rows(heldout, attacked, contract=contract, seed=seed)]
    order = np.random.default_rng(seed).permutation(len(requests))
    last = malformed(heldout[0].tolist())[0]
    return Plan([*(requests[place] for place in order), last], len(rows), attacked.n_queries)


def keeps(contract: Contract, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Say which rows, float32 [N, d], are within the bounds and relations of a contract of numbers."""
    values = rows.astype(np.float64)
    least = [-np.inf if feature.minimum is None else feature.minimum for feature in contract.features]
    most = [np.inf if feature.maximum is None else feature.maximum for feature in contract.features]
    kept = ((values >= np.array(least)) & (values <= np.array(most))).all(axis=1)
    features = {feature.name: feature for feature in contract.features}
    for relation in contract.relations:
        kept &= ~relation.bind(features).broken(values, {})
    return np.asarray(kept)


def _hostile(heldout: Rows, contract: Contract) -> list[DemoRequest]:
    requests: list[DemoRequest] = []
    for row in heldout[:ROWS_PER_VARIANT].tolist():
        requests += malformed(row)
        requests += missing(row, contract.names)
        requests += contract_breaking(row, contract.names)
    return requests


def _rows(heldout: Rows, attacked: Attacked, *, contract: Contract, seed: int) -> list[DemoRequest]:
    maxima = {feature.name: np.inf if feature.maximum is None else feature.maximum for feature in contract.features}
    outliers = far_outliers(heldout[:N_OUTLIERS], features=contract.names, maxima=maxima, seed=seed)
    return [
        *rows_request(heldout, kind=TrafficKind.HONEST, variant="held out from model and detector"),
        *rows_request(outliers, kind=TrafficKind.OUTLIER, variant="three measures two to three times as large"),
        *rows_request(attacked.rows, kind=TrafficKind.ATTACKED, variant="label turned, contract kept"),
    ]
