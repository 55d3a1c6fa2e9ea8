"""Real phones and the same ones with painted damage: who is trained on, and that nothing painted is measured."""

import numpy as np
import pytest
import torch

from datamodules.augmentation import none
from datamodules.base.errors import DataError
from datamodules.imbalance import Unbalanced
from datamodules.painted_screens import PaintedScreens
from tests.drawn import draw_screens, give_votes, settings_of


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """Makes the data set with other settings; six real phones drawn once."""
    place = tmp_path_factory.mktemp("painted")
    draw_screens(place / "real")

    def made(root="real", folder=None, **settings):
        own = {"copies": 1, "damaged": 0.5, "kinds": ["scratches", "cracks"], "paint_seed": 0}
        given = settings_of(place / "cache") | own | {"look": {"damage": 1.0, "shards": True}}
        return PaintedScreens(str(place / root), folder=folder or str(place / "data"), **(given | settings)).load()

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
    assert painted(fold=1).content == samples.content != painted(fold=1).fingerprint


def test_no_copies_leave_the_real_set(painted):
    samples = painted(copies=0)
    assert samples.fingerprint == painted().real.fingerprint
    assert samples.table.equals(painted().real.table)


def test_without_severity_what_is_painted_is_one_of_its_kind(painted):
    samples, graded = painted(damaged=1.0, severity=False), painted(damaged=1.0)
    sets, labels = samples.votes, samples.table.label.to_numpy()
    assert graded.votes is None
    assert samples.table.equals(graded.table)
    assert samples.fingerprint != graded.fingerprint
    assert sets.dtype == bool
    assert (sets[:90].sum(axis=1) == 1).all()
    assert (sets[:90].argmax(axis=1) == labels[:90]).all()
    now, before = labels[90:], samples.real.table.label.to_numpy()
    known, new = now >= 0, now != before
    assert sets[90:][~known].all()
    kinds = {1: [1, 2], 2: [1, 2], 3: [3, 4], 4: [3, 4]}
    painted_over = np.flatnonzero(known & new)
    assert {int(grade) for grade in now[painted_over]} == {1, 2, 3, 4}
    for cell in painted_over:
        assert np.flatnonzero(sets[90 + cell]).tolist() == kinds[int(now[cell])]
    kept = known & ~new
    assert kept.sum() > 10
    assert (sets[90:][kept].sum(axis=1) == 1).all()
    assert (sets[90:][kept].argmax(axis=1) == now[kept]).all()


def test_a_share_of_the_phones_is_trained_on_with_their_copies(painted):
    whole, half, alone = (painted(**words) for words in ({}, {"real": 0.5}, {"real": 0.5, "copies": 0}))
    tables = [samples.table for samples in (whole, half)]
    before, phones = (
        {kind: set(table.source_id[(table.part == "train") & of_kind]) for kind, of_kind in kinds.items()}
        for table in tables
        for kinds in [{"real": table.group != "painted", "painted": table.group == "painted"}]
    )
    assert len(before["real"]) == 4
    assert len(phones["real"]) == 2
    assert phones["real"] == phones["painted"] < before["real"]
    val = [table["sample"][table.part == "val"] for table in tables]
    assert val[0].equals(val[1])
    assert set(alone.table.source_id[alone.table.part == "train"]) == phones["real"]
    assert len({samples.fingerprint for samples in (whole, half, alone, whole.real)}) == 4


def test_a_share_that_leaves_one_class_is_one_line(painted, tmp_path):
    draw_screens(tmp_path / "pure")
    path = tmp_path / "pure" / "cells.csv"
    head, *rows = path.read_text().splitlines()
    pure = [f"{row.rpartition(',')[0]},{int(row[len('screen')]) % 5}" for row in rows]  # a phone of each grade
    path.write_text("\n".join([head, *pure]) + "\n")
    with pytest.raises(
        DataError, match=r"datamodule.real=0.2: the 1 phones that this leaves to train on at fold 0 have one"
    ):
        _ = painted(str(tmp_path / "pure"), copies=0, real=0.2).table
    assert painted(str(tmp_path / "pure"), copies=0, real=0.5).table.label.nunique() == 5


def test_without_copies_severity_says_nothing(painted):
    assert painted(copies=0, severity=False).votes is None
    assert painted(copies=0, severity=False).fingerprint == painted(copies=0).fingerprint


