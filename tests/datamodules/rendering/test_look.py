"""Each factor changes what it names, and nothing of what is drawn by chance."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from datamodules.base.errors import DataError
from datamodules.rendering import Look
from datamodules.rendering.planning import plan_devices
from datamodules.rendering.scene import make_device, render_photo
from tests.cases import first


@pytest.fixture(scope="module")
def plans():
    """Two badly broken phones and one that is only scratched."""
    planned = sorted(plan_devices(24, 24, 1), key=lambda plan: -plan.grades.sum())
    return [planned[0], planned[1], planned[-1]]


def shown(plan, look, dark=False):
    plan = replace(plan, dark=(dark,))
    return render_photo(make_device(plan, 1, look), plan, 0, 1, look)


def pixels(plan, look, dark=False):
    return cv2.imdecode(np.frombuffer(shown(plan, look, dark).data, np.uint8), 1).astype(np.float64)


@pytest.fixture(scope="module")
def plain(plans):
    return shown(plans[0], Look())


@pytest.mark.parametrize("factor", first(2, ["damage", "light", "moire", "reflections", "blur"]))
def test_a_factor_moves_pixels_and_neither_phone_nor_camera(plans, plain, factor):
    other = shown(plans[0], Look(**{factor: 0.25}))
    assert plain.data != other.data or factor == "moire"  # of which half of the photos have none
    assert plain.size == other.size
    np.testing.assert_array_equal(plain.corners, other.corners)


@pytest.mark.slow
def test_the_beat_pattern_goes_where_there_was_one(plans):
    changed = [shown(plan, Look()).data != shown(plan, Look(moire=0)).data for plan in plan_devices(4, 4, 3)]
    assert any(changed)
    assert not all(changed)
    dark = [shown(plans[0], look, dark=True).data for look in (Look(), Look(moire=0))]
    assert dark[0] == dark[1]


@pytest.mark.slow
def test_a_sharper_lens_has_stronger_edges(plans):
    def edges(blur):
        return cv2.Laplacian(pixels(plans[0], Look(blur=blur)), cv2.CV_64F).std()

    assert edges(0) > 1.05 * edges(1) > 1.05 * 1.2 * edges(3)


@pytest.mark.slow
def test_without_reflections_dark_glass_is_darker(plans):
    for plan in plans:
        assert pixels(plan, Look(reflections=0), dark=True).mean() < pixels(plan, Look(), dark=True).mean()


def test_one_light_for_all_photos(plans):
    def spread(light):
        from datamodules.rendering.lighting import make_light

        rooms = [make_light(np.random.default_rng(at), False, Look(light=light)).ambient for at in range(40)]
        return np.std(np.log(np.stack(rooms)), axis=0).max()

    assert spread(0) < 1e-6
    assert 0.4 * spread(1) < spread(0.5) < 0.6 * spread(1)


def test_photos_in_one_light_are_alike():
    from datamodules.rendering.camera import develop

    def spread(light):
        grey = np.full((40, 30, 3), 0.3, np.float32)
        photos = [
            develop(np.random.default_rng(at), grey, False, Look(light=light)).mean(axis=(0, 1)) for at in range(30)
        ]
        return np.std(np.log(np.stack(photos)), axis=0).max()

    assert spread(0) < 0.5 * spread(1)


@pytest.mark.slow
def test_damage_in_more_contrast_differs_more_from_none(plans):
    whole = replace(plans[0], damage=replace(plans[0].damage, scratches=(), cracks=(), dashes=np.zeros((0, 2, 2))))
    faint, strong = (
        np.abs(pixels(plans[0], Look(damage=damage)) - pixels(whole, Look())).mean() for damage in (0.3, 2)
    )
    assert strong > faint


def test_lines_alone_leave_the_glass_in_place(plans):
    device = make_device(plans[0], 1, Look(shards=False))
    assert not device.broken.tilt.any()
    assert not device.broken.missing.any()
    assert not device.broken.powder.any()
    assert device.broken.lines.any()
    np.testing.assert_array_equal(device.broken.lines, make_device(plans[0], 1, Look()).broken.lines)


def test_the_folder_is_named_after_what_differs():
    assert Look().suffix == ""
    assert Look(moire=0, blur=2.5, shards=False).suffix == "-moire0-blur2.5-lines"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"blur": -1}, r"^datamodule.look.blur=-1: want a number from 0 to 4"),
        ({"moire": 9}, r"^datamodule.look.moire=9: want a number from 0 to 4"),
        ({"light": None}, r"^datamodule.look.light=None: want a number from 0 to 4"),
        ({"reflections": "soft"}, r"^datamodule.look.reflections=soft: want a number from 0 to 4"),
        ({"damage": 0}, r"^datamodule.look.damage=0: the labels would name what is not there"),
        ({"shards": "no"}, r"^datamodule.look.shards=no: want true or false"),
        (
            {"typo": 1},
            r"^datamodule.look.typo: no such factor; want one of light, moire, reflections, blur, damage, shards",
        ),
        (3, r"^datamodule.look=3: want factors by name"),
    ],
)
def test_an_impossible_factor_is_named(wrong, told):
    with pytest.raises(DataError, match=told):
        Look.of(wrong, "datamodule.look")


@pytest.mark.slow
@pytest.mark.parametrize("factor", ["light", "moire", "reflections", "blur", "damage"])
@pytest.mark.filterwarnings("error")
def test_the_strongest_factors_are_still_pictures(plans, factor):
    for plan, dark in zip(plans, (False, True, False), strict=True):
        assert 5 < pixels(plan, Look(**{factor: 4}), dark).mean() < 250
