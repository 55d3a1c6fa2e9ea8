"""Numbers that people gave images elsewhere: understood and said, or named while the rest is taken in; the csv can be trained on."""

import csv
import json
import random
import shlex

import pytest

from annotation.log import AnnotationError
from annotation.number_set import numbered
from annotation.number_sources import read_source
from annotation.number_texts import Given, Spelling, spelling_of
from sweeps.records.run_record import find_runs
from tests.annotation.elsewhere import said
from tests.numbered import draw_bars
from tests.warm import run_warm

RNG = random.SystemRandom()
WORD = "".join(RNG.choices("ghkqvwz", k=9))
NUMBER = RNG.randrange(200, 900)
IMAGES = [f"images/bar{at:03}.png" for at in range(12)]
WEAR = {name: 5.0 + 7.5 * at for at, name in enumerate(IMAGES)}
"""5 to 87.5."""


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("GRIDLITE_CACHE", str(tmp_path / "cache"))
    draw_bars(tmp_path / "set", count=12, side=32)
    (tmp_path / "set" / "numbers.csv").unlink()
    return tmp_path / "set"


def short(name):
    return name.split("/")[1]


def task(number, name, *values, kind="number", skipped=(), control="wear"):
    answers = [
        {"id": 100 * number + at, "completed_by": {"id": at, "email": f"p{at}@x.org"}, "was_cancelled": at in skipped,
         "result": [{"from_name": "box", "type": "rectanglelabels", "value": {"rectanglelabels": ["part"], "x": 1}},
                    {"from_name": control, "type": kind, "value": {kind: [value] if kind == "choices" else value}}]}
        for at, value in enumerate(values)
    ]  # fmt: skip
    return {
        "id": number,
        "data": {"image": f"/data/upload/1/0a1b2c3d-{short(name)}", "batch": "7"},
        "annotations": answers,
    }


def whole_json(kind="number", text=float):
    return [task(number, name, text(value), kind=kind) for number, (name, value) in enumerate(WEAR.items())]


def minimal(wrapped):
    return [
        {"image": f"http://host/data/upload/1/0a1b2c3d-{short(name)}", "id": at, "wear": wrapped(value), "annotator": 1,
         "annotation_id": at, "created_at": "2026-01-01", "updated_at": "2026-01-01", "lead_time": 3.5}
        for at, (name, value) in enumerate(WEAR.items())
    ]  # fmt: skip


def write_json(path, whole):
    path.write_text(json.dumps(whole))
    return path


def write_csv(path, header, rows, mark=","):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=mark)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def label_studio_csv(path):
    rows = [list(one.values()) for one in minimal(lambda value: json.dumps([{"number": value}]))]
    return write_csv(path / "a.csv", list(minimal(float)[0]), rows)


FORMS = {
    "json": lambda path: write_json(path / "a.json", whole_json()),
    "choices": lambda path: write_json(path / "a.json", whole_json("choices", str)),
    "json-min": lambda path: write_json(path / "a.json", minimal(lambda value: [{"number": value}])),
    "json-min, bare": lambda path: write_json(path / "a.json", minimal(float)),
    "csv of Label Studio": label_studio_csv,
    "any csv": lambda path: write_csv(path / "a.csv", ["Pfad", "wear"], [(f"C:\\fotos\\{short(name)}", value) for name, value in WEAR.items()]),
    "a German csv": lambda path: write_csv(path / "a.csv", ["file", "wear"], [(name, f"{value:.1f} %".replace(".", ",")) for name, value in WEAR.items()], ";"),
    "tabs": lambda path: write_csv(path / "a.csv", ["wear", "image"], [(f"{value}\u00a0%", name) for name, value in WEAR.items()], "\t"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(tmp_path, form):
    source = read_source(FORMS[form](tmp_path), "", "")
    chosen = numbered(source, IMAGES, 0, 100, "mean")
    assert {name: one.value for name, one in chosen.images.items()} == WEAR
    assert chosen.left == []
    assert any("decimal commas" in note for note in chosen.notes) is (form == "a German csv")
    assert any("percent signs are dropped" in note for note in chosen.notes) is (form in ("a German csv", "tabs"))


def test_the_csv_is_written_and_the_next_line_said(root, tmp_path):
    path = write_json(tmp_path / "a.json", whole_json())
    done = said("import-numbers", "--data", root, "--from", path, "--low", "0", "--high", "100", "--column", "wear")
    assert done.returncode == 0, done.stderr
    with (root / "numbers.csv").open() as file:
        assert {row["image"]: float(row["wear"]) for row in csv.DictReader(file)} == WEAR
    line = f"next: python train.py task=regression encoding=l1 datamodule=image_numbers datamodule.root={root} datamodule.column=wear"
    assert done.stdout.splitlines()[-1].startswith(f"{line} datamodule.low=0 datamodule.high=100")
    before = (root / "numbers.csv").read_bytes()
    done = said("import-numbers", "--data", root, "--from", path)
    assert (done.returncode, done.stderr) == (2, f"error: {root}/numbers.csv: is there already; want --replace, or another name with --to\n")  # fmt: skip
    assert (root / "numbers.csv").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "a German csv"])
