"""What makes two configurations the same run."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import choices
from jobs.config_hash import config_hash
from lightning_modules.backbones.spec import InitialWeights

HALF = (0.5, 0.5, 0.5)
CONFIG = {
    "seed": 0,
    "resolution": 96,
    "paths": {"runs": "a"},
    "sweep_name": "a",
    "trainer": {"max_epochs": 3, "accelerator": "cpu"},
    "datamodule": {"_target_": "datamodules.image_folder.ImageFolder", "root": "a", "fold": 0},
    "backbone": {"weights": "auto", "_target_": "lightning_modules.backbones.mobilenet.MobileNet"},
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.001},
    "callbacks": {"monitor": "val/accuracy"},
}
CHOICES = {"datamodule": "image_folder", "backbone": "mobilenet", "trainer": "default", "optimizer": "adam"}
START = InitialWeights("random", "same", HALF, HALF)


def changed(path, value):
    *parents, last = path.split(".")
    config = {key: dict(node) if isinstance(node, dict) else node for key, node in CONFIG.items()}
    node = config
    for parent in parents:
        node = node[parent]
    node[last] = value
    return config


def of(config=CONFIG, start=START, **settings):
    return config_hash(config, CHOICES, start, **settings)


@pytest.mark.parametrize(
    "path",
    ["paths.runs", "sweep_name", "trainer.accelerator", "trainer.devices", "datamodule.root", "datamodule.cache",
     "backbone.weights"],
)  # fmt: skip
def test_where_and_how_it_runs_leaves_the_hash(path):
    assert of(changed(path, "other")) == of()


@pytest.mark.parametrize(
    "path", ["seed", "resolution", "trainer.max_epochs", "datamodule.fold", "optimizer.lr", "callbacks.monitor"]
)
def test_what_changes_the_result_changes_the_hash(path):
    assert of(changed(path, 7)) != of()


def test_a_whole_number_is_the_same_with_a_point():
    assert of(changed("seed", 0.0)) == of()


def test_code_of_ours_may_move(monkeypatch):
    """The yaml names the class's new place, and so does the configuration: the run is the same."""
    moved = "lightning_modules.backbones.elsewhere.Renamed"
    read = choices.read_choice
    monkeypatch.setattr(
        "jobs.config_hash.read_choice",
        lambda group, name: read(group, name) | ({"_target_": moved} if group == "backbone" else {}),
    )
    after = of(changed("backbone._target_", moved))
    monkeypatch.undo()
    assert after == of()


def test_another_choice_is_another_run():
    assert config_hash(CONFIG, CHOICES | {"backbone": "mobilenetv2"}, START) != of()


def test_a_class_from_elsewhere_counts_by_its_name_and_its_packages_version(monkeypatch):
    one = of(changed("backbone._target_", "mylab.nets.Net"))
    other = of(changed("backbone._target_", "otherlab.nets.Net"))
    assert len({one, other, of()}) == 3
    monkeypatch.setattr("jobs.config_hash._version_of", lambda target: "2.0")
    assert of(changed("backbone._target_", "mylab.nets.Net")) != one


@settings(deadline=None, max_examples=25)  # the first one looks at what is installed
@given(
    value=st.one_of(st.integers(), st.booleans(), st.text(max_size=5), st.none()),
    group=st.sampled_from(["optimizer", "trainer"]),
)
def test_a_new_key_at_its_neutral_value_is_part_of_no_hash(value, group):
    """One rule for every key that comes later; at another value, which may be the new default, the run is another."""
    key = f"{group}.new"
    added = {key: value}
    assert of(changed(key, value), added=added) == of(added=added) == of()
    assert of(changed(key, [value]), added=added) != of()


def test_several_processes_train_the_same_run():
    config = changed("trainer.strategy", "ddp")
    assert config_hash(config, CHOICES | {"trainer": "ddp"}, START) == of()


def test_the_content_of_the_starting_weights_counts_and_their_place_does_not(tmp_path):
    def start(folder, digest):
        return InitialWeights("imagenet", "same", HALF, HALF, tmp_path / folder / "x.safetensors", digest)

    assert of(start=start("a", "1")) == of(start=start("b", "1"))
    assert of(start=start("a", "1")) != of(start=start("a", "2"))
    assert of(start=start("a", "1")) != of()
