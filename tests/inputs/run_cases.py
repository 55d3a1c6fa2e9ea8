"""Runs of which a file is damaged: a sweep lists them as such and shows the others, what works with one run refuses it."""

import shutil

from tests.inputs.replay import Asked, case, changed
from tests.sweeps.made import add_run

NEEDED = ("axes", "config", "data", "metrics")
"""What a finished run's record cannot lack."""
LISTS = (
    "status",
    "metrics",
    "exports",
    "seconds",
    "data",
    "axes",
    "config",
    "initial_weights",
    "baseline",
    "shipped",
    "checkpoints",
    "device",
)
WORDS = (
    "seconds",
    "metrics",
    "data",
    "exports",
    "axes",
    "config",
    "history",
    "mistakes",
    "initial_weights",
    "baseline",
    "device",
)
NUMBERS = ("updated", "data", "axes", "status", "error", "metrics")
SWEEP = ("status", "table", "report")


def lacking(key):
    return lambda trial, record: record.pop(key) and ""


def listed(key):
    def spoil(trial, record):
        record[key] = [trial.word()]
        return record[key][0]

    return spoil


def worded(key):
    def spoil(trial, record):
        record[key] = trial.word()
        return record[key]

    return spoil


def numbered(key):
    def spoil(trial, record):
        record[key] = trial.whole(10**6, 10**9)
        return str(record[key])

    return spoil


def within(*keys, value=None):
    """A value deep in a record."""

    def spoil(trial, record):
        for key in keys[:-1]:
            record = record[key]
        record[keys[-1]] = wrong = trial.word() if value is None else value(trial)
        return str(wrong)

    return spoil


RECORDS = {
    **{(f"lacks {key}", key): lacking(key) for key in NEEDED},
    **{(f"{key} is a list", key): listed(key) for key in LISTS},
    **{(f"{key} is a word", key): worded(key) for key in WORDS},
    **{(f"{key} is a number", key): numbered(key) for key in NUMBERS},
    ("record_version is a word", "record_version"): worded("record_version"),
    ("resolution is a word", "resolution"): within("config", "resolution"),
    ("resolution is negative", "resolution"): within("config", "resolution", value=lambda trial: -trial.whole(2, 999)),
    ("backbone is a word", "backbone"): within("config", "backbone"),
    ("class_names is a word", "class_names"): within("data", "class_names"),
    ("preprocessing is a word", "preprocessing"): within("data", "preprocessing"),
    ("grid of 0 columns", "columns"): within("data", "preprocessing", "grid", "columns", value=lambda trial: 0),
    ("a figure is a word", "val/accuracy"): within("metrics", "val/accuracy"),
    ("a second is a word", "fit"): within("seconds", "fit"),
    ("exported path is a number", "path"): within(
        "exports", "float32", "path", value=lambda trial: trial.whole(10**6, 10**7)
    ),
    ("task that there is not", "task"): within("axes", "task"),
}


def record_case(kind, key, spoil, command):
    @case("sweeps", f"{command}: record {kind}")
    def make(trial):
        sweep, run, _ = trial.two
        whole = Asked(["-m", "sweeps", command, sweep], (), (0,))
        spoilt = shutil.copytree(sweep, trial.folder / "spoilt")
        told = []
        changed(spoilt / run.name / "record.json", lambda record: told.append(spoil(trial, record)))
        return Asked(["-m", "sweeps", command, spoilt], (run.name, "record.json", key, told[0][:100]), (0,)), whole


for (kind, key), spoil in RECORDS.items():
    for command in SWEEP if kind != "backbone is a word" else ():
        record_case(kind, key, spoil, command)


def cut(path, trial):
    data = path.read_bytes()
    path.write_bytes(data[: trial.whole(len(data) // 4, len(data) // 2)])


def noise(path, trial):
    path.write_bytes(trial.rng.randbytes(300))


def nothing(path, trial):
    path.write_bytes(b"")


def a_folder(path, trial):
    path.unlink()
    path.mkdir()


def file_case(command, name, spoil, code=(0,), named=None):
    """A file of a run, or with `../` of its sweep, that is damaged; the sweep is of two folds."""

    @case("sweeps", f"{command}: {name} is {spoil.__name__.replace('_', ' ')}")
    def make(trial):
        sweep = trial.folder / "sweep"
        run = add_run(sweep, 0.7, fold=0, backbone="thin")
        for about in ({"fold": 1, "backbone": "thin"}, {"fold": 0}, {"fold": 1}):
            add_run(sweep, 0.8, **about)
        (sweep / "cross.csv").write_text(CROSS)
        spoilt = shutil.copytree(sweep, trial.folder / "spoilt")
        path = spoilt / run.name / name if "/" not in name else spoilt / name.rpartition("/")[2]
        if not path.exists():
            path.write_text("x")
        spoil(path, trial)
        return Asked(["-m", "sweeps", command, spoilt], (path.name,), code), Asked(
            ["-m", "sweeps", command, sweep], (), (0,)
        )


CROSS = """trained_on,tested_on,run,seed,fold,task,backbone,part,images,accuracy
a,b,x,0,0,grading,mobilenet,test,9,0.5
b,a,y,0,0,grading,mobilenet,test,9,0.4
"""
for command in SWEEP:
    for spoil in (cut, noise, nothing, a_folder):
        file_case(command, "record.json", spoil)
for command in ("table", "report"):
    for spoil in (cut, noise, nothing, a_folder):
        file_case(command, "predictions.parquet", spoil)
for spoil in (noise, nothing, a_folder):
    file_case("report", "../cross.csv", spoil)
file_case("table", "../table.csv", a_folder, (1,))
file_case("table", "../files.parquet", a_folder, (1,))
file_case("report", "../report.html", a_folder, (1,))
