"""Rendered and real phones together: who is trained on, who is measured, and whose pixels are whose."""

import numpy as np
import pytest

from datamodules.base.errors import DataError
from datamodules.images.decoding import decode
from datamodules.mixed_screens import MixedScreens
from tests.drawn import draw_screens, give_votes, settings_of


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Makes the data set with other settings; six real phones drawn once, six rendered ones once."""
    place = tmp_path_factory.mktemp("mixed")
    draw_screens(place / "real")

    def made(root="real", rendered=None, **settings):
        given = settings_of(place / "cache") | {"real": 1.0}
        plain = {"devices": 6, "photos": 6, "render_seed": 0, "label_noise": 0.0, "look": None}
        folder = str(place / "data")
        return MixedScreens(
            str(place / root), folder=folder, rendered=plain | (rendered or {}), **(given | settings)
        ).load()

    made.place = place
    return made


@pytest.mark.slow
def test_all_rendered_phones_train_and_real_ones_are_measured(mixed):
    table = mixed().table
    rendered = table.group == "rendered"
    assert set(table.part[rendered]) == {"train"}
    assert sorted(set(table.part[~rendered])) == ["train", "val"]
    assert not set(table.source_id[table.part == "val"]) & set(table.source_id[table.part == "train"])
    assert not rendered[table.part == "val"].any()
    assert table["sample"].is_unique
    assert not rendered[table.calibration].any()
    assert set(table.part[table.calibration]) == {"train"}


@pytest.mark.slow
def test_over_the_folds_every_real_cell_is_measured_once(mixed):
    seen = [name for fold in range(3) for name in mixed(fold=fold).table.query("part == 'val'")["sample"]]
    assert len(seen) == len(set(seen)) == 6 * 15


def test_without_real_ones_in_training_all_of_them_are_the_test_part(mixed):
    samples = mixed(real=0)
    table = samples.table
    rendered = table.group == "rendered"
    assert set(table.part[~rendered]) == {"test"}
    assert sorted(set(table.part[rendered])) == ["train", "val"]
    assert set(table.source_id[rendered & (table.part == "val")]).isdisjoint(table.source_id[table.part == "train"])
    assert rendered[table.calibration].all()
    assert samples.evaluated == ("val", "test")


def test_whole_photos_are_real_ones_that_are_measured(mixed):
    samples = mixed()
    photos = samples.whole_photos(5)
    table = samples.table
    measured = set(table.photo[table.part == "val"])
    assert len(photos) == len(measured) == 2
    drawn = {name: decode(mixed.place / "real" / "photos" / name) for name in measured}
    assert all(any(np.array_equal(photo.pixels, pixels) for pixels in drawn.values()) for photo in photos)
    assert photos[0].corners.tolist() == [[10, 10], [202, 10], [202, 330], [10, 330]]
    assert len(mixed(real=0).whole_photos(5)) == 5
    assert len(mixed(real=0).whole_photos(1)) == 1


def test_a_share_of_the_real_phones(mixed):
    parts = [mixed(real=share).table for share in (1.0, 0.5)]
    phones = [set(table.source_id[(table.part == "train") & (table.group != "rendered")]) for table in parts]
    assert len(phones[0]) == 4
    assert len(phones[1]) == 2
    assert phones[1] < phones[0]
    assert set(parts[1].source_id[parts[1].calibration]) <= phones[1]
    assert (parts[0].part == "val").equals(parts[1].part == "val")


def test_pixels_are_those_of_each_set(mixed):
    samples = mixed()
    images, real = samples.images(32), samples.real.images(32)
    assert images.shape == (180, 32, 32, 3)
    np.testing.assert_array_equal(images[:90], real)
    np.testing.assert_array_equal(images[90:], samples.rendered.images(32))
    labels = samples.table.label.to_numpy()
    np.testing.assert_array_equal(labels[90:], samples.rendered.folder.labels.ravel())
    np.testing.assert_array_equal(labels[:90], samples.real.folder.labels.ravel())


@pytest.mark.slow
def test_another_look_is_another_data_set(mixed):
    assert (
        len({mixed().fingerprint, mixed(real=0.5).fingerprint, mixed(rendered={"look": {"blur": 2}}).fingerprint}) == 3
    )


def test_no_rendered_phones_leaves_the_real_set(mixed):
    samples = mixed(rendered={"photos": 0})
    assert samples.fingerprint == mixed().real.fingerprint
    assert samples.table.equals(mixed().real.table)
    half = mixed(rendered={"photos": 0}, real=0.5)
    assert half.fingerprint != samples.fingerprint
    assert half.table.query("part == 'train'").source_id.nunique() == 2
    assert len(half.images(32)) == 90
    assert mixed(rendered={"photos": 0}, real=0.5, fold=1).content == half.content


def test_few_phones_of_the_other_set_need_no_folds(mixed):
    assert set(mixed(rendered={"devices": 2, "photos": 2}).table.query("group == 'rendered'").part) == {"train"}
    assert set(mixed(real=0, folds=5).table.query("group != 'rendered'").part) == {"test"}


def test_votes_of_real_cells_stand_beside_labels_of_rendered_ones(mixed):
    root = mixed.place / "voted"
    if not root.exists():
        draw_screens(root)
        give_votes(root, "1 1 0 0 0")
    samples = mixed(root="voted", labels="votes")
    assert samples.votes.shape == (180, 5)
    assert samples.votes[:90].tolist() == [[1, 1, 0, 0, 0]] * 90
    np.testing.assert_array_equal(samples.votes[90:].argmax(axis=1), samples.rendered.folder.labels.ravel())
    assert mixed().votes is None


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"real": 1.5}, r"datamodule.real=1.5: want a number from 0 to 1"),
        ({"real": None}, r"datamodule.real=null: want a number from 0 to 1"),
        ({"rendered": {"look": {"blur": 9}}}, r"datamodule.rendered.look.blur=9: want a number from 0 to 4"),
        (
            {"rendered": {"colour": 9}},
            r"datamodule.rendered: colour: want devices, label_noise, look, photos, render_seed",
        ),
        (
            {"rendered": {"devices": 9}},
            r"datamodule.rendered.photos=6: want at least one of each device, datamodule.rendered.dev",
        ),
        ({"rendered": {"photos": None}}, r"datamodule.rendered.photos=null: want a whole number"),
        ({"columns": 4}, r"datamodule.columns: there are 4; rendered phones have 3"),
        (
            {"class_names": ["a", "b"]},
            r"datamodule.class_names: there are 2; rendered phones have 5 \(no damage, minor scr",
        ),
        (
            {"real": 0, "rendered": {"photos": 0}},
            r"datamodule.real=0 and datamodule.rendered.photos=0: nothing is left",
        ),
        ({"root": "nowhere"}, r"nowhere: no such folder"),
    ],
)
def test_what_cannot_be_is_one_line(mixed, settings, told):
    with pytest.raises(DataError, match=told):
        mixed(**settings)
