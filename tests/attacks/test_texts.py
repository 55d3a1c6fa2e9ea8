"""Records, tables, lists of labels and settings that are crafted: one line that names the file."""

import json
import subprocess
import sys

import pytest

from annotation.import_export import from_table
from annotation.log import AnnotationError, Log, LogError
from choices import ROOT
from datamodules.base.errors import DataError
from datamodules.images.csv_table import read_table
from datamodules.masks.defect_table import read_defects
from datamodules.screens.photo_folder import read_photo_folder
from jobs.trusted_config import trusted_config
from sweeps.records.run_record import RecordError, read_record
from sweeps.report.report import write_report
from tests.annotation.made import CORNERS, GRID, book_of, draw_photos

RECORD = {"status": "done", "record_version": 2, "axes": {"task": "grading"}, "config": {}, "metrics": {}}


def written(**changes):
    return json.dumps(RECORD | changes).encode()


RECORDS = {
    "deep list": b"[" * 100_000,
    "deep list, closed": b"[" * 100_000 + b"]" * 100_000,
    "deep dictionary": b'{"a":' * 100_000,
    "deep within": written()[:-1] + b', "x":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "a huge number": written()[:-1] + b', "seed": ' + b"9" * 10_000 + b"}",
    "a version beyond all": written()[:-1] + b', "record_version": 1e400}',
    "a version of text": written(record_version="2" * 10_000),
    "a version that is a list": written(record_version=[2]),
    "NaN": written()[:-1] + b', "record_version": NaN}',
    "a key twice": written()[:-1] + b', "record_version": 3}',
    "a status that is a list": written(status=["done"]),
    "a status that is a dictionary": written(status={"a": 1}),
    "a value of megabytes": written(axes="x" * 5_000_000),
    "a list": b"[]",
    "nothing": b"",
    "zeros": b"\0" * 100,
    "another encoding": '{"ä": 1}'.encode("latin-1"),
    "half a letter": b'{"status": "\\ud800"}',
    "yaml": b"a: &a [x, x]\nb: &b [*a, *a]\n",
}


@pytest.mark.parametrize("kind", RECORDS)
def test_records(tmp_path, kind):
    (tmp_path / "record.json").write_bytes(RECORDS[kind])
    with pytest.raises(RecordError, match=r"record\.json: ") as raised:
        read_record(tmp_path)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 700 + len(str(tmp_path))


def test_a_configuration_nested_up_to_what_json_takes():
    deep = []
    for _ in range(1000):
        deep = [deep]
    record = RECORD | {"config": {"task": {"_target_": "tasks.grading.Grading", "x": deep}}}
    with pytest.raises(RecordError, match="nested deeper"):
        trusted_config(record, ["task"])


TABLES = {
    "a cell of ten megabytes": "photo,row,col,label,image,wear,source_id,ImageId,ClassId,EncodedPixels\n" + "x" * 10_000_000 + "\n",
    "zeros": "\0" * 1000,
    "another encoding": "photo,row,col,label\nä,0,0,1\n".encode("latin-1"),
    "two bytes a letter": "photo,row,col,label\n".encode("utf-16"),
    "no end of a quote": 'photo,row,col,label,image,wear,source_id,ImageId,ClassId,EncodedPixels\n"' + "x,\n" * 100_000,
    "huge numbers": "photo,row,col,label,image,wear,source_id,ImageId,ClassId,EncodedPixels\n" + ",".join(["9" * 5000] * 10) + "\n",
    "too few": "photo,row,col,label,image,wear,source_id,ImageId,ClassId,EncodedPixels\nx\n",
}  # fmt: skip


def number(text):
    if (value := float(text)) == float("inf"):
        raise ValueError(f"{text[:20]}: want a number")
    return value


@pytest.mark.parametrize("kind", TABLES)
def test_tables(tmp_path, kind):
    data = TABLES[kind] if isinstance(TABLES[kind], bytes) else TABLES[kind].encode()
    book = book_of(draw_photos(tmp_path / "set", 1))
    for name in ("given.csv", "photos.csv", "cells.csv"):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "photos").mkdir()
    readers = (
        (AnnotationError, lambda: from_table(book, tmp_path / "given.csv")),
        (DataError, lambda: read_defects(tmp_path / "given.csv", 2)),
        (DataError, lambda: read_table(tmp_path, "given.csv", "image,wear", lambda header: ["wear"] if "wear" in header else _none(), number)),
        (DataError, lambda: read_photo_folder(tmp_path, GRID, 5)),
    )  # fmt: skip
    for wanted, read in readers:
        with pytest.raises(wanted, match=r"\.csv") as raised:
            read()
        assert "\n" not in str(raised.value)


