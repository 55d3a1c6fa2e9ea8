"""What the front glass mirrors, and how panel, glass, damage and dirt add up to the light of one photo."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from datamodules.rendering import dirt
from datamodules.rendering.body import Body
from datamodules.rendering.look import Look
from datamodules.rendering.marks import Broken
from datamodules.rendering.raster import (
    Image,
    Size,
    blur,
    centred,
    cloud,
    colour,
    f32,
    flood,
    inside,
    moved,
    over,
    plus,
    resized,
    rounded_box,
    times,
    tint,
)


@dataclass(frozen=True)
class Light:
    """Light of one photo: `dark` when the panel is off; `ambient` BGR (3,) falling on everything, 1 = a bright
    room (a lit panel shines with 1 too); `heading` of the key light in radians.
    """

    dark: bool
    ambient: Image
    heading: float


def make_light(rng: Generator, dark: bool, look: Look) -> Light:
    """A random room: lit panels are photographed in rooms from dim to bright."""
    dimmest, brightest = (0.45, 0.9) if dark else (0.06, 0.5)
    level = rng.uniform(dimmest, brightest) if dark else float(np.exp(rng.uniform(np.log(dimmest), np.log(brightest))))
    warmth = rng.normal(0.25, 0.45)  # from daylight to bulbs: blue falls as red rises
    cast = np.exp(np.array([-0.22, 0.0, 0.16]) * warmth + rng.normal(0, 0.02, 3))
    if look.light != 1:  # towards, or away from, the middle of all rooms
        level = float(level**look.light * np.sqrt(dimmest * brightest) ** (1 - look.light))
        cast = cast**look.light
    return Light(dark, f32(level * cast), float(rng.uniform(0, np.pi)))


def _photographer(rng: Generator, size: Size) -> Image:
    """Soft silhouette (h, w) of head, shoulders, arm and camera: 1 where it blocks the room's light."""
    height, width = size
    x, y = width * rng.uniform(0.25, 0.75), height * rng.uniform(0.35, 0.8)
    head = width * rng.uniform(0.14, 0.24)
    shape = rounded_box(size, (x - head, y - head * 1.35, x + head, y + head * 1.35), head * 0.98)
    body = rounded_box(size, (x - head * 2.4, y + head * 1.3, x + head * 2.4, height * 1.5), head * 1.3)
    cx, cy = x + head * rng.normal(0, 0.8), y + head * rng.uniform(-1.6, 1.2)
    hand = head * rng.uniform(0.6, 1.0)
    phone = rounded_box(size, (cx - hand, cy - hand * 0.55, cx + hand, cy + hand * 0.55), hand * 0.12)
    arm = rounded_box(size, (cx + hand * 0.6, cy, cx + hand * 1.5, height * 1.2), hand * 0.4)
    hazy = np.minimum(np.minimum(shape, body), arm) + 0.09 * head * cloud(rng, size, 9, 3)
    blocked = inside(f32(np.minimum(hazy, phone)), float(rng.uniform(4, 16)))
    spin = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.normal(0, 14)), 1.1)
    blocked = f32(cv2.warpAffine(blocked, spin, (width, height), borderMode=cv2.BORDER_REPLICATE))
    return blur(blocked, float(rng.uniform(2, 5)))


def _lamp(rng: Generator, size: Size) -> Image:
    """One lamp (h, w) with its glow, 1 at its core: a bulb, a tube, a panel or a cluster of small lights."""
    height, width = size
    x, y = width * rng.uniform(0.1, 0.9), height * rng.uniform(0.1, 0.9)
    wide = width * rng.uniform(0.03, 0.12)
    style = rng.choice(["bulb", "tube", "panel", "cluster"], p=[0.4, 0.2, 0.2, 0.2])
    tall = wide * {"bulb": 1.0, "tube": 5.0, "panel": 1.4, "cluster": 1.0}[style]
    spots = [(x, y)] if style != "cluster" else [(x + dx * wide, y) for dx in (-2.4, 0.0, 2.4)]
    core: Image = np.zeros(size, np.float32)
    for cx, cy in spots:
        w, h = (wide * 0.45, tall * 0.45) if style in ("cluster", "tube") else (wide, tall)
        corner = w * (0.15 if style == "panel" else 0.98)
        core = np.maximum(core, inside(rounded_box(size, (cx - w, cy - h, cx + w, cy + h), corner), 3.0))
    spin = cv2.getRotationMatrix2D((x, y), float(rng.uniform(-60, 60)), 1.0)
    core = blur(f32(cv2.warpAffine(core, spin, (width, height))), float(rng.uniform(1.0, 4.0)))
    glow = 0.25 * blur(core, wide * 0.6) + 0.12 * blur(core, wide * 2.5)
    return f32(core + glow)


