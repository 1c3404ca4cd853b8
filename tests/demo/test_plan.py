from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import pytest

from guard.contract import Contract, load_contract
from guard.demo.host import OnnxModel
from guard.demo.plan import Plan, keeps, make_plan
from guard.demo.traffic import DemoRequest, TrafficKind

Rows = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def contract(folder: Path) -> Contract:
    return load_contract(folder / "contract.toml")


@pytest.fixture(scope="module")
def plan(heldout: Rows, model: OnnxModel, contract: Contract) -> Plan:
    return make_plan(heldout, model=model, contract=contract, seed=0)


def sent(plan: Plan, kind: TrafficKind) -> list[DemoRequest]:
    return [request for request in plan.requests if request.kind is kind]


def values_of(requests: list[DemoRequest]) -> npt.NDArray[np.float32]:
    return np.array([orjson.loads(request.body)["inputs"][0]["data"] for request in requests], dtype=np.float32)


def test_plan_sends_every_heldout_row_once(plan: Plan, heldout: Rows) -> None:
    honest = values_of(sent(plan, TrafficKind.HONEST))

    np.testing.assert_array_equal(np.sort(honest, axis=0), np.sort(heldout.astype(np.float32), axis=0))


@pytest.mark.parametrize("kind", [TrafficKind.HONEST, TrafficKind.OUTLIER, TrafficKind.ATTACKED])
def test_plan_keeps_the_contract_where_only_the_detector_shall_see(
    plan: Plan, contract: Contract, kind: TrafficKind
) -> None:
    rows = values_of(sent(plan, kind))

    assert len(rows) >= 50
    assert keeps(contract, rows).all()


def test_plan_ends_with_a_request_that_is_rejected_for_certain(plan: Plan) -> None:
    assert plan.requests[-1].kind is TrafficKind.MALFORMED


def test_plan_with_a_seed_repeats(plan: Plan, heldout: Rows, model: OnnxModel, contract: Contract) -> None:
    again = make_plan(heldout, model=model, contract=contract, seed=0)

    assert again == plan


def test_keeps_sees_bounds_and_relations(contract: Contract, heldout: Rows) -> None:
    rows = heldout[:3].astype(np.float32)
    names = contract.names
    rows[1, names.index("mean_radius")] = rows[1, names.index("worst_radius")] + 1
    rows[2, names.index("mean_area")] = -1

    kept = keeps(contract, rows)

    assert kept.tolist() == [True, False, False]