def _none():
    raise ValueError("no column wear")


@pytest.mark.parametrize("kind", ["a cell of ten megabytes", "zeros", "another encoding", "two bytes a letter"])
def test_tables_that_lie_in_an_annotated_folder(tmp_path, kind):
    data = TABLES[kind] if isinstance(TABLES[kind], bytes) else TABLES[kind].encode()
    root = draw_photos(tmp_path / "set", 1)
    (root / "cells.csv").write_bytes(data)
    with pytest.raises(AnnotationError, match=r"cells\.csv") as raised:
        book_of(root)
    assert "\n" not in str(raised.value)
    (root / "annotations.csv").write_bytes(data + b"\n")
    with pytest.raises(LogError, match=r"annotations\.csv"):
        Log(root).read()


def coco(**annotation):
    images = [{"id": 1, "file_name": "photo0.png", "width": 160, "height": 220}]
    one = {"image_id": 1, "category_id": 1} | annotation
    return json.dumps({"images": images, "annotations": [one], "categories": [{"id": 1, "name": "minor"}]}).encode()


COCO = {
    "a polygon of 10^9 pixels": coco(segmentation=[[0, 0, 1e9, 0, 1e9, 1e9]]),
    "a polygon of NaN": coco(segmentation=[[0, 0, float("nan"), 0, 5, 5]]),
    "a polygon without end": coco(segmentation=[[0, 0, float("inf"), 0, 5, 5]]),
    "a polygon of a point": coco(segmentation=[[0, 0]]),
    "run lengths of another size": coco(segmentation={"size": [100_000, 100_000], "counts": [5]}),
    "packed run lengths of another size": coco(segmentation={"size": [100_000, 100_000], "counts": "0"}),
    "run lengths beyond the image": coco(segmentation={"size": [220, 160], "counts": [5, 100_000_000, 5]}),
    "packed run lengths beyond the image": coco(segmentation={"size": [220, 160], "counts": "PPPPPPPPPPPPPP0000000oooooooo"}),
    "packed run lengths of other letters": coco(segmentation={"size": [220, 160], "counts": "\0ä\u2028"}),
    "negative run lengths": coco(segmentation={"size": [220, 160], "counts": [-5, 35205]}),
    "a box of 10^9 pixels": coco(bbox=[0, 0, 1e9, 1e9]),
    "neither": coco(),
    "deep": b"[" * 100_000,
    "packed run lengths of too few pixels": coco(segmentation={"size": [220, 160], "counts": "0"}),
    "deep within": b'{"images": ' + b"[" * 100_000,
    "a list": b"[]",
    "an image without a name": b'{"images": [{"id": 1}], "annotations": [], "categories": []}',
    "another encoding": '{"ä": 1}'.encode("latin-1"),
}  # fmt: skip


def test_coco(tmp_path):
    """In a process of its own: what is wrong here once ended it."""
    root = draw_photos(tmp_path / "set", 1)
    for number, data in enumerate(COCO.values()):
        (tmp_path / f"{number}.json").write_bytes(data)
    code = f"""
import numpy as np
from pathlib import Path
from annotation.coco import from_coco
from annotation.log import AnnotationError
from tests.annotation.made import CORNERS, book_of
book, corners = book_of(Path({str(root)!r})), np.array({CORNERS!r}.split(), float).reshape(4, 2)
for number in range({len(COCO)}):
    try:
        found = from_coco(book, path := Path({str(tmp_path)!r}) / f"{{number}}.json", {{}}, lambda _: corners)
        print("read" if found.said else f"{{path}}: {{found.left[0]}}")
    except AnnotationError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for number, (kind, line) in enumerate(zip(COCO, done.stdout.splitlines(), strict=True)):
        assert line.startswith(f"{tmp_path / f'{number}.json'}: "), f"{kind}: {line}"
        assert len(line) < 500


def test_a_sweep_is_told_of_all_the_same(tmp_path):
    folder = tmp_path / "grid" / "run"
    folder.mkdir(parents=True)
    (folder / "record.json").write_bytes(RECORDS["deep list"])
    line = [sys.executable, "-m", "sweeps", "status", str(tmp_path / "grid")]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    for said in (done.stdout + done.stderr, write_report(tmp_path / "grid").read_text()):
        assert "Traceback" not in said
        assert "record.json: not a readable record" in said
