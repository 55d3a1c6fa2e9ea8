"""Worn joints fit as worn joints do, and their pictures depend on their settings alone."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from datamodules.base.errors import DataError
from datamodules.shackles import LEVELS, render_shackles
from datamodules.shackles.dataset import Order, panoramas_of, scene_of
from datamodules.shackles.geometry import Shape, joint, tube
from datamodules.shackles.scene import Variation, traced
from datamodules.shackles.skies import out_of_focus
from datamodules.shackles.surfaces import cloud, worn_metal
from datamodules.synthetic_shackles import SyntheticShackles

SMALL = {"images": 3, "side": 32, "seed": 0, "workers": 1}
PLAIN = Variation(texture=False, background=False, geometry=False, samples=1)


@pytest.mark.parametrize("wear", [0.0, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("bar", [0.2, 0.33])
def test_what_is_left_of_both_bars_is_what_the_number_says_and_they_touch(wear, bar):
    upper, _, lower, _ = joint(Shape(bar=bar), wear)
    heights = []
    for mesh in (upper, lower):
        middle = np.hypot(mesh.points[:, 0], mesh.points[:, 1]) < 0.02
        here = mesh.points[middle, 2]
        near = here[np.abs(here - here.mean()) < 3 * bar]
        assert near.max() - near.min() == pytest.approx(2 * bar * (1 - wear), abs=0.03 * bar)
        heights.append(near)
    assert heights[0].max() == pytest.approx(heights[1].min(), abs=0.03 * bar)


def test_away_from_the_joint_nothing_is_worn():
    for one, other in zip(joint(Shape(), 0.0), joint(Shape(), 0.9), strict=True):
        moved = other.points - one.points
        shift = np.median(moved, axis=0)
        changed = np.abs(moved - shift).max(axis=1) > 1e-9
        assert changed.mean() < 0.5
        if changed.any():
            assert np.abs(one.points[changed, :2]).max() < 1.5 * Shape().bar


def test_triangles_look_outwards():
    line = np.stack([np.linspace(0, 1, 5), np.zeros(5), np.zeros(5)], 1)
    mesh = tube(line, 0.3, caps=True)
    a, b, c = (mesh.points[mesh.faces[:, at]] for at in range(3))
    volume = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6
    assert volume == pytest.approx(np.pi * 0.3**2, rel=0.01), "the signed volume of a closed bar"


def test_textures_repeat_and_say_what_they_should():
    surface = worn_metal(np.random.default_rng(0))
    for name, maps in vars(surface).items():
        assert maps.dtype == np.float32, name
        assert 0 <= maps.min() <= maps.max() <= 1, name
    np.testing.assert_allclose(np.linalg.norm(2 * surface.normal - 1, axis=-1), 1, atol=1e-5)
    noise = cloud(np.random.default_rng(0), (64, 64), 1.5)
    assert np.abs(noise[:, 0] - noise[:, -1]).mean() < 2 * np.abs(np.diff(noise, axis=1)).mean()


def test_out_of_focus_surroundings_keep_their_light_and_close_around():
    rng = np.random.default_rng(0)
    sharp = rng.uniform(0, 1, (768, 1536, 3)).astype(np.float32)
    soft = out_of_focus(sharp, 4.0)
    assert soft.shape == sharp.shape
    assert soft.mean() == pytest.approx(sharp.mean(), rel=1e-3)
    assert soft.std() < 0.2 * sharp.std()
    assert np.abs(soft[:, 0] - soft[:, -1]).mean() < 3 * np.abs(np.diff(soft, axis=1)).mean()


def test_pictures_depend_on_their_number_and_settings_alone(tmp_path):
    render_shackles(tmp_path / "one", variation=PLAIN, **SMALL)
    render_shackles(tmp_path / "more", variation=PLAIN, **SMALL | {"images": 4, "workers": 2})
    for name in ("00000.jpg", "00002.jpg"):
        assert (tmp_path / "one" / "images" / name).read_bytes() == (tmp_path / "more" / "images" / name).read_bytes()
    assert len(list((tmp_path / "more" / "images").iterdir())) == 4
    rows = [
        list(csv.DictReader((tmp_path / name / "numbers.csv").read_text().splitlines())) for name in ("one", "more")
    ]
    assert rows[0] == rows[1][:3]
    assert all(0 <= float(row["wear"]) <= 0.95 for row in rows[1])
    with Image.open(tmp_path / "one" / "images" / "00000.jpg") as picture:
        assert picture.size == (32, 32)


def test_a_stopped_rendering_goes_on(tmp_path):
    render_shackles(tmp_path / "set", variation=PLAIN, **SMALL)
    images = tmp_path / "set" / "images"
    before = {path.name: path.stat().st_mtime_ns for path in images.iterdir()}
    (images / "00001.jpg").unlink()
    (tmp_path / "set" / "numbers.csv").unlink()
    render_shackles(tmp_path / "set", variation=PLAIN, **SMALL)
    after = {path.name: path.stat().st_mtime_ns for path in images.iterdir()}
    assert [name for name in sorted(before) if before[name] != after[name]] == ["00001.jpg"]
    assert (tmp_path / "set" / "numbers.csv").exists()


@pytest.fixture(scope="module")
def panoramas(tmp_path_factory):
    return panoramas_of(tmp_path_factory.mktemp("skies"), None)


@pytest.mark.slow
def test_each_variation_changes_what_it_says_and_nothing_else(panoramas):
    def drawn(**settings):
        variation = replace(PLAIN, **settings)
        order = Order(panoramas[0], 5, 0, 48, variation, panoramas if variation.background else ())
        return scene_of(order)[0]

    plain = drawn()
    assert plain.shape == Shape()
    for settings in ({"texture": True}, {"background": True}, {"light": "even"}, {"focus": False}, {"geometry": True}):
        other = drawn(**settings)
        same = ("wear", "camera", "fov", "roll", "aim", "turned", "sun", "tones", "exposure", "noise")
        assert [getattr(other, name) for name in same] == [getattr(plain, name) for name in same], settings
    assert drawn(geometry=True).shape != Shape()
    assert not drawn(light="even").partial
    assert drawn(light="partial").partial
    assert drawn(focus=False).aperture == 0 < plain.aperture


@pytest.mark.slow
def test_a_background_out_of_focus_has_fewer_edges(panoramas):
    from cv2 import Canny

    def edges(**settings):
        variation = Variation(samples=4, **settings)
        found = 0
        for number in range(3):
            order = Order(panoramas[0], number, 0, 96, variation, panoramas)
            scene, rng = scene_of(order)
            scene = replace(scene, noise=0.0)
            around = np.load(panoramas[scene.surroundings]).astype(np.float32)
            picture = traced(scene, variation, around, 96, rng)
            found += int((Canny(picture, 60, 120) > 0).sum())
        return found

    assert edges(focus=True) < edges(focus=False, edge_px=0.0)


DATA = {
    "root": None, "level": "notx_nobg", "images": 20, "size": 32, "render_seed": 0, "light": "mixed", "focus": True,
    "edge_px": 0.6, "samples": 1, "environments": None, "table": "numbers.csv", "column": "wear", "low": 0.0, "high": 0.95,
    "bands": 2, "use_parts": True, "folds": 5, "val_folds": 4, "split_seed": 0, "fold": 0, "calibration_cells": 4,
}  # fmt: skip


@pytest.mark.slow
def test_the_data_module_renders_once_and_divides_60_20_20(tmp_path):
    made = SyntheticShackles(folder=str(tmp_path / "data"), cache=str(tmp_path / "cache"), **DATA).load()
    assert made.table.part.value_counts().to_dict() == {"train": 12, "val": 4, "test": 4}
    (folder,) = (path for path in (tmp_path / "data").iterdir() if path.is_dir())
    assert folder.name == "synthetic_shackles-notx_nobg-20x32-seed0-samples1-v1"
    (folder / "images" / "00000.jpg").touch()
    before = (folder / "numbers.csv").stat().st_mtime_ns
    again = SyntheticShackles(folder=str(tmp_path / "data"), cache=str(tmp_path / "cache"), **DATA).load()
    assert (folder / "numbers.csv").stat().st_mtime_ns == before
    assert again.fingerprint == made.fingerprint


@pytest.mark.slow
def test_a_folder_of_other_settings_is_not_taken_for_these(tmp_path):
    place = {"folder": str(tmp_path), "cache": str(tmp_path / "cache")}
    SyntheticShackles(**place, **DATA | {"root": str(tmp_path / "mine")}).load()
    with pytest.raises(DataError, match="holds pictures of images=20, not 10"):
        SyntheticShackles(**place, **DATA | {"root": str(tmp_path / "mine"), "images": 10}).load()


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"level": "photo"}, f"datamodule.level=photo: want {', '.join(LEVELS)}"),
        ({"light": "dark"}, "datamodule.light=dark: want mixed, even, partial"),
        ({"samples": 5}, "datamodule.samples=5: want a square number"),
        ({"images": 0}, "datamodule.images=0: want a whole number, 1 or more"),
        ({"size": 8}, "datamodule.size=8: want at least 32 pixels"),
        ({"edge_px": -1}, "datamodule.edge_px=-1: want 0 or more pixels"),
        ({"environments": "nowhere", "level": "notx_wbg"}, "datamodule.environments=nowhere: no panoramas in it"),
    ],
)
def test_what_cannot_be_rendered_is_named(tmp_path, settings, wanted):
    with pytest.raises(DataError) as caught:
        SyntheticShackles(folder=str(tmp_path), cache=str(tmp_path), **DATA | settings).load()
    assert wanted in str(caught.value)


def test_own_panoramas_are_checked(tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "square.png")
    with pytest.raises(DataError, match="64 x 64 pixels; want twice as wide as high"):
        panoramas_of(tmp_path, tmp_path)
    Image.new("RGB", (64, 32), (10, 200, 30)).save(tmp_path / "square.png")
    assert panoramas_of(tmp_path, tmp_path) == (tmp_path / "square.png",)
