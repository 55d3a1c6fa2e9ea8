"""What one picture shows, drawn from its seed, and the picture, traced by Mitsuba."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from datamodules.shackles.geometry import Mesh, Shape, joint
from datamodules.shackles.skies import out_of_focus
from datamodules.shackles.surfaces import Map, Surface, worn_metal

MOST_WEAR = 0.95
LIGHTS = ("mixed", "even", "partial")
GREY = 0.35
"""Of the background where there is none, in linear light."""


@dataclass(frozen=True)
class Variation:
    """What differs between pictures, and how they are taken; published findings in seed 004, section 6.2.

    Attributes:
        texture, background, geometry: the three published variations.
        light: even from all sides, partial (a sun from one side), or mixed, either for a picture.
        focus: whether the lens is set on the joint, so that the background is out of focus.
        edge_px: deviation of the Gaussian that softens edges, in pixels of the picture.
        samples: paths per pixel, a square number.

    """

    texture: bool = True
    background: bool = True
    geometry: bool = True
    light: str = "mixed"
    focus: bool = True
    edge_px: float = 0.6
    samples: int = 4


@dataclass(frozen=True)
class Scene:
    """One picture before it is traced."""

    wear: float
    """0 to 0.95, share of each bar's thickness that is gone at the joint."""
    shape: Shape
    camera: tuple[float, float, float]
    """Azimuth and elevation in degrees, distance."""
    roll: float
    """Of the camera about its axis, degrees."""
    aim: tuple[float, float]
    """Where the joint stands in the picture, in sides from its middle."""
    fov: float
    """Field of view, degrees."""
    surroundings: int
    """Number of the panorama, and by how many degrees it is turned."""
    turned: float
    partial: bool
    sun: tuple[float, float, float]
    """Azimuth and elevation in degrees, strength against the surroundings."""
    tones: tuple[float, float]
    """Of the two shackles where they have no texture, linear."""
    exposure: float
    noise: float
    """Deviation of the sensor's noise in grey levels."""
    aperture: float
    """Degrees that a far point's disc is wide."""


def draw(rng: Generator, variation: Variation, panoramas: int) -> Scene:
    """Draws a picture; what a variation leaves out is drawn and not used, so that pictures of two variations are pairs."""
    wear = float(rng.uniform(0, MOST_WEAR))
    shape = Shape(
        bar=float(rng.uniform(0.20, 0.33)), legs=float(rng.uniform(0.9, 1.9)), flare=float(rng.uniform(-0.25, 0.2)),
        pin=float(rng.uniform(0.18, 0.36)), turn=float(rng.normal(0, 9)), sway=float(rng.normal(0, 7)),
    )  # fmt: skip
    camera = float(rng.uniform(0, 360)), float(rng.uniform(-22, 32)), float(rng.uniform(4.2, 6.2))
    roll, aim = float(rng.normal(0, 6)), (float(rng.uniform(-0.12, 0.12)), float(rng.uniform(-0.12, 0.12)))
    fov = float(rng.uniform(30, 42))
    surroundings, turned = int(rng.random() * max(panoramas, 1)), float(rng.uniform(0, 360))
    partial = bool(rng.random() < 0.5)
    sun = float(rng.uniform(0, 360)), float(rng.uniform(10, 65)), float(rng.uniform(2, 7))
    tones = float(rng.uniform(0.25, 0.6)), float(rng.uniform(0.25, 0.6))
    exposure, noise, aperture = float(rng.normal(0, 0.25)), float(rng.uniform(0.5, 4)), float(rng.uniform(1.5, 5))
    return Scene(
        wear, shape if variation.geometry else Shape(), camera, roll, aim, fov, surroundings, turned,
        {"mixed": partial, "even": False, "partial": True}[variation.light], sun, tones, exposure, noise,
        aperture if variation.focus else 0.0,
    )  # fmt: skip


@cache
def renderer() -> Any:
    """Mitsuba on one thread: pictures are traced side by side in processes."""
    import drjit
    import mitsuba

    mitsuba.set_variant("scalar_rgb")
    mitsuba.set_log_level(mitsuba.LogLevel.Error)
    drjit.set_thread_count(1)
    return mitsuba


def traced(
    scene: Scene, variation: Variation, panorama: Map | None, side: int, rng: Generator
) -> npt.NDArray[np.uint8]:
    """The picture, RGB `(side, side, 3)`.

    Args:
        panorama: as `skies` has them; None where there is no background.
        rng: of the textures and the noise.

    """
    mi = renderer()
    surfaces = [worn_metal(rng), worn_metal(rng)]
    meshes = joint(scene.shape, scene.wear)
    told: dict[str, Any] = {"type": "scene", "integrator": {"type": "path", "max_depth": 3}}
    told |= {"sensor": _sensor(scene, variation, side), "surroundings": _surroundings(scene, panorama)}
    if scene.partial:
        told["sun"] = _sun(scene, panorama)
    for number, mesh in enumerate(meshes):
        material = _textured(surfaces[number // 2]) if variation.texture else _plain(scene.tones[number // 2])
        told[f"part{number}"] = _shape(mesh, material, f"part{number}")
    light = np.array(mi.render(mi.load_dict(told), seed=int(rng.integers(2**31))))[..., :3]
    return developed(light, scene, variation, rng)


def developed(light: Map, scene: Scene, variation: Variation, rng: Generator) -> npt.NDArray[np.uint8]:
    """Linear light `(S, S, 3)` as a camera gives it: exposed, softened, with noise, in sRGB."""
    light = np.minimum(light, np.percentile(light, 99.7) * 1.5)  # a path that met the sun by chance
    if variation.edge_px:
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), variation.edge_px), np.float32)
    light = light * (0.2 / max(float(light.mean()), 1e-6)) * 2.0**scene.exposure
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-8) ** (1 / 2.4) - 0.055)
    levels = 255 * srgb + scene.noise * rng.standard_normal(srgb.shape)
    return np.asarray(levels.clip(0, 255).round(), np.uint8)


