"""Sets with one thing wrong in their files, each beside the set as it was."""

import gzip
import json
import shutil
import struct

import cv2
import numpy as np

from tests.inputs.replay import Asked, case, rows_of, spoilt, write_rows


@case("phone_photos", "votes of 30 digits")
def votes(trial):
    many = str(trial.whole(10**29, 10**30))
    folders = [trial.given("phone_photos"), trial.folder / "voted"]
    shutil.copytree(folders[0], folders[1])
    for folder, first in zip(folders, (f"{many} 0 0 0 0", "2 1 0 0 0"), strict=True):
        rows = rows_of(folder / "cells.csv")
        write_rows(
            folder / "cells.csv", [[*rows[0], "votes"], [*rows[1], first], *([*row, "1 0 0 0 0"] for row in rows[2:])]
        )
    words = [
        trial.train("phone_photos", "datamodule.labels=votes", f"sweep_name={folder.name}", root=folder)
        for folder in folders
    ]
    return Asked(words[0], ("cells.csv", "votes", many[:9])), Asked(words[1], code=(0,))


@spoilt("image_folder", "test is a copy of train")
def same_test(trial, folder):
    for part in ("train", "test"):
        shutil.copytree(trial.place.set_of("image_folder"), folder / part)
    for name in ("daisy", "rose", "tulip"):
        shutil.rmtree(folder / name)
    return (str(folder), "test")


@spoilt("image_folder", "a class of broken pictures alone")
def broken_class(trial, folder):
    name = trial.word()
    (folder / name).mkdir()
    (folder / name / "a.jpg").write_bytes(b"no picture")
    return (name,)


@spoilt("image_folder", "one class")
def one_class(trial, folder):
    shutil.rmtree(folder / "rose")
    shutil.rmtree(folder / "tulip")
    return ("daisy",)


@case("image_folder", "runs is a file")
def runs_is_a_file(trial):
    path = trial.folder / trial.word()
    path.touch()
    free = trial.folder / trial.word()
    return Asked(trial.train("image_folder", f"paths.runs={path}"), (str(path),)), Asked(
        trial.train("image_folder", f"paths.runs={free}"), code=(0,)
    )


@case("image_folder", "cache is a file")
def cache_is_a_file(trial):
    path = trial.folder / trial.word()
    path.touch()
    return Asked(trial.train("image_folder", f"paths.cache={path}"), (str(path),)), None


@case("image_folder", "a root that is not there")
def no_root(trial):
    path = trial.folder / trial.word()
    return Asked(trial.train("image_folder", root=path), (str(path),)), None


for name in ("mnist", "severstal", "neu_seg", "image_numbers", "phone_photos", "image_labels"):

    @case(name, "a root that is a file")
    def root_is_a_file(trial, name=name):
        path = trial.folder / trial.word()
        path.touch()
        return Asked(trial.train(name, root=path), (str(path),)), None


def idx(name, change):
    """Changes the bytes of one of MNIST's files."""

    def spoil(trial, folder):
        path = folder / f"{name}.gz"
        data = bytearray(gzip.decompress(path.read_bytes()))
        path.write_bytes(gzip.compress(bytes(change(trial, data))))
        return (name,)

    return spoil


def other_magic(trial, data):
    data[:4] = struct.pack(">I", trial.whole(3000, 9000))
    return data


for file in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
    spoilt("mnist", f"{file}: wrong magic number")(idx(file, other_magic))
    spoilt("mnist", f"{file}: cut")(
        idx(file, lambda trial, data: data[: -trial.whole(50, 500) if len(data) > 600 else -trial.whole(5, 40)])
    )
    spoilt("mnist", f"{file}: more than it says")(idx(file, lambda trial, data: data + bytes(trial.whole(1, 99))))
    spoilt("mnist", f"{file}: empty")(idx(file, lambda trial, data: b""))


@spoilt("mnist", "more labels than images")
def more_labels(trial, folder):
    count = trial.whole(310, 400)
    labels = np.arange(count, dtype=np.uint8) % 10
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(
        gzip.compress(struct.pack(">II", 2049, count) + labels.tobytes())
    )
    return ("train-labels-idx1-ubyte", str(count), "300")


@spoilt("mnist", "a label beyond 9")
def label_beyond(trial, folder):
    labels = np.full(300, wrong := trial.whole(10, 250), np.uint8)
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(struct.pack(">II", 2049, 300) + labels.tobytes()))
    return ("train-labels-idx1-ubyte", str(wrong))


@case("severstal", "no augmentation")
def no_augmentation(trial):
    wrong = trial.word()
    return Asked(trial.train("severstal", f"augmentation={wrong}"), (f"augmentation={wrong}",)), Asked(
        trial.train("severstal", "augmentation=none"), code=(0,)
    )


@spoilt("severstal", "a mask beyond the picture")
def beyond(trial, folder):
    rows = rows_of(folder / "train.csv")
    rows[1][2] = f"{trial.whole(10**6, 10**7)} 5"
    write_rows(folder / "train.csv", rows)
    return ("train.csv", rows[1][2].split()[0])


def broken_picture(name, part):
    def spoil(trial, folder):
        path = sorted((folder / part).iterdir())[trial.whole(0, 5)]
        path.write_bytes(b"no picture")
        return (path.name,)

    return spoil


@case("severstal", "a broken picture is left out by name")
def left_out(trial):
    folder = trial.given("severstal")
    (name,) = broken_picture("severstal", "train_images")(trial, folder)
    return Asked(trial.train("severstal", root=folder), (name, "left out"), code=(0,)), Asked(
        trial.train("severstal", "sweep_name=whole"), code=(0,)
    )


@spoilt("severstal", "a picture of another size")
def other_size(trial, folder):
    name = sorted((folder / "train_images").iterdir())[trial.whole(0, 9)]
    width = trial.whole(70, 99)
    cv2.imwrite(str(name), np.full((32, width, 3), 90, np.uint8))
    return (f"{width} x 32",)


@spoilt("phone_photos", "corners crossed")
def crossed(trial, folder):
    rows = rows_of(folder / "photos.csv")
    rows[3][2:6] = rows[3][4:6] + rows[3][2:4]
    write_rows(folder / "photos.csv", rows)
    return (rows[3][0], "crossed")


@spoilt("phone_photos", "a label beyond the grades")
def beyond_grades(trial, folder):
    grade = trial.whole(5, 99)
    rows = rows_of(folder / "cells.csv")
    rows[4][3] = str(grade)
    write_rows(folder / "cells.csv", rows)
    return ("cells.csv", "line 5", "label", f"'{grade}'")


@spoilt("phone_photos", "a profile of another grid")
def other_grid(trial, folder):
    columns = trial.whole(4, 30)
    (folder / "profile.json").write_text(
        json.dumps({"version": 1, "columns": columns, "rows": 7, "class_names": list("abcde")})
    )
    return "profile.json", f"{columns} x 7"
