"""One device and its photos: body, damage, light, desk and camera put together."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from datamodules.rendering import background, camera, lighting, marks
from datamodules.rendering.body import PAD, Body, make_body
from datamodules.rendering.look import Look
from datamodules.rendering.planning import DevicePlan, stream
from datamodules.rendering.raster import Image, Size, blur, cloud, f32, times


@dataclass(frozen=True)
class Photo:
    """One rendered photo: JPEG bytes, picture size (h, w), corners (4, 2) tl, tr, br, bl in pixels."""

    data: bytes
    size: Size
    corners: NDArray[np.float32]


@dataclass(frozen=True)
class Device:
    """What all photos of a device share."""

    body: Body
    broken: marks.Broken
    cracks: marks.Pieces
    walls: marks.Pieces
    scratches: marks.Pieces


def make_device(plan: DevicePlan, seed: int, look: Look) -> Device:
    """The device of a plan: what it is depends on (seed, device) alone, how strongly its damage shows on `look`."""
    rng = stream(seed, plan.index, 0)
    body = make_body(rng, plan.aspect, f"gridlite-device-{seed}-{plan.index:04d}")
    cracks = marks.crack_pieces(rng, plan.damage, body.size)
    scratches = marks.scratch_pieces(rng, plan.damage, body.size)
    walls = marks.wall_pieces(rng, plan.damage, body.size)
    broken = marks.break_glass(rng, plan.damage, cracks, walls, body.size)
    return Device(body, look.broken(broken), look.pieces(cracks), look.walls(walls), look.pieces(scratches))


def _front(rng: Generator, device: Device, light: lighting.Light, look: Look) -> Image:
    """Light (h, w, 3) of the device's front, straight from above."""
    size, broken = device.body.size, device.broken
    image = lighting.shine(rng, device.body, broken, light, look)
    scratches = marks.caught_light(rng, device.scratches, size, light.heading, 0.6)
    gain = float(rng.uniform(0.25, 0.8))
    if not light.dark:  # a scratch scatters the panel's light: mostly a darker line, sometimes a lighter one
        darker = rng.random() < 0.85
        image = times(
            image,
            f32(1 + scratches * np.float32(-rng.uniform(0.5, 0.85) if darker else 0.8)),
        )
        gain *= 0.25 if darker else 1.0
    image = lighting.damage_light(rng, image, scratches, light, gain)
    if broken.any:
        glints = marks.caught_light(rng, device.cracks, size, light.heading, 0.3)
        faces = marks.caught_light(rng, device.walls, size, light.heading + float(rng.normal(0, 0.5)), 0.05)
        flakes = broken.powder * np.clip(1 + 0.6 * cloud(rng, size, 220, 1), 0, 2)
        caught = glints + 0.35 * blur(faces, 0.8) + rng.uniform(0.5, 0.9) * flakes
        gain = float(rng.uniform(0.4, 1.0))
        if not light.dark:  # over a lit panel the bright edge lies beside the dark line and must not fill it
            move = f32(
                [
                    [1, 0, 1.6 * np.cos(light.heading)],
                    [0, 1, 1.6 * np.sin(light.heading)],
                ]
            )
            caught = cv2.warpAffine(caught, move, (size[1], size[0]))
            gain *= 0.6
        image = lighting.damage_light(rng, image, f32(caught), light, gain)
    return lighting.dirty(rng, image, device.body, light)


def _shot(
    plan: DevicePlan, number: int, seed: int, look: Look
) -> tuple[Generator, lighting.Light, Size, NDArray[np.float32]]:
    rng = stream(seed, plan.index, 1 + number)
    light = lighting.make_light(rng, plan.dark[number], look)
    return (rng, light, *camera.frame(rng, plan.aspect))


def frame_of(plan: DevicePlan, number: int, seed: int, look: Look) -> tuple[Size, NDArray[np.float32]]:
    """Picture size (h, w) and corners (4, 2) of photo `number`, which is not rendered."""
    _, _, size, corners = _shot(plan, number, seed, look)
    return size, corners


def view_of(device: Device, corners: NDArray[np.float32]) -> NDArray[np.float64]:
    """From pixels of the canvas to those of a photo, (3, 3)."""
    height, width = device.body.size
    own = [[PAD, PAD], [width - PAD, PAD], [width - PAD, height - PAD], [PAD, height - PAD]]
    return np.asarray(cv2.getPerspectiveTransform(f32(own), corners), np.float64)


def render_photo(device: Device, plan: DevicePlan, number: int, seed: int, look: Look) -> Photo:
    """Photo `number` of the device."""
    rng, light, size, corners = _shot(plan, number, seed, look)
    front = _front(rng, device, light, look)
    view = view_of(device, corners)
    target = size[1], size[0]
    alpha = f32(cv2.warpPerspective(device.body.alpha, view, target))
    front = f32(cv2.warpPerspective(times(front, device.body.alpha), view, target))
    desk = times(background.surface(rng, size), f32((1 - alpha) * _shadow(rng, alpha)))
    desk = f32(cv2.transform(desk, np.diag(light.ambient)))
    picture = camera.develop(rng, f32(cv2.add(desk, front)), light.dark, look)
    return Photo(camera.jpeg(rng, picture), size, corners)


def _shadow(rng: Generator, alpha: Image) -> Image:
    """Light (h, w) that the device, `alpha` (h, w), leaves on the desk round it."""
    offset = rng.normal(0, 14, 2)
    move = f32([[1, 0, offset[0]], [0, 1, offset[1]]])
    soft = blur(alpha, float(rng.uniform(8, 25)))
    moved = f32(cv2.warpAffine(soft, move, (alpha.shape[1], alpha.shape[0])))
    return f32(1 - np.float32(rng.uniform(0.4, 0.8)) * moved)