def room_mirrored(rng: Generator, size: Size, dark: bool) -> Image:
    """What the glass mirrors, at half the canvas size: (h // 2, w // 2, 3), 1 = a white ceiling."""
    half = size[0] // 2, size[1] // 2
    gx, gy = centred(half)
    slope = f32(rng.normal(0, 0.35, 2))
    room = f32(0.45 + slope[0] * gx + slope[1] * gy + 0.12 * cloud(rng, half, 4, 2))
    if rng.random() < 0.5:  # a window or light panel with a soft border
        x0, y0 = rng.uniform(-0.3, 0.8) * half[1], rng.uniform(-0.2, 0.8) * half[0]
        box = (
            x0,
            y0,
            x0 + half[1] * rng.uniform(0.3, 0.9),
            y0 + half[0] * rng.uniform(0.15, 0.5),
        )
        window = inside(f32(rounded_box(half, box, 6) + 0.35 * (gx * 40 + gy * rng.normal(0, 60))))
        room = room + blur(window, float(rng.uniform(2.5, 16))) * rng.uniform(0.5, 2.0)
    room = f32(np.clip(room, 0.03, None))
    if rng.random() < (0.55 if dark else 0.3):
        room = room * (1 - 0.8 * _photographer(rng, half))
    result = flood(f32(room), tint(rng, 1.0, 0.06))
    if rng.random() < (0.25 if dark else 0.32):
        result = plus(result, _lamp(rng, half), tint(rng, rng.uniform(25, 110), 0.06))
    return f32(np.ascontiguousarray(np.rot90(result, 2))) if rng.random() < 0.3 else result


def moire(rng: Generator, size: Size, strength: float) -> Image:
    """Coloured beat pattern (h, w, 3) of panel against sensor: a factor around 1."""
    half = size[0] // 2, size[1] // 2  # it is smooth
    gx, gy = centred(half)
    turns, angle = rng.uniform(4, 45), rng.uniform(0, np.pi)
    bend = f32(rng.normal(0, 0.3, 3))
    straight = float(np.cos(angle)) * gx + float(np.sin(angle)) * gy * 1.8
    phase = turns * (straight + bend[0] * gx * gy + bend[1] * gx**2 + bend[2] * gy**2)
    patch = strength * np.clip(0.6 + 0.5 * cloud(rng, half, 3, 1), 0, 1.2)
    waves = [1 + patch * np.cos(2 * np.pi * phase + float(shift)) for shift in rng.uniform(-0.9, 0.9, 3)]
    return resized(f32(cv2.merge([f32(wave) for wave in waves])), size)


def _bevel(plane: Image, heading: float, reach: float) -> Image:
    """One side of each line bright, the other dark (h, w): the difference of two shifted copies."""
    dx, dy = reach * float(np.cos(heading)), reach * float(np.sin(heading))
    move = f32([[1, 0, dx], [0, 1, dy]])
    target = plane.shape[1], plane.shape[0]
    one = cv2.warpAffine(plane, move, target)
    return f32(one - cv2.warpAffine(plane, f32([[1, 0, -dx], [0, 1, -dy]]), target))


