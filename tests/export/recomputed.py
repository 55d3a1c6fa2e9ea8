"""The numbers of `vectors.json` computed again from its photos, by nothing of gridlite's: OpenCV, numpy, and LiteRT itself."""

import json
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter


def homography(source, target):
    """`(3, 3)`, by the eight linear equations of four points `(4, 2)`."""
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    return np.append(np.linalg.solve(np.array(rows), np.ravel(target)), 1).reshape(3, 3)


def moved(matrix, points):
    """Points `(N, 2)` by a homography."""
    given = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return given[:, :2] / given[:, 2:]


def averaged(pixels, factor):
    """Blocks of factor x factor pixels as one."""
    height, width = (side // factor for side in pixels.shape[:2])
    blocks = pixels.reshape(height, factor, width, factor, 3).astype(np.float64)
    return np.floor(blocks.mean(axis=(1, 3)) + 0.5).astype(np.uint8)


def check_photos(app, file):
    """Holds every number that the vectors have of their photos against one computed here; how many photos there were.

    Args:
        app: the folder.
        file: the .tflite file.

    """
    folder = Path(app) / "vectors"
    told = json.loads((folder / "vectors.json").read_text())["photos"]
    grid, side = told["grid"], told["grid"]["cell_px"]
    width, height = grid["columns"] * side, grid["rows"] * side
    run = Interpreter(str(file)).get_signature_runner()
    for one in told["of"]:
        photo = cv2.cvtColor(cv2.imread(str(folder / one["photo"])), cv2.COLOR_BGR2RGB)
        corners = np.array(one["corners"])
        assert one["size"] == [photo.shape[1], photo.shape[0]]
        longest = max(np.hypot(*(corners[place] - corners[place - 1])) for place in range(4))
        assert one["factor"] == max(1, int(np.ceil(longest / max(width, height) - 1e-6)))
        large = [width * one["factor"], height * one["factor"]]
        assert one["enlarged"] == large
        edges = np.array([[0, 0], [large[0], 0], large, [0, large[1]]])
        matrix = homography(corners - 0.5, edges - 0.5)
        there = np.array(one["homography"])
        np.testing.assert_allclose(moved(there, corners - 0.5), moved(matrix, corners - 0.5), atol=2e-3)
        np.testing.assert_allclose(there, matrix, rtol=1e-4, atol=1e-6 * np.abs(matrix).max())
        warped = cv2.warpPerspective(photo, matrix, large, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        upright = averaged(warped, one["factor"])
        assert one["upright"]["size"] == [width, height]
        np.testing.assert_allclose(one["upright"]["mean"], upright.mean(axis=(0, 1)), atol=0.3)
        assert [(cell["row"], cell["col"]) for cell in one["cells"]] == list(np.ndindex(grid["rows"], grid["columns"]))
        for cell in one["cells"]:
            left, top, right, bottom = cell["box"]
            assert [left, top, right, bottom] == [
                side * (cell["col"] + over) if axis == 0 else side * (cell["row"] + over)
                for over in (0, 1)
                for axis in (0, 1)
            ]
            box = np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) * one["factor"]
            back = moved(np.linalg.inv(matrix), box - 0.5) + 0.5
            np.testing.assert_allclose(cell["corners"], back, atol=0.02)
            pixels = upright[top:bottom, left:right]
            np.testing.assert_allclose(cell["mean"], pixels.mean(axis=(0, 1)), atol=0.3)
            shrinks = max(one["input"]) <= side
            given = cv2.resize(pixels, one["input"], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
            np.testing.assert_allclose(cell["input_mean"], given.mean(axis=(0, 1)), atol=0.3)
            for name, value in run(image=given[None].astype(np.float32)).items():
                np.testing.assert_allclose(value[0], cell["answers"][name], atol=0.03)  # random networks exaggerate
    return len(told["of"])
