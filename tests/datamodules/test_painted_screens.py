"""Real phones and the same ones with painted damage: who is trained on, and that nothing painted is measured."""

import csv

import numpy as np
import pytest

from datamodules.painted_screens import PaintedScreens
from datamodules.photo_folder import DataError
from tests.drawn import draw_screens


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """Makes the data set with other settings; six real phones drawn once."""
    place = tmp_path_factory.mktemp("painted")
    draw_screens(place / "real")

    def made(root="real", **settings):
        given = {
            "cache": str(place / "cache"), "class_names": ["a", "b", "c", "d", "e"], "columns": 3, "rows": 5, "cell_px": 64,
            "folds": 3, "val_folds": 0, "split_seed": 0, "fold": 0, "calibration_cells": 10, "groups": {},
            "copies": 1, "damaged": 0.5, "paint_seed": 0, "look": {"damage": 1.0, "shards": True},
        }  # fmt: skip
        return PaintedScreens(str(place / root), folder=str(place / "data"), **(given | settings)).load()

    made.place = place
    return made


@pytest.mark.parametrize("fold", range(3))
def test_painted_cells_are_of_the_train_parts_phones(painted, fold):
    table = painted(fold=fold).table
    copy = table.group == "painted"
    assert copy.sum() == 90
    phones = {part: set(table.source_id[~copy & (table.part == part)]) for part in ("train", "val")}
    assert len(phones["train"]) == 4
    assert set(table.part[copy]) == {"train", ""}
    assert set(table.source_id[copy & (table.part == "train")]) == phones["train"]
    assert not (copy & table.source_id.isin(phones["val"]) & (table.part != "")).any()
    assert not copy[table.calibration].any()
    assert (table.label[table.part != ""] >= 0).all()
    assert table["sample"].is_unique


def test_what_is_measured_is_the_real_sets(painted):
    samples = painted()
    table, real = samples.table, samples.real.table
    assert table.iloc[: len(real)].equals(real)
    assert set(table["sample"][table.part == "val"]) == set(real["sample"][real.part == "val"])
    images = samples.images(32)
    np.testing.assert_array_equal(images[:90], samples.real.images(32))
    assert (images[90:] != images[:90]).any()


def test_no_copies_leave_the_real_set(painted):
    samples = painted(copies=0)
    assert samples.fingerprint == painted().real.fingerprint
    assert samples.table.equals(painted().real.table)


def test_other_damage_is_another_data_set_and_a_new_label_paints_anew(painted):
    made = [
        painted(),
        painted(paint_seed=1),
        painted(damaged=1.0),
        painted(copies=2),
        painted(look={"damage": 2.0, "shards": True}),
    ]
    root = painted.place / "relabelled"
    draw_screens(root)
    lines = (root / "cells.csv").read_text().splitlines()
    name, row, col, label = lines[1].split(",")
    lines[1] = f"{name},{row},{col},{(int(label) + 1) % 5}"
    (root / "cells.csv").write_text("\n".join(lines) + "\n")
    made.append(painted("relabelled"))
    assert len({one.fingerprint for one in made}) == 6
    assert len({one.rendered.folder.root for one in made}) == 6
    assert len(made[3].table) == 90 * 3


def test_votes_of_real_cells_stand_beside_labels_of_painted_ones(painted):
    root = painted.place / "voted"
    draw_screens(root)
    with (root / "cells.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    with (root / "cells.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "votes"])
        writer.writeheader()
        writer.writerows(row | {"votes": "1 1 0 0 0"} for row in rows)
    samples = painted("voted", labels="votes", damaged=1.0)
    labels = samples.rendered.folder.labels.ravel()
    assert (labels < 0).any()
    assert samples.votes[:90].tolist() == [[1, 1, 0, 0, 0]] * 90
    assert samples.votes[90:].sum(axis=1).tolist() == (labels >= 0).astype(int).tolist()
    np.testing.assert_array_equal(samples.votes[90:].argmax(axis=1)[labels >= 0], labels[labels >= 0])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"copies": -1}, r"datamodule.copies=-1: want a whole number, at least 0"),
        ({"copies": True}, r"datamodule.copies=True: want a whole number"),
        ({"damaged": 1.5}, r"datamodule.damaged=1.5: want a share from 0 to 1"),
        ({"damaged": None}, r"datamodule.damaged=None: want a share from 0 to 1"),
        ({"paint_seed": 0.5}, r"datamodule.paint_seed=0.5: want a whole number"),
        ({"look": {"blur": 2}}, r"datamodule.look.blur: the photos' own stays; want damage and shards"),
        ({"look": {"damage": 9}}, r"datamodule.look.damage=9: want a number from 0 to 4"),
        ({"look": 3}, r"datamodule.look=3: want factors by name"),
        ({"columns": 4}, r"datamodule.columns: there are 4; rendered phones have 3"),
        ({"class_names": ["a", "b"]}, r"datamodule.class_names: there are 2; rendered phones have 5"),
        ({"root": "nowhere"}, r"nowhere: no such folder"),
    ],
)
def test_what_cannot_be_is_one_line(painted, settings, told):
    with pytest.raises(DataError, match=told):
        painted(**settings)


def test_ready_cut_cells_cannot_be_painted(painted):
    root = painted.place / "cut"
    (root / "cells").mkdir(parents=True)
    for name, text in (("photos.csv", "photo,source_id\nx.png,p\n"), ("cells.csv", "photo,row,col,label\n")):
        (root / name).write_text(text)
    with (root / "cells.csv").open("a") as file:
        for cell in range(15):
            row, col = divmod(cell, 3)
            file.write(f"x.png,{row},{col},0\n")
            (root / "cells" / f"x_r{row}_c{col}.png").write_bytes(
                (painted.place / "real/photos/screen0.png").read_bytes()
            )
    with pytest.raises(
        DataError, match="cut: ready-cut cells; damage is painted on whole photos: want photos/ and corners"
    ):
        painted("cut")
