"""Plans of whole data sets: class shares, photos of a device, spread of classes over devices."""

import numpy as np
import pytest
from numpy.typing import NDArray

from datamodules.rendering.planning import CLASS_SHARES, DARK_SHARE, DevicePlan, plan_devices


def cells_per_class(plans: list[DevicePlan]) -> NDArray[np.int64]:
    counts = [np.bincount(p.grades.ravel(), minlength=5) * len(p.dark) for p in plans]
    return np.asarray(np.sum(counts, axis=0), np.int64)


def devices_per_class(plans: list[DevicePlan]) -> NDArray[np.int64]:
    return np.array([sum(bool((p.grades == g).any()) for p in plans) for g in range(5)])


@pytest.fixture(scope="module")
def default_plan() -> list[DevicePlan]:
    return plan_devices(61, 224, 0)


@pytest.mark.slow
def test_default_set_has_the_thesis_shares(default_plan: list[DevicePlan]) -> None:
    cells = cells_per_class(default_plan)
    assert cells.sum() == 3360
    np.testing.assert_allclose(cells / 3360, CLASS_SHARES, atol=0.02)


@pytest.mark.slow
def test_default_set_has_three_to_five_photos_of_each_device(default_plan: list[DevicePlan]) -> None:
    counts = [len(p.dark) for p in default_plan]
    assert len(counts) == 61
    assert sum(counts) == 224
    assert set(counts) == {3, 4, 5}


@pytest.mark.slow
def test_every_class_is_on_many_devices_and_no_device_is_whole(default_plan: list[DevicePlan]) -> None:
    assert devices_per_class(default_plan).min() >= 8
    assert all((p.grades > 0).any() for p in default_plan)


@pytest.mark.slow
def test_share_of_dark_photos(default_plan: list[DevicePlan]) -> None:
    assert sum(sum(p.dark) for p in default_plan) == round(DARK_SHARE * 224)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_demo_set_is_near_the_shares_with_every_class_on_four_devices(seed: int) -> None:
    plans = plan_devices(12, 44, seed)
    cells = cells_per_class(plans)
    np.testing.assert_allclose(cells / cells.sum(), CLASS_SHARES, atol=0.04)
    assert devices_per_class(plans).min() >= 4


def test_plans_depend_on_the_seed_alone() -> None:
    one, same, other = plan_devices(3, 9, 7), plan_devices(3, 9, 7), plan_devices(3, 9, 8)
    for a, b in zip(one, same, strict=True):
        assert a.dark == b.dark
        assert a.aspect == b.aspect
        np.testing.assert_array_equal(a.damage.dashes, b.damage.dashes)
        for s, t in zip(a.damage.scratches + a.damage.cracks, b.damage.scratches + b.damage.cracks, strict=True):
            np.testing.assert_array_equal(s.points, t.points)
    assert any((a.grades != b.grades).any() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(("devices", "photos"), [(0, 0), (5, 4)])
def test_impossible_numbers_are_refused(devices: int, photos: int) -> None:
    with pytest.raises(ValueError, match=f"devices={devices}"):
        plan_devices(devices, photos, 0)
