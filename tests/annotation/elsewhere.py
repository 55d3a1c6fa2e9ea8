"""Strips of metal with drawn defects, and their masks in the forms that other tools write."""

import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from unittest.mock import patch

import cv2
import numpy as np

CLASSES = ("pit", "scratch")
WIDTH, HEIGHT = 96, 64


def draw_strips(root, count=12, size=(WIDTH, HEIGHT), seed=0):
    """PNG images in two subfolders; returns the masks by path and class. Every third image has both classes, every fourth none."""
    rng = np.random.default_rng(seed)
    width, height = size
    truth = {}
    for number in range(count):
        name = f"{'ab'[number % 2]}/strip{number:02}.png"
        picture = rng.integers(60, 120, (height, width, 3), np.uint8)
        masks = {kind: np.zeros((height, width), bool) for kind in CLASSES}
        if number % 4 != 3:
            x, y = (int(one) for one in rng.integers(4, 20, 2))
            masks[CLASSES[number % 2]][y : y + 14, x : x + 20 + number] = True
            if number % 3 == 0:
                masks[CLASSES[1 - number % 2]][y + 20 : y + 30, x : x + 9] = True
        for mask in masks.values():
            picture[mask] += 90
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / name), picture)
        truth[name] = masks
    return truth


def plain_runs(mask):
    """COCO's run lengths without letters."""
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat.astype(int), prepend=0, append=0))
    counts = np.diff([0, *edges, flat.size]).tolist()
    return {"size": list(mask.shape), "counts": counts if counts[-1] else counts[:-1]}


def packed_runs(mask):
    """COCO's run lengths in letters."""
    from pycocotools.mask import encode

    made = encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(mask.shape), "counts": made["counts"].decode()}


def bytes_runs(mask):
    """In letters, as `str` of Python's bytes."""
    made = packed_runs(mask)
    return made | {"counts": repr(made["counts"].encode())}


def polygon(mask):
    """The outline of a mask that is one rectangle: pycocotools then draws the same pixels."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    left, top, right, bottom = map(int, (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    return [[left, top, right, top, right, bottom, left, bottom]]


def coco_of(truth, drawn=plain_runs, name_of=str):
    """A COCO file's content."""
    whole = {"images": [], "annotations": [], "categories": [{"id": 7 + at, "name": kind} for at, kind in enumerate(CLASSES)]}  # fmt: skip
    for number, (name, masks) in enumerate(truth.items(), 1):
        height, width = masks[CLASSES[0]].shape
        whole["images"].append({"id": number, "file_name": name_of(name), "width": width, "height": height})
        for at, mask in enumerate(masks.values()):
            if mask.any():
                one = {"id": 100 + len(whole["annotations"]), "image_id": number, "category_id": 7 + at}
                whole["annotations"].append(one | {"segmentation": drawn(mask)})
    return whole


def write_coco(path, *given, **settings):
    path.write_text(json.dumps(coco_of(*given, **settings)))
    return path


def write_mask(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.asarray(values, np.uint8))


def indexed(masks):
    """Numbers from 1 in the order of the classes."""
    return sum((at * mask.astype(np.uint8) for at, mask in enumerate(masks.values(), 1)), np.zeros_like(next(iter(masks.values())), np.uint8))  # fmt: skip


def said(*words):
    """A command of the room in this process, which has the libraries: as `subprocess.run` gives it."""
    from annotation.__main__ import main

    out, err, code = StringIO(), StringIO(), 0
    with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "argv", ["annotation", *map(str, words)]):
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
            if isinstance(stop.code, str):
                print(stop.code, file=err)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())
