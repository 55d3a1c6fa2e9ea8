"""A record is data: whatever a downloaded run says, nothing in it is run."""

import copy
import subprocess
import sys

import pytest

from jobs.trusted_config import BUILT, trusted_config
from sweeps.records.run_record import RecordError, read_record, update_record
from tests.trained import copy_of, grading

HOSTILE = {
    "pickle": lambda mark: {"_target_": "pandas.read_pickle", "filepath_or_buffer": mark},
    "torch": lambda mark: {"_target_": "torch.load", "f": mark, "weights_only": False},
    "folder": lambda mark: {"_target_": "os.mkdir", "path": mark},
}
PLACES = {
    "itself": lambda node, bad: node | bad,
    "a key": lambda node, bad: node | {"extra": bad},
    "a list": lambda node, bad: node | {"extra": [bad]},
    "a list in a list": lambda node, bad: node | {"extra": [[{"deeper": [bad]}]]},
    "worked out": lambda node, bad: node | {"extra": f"${{oc.create:{{_target_:{bad['_target_']},path:x}}}}"},
    "a key worked out": lambda node, bad: node | {"${oc.env:HOME}": 1},
}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    place, _ = copy_of(tmp_path_factory, grading)
    (record,) = (place / "runs" / "grid").glob("*/record.json")
    return record.parent


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("group", BUILT)
def test_a_class_of_its_own_choosing_is_refused(run_folder, group, place, tmp_path):
    record = copy.deepcopy(read_record(run_folder))
    assert trusted_config(record)[group]["_target_"]
    bad = HOSTILE["folder"](str(tmp_path / "made"))
    record["config"][group] = PLACES[place](record["config"][group], bad)
    with pytest.raises(RecordError, match=f"config.{group}") as raised:
        trusted_config(record)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "made").exists()


def test_what_no_choice_names_is_not_kept(run_folder):
    record = copy.deepcopy(read_record(run_folder))
    record["config"] |= {"thatlist": [{"_target_": "os.mkdir"}], "other": {"_target_": "os.mkdir"}}
    assert not {"thatlist", "other", "optimizer", "trainer"} & trusted_config(record).keys()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r["config"].pop("backbone"), "config.backbone: want the settings"),
        (lambda r: r.pop("config"), "want config and axes"),
        (lambda r: r["config"].update(backbone=[]), "config.backbone: want the settings"),
        (lambda r: r["config"]["backbone"].update(variant="hf-hub:somebody/else"), "names a network elsewhere"),
        (lambda r: r["config"].update(resolution="${oc.env:HOME}"), "want a plain value"),
        (lambda r: r["axes"].update(backbone="no_such"), "not what backbone=no_such is built from"),
    ],
)
def test_an_odd_record_is_answered_in_one_line(run_folder, change, message):
    record = copy.deepcopy(read_record(run_folder))
    change(record)
    with pytest.raises(RecordError, match=message):
        trusted_config(record)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r["exports"]["int8"].update(path="../../../etc/hostname"), "exports.int8.path="),
        (lambda r: r["exports"]["int8"].update(path="/etc/hostname"), "exports.int8.path="),
        (lambda r: r["exports"].update({"../x": {}}), r"exports.../x"),
        (lambda r: r["shipped"].update(checkpoint="../../x"), "shipped.checkpoint="),
        (lambda r: r.update(whole_fit={"folds": ["../../../elsewhere"]}), "whole_fit.folds.0="),
        (lambda r: r.update(exports=[1]), "exports="),
        (lambda r: r.update(axes="x"), "axes="),
    ],
)
def test_names_of_files_stay_within_the_run(run_folder, change, message):
    try:
        before = copy.deepcopy(read_record(run_folder))
        record = copy.deepcopy(before)
        change(record)
        update_record(run_folder, lambda _: record)
        with pytest.raises(RecordError, match=message) as raised:
            read_record(run_folder)
        assert "record.json" in str(raised.value)
    finally:
        (run_folder / "record.json").unlink()
        update_record(run_folder, lambda _: before)


SAME = ["backbone=mobilenet", "width=0.25", "resolution=32", "datamodule=phone_photos", "datamodule.root={screens}"]
REFUSED = "nothing of this record is run"
READERS = {
    "predict": (["predict.py", "run={run}", "input={screens}"], REFUSED),
    "export": (["-m", "export", "run={run}"], REFUSED),
    "inspection": (["-m", "inspection", "run={run}", "image={image}"], REFUSED),
    "cross evaluation": (["-m", "pipelines", "cross", "folder={sweep}"], REFUSED),
    "teacher": (["train.py", "method=distillation", "method.teacher={run}", *SAME], "method.teacher="),
    "start": (["train.py", "backbone.weights={run}", *SAME], REFUSED),
    "annotation": (
        ["-m", "annotation", "doubtful", "--data", "{screens}", "--runs", "{sweep}"],
        "",
    ),  # reads answers alone
}


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_reader_runs_what_a_record_names(tmp_path_factory, tmp_path, reader, hostile):
    place, _ = copy_of(tmp_path_factory, grading)
    (record,) = (place / "runs" / "grid").glob("*/record.json")
    mark = tmp_path / "made"

    def changed(old):
        config = {name: node | HOSTILE[hostile](str(mark)) if isinstance(node, dict) else node
                  for name, node in old["config"].items()}  # fmt: skip
        return old | {"config": config}

    update_record(record.parent, changed)
    given, message = READERS[reader]
    names = {"run": record.parent, "sweep": record.parents[1], "screens": place / "screens"}
    names["image"] = next((place / "screens").rglob("*.png"))
    words = [word.format(**names) for word in given]
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, timeout=120,
        env=environment(place),
    )  # fmt: skip
    assert done.returncode in ((1, 2) if message else (0,)), done.stdout + done.stderr
    assert message in " ".join(done.stderr.split()), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not mark.exists()


def environment(place):
    import os

    return os.environ | {"GRIDLITE_CACHE": str(place / "cache")}
