"""A package of one's own outside the tree: its task, data set, backbone, head and sweep file work as gridlite's own do."""

import json
import random
import string

import pandas as pd
import pytest
import yaml

from choices import ROOT
from sweeps.records.run_record import find_runs, read_record
from tests.labelled import LABELS, draw_labelled
from tests.warm import run_warm
from tests.web.served import served

PARTS = {
    "tasks/multilabel.py": "task.py",
    "tasks/multilabel_files.py": "task_files.py",
    "tasks/multilabel.js": "task.js",
    "tasks/app/multilabel/litert.py.j2": "app/task/litert.py.j2",
    "lightning_modules/multilabel.py": "module.py",
    "metrics/multilabel.py": "figures.py",
    "metrics/multilabel.html.j2": "figures.html.j2",
    "datamodules/image_labels.py": "pictures.py",
}
"""The fifth task's files, and what they are called in the package."""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Name and parent folder of a package that holds a copy of the fifth task, and a backbone, a head and a sweep of its own."""
    name = "lab_" + "".join(random.Random().choices(string.ascii_lowercase, k=8))
    above = tmp_path_factory.mktemp("own")
    folder = above / name
    folder.mkdir()
    (folder / "__init__.py").touch()
    moved = {source.removesuffix(".py").replace("/", "."): target.removesuffix(".py") for source, target in PARTS.items()
             if source.endswith(".py")}  # fmt: skip

    def own(text):
        for module, place in sorted(moved.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(module, f"{name}.{place}")
        return text

    for source, target in PARTS.items():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        (folder / target).write_text(own((ROOT / source).read_text()))
    (folder / "app" / "task" / "labels.h.j2").write_text(
        "// {{ labels|join(', ') }}, above {{ about.thresholds|join(', ') }}\n"
    )
    (folder / "parts.py").write_text(
        "from heads.binary import BinaryCrossEntropy\nfrom lightning_modules.backbones.mobilenet import MobileNet\n\n\n"
        "class Net(MobileNet):\n    pass\n\n\nclass Head(BinaryCrossEntropy):\n    pass\n"
    )
    changed = {
        "task/multilabel": ("task/sets", {}),
        "datamodule/image_labels": ("datamodule/pictures", {}),
        "backbone/mobilenet": ("backbone/net", {"_target_": f"{name}.parts.Net"}),
        "encoding/bce": ("encoding/head", {"_target_": f"{name}.parts.Head"}),
    }
    for source, (target, settings) in changed.items():
        node = yaml.safe_load(own((ROOT / "conf" / f"{source}.yaml").read_text())) | settings
        node.pop("defaults", None)
        (folder / "conf" / target).parent.mkdir(parents=True, exist_ok=True)
        (folder / "conf" / f"{target}.yaml").write_text(yaml.safe_dump(node))
    (folder / "conf" / "sweep").mkdir()
    (folder / "conf" / "sweep" / "two.yaml").write_text(
        "# @package _global_\nsweep_name: own\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n      seed: 0,1\n"
    )
    return name, above


@pytest.fixture(scope="module")
def runs(package, tmp_path_factory):
    """The folder of runs that the package's sweep has left."""
    name, above = package
    place = tmp_path_factory.mktemp("place")
    draw_labelled(place / "pictures")
    done = run_warm(
        "train.py", "-m", "+sweep=two", "task=sets", "datamodule=pictures", f"datamodule.root={place}/pictures", "backbone=net",
        "encoding=head", "width=0.25", "resolution=32", "batch_size=16", "trainer.max_epochs=2", "augmentation=none",
        "backbone.weights=none", "autotune=plain", "export=all", "quantization=[float32,int8]", f"paths.runs={place}/runs",
        f"paths.cache={place}/cache", env=environment(name, above),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "runs"


def environment(name, above):
    return {"GRIDLITE_PACKAGES": name, "PYTHONPATH": str(above)}


@pytest.mark.slow
def test_training_and_export_work(package, runs):
    name, _ = package
    folders = find_runs(runs / "own")
    assert len(folders) == 2
    record = read_record(folders[0])
    assert (record["axes"]["task"], record["axes"]["backbone"]) == ("sets", "net")
    assert record["config"]["task"]["_target_"] == f"{name}.task.Multilabel"
    assert record["main_figure"] == "val/mean_average_precision"
    assert record["baseline"]["answer"] == "every label, always"
    assert {file for file, entry in record["exports"].items() if "path" in entry} == {"float32", "int8"}


@pytest.mark.slow
def test_prediction_works_from_run_and_file(package, runs):
    (folder, _) = find_runs(runs / "own")
    for given in (folder, folder / "export" / "int8.tflite"):
        out = folder / f"{given.stem}.csv"
        done = run_warm(
            "predict.py", f"run={given}", f"input={runs.parent}/pictures", f"output={out}", env=environment(*package)
        )
        assert done.returncode == 0, done.stderr
        assert [f"p_{label}" in pd.read_csv(out) for label in LABELS] == [True] * 3


@pytest.mark.slow
def test_the_apps_folder_has_the_packages_own_code(runs):
    app = find_runs(runs / "own")[0] / "export" / "app"
    assert (app / "labels.h").read_text().startswith(f"// {', '.join(LABELS)}, above 0.")
    vectors = json.loads((app / "vectors" / "vectors.json").read_text())["answers"]
    said = [run_warm(app / "litert.py", app / "vectors" / one["picture"]).stdout for one in vectors[:8]]
    assert any(f"{name}, " in one for one in said for name in LABELS)
    assert "probabilities: [" not in "".join(said)  # as the general code would say


@pytest.mark.slow
def test_without_the_packages_name_nothing_of_its_record_is_run(package, runs):
    (folder, _) = find_runs(runs / "own")
    done = run_warm("predict.py", f"run={folder}", f"input={runs.parent}/pictures", env={"PYTHONPATH": str(package[1])})
    assert done.returncode == 1
    assert "has to be named in GRIDLITE_PACKAGES" in done.stderr


@pytest.mark.slow
def test_the_report_asks_the_packages_metrics(package, runs):
    done = run_warm("-m", "sweeps", "report", runs / "own", env=environment(*package))
    assert done.returncode == 0, done.stderr
    page = (runs / "own" / "report.html").read_text()
    assert "average precision" in page
    assert "labels as torch" in page


@pytest.mark.slow
def test_the_phone_app_takes_the_packages_view(package, runs, monkeypatch):
    import httpx

    (folder, _) = find_runs(runs / "own")
    for key, value in environment(*package).items():
        monkeypatch.setenv(key, value)
    with served(f"run={folder}", f"paths.cache={runs.parent}/cache") as address, httpx.Client() as client:
        client.get(address)
        base = address.partition("/?")[0].partition("?")[0].rstrip("/")
        files = client.get(f"{base}/api/files").json()
        assert files[0]["described"]["thresholds"]
        view = client.get(f"{base}/api/files/0/view.js")
        assert view.headers["content-type"].startswith("text/javascript")
        assert "export async function show" in view.text


@pytest.mark.parametrize(
    ("name", "told"), [("export", "gridlite has a package of that name itself"), ("nowhere_at_all", "no such package")]
)
def test_a_package_that_cannot_be_is_named_in_one_line(name, told, tmp_path):
    (tmp_path / "export").mkdir()
    done = run_warm("train.py", env={"GRIDLITE_PACKAGES": name})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: GRIDLITE_PACKAGES={name}: ")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_package_on_the_path_that_hides_or_is_hidden_is_named(tmp_path):
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "__init__.py").touch()
    done = run_warm("train.py", env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2
    assert f"{tmp_path}/metrics: bears the name of gridlite's own metrics" in done.stderr
