"""The table of exit codes in docs/architecture.md, row by row; Ctrl-C and SIGTERM are in test_stopping."""

import shutil

import pytest

from choices import ROOT
from sweeps.records.run_record import find_runs
from tests.commands.test_train import SMALL, run
from tests.drawn import draw_screens
from tests.warm import run_warm


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("codes")
    draw_screens(folder / "screens")
    return folder


@pytest.fixture(scope="module")
def done(place):
    run(place, *SMALL, "trainer.max_epochs=1", "sweep_name=codes", check=0)
    (folder,) = find_runs(place / "runs" / "codes")
    return folder


def test_the_docs_have_a_row_for_each():
    (table,) = [
        part for part in (ROOT / "docs" / "architecture.md").read_text().split("\n## ") if part.startswith("Exit codes")
    ]
    assert [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")][1:] == [
        "0",
        "1",
        "2",
        "130, 143",
    ]


ANSWERS = [
    (0, ["train.py", *SMALL, "sweep_name=codes", "trainer.max_epochs=1"]),
    (0, ["-m", "sweeps", "status", "{sweep}"]),
    (0, ["-m", "sweeps", "table", "{sweep}"]),
    (0, ["predict.py", "run={run}", "input={place}/screens/photos", "pictures=cells", "output={place}/out.csv"]),
    (1, ["train.py", *SMALL, "sweep_name=odd", "datamodule.root={place}/empty"]),
    (1, ["train.py", *SMALL, "sweep_name=odd", "resolution=0"]),
    (1, ["train.py", *SMALL, "sweep_name=codes", "paths.runs={place}/file"]),
    (1, ["predict.py", "run={run}", "input={place}/empty", "output={place}/out.csv"]),
    (1, ["predict.py", "run={run}", "input={place}/screens/photos", "pictures=cells", "output={place}/file/out.csv"]),
    (1, ["predict.py", "run={sweep}", "input={place}/screens/photos", "pictures=cells"]),
    (1, ["-m", "export", "run={place}/empty"]),
    (1, ["-m", "sweeps", "report", "{blocked}"]),
    (2, ["train.py", "width=wide"]),
    (2, ["train.py", "backbone=nonsuch"]),
    (2, ["train.py", "nonsuch=1"]),
    (2, ["predict.py"]),
    (2, ["predict.py", "run={run}", "nonsuch=1"]),
    (2, ["-m", "export", "run={run}", "quantization=nonsuch"]),
    (2, ["-m", "sweeps", "nonsuch"]),
    (2, ["-m", "sweeps", "table", "{place}/file"]),
    (2, ["-m", "annotation", "agreement", "--data", "{place}/file"]),
    (2, ["-m", "station", "grade", "nonsuch=1"]),
    (2, ["-m", "web", "nonsuch=1"]),
    (2, ["-m", "inspection", "nonsuch=1"]),
]  # fmt: skip


@pytest.mark.parametrize(("code", "words"), ANSWERS, ids=[" ".join(words[:3] + words[-1:]) for _, words in ANSWERS])
def test_a_command_ends_with_its_code_and_a_failure_with_one_line(place, done, code, words):
    (place / "empty").mkdir(exist_ok=True)
    (place / "file").touch()
    blocked = place / "runs" / "blocked"
    if not blocked.exists():
        shutil.copytree(done.parent, blocked)
        (blocked / "report.html").mkdir()
    words = [word.format(place=place, run=done, sweep=done.parent, blocked=blocked) for word in words]
    if words[0] == "train.py":
        given = {word.partition("=")[0] for word in words}
        more = {"paths.runs": place / "runs", "paths.cache": place / "cache", "datamodule.root": place / "screens"}
        words += [f"{key}={value}" for key, value in more.items() if key not in given]
    ended = run_warm(*words, env={"OMP_NUM_THREADS": "1"})
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    if code:
        assert ended.stderr.splitlines()[-1].startswith(("error: ", "train.py: error: ", "python -m"))
