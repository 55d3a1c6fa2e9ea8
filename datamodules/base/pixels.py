"""Pixels of a picture, and the one rule by which they are resized."""

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]


def resize(image: Image, size: tuple[int, int]) -> Image:
    """The project's one resize rule: area average when both sides shrink, bilinear otherwise. `size` = (width, height).

    Area averaging keeps the brightness of a line thinner than the new pixel, which decides between grades 0 and 1.
    """
    if image.shape[1::-1] == tuple(size):
        return image
    shrinks = size[0] <= image.shape[1] and size[1] <= image.shape[0]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), np.uint8)
