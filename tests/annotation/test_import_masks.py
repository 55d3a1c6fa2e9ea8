"""Masks that other tools have drawn: read to the pixel, or named while the rest is taken in; the folder can be trained on."""

import json
import random
import shlex
import shutil
import zipfile

import cv2
import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from annotation.mask_commands import source_of
from annotation.mask_source import Options
from choices import ROOT
from datamodules.masks.defect_table import read_defects
from sweeps.records.run_record import find_runs
from tests.annotation import elsewhere
from tests.annotation.elsewhere import CLASSES, HEIGHT, WIDTH, draw_strips, indexed, write_coco, write_mask
from tests.cases import first
from tests.warm import run_warm

RNG = random.SystemRandom()
CASES = ROOT.parent / "shared" / "cases" / "coco"
REAL = ROOT.parent / "shared" / "data" / "neu_seg"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRIDLITE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def strips(tmp_path):
    return draw_strips(tmp_path / "images")


def taken(tmp_path, source, *words, check=0):
    """What the command says, and the masks of the written folder by image and class."""
    given = ("--data", tmp_path / "images", "--from", source, "--to", tmp_path / "set")
    done = elsewhere.said("import-masks", *given, *words)
    assert done.returncode == check, done.stdout + done.stderr
    return done, masks_of(tmp_path / "set") if check == 0 else {}


def masks_of(folder, size=(WIDTH, HEIGHT)):
    names = {int(row.split(",")[1]): row.split(",")[3] for row in (folder / "train.csv").read_text().splitlines()[1:]}
    table = read_defects(folder / "train.csv", len(names))
    return {
        path.name: {names[at + 1]: mask for at, mask in enumerate(table.masks(path.name, size[1], size[0])) if mask.any()}
        for path in sorted((folder / "train_images").iterdir())
    }  # fmt: skip


def assert_same(found, truth):
    """Only images with a drawing, each pixel as it was."""
    drawn = {name.split("/")[1]: masks for name, masks in truth.items() if any(mask.any() for mask in masks.values())}
    assert found.keys() == drawn.keys()
    for name, masks in drawn.items():
        assert found[name].keys() == {kind for kind in CLASSES if masks[kind].any()}
        for kind, mask in found[name].items():
            np.testing.assert_array_equal(mask, masks[kind], err_msg=f"{name} {kind}")


def coco(tmp_path, truth):
    return write_coco(tmp_path / "drawn.json", truth), ()


def coco_in_letters(tmp_path, truth):
    return write_coco(tmp_path / "drawn.json", truth, drawn=elsewhere.packed_runs, name_of=lambda name: "C:\\my\\" + name.replace("/", "\\")), ()  # fmt: skip


def coco_as_bytes(tmp_path, truth):
    return write_coco(tmp_path / "drawn.json", truth, drawn=elsewhere.bytes_runs, name_of=lambda name: f"/data/local-files/?d=x%20y/{name}"), ()  # fmt: skip


def coco_polygons(tmp_path, truth):
    return write_coco(tmp_path / "drawn.json", truth, drawn=elsewhere.polygon, name_of=lambda name: name.split("/")[1]), ()  # fmt: skip


def index_masks(tmp_path, truth):
    for name, masks in truth.items():
        write_mask(tmp_path / "masks" / name, indexed(masks))
    return tmp_path / "masks", ("--classes", "pit,scratch")


