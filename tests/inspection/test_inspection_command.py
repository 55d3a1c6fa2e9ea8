"""`python -m inspection`, as it is typed: on a run that grades and on one that marks pixels."""

import json

import numpy as np
import pytest
from PIL import Image

from sweeps.records.run_record import find_runs
from tests.cases import first
from tests.commands.test_distillation_path import SMALL, draw_digits
from tests.commands.test_train import record_of, run
from tests.warm import run_warm


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    place = tmp_path_factory.mktemp("inside")
    draw_digits(place / "screens")
    run(place, "-m", *SMALL, "backbone=simplenet_v1", "trainer.max_epochs=8", "sweep_name=seen", check=0)
    rng = np.random.default_rng(0)
    for kind, least in (("dark", 0), ("bright", 120)):
        (place / kind).mkdir()
        for number in range(12):
            image = rng.integers(least, least + 80, (28, 28, 3), dtype=np.uint8)
            digit = number % 10
            image[2 * digit + 3 : 2 * digit + 6, 4:24] = 230
            Image.fromarray(image).save(place / kind / f"digit{number}.png")
    (folder,) = find_runs(place / "runs" / "seen")
    return place, folder


def inspect(*words):
    return run_warm("-m", "inspection", *words, env={"OMP_NUM_THREADS": "1"})


def test_a_pair_stands_side_by_side_and_the_report_shows_it(digits):
    place, folder = digits
    done = inspect(f"run={folder}", f"image={place}/dark/digit3.png", f"pair={place}/bright/digit3.png")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    (path,) = (folder / "inspection").glob("page-digit3-*.jpg")
    assert done.stdout == f"inspection: {path}\n"
    told = json.loads(path.with_suffix(".json").read_text())
    assert told["images"][0]["answer"].startswith(f"{record_of(folder)['data']['class_names'][3]}, ")
    assert [entry["shape"] for entry in told["layers"].values()] == [[3, 28, 28], [6, 14, 14], [6, 7, 7]]
    with Image.open(path) as page:
        assert page.width > 800
    made = run_warm("-m", "sweeps", "report", str(folder.parent))
    assert made.returncode == 0, made.stderr
    page = (folder.parent / "report.html").read_text()
    assert "Looking inside" in page
    assert "digit3" in page


@pytest.mark.slow
def test_the_distance_of_two_folders_is_a_number_per_layer(digits):
    place, folder = digits
    done = inspect(f"run={folder}", f"set={place}/dark", f"against={place}/bright")
    assert done.returncode == 0, done.stderr
    (path,) = (folder / "inspection").glob("gap-dark--bright-*.json")
    told = json.loads(path.read_text())
    assert told["images"] == [12, 12]
    assert all(one["told_apart"] > 0.9 and one["p_value"] < 0.05 for one in told["layers"])
    same = inspect(f"run={folder}", f"set={place}/dark", f"against={place}/dark")
    assert same.returncode == 0
    path = next(one for one in (folder / "inspection").glob("gap-dark-*.json") if "bright" not in one.name)
    told = json.loads(path.read_text())
    assert all(one["p_value"] > 0.05 for one in told["layers"])


@pytest.mark.parametrize(
    ("words", "said"),
    first(
        3,
        [
            ([], "want image=<file>"),
            (["image=nowhere.png"], "nowhere.png"),
            (["image={place}/dark/digit1.png", "target=eleven"], "target=eleven: no such class; want one of 0, 1"),
            (["image={place}/dark/digit1.png", "layers=[backbone.nothing]"], "layers=backbone.nothing: no layer"),
            (["image={place}/dark/digit1.png", "cam_method=CAM"], "cam_method=CAM: want one of"),
            (["image={place}/dark/digit1.png", "checkpoint=first"], "checkpoint=first: want shipped, best or last"),
            (["set={place}/dark"], "against= and set= go together"),
            (["set={place}/dark", "against={place}/nowhere"], "against={place}/nowhere: no such folder"),
            (["set={place}/dark", "against={place}/bright", "max_count=3"], "max_count=3: want a whole number, 4"),
            (["image={place}/dark/digit1.png", "set={place}/dark"], "want image=<file>"),
        ],
    ),
)
def test_mistakes_are_one_line(digits, words, said):
    place, folder = digits
    done = inspect(f"run={folder}", *(word.format(place=place) for word in words))
    assert done.returncode == (2 if said.startswith(("checkpoint=", "max_count=")) else 1)
    assert done.stderr.count("\n") == 1
    assert said.format(place=place) in done.stderr
