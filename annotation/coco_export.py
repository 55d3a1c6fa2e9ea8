"""Grades of cells as a COCO file (Lin et al. 2014)."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from annotation.state import UNUSABLE
from annotation.store import Book
from storage.whole_file import write_whole


def to_coco(book: Book, path: Path) -> int:
    """Writes a COCO file: every cell with damage is a polygon on its photo, of its grade; returns the polygons."""
    import cv2

    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    categories = [{"id": grade, "name": name} for grade, name in enumerate(book.class_names)]
    rows, columns = book.grid.rows, book.grid.columns
    for number, (name, file) in enumerate(book.photos.files.items(), 1):
        one = book.state[name]
        labels = {cell: one.label(cell) for cell in book.cells}
        if one.corners is None or one.left_out or not any(labels.values()):
            continue
        images.append({"id": number, "file_name": name, "width": file.width, "height": file.height})
        flat = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
        back = cv2.getPerspectiveTransform(flat, np.array(one.corners, np.float32).reshape(4, 2))
        for (row, col), label in labels.items():
            if label in ("", UNUSABLE, "0"):
                continue
            square = np.array([[[col, row], [col + 1, row], [col + 1, row + 1], [col, row + 1]]], np.float64)
            quad = cv2.perspectiveTransform(square, back)[0]
            (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
            area = 0.5 * abs(np.sum(quad[:, 0] * np.roll(quad[:, 1], -1) - np.roll(quad[:, 0], -1) * quad[:, 1]))
            annotations.append({
                "id": len(annotations) + 1, "image_id": number, "category_id": int(label), "iscrowd": 0,
                "segmentation": [[round(float(value), 2) for value in quad.ravel()]], "area": round(float(area), 1),
                "bbox": [round(float(value), 2) for value in (left, top, right - left, bottom - top)],
            })  # fmt: skip
    write_whole(path, json.dumps({"images": images, "annotations": annotations, "categories": categories}, indent=1))
    return len(annotations)
