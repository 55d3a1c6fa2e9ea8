"""Archives that lead out of their folder, hold links, fill the disk, or are none."""

import gzip
import stat
import zipfile

import pytest

from datamodules import neu_seg, torchvision_sets
from datamodules.base.errors import DataError


def zipped(path, entries, **settings):
    with zipfile.ZipFile(path, "w", **settings) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)


def link():
    found = zipfile.ZipInfo("images/link.jpg")
    found.create_system, found.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return found


def encrypted(path):
    zipped(path, {"a": b"b"})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)


def changed(path, at, value):
    """The method of compression, or the CRC, in both headers."""
    zipped(path, {"a": b"b" * 100}, compression=zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    for start in (at, data.index(b"PK\x01\x02") + at + 2):
        data[start] = value
    path.write_bytes(data)


ZIPS = {
    "up": lambda path: zipped(path, {"../out.txt": b"x"}),
    "deep up": lambda path: zipped(path, {"images/../../out.txt": b"x"}),
    "absolute": lambda path: zipped(path, {"/tmp/out.txt": b"x"}),
    "backslash": lambda path: zipped(path, {"..\\out.txt": b"x"}),
    "link": lambda path: zipped(path, {link(): b"/etc/passwd"}),
    "bomb": lambda path: zipped(path, {"a": b"\0" * 3_000_000}, compression=zipfile.ZIP_DEFLATED),
    "many": lambda path: zipped(path, {f"{number}": b"" for number in range(30)}),
    "file and folder": lambda path: zipped(path, {"a": b"x", "a/b": b"x"}),
    "encrypted": encrypted,
    "unknown compression": lambda path: changed(path, 8, 77),
    "other bytes": lambda path: changed(path, 14, 1),
    "cut": lambda path: (zipped(path, {"a": b"x" * 1000}), path.write_bytes(path.read_bytes()[:500])),
    "none": lambda path: path.write_bytes(b"nothing"),
    "a tar": lambda path: path.write_bytes(b"a" + b"\0" * 256 + b"ustar\x0000" + b"\0" * 240),
}


@pytest.mark.parametrize("kind", ZIPS)
def test_a_zip_that_is_none_of_the_data_set_is_named(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(neu_seg, "MOST_BYTES", 2_000_000)
    monkeypatch.setattr(neu_seg, "MOST_FILES", 20)
    (tmp_path / "neu").mkdir()
    ZIPS[kind](tmp_path / "neu" / "neu_seg.zip")
    with pytest.raises(DataError, match=r"neu_seg\.zip: ") as raised:
        neu_seg.NeuSeg(
            str(tmp_path / "neu"), class_names=["a"], truth="index", use_parts=True, cache=str(tmp_path / "cache"),
            folds=5, val_folds=4, split_seed=0, fold=0, calibration_cells=6,
        ).load()  # fmt: skip
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.rglob("out.txt"))


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd"])
def test_lists_name_pictures_of_the_data_set_alone(tmp_path, name):
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "train.txt").write_text(name)
    with pytest.raises(DataError, match="leads out of the folder"):
        neu_seg._listed(tmp_path, tmp_path, "train")


@pytest.mark.parametrize("kind", ["bomb", "cut", "none", "damaged"])
def test_gzip(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(torchvision_sets, "MOST_BYTES", 2_000_000)
    whole = gzip.compress(b"\0" * 5_000_000)
    damaged = whole[:20] + b"\xff\xff\xff" + whole[23:]
    data = {"bomb": whole, "cut": gzip.compress(bytes(range(256)) * 9)[:200], "none": b"nothing", "damaged": damaged}[
        kind
    ]
    (tmp_path / "digits.gz").write_bytes(data)
    with pytest.raises(DataError, match=r"digits\.gz: ") as raised:
        torchvision_sets._unpack(tmp_path / "digits.gz", tmp_path / "out")
    assert "\n" not in str(raised.value)
    assert (tmp_path / "out").stat().st_size < 4_000_000
