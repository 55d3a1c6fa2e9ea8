"""What the benchmarks compute from what they have measured."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.cases import CASES, evenly, noise, read
from benchmarks.grid_halving import FIGURE, Curve, front, lost, recovered, replay
from benchmarks.peers import COLUMNS, YOLO, rows
from benchmarks.turns import Epoch, ratios, seconds_to, speeds, spread
from benchmarks.unlabelled import divided
from datamodules.phone_photos import PhonePhotos
from sweeps.records.halving import Bracket
from tests.drawn import draw_screens, settings_of


def epochs(*train_seconds, accuracies=None, peak_mb=100):
    """Epochs of which each takes a second beside its training."""
    reached = accuracies or [0.0] * len(train_seconds)
    return [
        Epoch(train, train + 1, accuracy, peak_mb * 10**6)
        for train, accuracy in zip(train_seconds, reached, strict=True)
    ]


def test_the_first_epoch_warms_up():
    assert speeds(epochs(99, 2, 4), images=8) == [4, 2]


def test_ratios_are_of_rounds():
    assert ratios([6, 8], [3, 2]) == [2, 4]
    assert spread([4, 1, 2]) == "2.00 [1.00, 4.00]"
    with pytest.raises(ValueError, match="zip"):
        ratios([1], [1, 2])


def test_seconds_to_an_accuracy_are_of_whole_epochs_from_the_first_on():
    seen = epochs(5, 2, 2, accuracies=[0.1, 0.8, 0.5])
    assert seconds_to(seen, 0.8) == 6 + 3
    assert seconds_to(seen, 0.1) == 6
    assert seconds_to(seen, 0.9) is None


def test_a_row_compares_shares_of_the_bare_loop_of_the_same_network():
    seen = {
        "bare": epochs(9, 1, 1),
        "bare yolo": epochs(9, 2, 2),
        "ultralytics": epochs(9, 8, 8, accuracies=[0.5, 0.9, 0.7], peak_mb=900),
        "keras": epochs(9, 2, 4),
        "gridlite none": epochs(9, 1, 1),
        "gridlite heavy": epochs(9, 2, 2),
    }
    found = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in rows(seen, 16, 0.8)}
    assert list(found) == list(seen)
    assert found["ultralytics"]["images/s"] == "2.0 [2.0, 2.0]"
    assert found["ultralytics"]["of its bare loop"] == "0.25 [0.25, 0.25]"
    assert found["ultralytics"]["gridlite / it"] == "2.00 [2.00, 2.00]"
    assert found["keras"]["gridlite / it"] == "3.00 [2.00, 4.00]"
    assert found["gridlite heavy"]["gridlite / it"] == ""
    assert [found["ultralytics"][name] for name in ("s to {}", "best", "peak MB")] == ["19.0", "0.900", "900"]
    assert found["keras"]["s to {}"] == "-"
    without = {peer: seen[peer] for peer in seen if peer not in YOLO}
    assert [row[0] for row in rows(without, 16, 0.8)] == ["bare", "keras", "gridlite none", "gridlite heavy"]


def test_classes_are_drawn_evenly_as_far_as_they_go():
    labels = np.array([0] * 90 + [1] * 8 + [2] * 2)
    chosen = evenly(labels, 30, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == 30
    assert np.bincount(labels[chosen]).tolist() == [20, 8, 2]


def test_images_come_back_as_they_were_written(tmp_path):
    case = CASES["efficientnet_b0-224"]
    noise(case, tmp_path)
    pictures = read(tmp_path)
    assert pictures.classes == 5
    assert pictures.part("train")[0].shape == (case.train, 224, 224, 3)
    assert len(pictures.part("val")[1]) == case.val


def test_what_is_labelled_in_the_study_of_unlabelled_pictures_moves_no_photo_to_another_part(tmp_path):
    photos = draw_screens(tmp_path / "screens", sources=15)
    divided(photos, 1, tmp_path / "fold")
    seen = {}
    for name in ("quarter", "all"):
        root = tmp_path / "fold" / name
        settings = settings_of(tmp_path / "cache") | {"folds": 2, "fold": int((root / "fold").read_text())}
        table = PhonePhotos(str(root), **settings).load().table
        seen[name] = {part: set(table.photo[table.part == part]) for part in ("train", "val")}
        files = {file.name for file in (root / "photos").iterdir()}
        assert files == set(pd.read_csv(root / "photos.csv").photo)
    away = set(pd.read_csv(tmp_path / "fold" / "away" / "photos.csv").photo)
    assert seen["quarter"]["val"] == seen["all"]["val"]
    assert seen["quarter"]["train"] < seen["all"]["train"]
    assert len(seen["quarter"]["train"]) == round(len(seen["all"]["train"]) / 4)
    assert len(away) == 3
    assert not away & (seen["all"]["train"] | seen["all"]["val"])


CURVES = {
    "slow small": Curve((0.25, 32), 0.1, 1.0, (0.1, 0.2, 0.3, 0.4), (1.0,) * 4, 0.35),
    "good small": Curve((0.25, 32), 0.1, 1.0, (0.2, 0.4, 0.5, 0.5), (1.0,) * 4, 0.45),
    "good large": Curve((0.5, 48), 0.1, 2.0, (0.3, 0.6, 0.7, 0.8), (3.0,) * 4, 0.75),
    "like it": Curve((0.5, 48), 0.1, 2.0, (0.3, 0.5, 0.7, 0.76), (3.0,) * 4, 0.7),
}
HALVES = Bracket(2, 2, 4, FIGURE, "max", "", 0)


def test_a_replayed_grid_trains_as_many_epochs_as_the_rule_would():
    """One comparison, after 2 epochs; the first there goes on, then the best half of those that came."""
    worst_first, best_first = list(CURVES), ["good large", "like it", "good small", "slow small"]
    assert replay(CURVES, worst_first, HALVES, within=False, workers=1) == dict.fromkeys(worst_first, 4)
    assert replay(CURVES, best_first, HALVES, within=False, workers=1) == dict.fromkeys(best_first, 2) | {
        "good large": 4
    }
    assert replay(CURVES, best_first, HALVES, within=True, workers=1) == {
        "good large": 4,
        "like it": 2,
        "good small": 4,
        "slow small": 2,
    }
    # of two workers the second is at its rung when the first, slower one is not yet
    assert replay(CURVES, ["good large", "slow small"], HALVES, within=False, workers=2) == {
        "good large": 4,
        "slow small": 4,
    }
    assert replay(CURVES, ["good large", "slow small"], HALVES, within=False, workers=1)["slow small"] == 2


def test_a_front_is_recovered_by_what_is_as_quick_and_within_its_interval():
    assert list(front(CURVES)) == ["good small", "good large"]
    assert lost(CURVES, ["good small", "like it"]) == pytest.approx({"good small": 0, "good large": 0.04})
    assert recovered(CURVES, ["good small", "like it"]) == [True, True]
    assert recovered(CURVES, ["slow small", "good large"]) == [False, True]
    assert recovered(CURVES, ["good large"]) == [False, True]
