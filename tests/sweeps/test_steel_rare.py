"""Dice of a rare defect from the rows of the study: over all pixels, paired by seed, copies drawn together."""

import pytest

from benchmarks.steel_rare import ARMS, SEEDS, rare_dice, show, wanted


def row(arm, seed, both, given):
    return {
        "arm": arm, "seed": str(seed), "train_images": "10", "seconds": "1", "sources": "0+0+1", "dice": "500+500+1000",
        "rare_both": both, "rare_true": "10+10+20", "rare_given": given,
    }  # fmt: skip


def test_pixels_of_all_images_are_put_together():
    mean, low, high = rare_dice([row("cut", 0, "5+5+20", "10+10+20")])
    assert mean == pytest.approx(60 / 80)
    assert (low, high) == (pytest.approx(0.5), 1.0)  # a draw has the one source or the other twice, the copies with it


def test_a_difference_is_of_the_same_draws():
    cut, balanced = ([row(arm, 0, both, "10+10+20")] for arm, both in (("cut", "0+0+15"), ("balanced", "5+5+20")))
    mean, low, high = rare_dice(balanced, cut)
    assert mean == pytest.approx(30 / 80)
    assert (low, high) == (pytest.approx(0.25), pytest.approx(0.5))


def test_what_is_missing_is_trained_and_what_is_there_is_shown(capsys):
    rows = [row(arm, 0, "5+5+20", "10+10+20") for arm in ARMS]
    assert wanted(rows) == [(arm, seed) for seed in range(1, SEEDS) for arm in ARMS]
    show(rows)
    told = capsys.readouterr().out
    assert "3 trainings" in told
    assert "+0.000 [+0.000, +0.000]" in told
