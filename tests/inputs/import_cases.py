"""Masks and numbers from elsewhere with one thing wrong: refused in a line, or named while the rest is taken in."""

import json

import cv2
import numpy as np

from tests.annotation.elsewhere import CLASSES, HEIGHT, WIDTH, coco_of, draw_strips, indexed, write_mask
from tests.inputs.replay import Asked, case, write_rows


def masks(trial, source, *words):
    """The command on drawn strips; each try writes a folder of its own."""
    return ["-m", "annotation", "import-masks", "--data", trial.folder / "strips", "--from", source, "--to", trial.folder / trial.word(), *words]  # fmt: skip


def numbers(trial, rows, *words, name="given.csv"):
    """The command on a table of these rows."""
    path = trial.folder / name
    write_rows(path, rows)
    return ["-m", "annotation", "import-numbers", "--data", trial.folder / "strips", "--from", path, "--to", f"{trial.word()}.csv", *words]  # fmt: skip


def strips_of(trial):
    return draw_strips(trial.folder / "strips")


def drawn(kind, spoil, code=(0,)):
    """A case of a COCO file; `spoil(trial, whole)` changes it and says what has to be named."""

    @case("import", f"masks: {kind}")
    def make(trial):
        truth = strips_of(trial)
        good, bad = (trial.folder / f"{trial.word()}.json" for _ in range(2))
        good.write_text(json.dumps(coco_of(truth)))
        whole = coco_of(truth)
        named = spoil(trial, whole)
        bad.write_text(json.dumps(whole))
        return Asked(masks(trial, bad), named, code), Asked(masks(trial, good), ("next: python train.py",), (0,))


def another(trial, whole, change):
    """An annotation more, which is wrong; its id and the wrong value."""
    id_, key = trial.whole(10**6, 10**7), trial.whole(1000, 9999)
    whole["annotations"].append(whole["annotations"][0] | {"id": id_} | change(key))
    return id_, key


def drawing(kind, change, *, repeats=True):
    def spoil(trial, whole):
        id_, key = another(trial, whole, change)
        return (f"annotation {id_}", *((str(key),) if repeats else ()))

    drawn(kind, spoil)


drawing("run lengths of another size", lambda key: {"segmentation": {"size": [key, WIDTH], "counts": [key * WIDTH]}})
drawing(
    "too few pixels", lambda key: {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [key % HEIGHT]}}, repeats=False
)
drawing("a polygon of words", lambda key: {"segmentation": [[1, 2, 3, 4, 5, f"x{key}"]]})
drawing("an image that is not there", lambda key: {"image_id": key})
drawing("a box alone", lambda key: {"segmentation": [], "bbox": [1, 2, 3, key]}, repeats=False)


@case("import", "masks: nothing that could be placed")
def nowhere(trial):
    word, path = trial.word(), trial.folder / "given.json"
    path.write_text(json.dumps(coco_of(strips_of(trial), name_of=lambda name: f"{word}{name.replace('/', '')}")))
    return Asked(masks(trial, path), ("given.json", "nothing in it could be placed"), (1,)), None


def asked_wrongly(kind, words_of, right=()):
    """A case of masks whose words are wrong."""

    @case("import", f"masks: {kind}")
    def make(trial):
        path, word = trial.folder / "given.json", trial.word()
        path.write_text(json.dumps(coco_of(strips_of(trial))))
        words = words_of(word)
        return Asked(masks(trial, path, *words), (word,), (2,)), Asked(masks(trial, path, *right), code=(0,))


asked_wrongly("a size that is a word", lambda word: ("--size", word), ("--size", "96x64"))
asked_wrongly("a category that is not there", lambda word: ("--category", f"{word}=pit"), ("--category", "pit=flaw"))
asked_wrongly("a category to leave out that is not there", lambda word: ("--without", word), ("--without", "pit"))
asked_wrongly("a word too many", lambda word: (word,))


