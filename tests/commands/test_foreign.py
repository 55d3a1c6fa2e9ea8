"""`python -m export score` and `python -m export diff` as people type them."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from export import flatbuffer
from export.latency.selection import files_to_time
from sweeps.records.run_record import find_runs, update_record
from sweeps.report.report import write_report
from sweeps.tables.runs import read_sweep
from tests.commands.test_train import record_of
from tests.trained import copy_of, grading
from tests.warm import run_plain, run_warm

QUICK = ["latency.host.runs=3", "latency.host.warmup_runs=1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of a sweep, with its files."""
    place, _ = copy_of(tmp_path_factory, grading)
    (found,) = find_runs(place / "runs" / "grid")
    return found


def export(*words, start=run_warm, check=0):
    done = start("-m", "export", *words, env={"OMP_NUM_THREADS": "1"})
    assert check is None or done.returncode == check, done.stdout + done.stderr
    return done


def anonymous(folder, path):
    """The run's float32 file without gridlite's metadata, as somebody else's."""
    path.write_bytes(flatbuffer.with_metadata((folder / "export" / "float32.tflite").read_bytes(), {"gridlite": b""}))
    return path


def listed(folder):
    names = record_of(folder)["data"]["class_names"]
    return "labels=[" + ",".join(f'"{name}"' for name in names) + "]"


def test_a_file_from_elsewhere_is_scored_as_the_sweeps_own(folder, tmp_path):
    words = [f"run={folder}", "scaling=0..255", listed(folder), "output=probabilities", *QUICK]
    done = export("score", f"file={anonymous(folder, tmp_path / 'theirs.tflite')}", *words, start=run_plain)
    assert done.stderr == ""
    assert "foreign theirs.tflite, val: macro F1 0." in done.stdout
    export("score", f"file={folder / 'export' / 'model.onnx'}", "name=their net", *words)
    sweep, own = folder.parent, record_of(folder)["exports"]["float32"]
    entry = json.loads((sweep / "foreign" / "theirs.tflite" / f"{folder.name}.json").read_text())
    answers = pd.read_parquet(folder / "export" / "predictions.parquet").query("file == 'float32' and part == 'val'")
    accuracy = np.mean(np.stack(answers.probabilities).argmax(axis=1) == answers.label)
    assert entry["val/accuracy"] == pytest.approx(accuracy)  # its own decoding of ordinal outputs is not known
    (timing,) = entry["latency"]
    assert (timing["device"], timing["runs"]) == (own["latency"][0]["device"], 3)
    files = read_sweep(sweep)[1]
    theirs = files[files.file == "foreign"]
    assert sorted(theirs.backbone) == ["foreign their_net", "foreign theirs.tflite"]
    assert list(theirs["val/accuracy"].round(3)) == [round(accuracy, 3)] * 2
    assert "ONNX Runtime" in (sweep / "foreign" / "their_net" / f"{folder.name}.json").read_text()
    text = write_report(sweep).read_text()
    assert "foreign theirs.tflite · foreign" in text
    assert not any(odd in text for odd in ("nan %", "nan%", ">nan<"))
    assert all(kind != "foreign" for _, kind in files_to_time(None, str(sweep), "runs", None))


def test_a_file_of_the_sweep_needs_no_words(folder):
    done = export("score", f"file={folder / 'export' / 'int8.tflite'}", f"run={folder}", "name=again", *QUICK)
    assert "pixels 0..255, output probabilities" in done.stdout


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["file=nowhere.tflite"], "nowhere.tflite: no such file"),
        (["file=README.md"], "README.md: want a file that ends in .tflite, .onnx, .keras"),
        (["file={theirs}"], "2 outputs may be the classes': want output=<one of grade, probabilities>"),
        (["file={theirs}", "output=probabilities"], "does not name its classes: want labels=<["),
        (["file={theirs}", "{labels}", "output=probabilities"], "want scaling=<one of 0..255"),
    ],
)
def test_what_is_missing_is_one_line(folder, tmp_path, words, why):
    known = {"theirs": anonymous(folder, tmp_path / "theirs.tflite"), "labels": listed(folder)}
    done = export("score", f"run={folder}", *(word.format(**known) for word in words), check=1)
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert why in line