def _panel_light(rng: Generator, body: Body, broken: Broken, light: Light, look: Look) -> Image:
    """Light of the lit panel through broken glass (h, w, 3)."""
    gx, gy = centred(body.size)
    fall = f32(rng.normal(0, 0.08, 2) * look.light)
    lit = moved(body.emission, broken.tilt, float(rng.uniform(0.8, 2.0)))
    if rng.random() < 0.45:
        strength = look.moire * float(np.exp(rng.uniform(np.log(0.012), np.log(0.13))))
        lit = f32(cv2.multiply(lit, moire(rng, body.size, strength)))
    level = np.maximum(1 + fall[0] * gx + fall[1] * gy - 0.06 * (gx**2 + gy**2), 0) * np.clip(
        1 + 0.05 * broken.tilt[..., 0], 0.85, 1.12
    )
    patchy = np.clip(0.75 + 0.3 * cloud(rng, body.size, 12, 2), 0.35, 1)
    shadow = np.roll(blur(broken.lines, 1.8), (3, 2), axis=(0, 1))
    level = level * (1 - 0.85 * np.clip(broken.lines * 1.3, 0, 1) * patchy) * (1 - 0.3 * shadow)
    level = level * (1 - 0.4 * broken.walls * patchy) * (1 - 0.75 * np.clip(broken.powder, 0, 1))
    lit = times(lit, f32(level))
    if broken.any:
        soft = blur(broken.lines, 0.8)
        edges = [_bevel(soft, light.heading + turn, 1.6) for turn in rng.normal(0, 0.35, 3)]
        lit = f32(cv2.multiply(lit, 1 + np.float32(0.45) * f32(cv2.merge(edges))))
    return lit


def shine(rng: Generator, body: Body, broken: Broken, light: Light, look: Look) -> Image:
    """Light (h, w, 3) that leaves the undamaged front and its shards towards the camera."""
    size = body.size
    gx, gy = centred(size)
    fall = f32(rng.normal(0, 0.13, 2) * look.light)
    fade = np.maximum(1 + fall[0] * gx + fall[1] * gy, 0)
    lx, ly = np.float32(np.cos(light.heading)), np.float32(np.sin(light.heading))
    edge = body.rim[..., 0] * lx + body.rim[..., 1] * ly
    image = times(body.albedo, f32(fade * (1 + 0.8 * edge)))
    bright = np.clip(edge, 0, 1) ** 2
    image = plus(
        image,
        f32(bright**2 * bright * float(rng.uniform(0.05, 0.9))),
        colour((1, 1, 1)),
    )
    if broken.any:
        brown = 0.12 * (1 + 0.2 * cloud(rng, size, 30, 4))
        hidden = broken.missing * body.glass * (1 - body.screen * (0 if light.dark else 1))
        image = over(image, flood(f32(brown), colour((0.8, 0.95, 1.1))), f32(hidden))
    room = moved(room_mirrored(rng, size, light.dark), broken.tilt, 22.0, 0.5)
    strength = look.reflections * np.exp(rng.uniform(np.log(0.01), np.log(0.08)))
    gloss = body.glass * (1 - 0.8 * broken.missing) * np.float32(strength)
    image = f32(cv2.add(image, times(room, gloss)))
    image = f32(cv2.transform(image, np.diag(light.ambient)))
    return image if light.dark else f32(cv2.add(image, _panel_light(rng, body, broken, light, look)))


def damage_light(rng: Generator, image: Image, glints: Image, light: Light, gain: float) -> Image:
    """Adds lines that catch light: near white, with the faint colours of thin edges."""
    fringe = 1 + 0.06 * rng.standard_normal(3)
    return plus(image, glints, f32(light.ambient * fringe * gain))


def dirty(rng: Generator, image: Image, body: Body, light: Light) -> Image:
    """Adds dust and finger oil, which are no damage."""
    specks = dirt.dust(rng, body.size, float(rng.gamma(1.2, 0.6)))
    film = dirt.smears(rng, body.size, float(np.clip(rng.gamma(1.0, 0.5), 0, 1.5))) * body.glass
    if not light.dark:
        image = times(image, f32(1 - 0.03 * film - 0.22 * specks))
    added = film * np.float32(rng.uniform(0.004, 0.03)) + specks * np.float32(rng.uniform(0.04, 0.25))
    return plus(image, f32(added), light.ambient)
