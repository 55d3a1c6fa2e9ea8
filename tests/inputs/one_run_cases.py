"""Commands that work with one run, of which a file is damaged; and caches, which heal."""

import shutil

from tests.inputs.replay import ENV, Asked, case, changed
from tests.inputs.run_cases import RECORDS, cut, noise, nothing
from tests.warm import run_warm


def predicted(trial, run, *words):
    return [
        "predict.py",
        f"run={run}",
        f"input={trial.place.set_of('phone_photos')}",
        f"output={trial.folder}/{trial.word()}.csv",
        *words,
    ]


def exported(trial, run, *words):
    return [
        "-m",
        "export",
        f"run={run}",
        f"paths.cache={trial.folder}/cache",
        "quantization=float32",
        "latency.host.runs=3",
        *words,
    ]


ONE = {("predict", predicted): ("resolution is a word", "backbone is a word", "lacks data", "lacks config", "record_version is a word", "preprocessing is a word",
                               "class_names is a word", "task that there is not", "resolution is negative", "grid of 0 columns"),
       ("export", exported): ("resolution is a word", "backbone is a word", "lacks data", "lacks metrics", "exports is a list", "initial_weights is a word")}  # fmt: skip


def one_run_case(name, words, kind, key, spoil):
    @case(name, f"record: {kind}")
    def make(trial):
        run = trial.run()
        good = Asked(words(trial, run), code=(0,))
        spoilt = shutil.copytree(run, trial.folder / "spoilt" / run.name)
        told = []
        changed(spoilt / "record.json", lambda record: told.append(spoil(trial, record)))
        return Asked(words(trial, spoilt), ("record.json", key, told[0])), good


for (name, words), kinds in ONE.items():
    for (kind, key), spoil in RECORDS.items():
        if kind in kinds:
            one_run_case(name, words, kind, key, spoil)


@case("predict", "record nested without end")
def nested(trial):
    run = trial.run()
    good = Asked(predicted(trial, shutil.copytree(run, trial.folder / "whole" / run.name)), code=(0,))
    (run / "record.json").write_text("[" * trial.whole(50_000, 200_000))
    return Asked(predicted(trial, run), (str(run / "record.json"),)), good


for state in ("failed", "running", "pruned", "not applicable"):
    for name, words in (("predict", predicted), ("export", exported))[state != "failed" :]:

        @case(name, f"a run that is {state}")
        def unfinished(trial, state=state, words=words):
            run = trial.run()

            def spoil(record):
                for key in ("data", "metrics", "exports", "checkpoints") if state == "failed" else ():
                    record.pop(key, None)
                record["status"] = state
                record["error"] = state

            changed(run / "record.json", spoil)
            return Asked(words(trial, run), (str(run), "interrupted" if state == "running" else state, "want")), None


def flipped(path, trial):
    data = bytearray(path.read_bytes())
    for _ in range(20):
        data[trial.whole(len(data) // 3, 2 * len(data) // 3)] ^= 255
    path.write_bytes(data)


for spoil in (flipped, cut, noise, nothing):
    for name, words in (("predict", predicted), ("export", exported)):

        @case(name, f"a checkpoint that is {spoil.__name__}")
        def checkpoint(trial, spoil=spoil, words=words):
            run = trial.run()
            path = run / "checkpoints" / "last.ckpt"
            spoil(path, trial)
            return Asked(words(trial, run), (str(path),)), None


@case("cache", "a checkpoint that is flipped, of an interrupted run")
def heals(trial):
    """It begins anew."""
    run = trial.run()
    flipped(run / "checkpoints" / "last.ckpt", trial)
    changed(run / "record.json", lambda record: record.update(status="running"))
    words = trial.train("phone_photos", f"paths.runs={trial.folder}", "sweep_name=sweep")
    return Asked(words, ("last epoch",), (0,)), None


def cache_case(name, ending, spoil):
    @case("cache", f"{name}: *{ending} that is {spoil.__name__.replace('_', ' ')} heals")
    def make(trial):
        words = trial.train(name)
        assert run_warm(*words, env=ENV).returncode == 0
        for path in [one for one in (trial.folder / "cache").rglob(f"*{ending}") if one.is_file()]:
            spoil(path, trial)
        return Asked([*words, "overwrite=true"], ("last epoch",), (0,)), None


for name, ending in (
    ("image_folder", ".json"),
    ("image_folder", ".npy"),
    ("phone_photos", ".npy"),
    ("severstal", ".npy"),
    ("mnist", "ubyte"),
):
    for spoil in (cut, noise, nothing):
        cache_case(name, ending, spoil)
