"""Which category determines which."""

import numpy as np

from tests.training.mining.tables import category, joint, mine

N = 2000
FEATURES = (category("city", 6), category("country", 3))


def rows(seed: int) -> np.ndarray:
    city = np.random.default_rng(seed).integers(0, 6, N)
    return np.stack([city, city // 2], axis=1).astype(np.float32)


def test_rare_codes_say_nothing() -> None:
    X = rows(0)
    X[X[:, 0] == 5] = [4, 2]
    X[1000:1005] = [5, 0]

    (card,) = mine(FEATURES, X)

    assert card.table == ((0,), (0,), (1,), (1,), (2,), ())


def test_unseen_and_missing_codes_say_nothing() -> None:
    X = rows(1)
    X[::7, 0] = -1
    X[::11, 1] = np.nan

    assert joint(mine(FEATURES, X)) == ["`city` determines `country`"]


def test_a_code_with_two_partners_determines_none() -> None:
    X = rows(2)
    X[::50, 1] = 1

    assert mine(FEATURES, X) == ()


def test_a_nearly_constant_category_is_determined_by_nothing() -> None:
    X = rows(3)
    X[:, 1] = 0
    X[500, 1] = 1

    assert mine(FEATURES, X) == ()


def test_identifiers_of_few_rows_each_determine_nothing() -> None:
    random = np.random.default_rng(4)
    X = np.stack([np.arange(N) % 500, random.integers(0, 3, N)], axis=1).astype(np.float32)

    assert mine((category("id", 500), category("country", 3)), X) == ()
