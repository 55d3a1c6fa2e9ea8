"""What is marked in a folder of pictures: specks are no defects."""

import csv

import cv2
import numpy as np
import pytest

from metrics.segmentation import LEAST_SHARE
from tasks.segmentation import RunSegmenter
from tasks.segmentation_folder import mark_folder

SIDE = 64


class Bright:
    """A class wherever a picture is bright: the red and the green channel one each."""

    labels = ("crack", "dent")
    size = (SIDE, SIDE)
    threshold = 0.5
    min_pixels = 0
    min_share = LEAST_SHARE

    def probabilities(self, images):
        return (images[..., :2] / 255).astype(np.float32)


def marked(tmp_path, **least):
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[10:13, 10:13, 2] = 255  # 9 of 4,096 pixels of red, above the published share
    picture[40, 40:44, 1] = 255  # 4 of green, below it
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), picture)
    segmenter = Bright()
    vars(segmenter).update(least)
    said = mark_folder(tmp_path / "in", segmenter, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open() as file:
        return said, {row["class_name"]: int(row["pixels"]) for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("least", "wanted", "left_out"),
    [
        ({}, {"crack": 9}, 1),
        ({"min_share": 0.0}, {"crack": 9, "dent": 4}, 0),
        ({"min_share": 0.0, "min_pixels": 4}, {"crack": 9, "dent": 4}, 0),
        ({"min_share": 0.0, "min_pixels": 5}, {"crack": 9}, 1),
        ({"min_pixels": 10}, {"": 0}, 2),
        ({"min_share": 0.01}, {"": 0}, 2),
    ],
)
def test_a_class_of_too_few_pixels_is_not_there(tmp_path, least, wanted, left_out):
    said, found = marked(tmp_path, **least)
    assert found == wanted
    assert (f"({left_out} smaller ones left out" in said) == bool(left_out)


def test_the_published_rule_is_what_figures_count_by():
    assert round(LEAST_SHARE * 102_400) == 200
    assert (RunSegmenter.min_pixels, RunSegmenter.min_share) == (0, LEAST_SHARE)