def test_candidates_reach_the_training_batches_and_grades_the_val_part(painted):
    samples = painted(damaged=1.0, severity=False)
    data = samples.loaders(
        32, augmentation=none(), imbalance=Unbalanced(), batch_size=32, seed=0, prefetch=0, cache_on_device=False
    )
    assert {batch.labels.dtype for batch in data.train_dataloader()} == {torch.bool}
    assert {batch.labels.dtype for batch in data.val_dataloader()} == {torch.int64}


@pytest.mark.slow
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
    give_votes(root, "1 1 0 0 0")
    samples = painted("voted", labels="votes", damaged=1.0)
    labels, real = samples.rendered.folder.labels.ravel(), samples.real.folder.labels.ravel()
    kept = labels == real
    assert kept.any()
    assert (labels[~kept] > 0).any()
    assert (labels < 0).any()
    votes = samples.votes[90:]
    assert samples.votes[:90].tolist() == [[1, 1, 0, 0, 0]] * 90
    assert votes[kept].tolist() == [[1, 1, 0, 0, 0]] * kept.sum()
    assert votes[labels < 0].sum() == 0
    graver = ~kept & (labels >= 0)
    np.testing.assert_array_equal(votes[graver], np.eye(5, dtype=int)[labels[graver]])


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "screen0.png,phone0,nan,10,202,10,202,330,10,330",
            r"photos.csv, line 2, photo screen0.png: x_tl='nan': want a number of pixels",
        ),
        (
            "screen0.png,phone0,10,10,10,10,10,10,10,10",
            r"photos.csv, photo screen0.png: the outline is crossed or mirr",
        ),
        ("screen0.png,phone0,10,10,202,10,202,990,10,330", r"photos.csv, photo screen0.png: bottom right corner \(202"),
        ("screen0.png,phone0,10,10,202,10,202,20,10,20", r"photos.csv, photo screen0.png: its corners enclose a strip"),
    ],
)
def test_corners_are_checked_before_anything_is_painted(painted, tmp_path, line, told):
    draw_screens(tmp_path / "wrong")
    path = tmp_path / "wrong" / "photos.csv"
    lines = path.read_text().splitlines()
    lines[1] = line
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=told):
        painted(str(tmp_path / "wrong"), folder=str(tmp_path / "data"))
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_written_is_named_with_its_key(painted, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file/data: cannot write here \(Not a directory\); set paths.data elsewhere"):
        painted(folder=str(tmp_path / "file" / "data"))


def test_what_was_stopped_leaves_no_half_painted_set(painted, tmp_path, monkeypatch):
    from datamodules.rendering import painted as painting

    calls = []

    def stopping(*given):
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return done(*given)

    done = painting._painted
    monkeypatch.setattr(painting, "_painted", stopping)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    with pytest.raises(KeyboardInterrupt):
        painted(folder=str(tmp_path))
    assert not list(tmp_path.glob("painted_screens-*"))
    assert len(painted(folder=str(tmp_path)).table) == 180


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"copies": -1}, r"datamodule.copies=-1: want a whole number from 0 to 100"),
        ({"copies": 101}, r"datamodule.copies=101: want a whole number from 0 to 100"),
        ({"copies": True}, r"datamodule.copies=true: want a whole number"),
        ({"damaged": 1.5}, r"datamodule.damaged=1.5: want a number from 0 to 1"),
        ({"damaged": None}, r"datamodule.damaged=null: want a number from 0 to 1"),
        ({"kinds": ["dents"]}, r"datamodule.kinds=\['dents'\]: want a list of scratches and cracks, or one of them"),
        ({"kinds": "cracks"}, r"datamodule.kinds=cracks: want a list of values"),
        ({"kinds": []}, r"datamodule.kinds=\[\]: want a list"),
        ({"real": 0}, r"datamodule.real=0: want a number above 0, up to 1"),
        ({"real": True}, r"datamodule.real=true: want a number above 0"),
        ({"severity": "no"}, r"datamodule.severity=no: want true or false"),
        ({"severity": False, "labels": "votes"}, r"datamodule.severity=false needs datamodule.labels=settled"),
        ({"paint_seed": 0.5}, r"datamodule.paint_seed=0.5: want a whole number"),
        ({"look": {"blur": 2}}, r"datamodule.look.blur: the photos' own stays; want damage and shards"),
        ({"look": {"damage": 9}}, r"datamodule.look.damage=9: want a number from 0 to 4"),
        ({"look": 3}, r"datamodule.look=3: want values by name"),
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
