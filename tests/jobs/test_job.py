import pytest
from omegaconf import OmegaConf

from jobs.config_hash import config_hash
from jobs.job import _folder
from lightning_modules.backbones.spec import Start

HALF = (0.5, 0.5, 0.5)
CONFIG = {
    "seed": 0,
    "resolution": 96,
    "paths": {"runs": "a"},
    "sweep_name": "a",
    "trainer": {"max_epochs": 3, "accelerator": "cpu"},
    "datamodule": {"root": "a", "fold": 0},
    "backbone": {"weights": "auto", "_target_": "x"},
}
START = Start("random", "same", HALF, HALF)


def changed(path, value):
    *parents, last = path.split(".")
    config = {key: dict(node) if isinstance(node, dict) else node for key, node in CONFIG.items()}
    node = config
    for parent in parents:
        node = node[parent]
    node[last] = value
    return config


@pytest.mark.parametrize(
    "path",
    ["paths.runs", "sweep_name", "trainer.accelerator", "trainer.devices", "datamodule.root", "backbone.weights"],
)
def test_where_and_how_it_runs_leaves_the_hash(path):
    assert config_hash(changed(path, "other"), START) == config_hash(CONFIG, START)


def test_hashes_of_before_patience_stay():
    before = CONFIG | {"callbacks": {"monitor": "val/accuracy"}}
    hashes = {
        patience: config_hash(before | {"callbacks": before["callbacks"] | {"patience": patience}}, START)
        for patience in (None, 5, 6)
    }
    assert hashes[None] == config_hash(before, START)
    assert len(set(hashes.values())) == 3


@pytest.mark.parametrize("path", ["seed", "resolution", "trainer.max_epochs", "datamodule.fold", "backbone._target_"])
def test_what_changes_the_result_changes_the_hash(path):
    assert config_hash(changed(path, 7), START) != config_hash(CONFIG, START)


def test_the_content_of_the_starting_weights_counts_and_their_place_does_not(tmp_path):
    def start(folder, digest):
        return Start("imagenet", "same", HALF, HALF, tmp_path / folder / "x.safetensors", digest)

    assert config_hash(CONFIG, start("a", "1")) == config_hash(CONFIG, start("b", "1"))
    assert config_hash(CONFIG, start("a", "1")) != config_hash(CONFIG, start("a", "2"))
    assert config_hash(CONFIG, start("a", "1")) != config_hash(CONFIG, START)


def test_a_folders_name_begins_with_the_network_whatever_is_typed_first(monkeypatch):
    words = [
        ("datamodule.root", "/a/very/" + "long" * 30),
        ("trainer.max_epochs", "3"),
        ("fold", "2"),
        ("width", "0.5"),
    ]
    monkeypatch.setattr("jobs.job._overrides", lambda: words)
    cfg = OmegaConf.create({"paths": {"runs": "runs"}, "sweep_name": "s"})
    name = _folder(cfg, "0123456789").name
    assert name.startswith("width-0.5+fold-2+root-longlong")
    assert name.endswith("-01234567")
    assert len(name) <= 130
