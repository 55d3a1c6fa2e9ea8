"""A teacher, a student: from drawn digits to a record, as it is typed."""

import gzip
import struct

import numpy as np
import pytest

from sweeps.records.run_record import find_runs
from tests.cases import first
from tests.commands.test_train import record_of, run
from tests.warm import run_warm

SMALL = [
    "datamodule=mnist", "datamodule.held_out=60", "datamodule.calibration_cells=20", "augmentation=none", "batch_size=32",
    "optimizer.lr=0.01",
]  # fmt: skip


def draw_digits(root, train=300, test=60, classes=10):
    """Bars whose place tells the digit, as MNIST's four files, gzipped."""
    rng = np.random.default_rng(0)
    root.mkdir(parents=True)
    for name, count in (("train", train), ("t10k", test)):
        labels = np.arange(count, dtype=np.uint8) % classes
        images = rng.integers(0, 80, (count, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label + 3 : 2 * label + 6, 4:24] = 230
        with gzip.open(root / f"{name}-images-idx3-ubyte.gz", "wb") as file:
            file.write(struct.pack(">IIII", 2051, count, 28, 28) + images.tobytes())
        with gzip.open(root / f"{name}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(struct.pack(">II", 2049, count) + labels.tobytes())
    return root


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    place = tmp_path_factory.mktemp("digits")
    draw_digits(place / "screens")
    return place


@pytest.fixture(scope="module")
def teacher(digits):
    run(digits, "-m", *SMALL, "backbone=simplenet_v1", "trainer.max_epochs=12", "sweep_name=teacher", check=0)
    (folder,) = find_runs(digits / "runs" / "teacher")
    return folder


def test_digits_are_divided_as_said(teacher):
    record = record_of(teacher)
    assert [sum(record["data"]["cells"][part]) for part in ("train", "val", "test", "calibration")] == [240, 60, 60, 20]
    assert record["data"]["cells"]["val"] == [6] * 10
    assert record["metrics"]["test/accuracy"] > 0.9


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["method.soft_share=1.0", "method.loss=mse"], marks=pytest.mark.slow),
        ["method.soft_share=0.7", "method.loss=kl", "method.temperature=4.0"],
        pytest.param(["method.temperature=learned", "method.loss=kl"], marks=pytest.mark.slow),
    ],
    ids=["mse", "kl", "learned"],
)
def test_a_student_learns_from_its_teacher(digits, teacher, words):
    sweep = f"student-{abs(hash(tuple(words)))}"
    given = [*SMALL, "method=distillation", f"method.teacher={teacher}", "backbone=simplenet_v3", *words]
    done = run(digits, "-m", *given, "trainer.max_epochs=15", f"sweep_name={sweep}", check=0)
    assert done.stderr == ""
    (folder,) = find_runs(digits / "runs" / sweep)
    record = record_of(folder)
    assert record["metrics"]["test/accuracy"] > 0.8
    assert len(record["config"]["method"]["teacher_sha256"]) == 1
    asked = record["config"]["method"]["temperature"]
    assert record["temperature"] > 0 if asked == "learned" else record["temperature"] == asked
    assert list((digits / "cache").glob("teacher-*.npy"))


@pytest.mark.slow
def test_a_student_is_not_trained_again_and_its_files_know_what_it_learned(digits, teacher):
    words = [
        *SMALL,
        "method=distillation",
        f"method.teacher={teacher}",
        "backbone=simplenet_v3",
        "method.soft_share=0.7",
    ]
    words += ["method.loss=kl", "method.temperature=4.0", "trainer.max_epochs=15", "sweep_name=student-files"]
    run(digits, "-m", *words, check=0)
    again = run(digits, "-m", *words, check=0)
    assert "done before" in again.stdout or "were done" in again.stdout
    (folder,) = find_runs(digits / "runs" / "student-files")
    made = run_warm("-m", "export", f"run={folder}", "quantization=[float32,int8]", "latency.host.runs=3", env={})
    assert made.returncode == 0, made.stderr
    assert record_of(folder)["exports"]["int8"]["val/accuracy"] > 0.7


@pytest.mark.parametrize(
    ("words", "wanted"),
    first(
        2,
        [
            ([], "method.teacher=null: want the folder of a trained run"),
            (["method.teacher=nowhere"], "nowhere/record.json"),
            (["method.teacher={teacher}", "method.temperature=0"], "method.temperature=0"),
            (["method.teacher={teacher}", "method.loss=l1"], "method.loss=l1: want one of mse, kl"),
            (["method.teacher={teacher}", "method.soft_share=2"], "method.soft_share=2: want 0 to 1"),
            (
                ["method.teacher={teacher}", "datamodule.held_out=70"],
                "was trained with datamodule.held_out=60, here it is 70",
            ),
            (["method.teacher={teacher}", "resolution=32"], "resolution=32: simplenet_v3 is made for 28"),
        ],
    ),
)
def test_what_is_wrong_with_a_teacher_is_one_line(digits, teacher, words, wanted):
    given = [word.format(teacher=teacher) for word in words]
    done = run(digits, *SMALL, "method=distillation", "backbone=simplenet_v3", *given, "sweep_name=wrong", check=1)
    assert wanted in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_temperature_may_be_taken_from_a_table(digits, teacher):
    words = [
        *SMALL,
        "method=distillation",
        f"method.teacher={teacher}",
        "backbone=simplenet_v3",
        "trainer.max_epochs=1",
    ]
    table = ["+method.temperatures={simplenet_v3:5.0}", "method.temperature=${method.temperatures.simplenet_v3}"]
    run(digits, *words, *table, "num_stacked_seeds=2", "sweep_name=table", check=0)
    assert {
        record_of(folder)["config"]["method"]["temperature"] for folder in find_runs(digits / "runs" / "table")
    } == {5.0}