def _direction(azimuth: float, elevation: float) -> npt.NDArray[np.float64]:
    around, up = np.radians([azimuth, elevation])
    return np.array([np.cos(around) * np.cos(up), np.sin(around) * np.cos(up), np.sin(up)])


def _sensor(scene: Scene, variation: Variation, side: int) -> dict[str, Any]:
    mi = renderer()
    azimuth, elevation, distance = scene.camera
    joint_at = np.array([0.0, 0.0, -1.0 + scene.shape.bar * (1 - 2 * scene.wear)])
    view = _direction(azimuth, elevation)
    eye = joint_at + distance * view
    aside = np.cross([0, 0, 1], view)
    aside /= np.linalg.norm(aside)
    reach = 2 * distance * np.tan(np.radians(scene.fov / 2))
    target = joint_at + reach * (scene.aim[0] * aside + scene.aim[1] * np.cross(view, aside))
    turn = mi.ScalarTransform4f().rotate([0, 0, 1], scene.roll)
    place = mi.ScalarTransform4f().look_at(eye.tolist(), target.tolist(), [0, 0, 1]) @ turn
    lens: dict[str, Any] = {"type": "perspective"}
    if scene.aperture:
        radius = distance * np.tan(np.radians(scene.aperture) / 2)
        lens = {"type": "thinlens", "aperture_radius": float(radius), "focus_distance": float(distance)}
    film = {"type": "hdrfilm", "width": side, "height": side, "rfilter": {"type": "gaussian"}, "pixel_format": "rgb"}
    sampler = {"type": "multijitter", "sample_count": variation.samples}
    return {**lens, "fov": scene.fov, "to_world": place, "film": film, "sampler": sampler}


def _surroundings(scene: Scene, panorama: Map | None) -> dict[str, Any]:
    mi = renderer()
    if panorama is None:
        return {"type": "constant", "radiance": {"type": "rgb", "value": [GREY] * 3}}
    seen = out_of_focus(panorama, scene.aperture) if scene.aperture else panorama
    upright = mi.ScalarTransform4f().rotate([0, 0, 1], scene.turned) @ mi.ScalarTransform4f().rotate([1, 0, 0], 90)
    return {"type": "envmap", "bitmap": mi.Bitmap(np.ascontiguousarray(seen, np.float32)), "to_world": upright}


def _sun(scene: Scene, panorama: Map | None) -> dict[str, Any]:
    azimuth, elevation, strength = scene.sun
    light = GREY if panorama is None else float(panorama.mean())
    colour = [strength * light * tint for tint in (1.0, 0.95, 0.86)]
    away = (-_direction(azimuth, elevation)).tolist()
    return {"type": "directional", "direction": away, "irradiance": {"type": "rgb", "value": colour}}


def _plain(tone: float) -> dict[str, Any]:
    return {
        "type": "principled",
        "base_color": {"type": "rgb", "value": [tone] * 3},
        "metallic": 0.7,
        "roughness": 0.45,
    }


def _textured(surface: Surface) -> dict[str, Any]:
    maps = {
        "base_color": _bitmap(surface.base), "metallic": _bitmap(surface.metallic[..., None]),
        "roughness": _bitmap(surface.roughness[..., None]),
    }  # fmt: skip
    return {"type": "normalmap", "normalmap": _bitmap(surface.normal), "bsdf": {"type": "principled", **maps}}


def _bitmap(values: Map) -> dict[str, Any]:
    data = renderer().Bitmap(np.ascontiguousarray(values, np.float32))
    return {"type": "bitmap", "bitmap": data, "raw": True, "wrap_mode": "repeat"}


def _shape(mesh: Mesh, material: dict[str, Any], name: str) -> Any:
    mi = renderer()
    about = mi.Properties()
    about["mesh_bsdf"] = mi.load_dict(material)
    made = mi.Mesh(
        name, len(mesh.points), len(mesh.faces), props=about, has_vertex_normals=True, has_vertex_texcoords=True
    )
    parts = mi.traverse(made)
    parts["vertex_positions"] = np.ravel(mesh.points).astype(np.float32)
    parts["faces"] = np.ravel(mesh.faces).astype(np.uint32)
    parts["vertex_normals"] = np.ravel(_vertex_normals(mesh)).astype(np.float32)
    parts["vertex_texcoords"] = np.ravel(mesh.places).astype(np.float32)
    parts.update()
    return made


def _vertex_normals(mesh: Mesh) -> npt.NDArray[np.float64]:
    """Mean normals of the triangles around each corner; corners at one place count as one, so that seams do not show."""
    a, b, c = (mesh.points[mesh.faces[:, at]] for at in range(3))
    flat = np.cross(b - a, c - a)
    _, first, one = np.unique(mesh.points.round(6), axis=0, return_index=True, return_inverse=True)
    found = np.zeros((len(first), 3))
    for at in range(3):
        np.add.at(found, one.ravel()[mesh.faces[:, at]], flat)
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
    return np.asarray(found[one.ravel()])
