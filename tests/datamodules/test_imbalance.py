"""Table 4.1 and Figure 4.2 of the thesis, from counts."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.imbalance import BalancedSampling, ClassWeights, Oversampling, Records, Unbalanced

TABLE_4_1_COUNTS = np.array([1477, 633, 61, 245, 314])
"""Counts of 2,730 cells that round to both rows of the table (the thesis prints no counts beside it)."""
TABLE_4_1_SHARES = [54.1, 23.2, 2.2, 9.0, 11.5]
TABLE_4_1_WEIGHTS = [0.370, 0.863, 8.951, 2.229, 1.739]

some_labels = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(lambda drawn: np.array(drawn, np.int64))
some_counts = st.lists(st.integers(0, 500), min_size=2, max_size=6).filter(any).map(np.array)


def test_class_weights_reproduce_table_4_1() -> None:
    shares = 100 * TABLE_4_1_COUNTS / TABLE_4_1_COUNTS.sum()
    assert shares.round(1).tolist() == TABLE_4_1_SHARES
    assert ClassWeights().class_weights(TABLE_4_1_COUNTS).round(3).tolist() == TABLE_4_1_WEIGHTS


@given(counts=some_counts)
def test_class_weights_give_every_present_class_the_same_say_and_a_mean_of_one(counts: npt.NDArray[np.int64]) -> None:
    weights = ClassWeights().class_weights(counts)
    said = (weights * counts)[counts > 0]
    np.testing.assert_allclose(said, said[0])
    assert (weights * counts).sum() == pytest.approx(counts.sum())
    assert (weights[counts == 0] == 0).all()
    assert (weights[counts > 0] > 0).all()


def test_a_class_without_samples_weighs_nothing() -> None:
    assert ClassWeights().class_weights(np.array([30, 0, 10])).tolist() == pytest.approx([2 / 3, 0, 2])


def test_class_weights_leave_the_samples_alone() -> None:
    assert ClassWeights().epoch_indices(np.array([0, 0, 1]), 2).tolist() == [0, 1, 2]


@given(labels=some_labels)
def test_oversampling_shows_all_classes_equally_and_every_sample(labels: npt.NDArray[np.int64]) -> None:
    shown = Oversampling().epoch_indices(labels, 5)
    counts = np.bincount(labels, minlength=5)
    np.testing.assert_array_equal(np.bincount(labels[shown], minlength=5), np.where(counts > 0, counts.max(), 0))
    times = np.bincount(shown, minlength=len(labels))
    assert times.min() >= 1
    for grade in np.unique(labels):
        assert np.ptp(times[labels == grade]) <= 1


def test_oversampling_leaves_the_weights_at_one() -> None:
    assert Oversampling().class_weights(np.array([5, 1, 0])).tolist() == [1, 1, 1]


@given(labels=some_labels)
def test_unbalanced_shows_every_sample_once_with_weight_one(labels: npt.NDArray[np.int64]) -> None:
    assert Unbalanced().epoch_indices(labels, 5).tolist() == list(range(len(labels)))
    assert Unbalanced().class_weights(np.bincount(labels, minlength=5)).tolist() == [1] * 5


@given(labels=some_labels, per_class=st.integers(1, 40))
def test_records_shows_as_many_of_every_class(labels: npt.NDArray[np.int64], per_class: int) -> None:
    shown = Records(per_class).epoch_indices(labels, 5)
    counts = np.bincount(labels, minlength=5)
    np.testing.assert_array_equal(np.bincount(labels[shown], minlength=5), np.where(counts > 0, per_class, 0))
    times = np.bincount(shown, minlength=len(labels))
    for grade in np.flatnonzero(counts):
        spread = times[labels == grade]
        assert np.ptp(spread) <= 1
        assert spread.max() == 1 or counts[grade] < per_class


def test_no_records_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match=r"imbalance\.per_class=0: want at least 1"):
        Records(0)


@given(counts=some_counts, power=st.floats(0, 1))
def test_a_milder_power_keeps_a_mean_of_one(counts: npt.NDArray[np.int64], power: float) -> None:
    weights = ClassWeights(power).class_weights(counts)
    assert (weights * counts).sum() == pytest.approx(counts.sum())
    present = counts > 0
    np.testing.assert_allclose(
        weights[present] * counts[present] ** power, (weights * counts.astype(float) ** power)[present][0]
    )


def test_a_power_beyond_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"imbalance\.power=2: want 0 to 1"):
        ClassWeights(2)


@given(labels=some_labels)
def test_balanced_sampling_shows_classes_alike_in_an_epoch_as_long(labels: npt.NDArray[np.int64]) -> None:
    shown = BalancedSampling().epoch_indices(labels, 5)
    counts = np.bincount(labels[shown], minlength=5)
    present = np.bincount(labels, minlength=5) > 0
    assert set(counts[present]) == {max(1, len(labels) // present.sum())}
    assert not counts[~present].any()
    assert len(shown) <= len(labels)
