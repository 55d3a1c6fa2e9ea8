"""Pictures that claim or hold more than a memory, that are cut or crafted, or that are none: named, never waited for."""

import io
import os
import re
import struct
import subprocess
import sys
import zlib

import pytest
from PIL import Image

from annotation.photos import Photos
from choices import ROOT
from datamodules.base.errors import DataError
from datamodules.images.decoding import decode, size_of
from datamodules.images.index import ImageEntry, scan_images

MOST_MB = 700
"""Of a process that looks through all of them; its imports take a third."""


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, data=b"", *, bits=8, colour=2, more=b""):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + more + chunk(b"IDAT", data or zlib.compress(b"\0")) + chunk(b"IEND", b"")


def real(side):
    """A whole picture of black, a bit a pixel."""
    return png(side, side, zlib.compress((b"\0" * (side // 8 + 1)) * side), bits=1, colour=0)


def small(more):
    return png(4, 4, zlib.compress((b"\0" * 13) * 4), more=more)


def gif(width, height, frames=1):
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x4c\x01\x00"
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0\0\0\0\xff\xff\xff" + frame * frames + b";"


def tiff(width, height, compression=5):
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1),
            (278, 4, 1, height), (279, 4, 1, 10)]  # fmt: skip
    listed = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + listed + b"\0" * 4


def saved(kind, **settings):
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(stream, kind, **settings)
    return stream.getvalue()


def with_exif(data):
    whole = saved("JPEG")
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", len(data) + 8) + b"Exif\0\0" + data + whole[2:]


def webp(width, height):
    """A lossless one that claims a size."""
    bits = struct.pack("<I", (width - 1) | (height - 1) << 14)
    body = b"WEBPVP8L" + struct.pack("<I", 5) + b"\x2f" + bits + b"\0"
    return b"RIFF" + struct.pack("<I", len(body)) + body


REFUSED = {
    "claims.png": lambda: png(60_000, 60_000),
    "claims-most.png": lambda: png(2**31 - 1, 2**31 - 1),
    "none.png": lambda: png(0, 0),
    "black.png": lambda: real(20_000),
    "text.png": lambda: small(chunk(b"zTXt", b"k\0\0" + zlib.compress(b"a" * 20_000_000, 1))),
    "claims.gif": lambda: gif(65_535, 65_535),
    "claims.tif": lambda: tiff(60_000, 60_000),
    "claims-most.tif": lambda: tiff(2**31 - 1, 2**31 - 1, 1),
    "short.tif": lambda: tiff(3000, 3000, 1),
    "claims.webp": lambda: webp(16_384, 16_384),
    "cut.webp": lambda: saved("WEBP")[:40],
    "cut.jpg": lambda: saved("JPEG")[:400],
    "cut.png": lambda: saved("PNG")[:60],
    "empty.bmp": lambda: b"",
    "page.jpg": lambda: b"<html><script>alert(1)</script>",
    "program.jpg": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n",
}
READ = {
    "frames.gif": lambda: gif(1, 1, 100_000),
    "more.png": lambda: png(4, 4, zlib.compress(b"\0" * 100_000_000, 1)),
    "junk.jpg": lambda: with_exif(b"junk"),
    "loop.jpg": lambda: with_exif(b"II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0"),
    "turned.jpg": lambda: with_exif(b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0abc\0\0\0\0\0"),
}
"""What Pillow reads all the same: a first frame, a picture with more data than pixels, one whose EXIF is nonsense."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One class of them all, with a whole picture, a pipe, a file of a terabyte without content, and a device."""
    root = tmp_path_factory.mktemp("pictures")
    inner = root / "set" / "a"
    inner.mkdir(parents=True)
    for name, make in (REFUSED | READ).items():
        (inner / name).write_bytes(make())
    Image.new("RGB", (64, 64), "blue").save(inner / "whole.png")
    os.mkfifo(inner / "pipe.jpg")
    with (inner / "sparse.jpg").open("wb") as file:
        file.truncate(10**12)
    (inner / "device.jpg").symlink_to("/dev/zero")
    return root / "set"


STRANGE = ("pipe.jpg", "sparse.jpg", "device.jpg")


@pytest.mark.parametrize("name", [*REFUSED, *STRANGE])
def test_a_bad_picture_is_refused_in_one_line_that_names_it(folder, name):
    path = folder / "a" / name
    with pytest.raises(DataError) as raised:
        decode(path)
    text = str(raised.value)
    assert text.startswith(f"{path}: not a readable image (")
    assert len(text.splitlines()) == 1
    assert " at 0x" not in text


@pytest.mark.parametrize("name", READ)
def test_a_picture_with_nonsense_beside_it_is_read(folder, name):
    shape = decode(folder / "a" / name).shape
    assert shape[1::-1] == size_of(folder / "a" / name)


def test_training_leaves_them_out_by_name(folder, tmp_path):
    names = sorted(path.name for path in (folder / "a").iterdir())
    index = scan_images(folder, [ImageEntry(f"a/{name}", "", "a") for name in names], tmp_path)
    assert set(index.broken) == {f"a/{name}" for name in (*REFUSED, *STRANGE)}
    assert all("\n" not in reason and str(folder) not in reason for reason in index.broken.values())


def test_annotating_leaves_them_out_by_name(folder):
    photos = Photos(folder)
    left = {re.split(": ", line)[0] for line in photos.left_out}
    heads = {"cut.jpg", "cut.png", "short.tif"}  # a head says nothing of what follows
    regular = {"pipe.jpg", "device.jpg"}  # are no files at all
    assert {f"a/{name}" for name in {*REFUSED, *STRANGE} - heads - regular} <= left
    assert "a/whole.png" in photos.files


def test_predicting_them_stays_within_the_memory(folder):
    """As predict.py reads a folder, in a process of its own whose most is known."""
    code = f"""
from pathlib import Path
from datamodules.prediction_inputs import read_samples
class Taken:
    labels, size, preprocessing = ["a"], (8, 8), {{"crop": "centre", "grid": None}}
print(*(columns["file"] for columns, _ in read_samples(Path({str(folder)!r}), Taken)))
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    read, most = done.stdout.splitlines()
    assert set(read.split()) == {f"a/{name}" for name in (*READ, "whole.png")}
    assert {
        line.split(": ")[1].rpartition("/")[2] for line in done.stderr.splitlines() if line.startswith("left out: ")
    } == {*REFUSED, *STRANGE}
    assert "Traceback" not in done.stderr
    assert int(most) / 1000 < MOST_MB