def test_keys_that_are_missing_and_help():
    assert "file= is missing" in export("score", check=2).stderr
    assert "data= is missing" in export("diff", "a.tflite", "b.tflite", check=2).stderr
    assert (
        "a.tflite b.tflite c.tflite: want two files"
        in export("diff", "a.tflite", "b.tflite", "c.tflite", check=2).stderr
    )
    for name in ("score", "diff"):
        assert f"python -m export {name}" in export(name, "--help", start=run_plain).stdout


def test_a_release_is_held_against_the_one_before(folder, tmp_path):
    old, new = folder / "export" / "float32.tflite", folder / "export" / "int8.tflite"
    table = tmp_path / "changed.csv"
    done = export("diff", old, new, f"data={folder}", "max_loss=1", f"table={table}", check=None)
    answers = pd.read_parquet(folder / "export" / "predictions.parquet")
    wide = answers.pivot(index="sample", columns="file", values="grade")
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert {row["sample"] for row in rows} == set(wide.index[wide.float32 != wide.int8].astype(str))
    assert "answered alike; missed damage" in done.stdout
    assert f"changed: {len(rows)} of {len(wide)}" in done.stdout
    same = export("diff", old, old, f"data={folder}", f"table={table}")
    assert "100.0 % answered alike" in same.stdout
    assert table.read_text().splitlines() == ["sample,source_id,part,label,old,new"]


def test_a_file_that_misses_more_damage_ends_with_1(folder, tmp_path):
    from export.runtime import read_file

    names = record_of(folder)["data"]["class_names"]
    answers = pd.read_parquet(folder / "export" / "predictions.parquet")
    most_often = int(answers[answers.file == "float32"].grade.mode()[0])
    data, about = read_file(folder / "export" / "float32.tflite")

    def named(name):
        """The file with its most frequent answer called so, whatever it has learned."""
        labels, place = list(names), names.index(name)
        labels[most_often], labels[place] = labels[place], labels[most_often]
        path = tmp_path / f"{place}.tflite"
        path.write_bytes(flatbuffer.with_metadata(data, {"gridlite": json.dumps(about | {"labels": labels}).encode()}))
        return path

    cautious, careless = named(names[1]), named(names[0])
    done = export("diff", cautious, careless, f"data={folder}", f"table={tmp_path / 'changed.csv'}", check=1)
    assert f"error: {careless}: " in done.stderr
    assert "max_loss=0.01" in done.stderr or "misses more damage" in done.stderr


def test_a_folder_of_pictures_is_enough(folder, tmp_path):
    from PIL import Image

    names = record_of(folder)["data"]["class_names"]
    for at, name in enumerate(names):
        (tmp_path / "cells" / name).mkdir(parents=True)
        Image.new("RGB", (64, 64), (40 * at, 90, 200)).save(tmp_path / "cells" / name / "a.png")
    old = folder / "export" / "float32.tflite"
    done = export("diff", old, old, f"data={tmp_path / 'cells'}", f"table={tmp_path / 'changed.csv'}")
    assert f"all: {len(names)} pictures of {len(names)} sources, 100.0 % answered alike" in done.stdout
    (tmp_path / "empty").mkdir()
    empty = export("diff", old, old, f"data={tmp_path / 'empty'}", f"table={tmp_path / 'x.csv'}", check=1)
    assert f"data={tmp_path / 'empty'}: no images in it" in empty.stderr


def test_an_unfinished_run_is_told(folder, tmp_path):
    run = Path(tmp_path / "run")
    update_record(run, lambda _: record_of(folder) | {"status": "failed"})
    done = export("score", f"file={folder / 'export' / 'int8.tflite'}", f"run={run}", check=1)
    assert f"{run}: the run is failed; want a done one" in done.stderr
