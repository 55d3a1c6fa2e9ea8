"""Phones seen from the front, invented: any frame, dark glass with what it mirrors or a lit screen, webs of cracks."""

import cv2
import numpy as np
import numpy.typing as npt

from export.outline.scenery import Image, background, colour_of

WIDTH = 110
"""Pixels across an invented phone."""


def face(rng: np.random.Generator) -> Image:
    """A phone from the front, `(H, 110, 3)`, RGB 0..255, its corners not yet rounded."""
    height = int(WIDTH * rng.uniform(1.6, 2.25))
    grey = rng.choice([rng.uniform(0, 40), rng.uniform(200, 255)])
    frame = np.full(3, grey) if rng.random() < 0.7 else colour_of(rng)
    image = np.ones((height, WIDTH, 3), np.float32) * frame.astype(np.float32)
    sides = int(WIDTH * rng.uniform(0, 0.06))
    top, bottom = (int(height * rng.uniform(0.0, 0.13)) for _ in range(2))
    screen = image[top : height - bottom, sides : WIDTH - sides]
    screen[:] = _glass(screen.shape[0], screen.shape[1], rng)
    _furniture(image, top, bottom, rng)
    if rng.random() < 0.5:
        _cracks(image, rng)
    if rng.random() < 0.6:
        edge = tuple(float(level) for level in colour_of(rng))
        cv2.rectangle(image, (0, 0), (WIDTH - 1, height - 1), edge, int(rng.integers(1, 4)))
    return image


def _glass(height: int, width: int, rng: np.random.Generator) -> Image:
    """Dark glass that mirrors something, three times of four; else a lit screen."""
    seen = background(height, width, rng)
    if rng.random() < 0.75:
        dark = rng.uniform(0, 70) * rng.uniform(0.8, 1.2, 3)
        glass = dark + seen * rng.uniform(0, 0.45) * rng.random()
        if rng.random() < 0.6:
            spots = rng.integers(-20, height + 20, (4, 2)).astype(np.int32)
            shadow = np.zeros((height, width), np.float32)
            cv2.fillPoly(shadow, [spots], 1.0)
            glass += rng.normal(0, 25) * cv2.GaussianBlur(shadow, (0, 0), rng.uniform(0.5, 4))[..., None]
        for _ in range(rng.integers(0, 3)):
            lamp = np.zeros((height, width), np.float32)
            cv2.circle(lamp, (int(rng.integers(width)), int(rng.integers(height))), int(rng.integers(1, 9)), 1.0, -1)
            glass += rng.uniform(40, 220) * cv2.GaussianBlur(lamp, (0, 0), rng.uniform(0.5, 3))[..., None]
        return np.asarray(glass, np.float32)
    return np.asarray(seen * rng.uniform(0.6, 1.2) + rng.uniform(0, 60), np.float32)


def _furniture(image: Image, top: int, bottom: int, rng: np.random.Generator) -> None:
    """Ear piece, camera, home button."""
    height = image.shape[0]
    colour = tuple(float(level) for level in colour_of(rng))
    if top > 6:
        middle, half = WIDTH // 2, int(rng.integers(4, 14))
        cv2.line(image, (middle - half, top // 2), (middle + half, top // 2), colour, int(rng.integers(1, 4)))
    spot = (int(rng.uniform(0.15, 0.85) * WIDTH), max(top // 2, 5))
    cv2.circle(image, spot, int(rng.integers(1, 4)), colour, -1)
    if bottom > 10 and rng.random() < 0.7:
        size = (int(rng.integers(4, 12)), max(int(bottom * rng.uniform(0.2, 0.4)), 2))
        cv2.ellipse(image, (WIDTH // 2, height - bottom // 2), size, 0, 0, 360, colour, int(rng.choice([1, 2, -1])))


def _cracks(image: Image, rng: np.random.Generator) -> None:
    """Some blows, each with broken lines away from it and rings around it; where many meet the glass is white."""
    height = image.shape[0]
    web: npt.NDArray[np.float32] = np.zeros((height, WIDTH), np.float32)
    for _ in range(rng.integers(1, 4)):
        at = rng.uniform(0, 1, 2) * [WIDTH, height]
        for _ in range(rng.integers(4, 40)):
            angle, place = rng.uniform(0, 2 * np.pi), at.copy()
            for _ in range(rng.integers(1, 9)):
                following = place + np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(3, 30)
                ends = place.astype(int).tolist(), following.astype(int).tolist()
                cv2.line(web, *ends, rng.uniform(0.2, 1), 1, cv2.LINE_AA)
                place, angle = following, angle + rng.normal(0, 0.5)
        if rng.random() < 0.5:
            near = rng.normal(0, 1, web.shape).astype(np.float32)
            across, down = np.meshgrid(np.arange(WIDTH) - at[0], np.arange(height) - at[1])
            fade = np.exp(-(across**2 + down**2) / (2 * rng.uniform(6, 45) ** 2))
            web += np.asarray((near > rng.uniform(0.3, 1.5)) * fade * rng.uniform(0.3, 1), np.float32)
    bright = colour_of(rng) * 0.3 + rng.uniform(90, 190)
    image += np.clip(web, 0, 1)[..., None] * (bright - image) * rng.uniform(0.3, 1)
