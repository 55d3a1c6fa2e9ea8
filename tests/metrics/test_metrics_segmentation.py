"""Figures of masks against their definitions, pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from metrics.segmentation import LEAST_SHARE, PixelCounts, mask_metrics

pairs = st.tuples(st.integers(1, 4), st.integers(1, 3)).flatmap(
    lambda shape: st.tuples(*(arrays.arrays(np.bool_, (*shape, 3, 4)) for _ in range(2)))
)


def kaggle_dice(true, given):
    if not true.any() and not given.any():
        return 1.0
    return 2 * sum(bool(a and b) for a, b in zip(true.ravel(), given.ravel(), strict=True)) / (true.sum() + given.sum())


@given(pairs)
@settings(max_examples=200, deadline=None)
def test_dice_and_iou_by_their_definitions(masks):
    true, given_ = masks
    found = mask_metrics(PixelCounts.of(true, given_), least_share=0.1)
    each = np.array(
        [[kaggle_dice(one, other) for one, other in zip(*image, strict=True)] for image in zip(*masks, strict=True)]
    )
    assert found["dice"] == pytest.approx(each.mean())
    assert found["per_class"]["dice"] == pytest.approx(each.mean(0))
    assert found["iou"] == pytest.approx((each / (2 - each)).mean()), "one follows from the other"
    assert found["dice_pooled"] == pytest.approx(kaggle_dice(true, given_))
    for at in range(true.shape[1]):
        has = true[:, at].any(axis=(1, 2))
        assert found["per_class"]["dice_pooled"][at] == pytest.approx(kaggle_dice(true[:, at], given_[:, at]))
        assert found["per_class"]["images"][at] == has.sum()
        present = found["per_class"]["dice_present"][at]
        assert present is None if not has.any() else present == pytest.approx(each[has, at].mean())


@given(pairs)
@settings(max_examples=100, deadline=None)
def test_labels_and_their_confusion_add_up(masks):
    true, given_ = masks
    found = mask_metrics(PixelCounts.of(true, given_), least_share=0.1)
    has, said = true.any(axis=(2, 3)), given_.mean(axis=(2, 3)) > 0.1
    assert found["subset_accuracy"] == pytest.approx(np.mean([(a == b).all() for a, b in zip(has, said, strict=True)]))
    cells = np.array(found["label_confusion"])
    assert cells.sum(axis=(1, 2)).tolist() == [len(true)] * true.shape[1]
    assert found["label_accuracy"] == pytest.approx(cells[:, [0, 1], [0, 1]].sum() / has.size)
    assert cells[:, 1, 1].tolist() == (has & said).sum(0).tolist()


def test_the_published_limit_is_more_than_200_of_102400_pixels():
    given_ = np.zeros((2, 1, 128, 800), bool)
    given_[0].ravel()[:200] = True
    given_[1].ravel()[:201] = True
    found = mask_metrics(PixelCounts.of(np.ones_like(given_), given_))
    assert found["label_confusion"] == [[[0, 0], [1, 1]]]
    assert round(100 * LEAST_SHARE, 3) == 0.195


def test_the_rules_differ_where_masks_are_empty():
    true, given_ = np.zeros((2, 1, 10, 10), bool), np.zeros((2, 1, 10, 10), bool)
    true[0, 0, :5] = given_[0, 0, :4] = True
    found = mask_metrics(PixelCounts.of(true, given_))
    assert found["per_class"]["dice_present"] == [pytest.approx(80 / 90)]
    assert found["dice"] == pytest.approx((80 / 90 + 1) / 2)
    assert found["dice_pooled"] == pytest.approx(80 / 90)
