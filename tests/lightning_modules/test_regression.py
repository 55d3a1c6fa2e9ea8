"""The figures of numbers that training logs, in any unit."""

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score

from lightning_modules.regression import Errors


@pytest.mark.parametrize(("low", "high"), [(0, 0.004), (100_000, 100_010), (-50, 1_000_000)])
def test_errors_are_scikit_learns_whatever_the_unit(low, high):
    rng = np.random.default_rng(0)
    true = rng.uniform(low, high, 60).astype(np.float32)
    given = (true + rng.normal(0, 0.1 * (high - low), 60)).astype(np.float32)
    errors = Errors(low, high)
    for at in range(0, 60, 25):
        errors.update(torch.from_numpy(given[at : at + 25]), torch.from_numpy(true[at : at + 25]))
    found = errors.compute()
    wanted = np.abs(given.astype(float) - true).mean()
    assert float(found["mae"]) == pytest.approx(wanted, rel=1e-5)
    assert float(found["rmse"]) == pytest.approx(np.sqrt(np.square(given.astype(float) - true).mean()), rel=1e-5)
    assert float(found["r2"]) == pytest.approx(r2_score(true.astype(float), given.astype(float)), abs=1e-4)


def test_one_number_has_an_error_and_nothing_to_explain():
    errors = Errors(0, 1)
    errors.update(torch.tensor([0.5]), torch.tensor([0.4]))
    found = errors.compute()
    assert float(found["mae"]) == pytest.approx(0.1)
    assert float(found["r2"]) == 0