@case("import", "masks: a folder that is there already")
def there(trial):
    path, target = trial.folder / "given.json", trial.folder / trial.word()
    path.write_text(json.dumps(coco_of(strips_of(trial))))
    target.mkdir()
    (target / "kept.txt").write_text("kept")
    line = masks(trial, path)
    line[line.index("--to") + 1] = target
    return Asked(line, (str(target), "is there already"), (2,)), Asked(masks(trial, path), code=(0,))


@case("import", "masks: a value that is no class")
def no_class(trial):
    value = trial.whole(10, 99)
    truth = strips_of(trial)
    for name, one in truth.items():
        write_mask(trial.folder / "masks" / name, indexed(one))
    first = next(iter(truth))
    wrong = indexed(truth[first])
    wrong[0, 0] = value
    cv2.imwrite(str(trial.folder / "masks" / first), wrong.astype(np.uint8))
    words = ("--classes", ",".join(CLASSES))
    source = trial.folder / "masks"
    return Asked(masks(trial, source, *words), (first, f"values {value}"), (0,)), Asked(
        masks(trial, source, *words, "--background", str(value)), ("next: ",), (0,)
    )


@case("import", "masks: values that nothing names")
def unnamed(trial):
    truth, source = strips_of(trial), trial.folder / trial.word()
    for name, one in truth.items():
        write_mask(source / name, indexed(one))
    return Asked(masks(trial, source), (source.name, "--classes 1=NAME,2=NAME"), (2,)), Asked(
        masks(trial, source, "--classes", "1=pit,2=scratch"), code=(0,)
    )


def valued(kind, draw, named, code=(0,)):
    """A case of a csv of numbers; `draw(trial, good)` gives the wrong value of the third image."""

    @case("import", f"numbers: {kind}")
    def make(trial):
        names = list(strips_of(trial))
        rows = [["image", "wear"], *([name, f"{10 + 7 * at}.5"] for at, name in enumerate(names))]
        good = numbers(trial, rows, "--low", "0", "--high", "100", name="good.csv")
        wrong = rows[3][1] = draw(trial)
        bad = numbers(trial, rows, "--low", "0", "--high", "100")
        return Asked(bad, ("line 4", wrong, named), code), Asked(good, ("next: python train.py",), (0,))


valued("a word", lambda trial: trial.word(), "want a number")
valued("outside the range", lambda trial: str(trial.whole(101, 999)), "want 0 to 100")
valued("a percent sign in one line", lambda trial: f"{trial.whole(1, 99)} %", "percent sign", (2,))
valued("a decimal comma in one line", lambda trial: f"0,{trial.whole(10, 99)}", "decimal comma", (2,))


@case("import", "numbers: a column that is not there")
def no_column(trial):
    names, word = list(strips_of(trial)), trial.word()
    rows = [["image", "wear"], *([name, 10 + 7 * at] for at, name in enumerate(names))]
    return Asked(numbers(trial, rows, "--value-column", word), (word, "wear"), (2,)), Asked(
        numbers(trial, rows, "--value-column", "wear"), code=(0,)
    )


@case("import", "numbers: an image that is not there")
def no_image(trial):
    names, word = list(strips_of(trial)), trial.word()
    rows = [["image", "wear"], *([name, 10 + 7 * at] for at, name in enumerate(names))]
    return Asked(numbers(trial, [*rows, [f"{word}.png", 3]]), (f"{word}.png: no such photo",), (0,)), None


@case("import", "numbers: a csv that is there already")
def numbers_there(trial):
    names = list(strips_of(trial))
    rows = [["image", "wear"], *([name, 10 + 7 * at] for at, name in enumerate(names))]
    line = numbers(trial, rows)
    (trial.folder / "strips" / line[line.index("--to") + 1]).write_text("kept")
    return Asked(line, ("is there already", "--replace"), (2,)), Asked([*line, "--replace"], code=(0,))