def test_the_line_that_is_printed_trains_a_network(root, tmp_path, form):
    done = said("import-numbers", "--data", root, "--from", FORMS[form](tmp_path))
    words = shlex.split(done.stdout.splitlines()[-1].removeprefix("next: python "))
    small = ["trainer.max_epochs=1", "backbone=mobilenet", "width=0.25", "resolution=32", "backbone.weights=none", "autotune=plain", "logger=none",
             "batch_size=4", f"paths.runs={tmp_path}/runs"]  # fmt: skip
    trained = run_warm(*words, *small, env={"OMP_NUM_THREADS": "1"})
    assert trained.returncode == 0, trained.stderr
    (folder,) = find_runs(tmp_path / "runs" / "adhoc")
    assert json.loads((folder / "record.json").read_text())["status"] == "done"


def test_stars_stay_as_they_are(tmp_path):
    tasks = [task(at, name, 2 + at % 3, kind="rating") for at, name in enumerate(IMAGES)]
    chosen = numbered(read_source(write_json(tmp_path / "a.json", tasks), "", ""), IMAGES, None, None, "mean")
    assert [one.value for one in chosen.images.values()] == [2 + at % 3 for at in range(12)]
    assert (chosen.low, chosen.high) == (1, 5)
    assert "ratings from 2 to 4: the range is taken as 1 to 5" in chosen.notes[0]


def test_several_answers_become_one_with_their_spread(tmp_path):
    tasks = [
        task(0, IMAGES[0], 10, 20, 60),
        task(1, IMAGES[1], 30),
        task(2, IMAGES[2], 40, 99, skipped=(1,)),
        task(3, IMAGES[3]),
    ]
    tasks.append(task(4, IMAGES[4], 12, skipped=(0,)))
    path = write_json(tmp_path / "a.json", tasks)
    for several, value in (("mean", 30), ("median", 20)):
        chosen = numbered(read_source(path, "", ""), IMAGES, 0, 100, several)
        assert {name: one.value for name, one in chosen.images.items()} == {
            IMAGES[0]: value,
            IMAGES[1]: 30,
            IMAGES[2]: 40,
        }
        assert (chosen.images[IMAGES[0]].answers, chosen.images[IMAGES[0]].spread) == (3, 50)
    notes = "\n".join(chosen.notes)
    assert (
        f"1 images have several numbers, of which the median is taken (--several mean); they lie 50 apart on average, at most 50 ({IMAGES[0]})"
        in notes
    )
    assert "2 skipped answers were left out" in notes
    assert "2 images have no number and were left out" in notes


