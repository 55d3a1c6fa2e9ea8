"""The NEU database with one thing wrong in its archive, its lists or its masks."""

import struct
import zipfile

import cv2
import numpy as np

from tests.inputs.replay import Asked, case, spoilt


@spoilt("neu_seg", "a zip with a password")
def password(trial, folder):
    path = folder / "neu_seg.zip"
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 4)
    path.write_bytes(data)
    return (str(path), "encrypted")


@spoilt("neu_seg", "a zip with an unknown compression")
def unknown_compression(trial, folder):
    path = folder / "neu_seg.zip"
    data = bytearray(path.read_bytes())
    kind = trial.whole(20, 90)
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset : at + offset + 2] = struct.pack("<H", kind)
            at = data.find(mark, at + 4)
    path.write_bytes(data)
    return (str(path),)


@spoilt("neu_seg", "a zip that is cut")
def cut_zip(trial, folder):
    path = folder / "neu_seg.zip"
    path.write_bytes(path.read_bytes()[: trial.whole(500, 5000)])
    return (str(path),)


@spoilt("neu_seg", "a list in latin-1")
def latin(trial, folder):
    (folder / "splits" / "train.txt").write_bytes(f"{trial.word()}\xe9".encode("latin-1"))
    return ("train.txt", "UTF-8")


@spoilt("neu_seg", "a picture of two lists")
def two_lists(trial, folder):
    names = (folder / "splits" / "train.txt").read_text().split()
    name = trial.rng.choice(names)
    with (folder / "splits" / "val.txt").open("a") as file:
        file.write(f"{name}\n")
    return (name, "val.txt", "train.txt")


@spoilt("neu_seg", "a picture twice in a list")
def twice(trial, folder):
    name = trial.rng.choice((folder / "splits" / "train.txt").read_text().split())
    with (folder / "splits" / "train.txt").open("a") as file:
        file.write(f"{name}\n")
    return (name, "train.txt")


@case("neu_seg", "a list that names what is not there, left out by name")
def not_there(trial):
    folder = trial.given("neu_seg")
    with (folder / "splits" / "train.txt").open("a") as file:
        file.write(f"{(word := trial.word())}\n")
    return Asked(trial.train("neu_seg", root=folder), (word, "left out"), code=(0,)), None


def other_mask(change):
    """Puts another mask in the archive; the line names it."""

    def spoil(trial, folder):
        path = folder / "neu_seg.zip"
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        name = f"masks/{trial.whole(0, 13):06}.png"
        files[name] = cv2.imencode(".png", change(trial))[1].tobytes() if change else b"no picture"
        with zipfile.ZipFile(path, "w") as archive:
            for one, data in files.items():
                archive.writestr(one, data)
        return (name.rpartition("/")[2],)

    return spoil


spoilt("neu_seg", "a mask of another size")(other_mask(lambda trial: np.zeros((64, trial.whole(65, 99)), np.uint8)))
spoilt("neu_seg", "a mask with a class that there is not")(
    other_mask(lambda trial: np.full((64, 64), trial.whole(4, 250), np.uint8))
)
spoilt("neu_seg", "a mask in colour")(other_mask(lambda trial: np.full((64, 64, 3), 1, np.uint8)))
spoilt("neu_seg", "a broken mask")(other_mask(None))


@case("neu_seg", "a mask of 1 bit")
def one_bit(trial):
    """0 and 1 are what it says: no defect, and the first class."""
    from PIL import Image

    folder = trial.given("neu_seg")
    with zipfile.ZipFile(folder / "neu_seg.zip") as archive:
        archive.extractall(folder)
    path = folder / "masks" / f"{trial.whole(0, 13):06}.png"
    Image.fromarray(np.eye(64, dtype=bool)).save(path)
    return Asked(trial.train("neu_seg", root=folder), code=(0,)), None
