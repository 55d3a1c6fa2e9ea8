"""What a training is given beside its settings: a study's photos, few phones, colours, paths of any letters."""

import shutil

from tests.inputs.replay import CASES, TRAINED, Asked, Case, rows_of, write_rows


def study(trial):
    wrong = trial.folder / trial.word()
    right = trial.place.set_of("phone_photos")
    words = [
        "-m",
        "pipelines",
        "study",
        "dry_run=true",
        f"paths.runs={trial.folder}/runs",
        "finalists=['backbone=mobilenet']",
    ]
    return Asked([*words, f"photos={wrong}"], (f"photos={wrong}",)), Asked([*words, f"photos={right}"], (), (0,))


CASES.append(Case("study", "photos that are not there", study))


def two_phones(trial):
    folder = trial.given("phone_photos")
    rows = rows_of(folder / "photos.csv")
    names = [trial.word(), trial.word()]
    write_rows(
        folder / "photos.csv", [rows[0], *([row[0], names[at % 2], *row[2:]] for at, row in enumerate(rows[1:]))]
    )
    words = ["datamodule.folds=5", "sweep_name=two"]
    wanted = ("datamodule.folds=5", "2 different source_id", "want datamodule.folds=2")
    return Asked(trial.train("phone_photos", *words, root=folder), wanted), Asked(
        trial.train("phone_photos", "datamodule.folds=2", root=folder), code=(0,)
    )


CASES.append(Case("phone_photos", "two graded phones", two_phones))
GREY = ["backbone=thin", "width=1.0"]


def colours(trial):
    wrong = Asked(trial.train("image_folder", *GREY), ("backbone=thin", "colours", "drop_colour=true"))
    return wrong, Asked(trial.train("image_folder", *GREY, "drop_colour=true"), code=(0,))


CASES.append(Case("image_folder", "colours that the network takes out", colours))
ODD = (
    "Gehäuse für Prüfung",
    "携帯電話",
    "a[b]c",
    "a#b",
    "a=b",
    "a,b,c",
    "my phones",
    "x{1}",
    "it's",
    "50% (neu)",
    "$HOME",
    "a;b",
    "a&b",
    "~x",
    "back\\slash",
)


def odd_path(name):
    def make(trial):
        place = trial.folder / f"{name} {trial.whole(10, 99)}"
        root = shutil.copytree(trial.place.set_of("image_folder"), place / "data")
        words = [
            "train.py",
            *TRAINED["image_folder"],
            f"datamodule.root={root}",
            f"paths.runs={place / 'runs'}",
            f"paths.cache={place / 'cache'}",
        ]
        return Asked(words, (str(place / "runs"),), (0,)), None

    return make


for name in ODD:
    CASES.append(Case("paths", f"train.py: {name!r}", odd_path(name)))