ODD = {
    "outside the range": (str(NUMBER), f"wear='{NUMBER}': want 0 to 100 (--low, --high)"),
    "a word": (WORD, f"wear='{WORD}'; want a number"),
    "two commas": (f"1,{NUMBER},5", f"wear='1,{NUMBER},5'; want digits with one decimal comma at most"),
    "an endless number": (f"{NUMBER}e400", "want a number"),
    "Arabic digits": ("٣٥", "wear='٣٥'; want a number"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_number_is_named_and_the_rest_taken(tmp_path, kind):
    text, wanted = ODD[kind]
    rows = list(WEAR.items())
    path = write_csv(tmp_path / "a.csv", ["image", "wear"], [*rows[:-1], (IMAGES[-1], text)])
    chosen = numbered(read_source(path, "", ""), IMAGES, 0, 100, "mean")
    assert len(chosen.images) == 11
    (line,) = map(str, chosen.left)
    assert line.startswith(f"{IMAGES[-1]}: {path}: line 13: ")
    assert wanted in line
    write_csv(path, ["image", "wear"], rows)
    assert len(numbered(read_source(path, "", ""), IMAGES, 0, 100, "mean").images) == 12


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["35 %", str(NUMBER)], f"'{NUMBER}' has no percent sign, '35 %' has one"),
        (["0,5", f"0.{NUMBER}"], f"'0.{NUMBER}' a point"),
        ([f"1,{NUMBER}", "2"], f"does the comma part thousands or decimals? want 1{NUMBER} or 1.{NUMBER}"),
    ],
    ids=["percent", "point", "comma"],
)
def test_numbers_that_could_be_two_things_are_refused(texts, wanted):
    with pytest.raises(AnnotationError) as raised:
        spelling_of([Given(text, f"line {at}") for at, text in enumerate(texts)])
    assert wanted in str(raised.value)


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["35 %", "0", "12%"], [35, 0, 12]),
        (["0,5", "12", "1,234"], [0.5, 12, 1.234]),
        (["0.5", "1e-3", "-2"], [0.5, 0.001, -2]),
        (["1,5\u202f%", "-0,25 %"], [1.5, -0.25]),
    ],
)
def test_numbers_of_one_spelling_are_read(texts, numbers):
    given = [Given(text, "") for text in texts]
    assert [spelling_of(given).read(one) for one in given] == numbers
    assert spelling_of([]) == Spelling()


REFUSED = {
    "a column of names that is not there": (("--name-column", WORD), f"--name-column {WORD}: is not there; it has image, id, wear, depth"),
    "a column of numbers that is not there": (("--value-column", WORD), f"--value-column {WORD}: is not there; it has wear, depth"),
    "two columns of numbers": ((), "has the columns wear, depth: which has the numbers? want --value-column wear"),
    "a low above the high": (("--low", str(NUMBER), "--high", "7"), f"--low {NUMBER} --high 7: want low below high"),
    "a low that is a word": (("--low", WORD), f"{WORD}: want a number"),
    "a name outside": (("--to", f"../{WORD}.csv"), f"--to ../{WORD}.csv: want a name that ends with .csv"),
    "a column that there is": (("--column", "source_id"), "--column source_id: the csv has such a column already"),
    "no such file": (("--from", f"{WORD}.csv"), f"{WORD}.csv: no such file"),
    "no such folder": (("--data", WORD, "--value-column", "wear"), f"{WORD}: no such folder"),
    "a word too many": ((WORD,), f"unrecognized arguments: {WORD}"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_is_one_line(root, tmp_path, kind):
    rows = [(name, at, value, value / 2) for at, (name, value) in enumerate(WEAR.items())]
    path = write_csv(tmp_path / "a.csv", ["image", "id", "wear", "depth"], rows)
    words, wanted = REFUSED[kind]
    given = {key: value for key, value in {"--data": root, "--from": path}.items() if key not in words}
    done = said("import-numbers", *(word for pair in given.items() for word in pair), *words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert wanted in done.stderr
    assert not (root / "numbers.csv").exists()


def test_columns_that_are_named_are_taken_and_others_go_along(root, tmp_path):
    rows = [(name, value, value / 2, f"part{at % 4}", "lab") for at, (name, value) in enumerate(WEAR.items())]
    path = write_csv(tmp_path / "a.csv", ["photo", "wear", "depth", "source_id", "group"], rows)
    done = said("import-numbers", "--data", root, "--from", path, "--name-column", "photo", "--value-column", "depth", "--to", "depth.csv")  # fmt: skip
    assert done.returncode == 0, done.stderr
    with (root / "depth.csv").open() as file:
        first = next(csv.DictReader(file))
    assert first == {"image": IMAGES[0], "number": "2.5", "source_id": "part0", "group": "lab"}
    assert "datamodule.table=depth.csv" in done.stdout
    assert "datamodule.folds=3 datamodule.val_folds=2" in done.stdout, "four sources are too few for five folds"


def test_nothing_placed_is_an_error_of_1(root, tmp_path):
    path = write_csv(tmp_path / "a.csv", ["image", "wear"], [(f"{WORD}{at}.png", at) for at in range(30)])
    done = said("import-numbers", "--data", root, "--from", path)
    assert done.returncode == 1
    assert done.stderr == f"error: {path}: nothing in it could be placed (30 entries left out)\n"
    assert f"left out: {WORD}0.png: no such photo" in done.stdout
    assert f"left out: 30 in all, see {root / 'left_out.csv'}" in done.stdout
    assert done.stdout.count("left out: ") == 21
