"""What surrounds and covers a phone in a drawn photo: tables, papers, palms, fingers and light. Pixels 0..255, RGB."""

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]


def colour_of(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Any colour, greyish ones more often."""
    drawn = rng.uniform(0, 255, 3)
    return np.asarray(drawn.mean() + (drawn - drawn.mean()) * rng.random() ** 1.5)


def background(height: int, width: int, rng: np.random.Generator) -> Image:
    """One colour, clouds, boards of wood, printed paper or loose patches, often two of them; grain over all."""
    image = np.ones((height, width, 3), np.float32) * colour_of(rng).astype(np.float32)
    if rng.random() < 0.6:
        clouds = np.stack([colour_of(rng) for _ in range(int(rng.integers(2, 9)) ** 2)]).astype(np.float32)
        count = int(np.sqrt(len(clouds)))
        clouds = clouds[: count * count].reshape(count, count, 3)
        share = rng.uniform(0.1, 0.6)
        image = image * (1 - share) + share * cv2.resize(clouds, (width, height), interpolation=cv2.INTER_CUBIC)
    kinds = (_patches, _paper, _wood, None)
    for kind in rng.choice(len(kinds), int(rng.integers(1, 3)), p=[0.35, 0.2, 0.15, 0.3]):
        draw = kinds[kind]
        if draw is not None:
            image = draw(image, rng)
    image += rng.normal(0, rng.uniform(0, 10), image.shape).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 3)) if rng.random() < 0.5 else image, np.float32)


def _patches(image: Image, rng: np.random.Generator) -> Image:
    """Polygons and lines."""
    height, width = image.shape[:2]
    for _ in range(rng.integers(1, 14)):
        colour = tuple(float(level) for level in colour_of(rng))
        spots = rng.integers(-40, max(height, width) + 40, (rng.integers(3, 6), 2)).astype(np.int32)
        if rng.random() < 0.6:
            cv2.fillPoly(image, [spots], colour)
        else:
            cv2.line(image, spots[0].tolist(), spots[1].tolist(), colour, int(rng.integers(1, 12)))
    return image


def _paper(image: Image, rng: np.random.Generator) -> Image:
    """A sheet with lines of print, somewhere, turned somehow."""
    height, width = image.shape[:2]
    sheet = np.ones((160, 120, 3), np.float32) * (rng.uniform(170, 255) + rng.normal(0, 8, 3)).astype(np.float32)
    ink = colour_of(rng) * 0.5
    for row in range(8, 152, int(rng.integers(4, 11))):
        at = int(rng.integers(4, 30))
        while at < 112:
            word = int(rng.integers(2, 18))
            cv2.line(sheet, (at, row), (min(at + word, 114), row), ink.tolist(), int(rng.integers(1, 3)))
            at += word + int(rng.integers(2, 9))
    turn = np.asarray(cv2.getRotationMatrix2D((60, 80), rng.uniform(0, 360), rng.uniform(0.6, 2.4)), np.float64)
    turn[:, 2] += [rng.uniform(-0.2, 1.2) * width - 60, rng.uniform(-0.2, 1.2) * height - 80]
    cover = cv2.warpAffine(np.ones((160, 120), np.float32), turn, (width, height))[..., None]
    return np.asarray(image * (1 - cover) + cv2.warpAffine(sheet, turn, (width, height)) * cover, np.float32)


def _wood(image: Image, rng: np.random.Generator) -> Image:
    """Long streaks, and the joints of boards."""
    height, width = image.shape[:2]
    streaks = rng.normal(0, 1, (height, max(width // 40, 2))).astype(np.float32)
    long = cv2.resize(streaks, (width, height), interpolation=cv2.INTER_CUBIC)
    streaks = np.asarray(cv2.GaussianBlur(long, (0, 0), 0.8), np.float32)
    for row in rng.integers(0, height, rng.integers(0, 4)):
        streaks[row : row + 2] = streaks[row : row + 2] - rng.uniform(1, 5)
    if rng.random() < 0.5:
        streaks = np.asarray(cv2.resize(np.ascontiguousarray(streaks.T), (width, height)), np.float32)
    return np.asarray(image + streaks[..., None] * rng.uniform(3, 22), np.float32)


def skin(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A tone of skin."""
    red = rng.uniform(90, 245)
    return np.array([red, red * rng.uniform(0.6, 0.85), red * rng.uniform(0.42, 0.75)])


def palm(image: Image, corners: Points, tone: npt.NDArray[np.float64], rng: np.random.Generator) -> None:
    """A hand and its arm behind the phone, drawn into the picture before the phone is."""
    middle, reach = corners.mean(0), np.linalg.norm(corners[0] - corners[2])
    angle = rng.uniform(0, 2 * np.pi)
    way = np.array([np.cos(angle), np.sin(angle)])
    at = middle + way * reach * rng.uniform(0.1, 0.5)
    size = (int(reach * rng.uniform(0.2, 0.4)), int(reach * rng.uniform(0.15, 0.3)))
    colour = tuple(float(level) for level in tone * rng.uniform(0.75, 1.05))
    cv2.ellipse(image, _spot(at), size, float(np.degrees(angle)), 0, 360, colour, -1, cv2.LINE_AA)
    cv2.line(image, _spot(at), _spot(at + way * 2 * reach), colour, int(reach * rng.uniform(0.15, 0.3)), cv2.LINE_AA)


def fingers(image: Image, corners: Points, tone: npt.NDArray[np.float64], rng: np.random.Generator) -> None:
    """Finger tips over the phone's edges, drawn into the picture: mostly several on one side, a thumb on the other."""
    short = min(np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[2] - corners[1]))
    first = int(rng.integers(4))
    for side, count in ((first, int(rng.integers(1, 5))), ((first + 2) % 4, int(rng.integers(0, 2)))):
        start, along = corners[side], corners[(side + 1) % 4] - corners[side]
        outward = np.array([along[1], -along[0]]) / np.linalg.norm(along)
        place, gap, lean = rng.uniform(0.05, 0.7), rng.uniform(0.08, 0.2), rng.normal(0, 0.3)
        away = outward * np.cos(lean) + along / np.linalg.norm(along) * np.sin(lean)
        for number in range(count):
            root = start + along * (place + number * gap + rng.normal(0, 0.01))
            tip = root - away * short * rng.uniform(-0.01, 0.16)
            end = root + away * short * rng.uniform(0.15, 0.8)
            thick = max(int(short * rng.uniform(0.1, 0.22)), 3)
            shade = tone * rng.uniform(0.85, 1.15)
            for part, wide in ((0.75, thick), (1.0, max(int(thick * 0.75), 2))):
                cv2.line(image, _spot(tip), _spot(end), tuple(float(v) for v in shade * part), wide, cv2.LINE_AA)
            if rng.random() < 0.5:
                nail = tuple(float(v) for v in np.minimum(shade * 1.12 + 12, 255))
                cv2.circle(image, _spot(tip), max(thick // 3, 1), nail, -1, cv2.LINE_AA)


def lit(picture: Image, rng: np.random.Generator) -> Image:
    """Other exposure, colour of light, gradient, blur and grain."""
    height, width = picture.shape[:2]
    shone = (picture * rng.uniform(0.5, 1.35) + rng.normal(0, 12)) * rng.uniform(0.85, 1.15, 3)
    across, down = np.linspace(-1, 1, width)[None, :], np.linspace(-1, 1, height)[:, None]
    shone *= (1 + across * rng.normal(0, 0.15) + down * rng.normal(0, 0.15))[..., None]
    if rng.random() < 0.3:
        shone = np.asarray(cv2.GaussianBlur(shone, (0, 0), rng.uniform(0.4, 1.8)))
    return np.asarray(shone + rng.normal(0, rng.uniform(0, 8), shone.shape), np.float32)


def _spot(at: npt.NDArray[np.float64]) -> tuple[int, int]:
    return round(float(at[0])), round(float(at[1]))
