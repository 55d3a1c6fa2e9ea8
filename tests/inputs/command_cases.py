"""The other commands: of the station, of annotation, of latency, of the web page."""

import json
import shutil

from export import flatbuffer
from tests.annotation.made import draw_photos
from tests.inputs.replay import Asked, case

OUTLINE = "corners=[10,10,200,10,200,320,10,320]"


def graded(trial, file, *words):
    photo = trial.place.set_of("phone_photos") / "photos" / "screen0.png"
    return ["-m", "station", "grade", f"photo={photo}", f"run={file}", *words]


def file_of(trial):
    (file,) = (trial.place.run_of("phone_photos") / "export").glob("float32.tflite")
    return shutil.copy(file, trial.folder / f"{trial.word()}.tflite")


@case("station", "corners of too few numbers")
def few_corners(trial):
    count = trial.whole(2, 8)
    corners = ",".join(["10"] * count)
    file = file_of(trial)
    return Asked(graded(trial, file, f"corners=[{corners}]"), ("corners", str(count))), Asked(
        graded(trial, file, OUTLINE), code=(0,)
    )


@case("station", "json that cannot be written")
def no_json(trial):
    path = trial.folder / trial.word() / "a" / "o.json"
    path.parent.parent.touch()
    return Asked(graded(trial, file_of(trial), OUTLINE, f"json={path}"), (str(path.parent.parent),)), None


@case("station", "a photo that is not there")
def no_photo(trial):
    word = trial.word()
    return Asked(["-m", "station", "grade", f"photo={word}.jpg", f"run={file_of(trial)}"], (f"{word}.jpg",)), None


def described(key, change):
    """A case of a file whose metadata is wrong in a key."""

    @case("station", f"a file whose {key} is wrong")
    def make(trial):
        file = file_of(trial)
        data = file.read_bytes()
        about = json.loads(flatbuffer.read_metadata(data)["gridlite"])
        change(about, trial)
        file.write_bytes(flatbuffer.with_metadata(data, {"gridlite": json.dumps(about).encode()}))
        return Asked(graded(trial, file, OUTLINE), (str(file), key)), None


described("labels", lambda about, trial: about.pop("labels"))
described("resolution", lambda about, trial: about.pop("resolution"))
described("grid.columns", lambda about, trial: about["grid"].update(columns=0))
described("task", lambda about, trial: about.update(task=trial.word()))


@case("station", "a file that is cut")
def cut_file(trial):
    file = file_of(trial)
    file.write_bytes(file.read_bytes()[: trial.whole(100, 5000)])
    return Asked(graded(trial, file, OUTLINE), (str(file),)), None


def annotated(trial):
    return draw_photos(trial.folder / "phones")


LOG = "time,annotator,round,photo,row,col,field,value"


def logged(kind, draw, told):
    """A case of a line in the log; `told` says which of row, col and value has to be named."""

    @case("annotation", f"a log with {kind}")
    def make(trial):
        folder = annotated(trial)
        filled = [str(one) for one in draw(trial)]
        row, col, value = filled
        line = ["2026-01-01T00:00:00", "anna", "1", "photo0.png", row, col, "label", value]
        (folder / "annotations.csv").write_text(f"{LOG}\n{','.join(line)}\n")
        return Asked(["-m", "annotation", "agreement", "--data", folder], ("annotations.csv", filled[told])), None


logged("a label that there is not", lambda trial: (1, 1, trial.whole(10, 99)), 2)
logged("a cell that there is not", lambda trial: (trial.whole(10, 99), 1, 3), 0)


@case("annotation", "a setting that is a word")
def word_setting(trial):
    folder, word = annotated(trial), trial.word()
    line = ["-m", "annotation", "agreement", "--data", folder]
    return Asked([*line, f"datamodule.rows={word}"], (f"datamodule.rows={word}",)), Asked(
        [*line, "datamodule.rows=5"], code=(0,)
    )


@case("annotation", "a setting that is negative")
def negative_setting(trial):
    folder, number = annotated(trial), -trial.whole(2, 999)
    return Asked(
        ["-m", "annotation", "agreement", "--data", folder, f"datamodule.columns={number}"],
        (f"datamodule.columns={number}",),
    ), None


@case("annotation", "another kind of set")
def other_set(trial):
    return Asked(
        ["-m", "annotation", "agreement", "--data", annotated(trial), "datamodule=mnist"], ("datamodule=mnist",)
    ), None


@case("annotation", "doubtful of predictions that are cut")
def doubtful(trial):
    run = trial.run()
    path = run / "predictions.parquet"
    path.write_bytes(path.read_bytes()[: trial.whole(100, 900)])
    return Asked(["-m", "annotation", "doubtful", "--data", annotated(trial), "--runs", run], (str(path),)), None


@case("annotation", "an import that is not UTF-8")
def not_utf8(trial):
    path = trial.folder / f"{trial.word()}.csv"
    path.write_bytes(b"photo,row,col,label\nph\xe9,1,1,1\n")
    return Asked(["-m", "annotation", "import", "--data", annotated(trial), "--from", path], (path.name, "UTF-8")), None


@case("export.latency", "a file that is cut")
def cut_latency(trial):
    run = trial.run()
    path = run / "export" / "float32.tflite"
    path.write_bytes(path.read_bytes()[: trial.whole(100, 5000)])
    return Asked(["-m", "export.latency", f"run={run}"], ("float32.tflite",)), None


@case("web", "rules of a stranger")
def rules(trial):
    number = trial.whole(2, 99)
    return Asked(
        [
            "-m",
            "web",
            f"run={trial.run()}",
            f"paths.cache={trial.folder}/cache",
            "profile=phone",
            f"datamodule.rules=[{number}]",
        ],
        (f"{number}", "rules"),
    ), None
