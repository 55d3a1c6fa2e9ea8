"""Run lengths: exact to the pixel, as pycocotools has them, and refused by name where they are none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from datamodules.masks.run_lengths import RunLengthError, decode, encode

masks = arrays.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@given(masks)
@settings(max_examples=300, deadline=None)
def test_a_mask_comes_back(mask):
    np.testing.assert_array_equal(decode(encode(mask), *mask.shape), mask)


@given(masks)
@settings(max_examples=300, deadline=None)
def test_pycocotools_counts_the_same_runs(mask):
    from pycocotools.mask import frPyObjects, toBbox

    text = list(map(int, encode(mask).split()))
    counts, end = [], 0
    for start, length in zip(text[::2], text[1::2], strict=True):
        counts += [start - 1 - end, length]
        end = start - 1 + length
    height, width = mask.shape
    runs = frPyObjects({"size": [height, width], "counts": [*counts, height * width - end]}, height, width)
    rows, columns = np.nonzero(mask)
    wanted = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1] if mask.any() else [0, 0, 0, 0]
    # a run that goes on into the next column makes pycocotools' box as high as the image
    box = toBbox(runs).tolist()
    assert box[0::2] == wanted[0::2]
    assert box[1] in (wanted[1], 0)


def test_a_real_mask_as_pycocotools_decodes_it():
    import warnings

    from pycocotools.mask import decode as reference
    from pycocotools.mask import encode as packed

    mask = np.random.default_rng(0).random((256, 1600)) < 0.4
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        theirs = np.array(reference(packed(np.asfortranarray(mask.astype(np.uint8))))).astype(bool)
    np.testing.assert_array_equal(decode(encode(theirs), 256, 1600), theirs)


def test_columns_run_down_and_are_numbered_from_one():
    mask = decode("1 3 5 1", 3, 2)
    assert mask.tolist() == [[True, False], [True, True], [True, False]]
    assert encode(mask) == "1 3 5 1"
    assert encode(decode("4 2 1 3", 3, 2)) == "1 5", "runs that touch become one"
    assert encode(np.zeros((3, 2), bool)) == ""
    assert not decode("", 3, 2).any()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1 2 3", "3 numbers: want pairs"),
        ("1 x", "'x' is no number"),
        ("1 2.5", "'2.5' is no number"),
        ("99999999999999999999 1", "is no number of pixels"),
        ("0 2", "run 0 2 leaves the 6 pixels of 2 x 3"),
        ("5 3", "run 5 3 leaves the 6 pixels of 2 x 3"),
        ("2 0", "run 2 0 has no length"),
        ("2 -1", "run 2 -1 has no length"),
        ("1 3 3 2", "runs 1 3 and 3 2 overlap"),
        ("4 2 1 4", "runs 1 4 and 4 2 overlap"),
    ],
)
def test_what_is_no_mask_is_refused(text, wanted):
    with pytest.raises(RunLengthError, match=wanted.replace(".", r"\.")):
        decode(text, 3, 2)