def palette_masks(tmp_path, truth):
    """As CVAT writes them after PASCAL VOC: colours in a palette, and labelmap.txt."""
    folder = tmp_path / "voc" / "SegmentationClass"
    for name, masks in truth.items():
        picture = Image.new("P", (WIDTH, HEIGHT))
        picture.putdata((7 * indexed(masks)).ravel().tolist())
        palette = [0] * 768
        palette[21:24], palette[42:45] = (250, 50, 83), (51, 221, 255)
        picture.putpalette(palette)
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(folder / name.split("/")[1])
    (tmp_path / "voc" / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\npit:250,50,83::\nscratch:51,221,255::\n")  # fmt: skip
    return tmp_path / "voc", ()


def class_folders(tmp_path, truth):
    for name, masks in truth.items():
        for kind, mask in masks.items():
            if mask.any():
                write_mask(tmp_path / "masks" / kind / f"{name.removesuffix('.png')}_mask.png", 255 * mask)
    return tmp_path / "masks", ()


def listed_classes(tmp_path, truth):
    """As Roboflow has them: numbers in a csv beside the masks."""
    source, _ = index_masks(tmp_path, truth)
    (source / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, pit\n2, scratch\n")
    return source, ()


def brush(tmp_path, truth):
    tasks = []
    for number, (name, masks) in enumerate(truth.items(), 1):
        result = {"from_name": "my-tag", "type": "brushlabels", "value": {"brushlabels": ["pit"]}}
        tasks.append({"id": number, "data": {"image": f"/data/upload/2/0a1b2c3d-{name.split('/')[1]}"},
                      "annotations": [{"id": 50 + number, "completed_by": 3, "was_cancelled": False, "result": [result]}]})  # fmt: skip
        for kind, mask in masks.items():
            if mask.any():
                half = mask.copy()
                half[:, : np.flatnonzero(mask.any(0))[0] + 4] = False
                for at, part in enumerate((half, mask & ~half)):
                    write_mask(tmp_path / "brush" / f"task-{number}-annotation-{50 + number}-by-ana@x.org-my-tag-{kind}-{at}.png", 255 * part)  # fmt: skip
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    return tmp_path / "brush", ("--tasks", tmp_path / "tasks.json")


FORMS = (coco, coco_in_letters, coco_as_bytes, coco_polygons, index_masks, palette_masks, class_folders, listed_classes, brush)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_to_the_pixel(tmp_path, strips, form):
    path, words = form(tmp_path, strips)
    given = dict(zip(words[::2], words[1::2], strict=True))
    source, _ = source_of(tmp_path / "images", path, Options(classes=given.get("--classes", ""), tasks=given.get("--tasks")))  # fmt: skip
    assert_same({name.split("/")[1]: masks for name, masks in source}, strips)
    assert source.order == ["pit", "scratch"]
    assert len(source.found.empty) == 3
    assert source.found.left == []


@pytest.mark.parametrize(
    "form",
    first(1, (coco_in_letters, class_folders, coco, coco_as_bytes, coco_polygons, index_masks, palette_masks, brush)),
)
def test_what_was_read_can_be_trained_on_and_the_next_line_is_said(tmp_path, strips, form):
    source, words = form(tmp_path, strips)
    done, found = taken(tmp_path, source, *words)
    assert_same(found, strips)
    assert done.stderr == ""
    last = done.stdout.splitlines()[-1]
    assert last.startswith("next: python train.py experiment=steel ")
    assert f"datamodule.root={tmp_path / 'set'}" in last
    assert "datamodule.class_names=[pit,scratch]" in last
    assert "3 images have nothing drawn on them and were left out" in done.stdout


@pytest.mark.slow
def test_images_without_a_drawing_are_clean_where_that_is_said(tmp_path, strips):
    for form in (coco, class_folders, brush, index_masks):
        source, words = form(tmp_path, strips)
        done, found = taken(tmp_path, source, *words, "--empty", "no-defect")
        assert len(found) == len(strips)
        assert sum(not masks for masks in found.values()) == 3
        assert "3 without defect" in done.stdout
        shutil.rmtree(tmp_path / "set")
        shutil.rmtree(source, ignore_errors=True)


@pytest.mark.slow
def test_black_and_white_masks_are_one_class_that_may_be_named(tmp_path, strips):
    for name, masks in strips.items():
        write_mask(tmp_path / "masks" / name, 255 * (masks["pit"] | masks["scratch"]))
    done, found = taken(tmp_path, tmp_path / "masks")
    assert "the class is called defect" in done.stdout
    assert "the folders a, b are those of the images, and no classes" in done.stdout
    assert {kind for masks in found.values() for kind in masks} == {"defect"}
    shutil.rmtree(tmp_path / "set")
    done, found = taken(tmp_path, tmp_path / "masks", "--classes", "my flaw")
    assert {kind for masks in found.values() for kind in masks} == {"my flaw"}
    assert """'datamodule.class_names=["my flaw"]'""" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a, b", 'say "so"', "null", "1", "µm [x]", "back\\slash\\", "$HOME", "it's"])
def test_any_name_of_a_class_survives_the_line(tmp_path, strips, name):
    (tmp_path / "my images, all").symlink_to(tmp_path / "images")
    path = write_coco(tmp_path / "drawn.json", strips)
    done = elsewhere.said("import-masks", "--data", tmp_path / "my images, all", "--from", path, "--to", tmp_path / "my 'set', new", "--category", f"pit={name}")  # fmt: skip
    assert done.returncode == 0, done.stderr
    words = shlex.split(done.stdout.splitlines()[-1].removeprefix("next: python "))
    shown = run_warm(*words, "--cfg", "job")
    assert shown.returncode == 0, shown.stderr
    read = OmegaConf.create(shown.stdout)
    assert list(read.datamodule.class_names) == [name, "scratch"]
    assert read.datamodule.root == f"{tmp_path}/my 'set', new"


def test_too_few_images_are_written_and_said_with_a_1(tmp_path):
    path = write_coco(tmp_path / "drawn.json", draw_strips(tmp_path / "images", 2))
    done, _ = taken(tmp_path, path, check=1)
    assert done.stderr.startswith(
        f"error: {tmp_path / 'set'}: lies there, but cannot be divided for a training, want more images: "
    )
    assert len(masks_of(tmp_path / "set")) == 2


def test_lists_beside_folders_of_their_classes_change_nothing(tmp_path, strips):
    source, _ = class_folders(tmp_path, strips)
    (source / "classes.txt").write_text("pit\nscratch\ndent\n")
    found, _ = source_of(tmp_path / "images", source, Options())
    assert_same({name.split("/")[1]: masks for name, masks in found}, strips)


@pytest.mark.slow
def test_the_line_that_is_printed_trains_a_network(tmp_path, strips):
    done, _ = taken(tmp_path, *coco(tmp_path, strips)[:1])
    words = shlex.split(done.stdout.splitlines()[-1].removeprefix("next: python "))
    small = ["trainer.max_epochs=1", "backbone=mobilenet", "width=0.25", "backbone.weights=none", "autotune=plain", "logger=none",
             "batch_size=4", "task.decoder_channels=[16,8,8,8,8]", f"paths.runs={tmp_path}/runs"]  # fmt: skip
    trained = run_warm(*words, *small, env={"OMP_NUM_THREADS": "1"})
    assert trained.returncode == 0, trained.stderr
    (folder,) = find_runs(tmp_path / "runs" / "steel")
    record = json.loads((folder / "record.json").read_text())
    assert record["status"] == "done"


WRONG = {
    "run lengths of another size": lambda key: {"segmentation": {"size": [key, WIDTH], "counts": [key * WIDTH]}},
    "a run below nothing": lambda key: {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [-key, HEIGHT * WIDTH + key]}},
    "a polygon of two points": lambda key: {"segmentation": [[1, 2, 3, 4]]},
    "words": lambda key: {"segmentation": [[1, 2, 3, 4, 5, f"x{key}"]]},
    "an image that is not there": lambda key: {"image_id": key},
    "a category that is not there": lambda key: {"category_id": key},
    "a box alone": lambda key: {"segmentation": [], "bbox": [1, 1, 9, 9]},
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_an_annotation_that_cannot_be_read_is_named_and_the_rest_is_taken(tmp_path, strips, kind):
    from annotation.coco_masks import CocoMasks
    from annotation.image_files import find_images

    whole = elsewhere.coco_of(strips)
    key, id_ = RNG.randrange(1000, 9999), RNG.randrange(10**6, 10**7)
    whole["annotations"].append(whole["annotations"][0] | {"id": id_} | WRONG[kind](key))
    (tmp_path / "drawn.json").write_text(json.dumps(whole))
    files = find_images(tmp_path / "images", [])
    source = CocoMasks(tmp_path / "drawn.json", files, Options())
    found = dict(source)
    assert_same({name.split("/")[1]: masks for name, masks in found.items()}, strips)
    (line,) = map(str, source.found.left)
    assert f"annotation {id_}" in line
    assert "\n" not in line
    assert kind in ("a polygon of two points", "a box alone") or str(key) in line
    if kind == "a box alone":
        filled = dict(CocoMasks(tmp_path / "drawn.json", files, Options(fill_boxes=True)))
        assert filled["a/strip00.png"]["pit"][1:10, 1:10].all()


@pytest.mark.slow
def test_an_image_that_lacks_a_drawing_is_counted_and_may_be_left_out(tmp_path, strips):
    whole = elsewhere.coco_of(strips)
    whole["annotations"][0]["segmentation"] = [[1, 1]]
    (tmp_path / "drawn.json").write_text(json.dumps(whole))
    done, found = taken(tmp_path, tmp_path / "drawn.json")
    assert "1 images have drawings that could not be read, and were taken with the others" in done.stdout
    assert "strip00.png" in found
    shutil.rmtree(tmp_path / "set")
    _, found = taken(tmp_path, tmp_path / "drawn.json", "--incomplete", "leave")
    assert "strip00.png" not in found
    assert len(found) == 8


def test_overlaps_sizes_and_names_are_said(tmp_path):
    truth = draw_strips(tmp_path / "images")
    truth["a/strip00.png"]["scratch"] |= truth["a/strip00.png"]["pit"]
    odd = draw_strips(tmp_path / "odd", 1, (64, 64))["a/strip00.png"]
    (tmp_path / "odd" / "a" / "strip00.png").rename(tmp_path / "images" / "odd.png")
    cv2.imwrite(str(tmp_path / "images" / "b" / "strip00.png"), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    truth["b/strip00.png"] = {"pit": truth["a/strip00.png"]["pit"], "scratch": np.zeros((HEIGHT, WIDTH), bool)}
    write_coco(tmp_path / "drawn.json", truth | {"odd.png": odd})
    done, found = taken(tmp_path, tmp_path / "drawn.json")
    pixels = int((truth["a/strip00.png"]["scratch"] & truth["a/strip00.png"]["pit"]).sum())
    assert (
        f"1 images have pixels of two classes at once, which both keep; the first: a/strip00.png, {pixels} pixels"
        in done.stdout
    )
    assert "left out: odd.png: 64 x 64 pixels, most have 96 x 64; --size 96x64" in done.stdout
    assert {"a_strip00.png", "b_strip00.png", "strip01.png"} <= found.keys()
    shutil.rmtree(tmp_path / "set")
    done, found = taken(tmp_path, tmp_path / "drawn.json", "--size", "96x64")
    assert "odd.png" in found
    assert found["odd.png"]["pit"].mean() == pytest.approx(odd["pit"].mean(), rel=0.1)
    with Image.open(tmp_path / "set" / "train_images" / "odd.png") as picture:
        assert picture.size == (96, 64)


@pytest.mark.slow
def test_a_mask_is_that_of_the_upright_picture(tmp_path):
    truth = draw_strips(tmp_path / "images", 6)
    exif = Image.Exif()
    exif[0x112] = 6
    path = tmp_path / "images" / "a" / "strip00.png"
    with Image.open(path) as picture:
        picture.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    before = np.rot90(truth["a/strip00.png"]["pit"])
    whole = elsewhere.coco_of(truth)
    whole["images"][0] |= {"width": HEIGHT, "height": WIDTH}
    for one in whole["annotations"]:
        if one["image_id"] == 1 and one["category_id"] == 7:
            one["segmentation"] = elsewhere.plain_runs(before)
    whole["annotations"] = [one for one in whole["annotations"] if (one["image_id"], one["category_id"]) != (1, 8)]
    (tmp_path / "drawn.json").write_text(json.dumps(whole))
    done, found = taken(tmp_path, tmp_path / "drawn.json")
    np.testing.assert_array_equal(found["strip00.png"]["pit"], truth["a/strip00.png"]["pit"])
    assert "before its EXIF turn, turned with it" in done.stdout


@pytest.mark.slow
def test_categories_are_renamed_joined_and_left_out(tmp_path, strips):
    path, _ = coco(tmp_path, strips)
    done, found = taken(tmp_path, path, "--category", "pit=flaw", "--category", "scratch=flaw")
    assert {kind for masks in found.values() for kind in masks} == {"flaw"}
    assert "pixels of two classes" not in done.stdout
    shutil.rmtree(tmp_path / "set")
    done, found = taken(tmp_path, path, "--without", "scratch")
    assert {kind for masks in found.values() for kind in masks} == {"pit"}
    assert len(found) == 9, "what has only scratches has no pit"


WORD = "".join(RNG.choices("ghkqvwz", k=9))
NUMBER = RNG.randrange(10, 120)
REFUSED = {
    "a folder that is there": (("--to", "{place}/images"), "{place}/images: is there already"),
    "a size": (("--size", WORD), f"--size {WORD}: want WIDTHxHEIGHT"),
    "a category of the words": (("--category", f"{WORD}=pit"), f"--category {WORD}: "),
    "a category without a class": (("--category", WORD), f"--category {WORD}: want NAME=CLASS"),
    "a category to leave out": (("--without", WORD), f"--without {WORD}: "),
    "no such source": (("--from", f"{{place}}/{WORD}.json"), f"{WORD}.json: no such file"),
    "no such images": (("--data", f"{{place}}/{WORD}"), f"{WORD}: no such folder"),
    "no such list": (("--from", "{place}/masks", "--classes", f"{WORD}.txt"), f"--classes {WORD}.txt: no such file"),
    "a folder within the images": (("--to", f"{{place}}/images/{WORD}"), f"images/{WORD}: lies within --data"),
    "classes for a COCO file": (("--classes", WORD), "--classes: is for PNG masks, and this is a COCO file"),
    "boxes of PNG masks": (("--from", "{place}/masks", "--boxes", "fill"), "--boxes fill: is for a COCO file"),
    "an empty name": (("--from", "{place}/masks", "--classes", f",{WORD}"), f"--classes ,{WORD}: a name is empty"),
    "a class on 0": (("--from", "{place}/masks", "--classes", f"0={WORD}"), f"0 is {WORD}: in a mask 0 is no class"),
    "a word too many": ((WORD,), f"unrecognized arguments: {WORD}"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_is_one_line(tmp_path, strips, kind):
    coco(tmp_path, strips)
    index_masks(tmp_path, strips)
    words, wanted = REFUSED[kind]
    given = {"--data": "{place}/images", "--from": "{place}/drawn.json", "--to": "{place}/set"}
    given = {key: value for key, value in given.items() if key not in words}
    line = [word.format(place=tmp_path) for pair in given.items() for word in pair]
    done = elsewhere.said("import-masks", *line, *(word.format(place=tmp_path) for word in words))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert wanted.format(place=tmp_path) in done.stderr
    assert not (tmp_path / "set").exists()


def test_masks_that_nothing_names_are_refused_and_odd_values_named(tmp_path, strips):
    source, words = index_masks(tmp_path, strips)
    done, _ = taken(tmp_path, source, check=2)
    assert "masks with the values 1, 2: which classes are they? want --classes 1=NAME,2=NAME" in done.stderr
    odd = indexed(strips["a/strip00.png"])
    odd[0, 0] = NUMBER
    write_mask(source / "a" / "strip00.png", odd)
    write_mask(source / "b" / f"{WORD}.png", odd)
    write_mask(source / "b" / "strip01.png", indexed(strips["b/strip01.png"])[:, :50])
    done, found = taken(tmp_path, source, *words)
    assert f"left out: a/strip00.png: holds the values {NUMBER}; want 0 and 1 pit, 2 scratch" in done.stdout
    assert f"left out: b/{WORD}.png: no such photo" in done.stdout
    assert "left out: b/strip01.png: 50 x 64 pixels; b/strip01.png has 96 x 64" in done.stdout
    assert len(found) == 7
    shutil.rmtree(tmp_path / "set")
    _, found = taken(tmp_path, source, *words, "--background", str(NUMBER))
    assert "strip00.png" in found


@pytest.mark.slow
def test_brush_masks_want_the_tasks_that_they_are_of(tmp_path, strips):
    source, words = brush(tmp_path, strips)
    done, _ = taken(tmp_path, source, check=2)
    assert "want --tasks <export.json>" in done.stderr
    write_mask(source / f"task-{9000 + NUMBER}-annotation-1-by-1-tag-pit-0.png", np.zeros((HEIGHT, WIDTH)))
    done, found = taken(tmp_path, source, *words)
    assert f"has no task {9000 + NUMBER}" in done.stdout
    assert len(found) == 9


def test_nothing_placed_is_an_error_of_1(tmp_path, strips):
    path = write_coco(tmp_path / "drawn.json", strips, name_of=lambda name: f"{WORD}-{name.replace('/', '')}")
    done, _ = taken(tmp_path, path, check=1)
    assert done.stderr == f"error: {path}: nothing in it could be placed ({len(strips)} entries left out)\n"
    assert not (tmp_path / "set").exists()
    (tmp_path / "drawn.json").write_text(json.dumps([{"id": 1, "data": {"image": "a.png"}, "annotations": []}]))
    done, _ = taken(tmp_path, path, check=2)
    assert "Label Studio's own JSON; want its export COCO" in done.stderr


def test_a_size_that_no_resolution_fits_is_refused_with_one_that_does(tmp_path):
    truth = draw_strips(tmp_path / "images", size=(113, 89))
    path = write_coco(tmp_path / "drawn.json", truth)
    done, _ = taken(tmp_path, path, check=2)
    assert "want --size 128x96" in done.stderr
    done, _ = taken(tmp_path, path, "--size", "128x96")
    assert "images of 128 x 96 pixels" in done.stdout


@pytest.mark.parametrize(
    "file", sorted(CASES.glob("*.json")) or ["absent"], ids=lambda path: getattr(path, "stem", path)
)
def test_files_of_other_tools(tmp_path, file):
    if file == "absent":
        pytest.skip("needs ../shared/cases/coco")
    from annotation.coco_masks import CocoMasks
    from annotation.image_files import find_images
    from annotation.log import AnnotationError

    exif = Image.Exif()
    exif[0x112] = 6
    for name, size in (("a/phone.jpg", (360, 480)), ("b/phone.jpg", (360, 480)), ("my phone (1).jpg", (270, 480)), ("turned.jpg", (480, 360))):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", size).save(tmp_path / name, **({"exif": exif} if name == "turned.jpg" else {}))
    files = find_images(tmp_path, [])
    if file.stem == "results":
        with pytest.raises(AnnotationError, match="a list of results"):
            CocoMasks(file, files, Options())
        return
    source = CocoMasks(file, files, Options(fill_boxes=True))
    found = dict(source)
    whole = np.zeros((480, 360), bool)
    whole[(slice(150, 300), slice(100, 220)) if file.stem.startswith("rle") else (slice(144, 288), slice(108, 216))] = (
        True
    )
    wanted = {"seg_nobbox": {}, "seg_two": {}, "exif_right": {"turned.jpg"}, "exif_swapped": {"turned.jpg"},
              "win": {"a/phone.jpg", "my phone (1).jpg"}}  # fmt: skip
    assert set(found) == set(wanted.get(file.stem, {"a/phone.jpg"}))
    assert bool(source.found.left) is (file.stem in ("seg_nobbox", "seg_two", "mixed_first4", "one_degenerate", "orphan"))  # fmt: skip
    if "a/phone.jpg" in found and file.stem not in ("seg_empty", "seg_percent", "mixed_first4"):
        (mask,) = found["a/phone.jpg"].values()
        np.testing.assert_array_equal(mask, whole)


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the steel photos of ../shared/data")
def test_real_masks_come_back_to_the_pixel(tmp_path):
    from annotation.coco_masks import CocoMasks
    from annotation.image_files import find_images
    from annotation.png_masks import PngMasks

    table = read_defects(REAL / "train_rle.csv", 3)
    names = ("inclusions", "patches", "scratches")
    whole = {"images": [], "annotations": [], "categories": [{"id": at, "name": name} for at, name in enumerate(names, 1)]}  # fmt: skip
    with zipfile.ZipFile(REAL / "neu_seg.zip") as archive:
        for number, member in enumerate(sorted(name for name in archive.namelist() if name.endswith(".jpg"))[::40]):
            stem = member.split("/")[1].removesuffix(".jpg")
            for path, inner in ((tmp_path / "images" / f"{stem}.jpg", member), (tmp_path / "masks" / f"{stem}.png", f"masks/{stem}.png")):  # fmt: skip
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(archive.read(inner))
            whole["images"].append({"id": number, "file_name": f"{stem}.jpg", "width": 200, "height": 200})
            for at, mask in enumerate(table.masks(f"{stem}.jpg", 200, 200), 1):
                if mask.any():
                    drawn = (elsewhere.plain_runs, elsewhere.packed_runs, elsewhere.bytes_runs)[at - 1](mask)
                    whole["annotations"].append({"id": len(whole["annotations"]), "image_id": number, "category_id": at, "segmentation": drawn})  # fmt: skip
    (tmp_path / "drawn.json").write_text(json.dumps(whole))
    files = find_images(tmp_path / "images", [])
    sources = [CocoMasks(tmp_path / "drawn.json", files, Options()),
               PngMasks(tmp_path / "masks", tmp_path / "images", files, Options(classes=",".join(names)))]  # fmt: skip
    for source in sources:
        found = dict(source)
        assert len(found) == len(whole["images"]) > 100
        assert source.found.left == []
        for name, masks in found.items():
            given = np.stack([masks.get(kind, np.zeros((200, 200), bool)) for kind in names])
            np.testing.assert_array_equal(given, table.masks(name, 200, 200), err_msg=name)


def test_run_lengths_that_begin_with_a_bracket_are_letters():
    """43 and more pixels of background, 11 modulo 32, begin with `[`."""
    from annotation.coco_file import CocoAnnotation
    from annotation.coco_shapes import drawing_of, mask_of

    mask = np.zeros(HEIGHT * WIDTH, np.uint8)
    mask[43:60] = 1
    mask = mask.reshape(WIDTH, HEIGHT).T
    runs = elsewhere.packed_runs(mask)
    assert runs["counts"].startswith("[")
    one = CocoAnnotation.model_validate({"image_id": 1, "category_id": 1, "segmentation": runs})
    np.testing.assert_array_equal(mask_of(drawing_of(one), (HEIGHT, WIDTH)), mask)
