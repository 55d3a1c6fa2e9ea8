"""Which run a training starts from, and what it takes over from it."""

import pytest
import torch
from omegaconf import OmegaConf

from choices import names_of, read_choice
from jobs.initial_weights import initial_weights_of
from lightning_modules.backbones.spec import BackboneSpec, WeightsError
from lightning_modules.checkpoints import CheckpointError, take_over_above, take_over_backbone
from sweeps.records.run_record import RecordError, update_record

SPEC = BackboneSpec("small", (0.5, 1.0), 1.0, 32, 8)


def target(group, choice):
    return read_choice(group, choice)["_target_"]


TARGETS = {choice: target("datamodule", choice) for choice in names_of("datamodule")}


def made(folder, *, width=0.5, status="done", kept=("best", "last"), data=None):
    """A run's folder, as training leaves it."""
    choice, settings = data or ("image_folder", {"root": "elsewhere"})
    settings = {"_target_": TARGETS[choice]} | settings
    config = {"backbone": {"spec": {"name": "small"}, "_target_": target("backbone", "mobilenet")}, "width": width}
    config |= {"datamodule": settings, "encoding": {"_target_": target("encoding", "one_hot")}}
    config |= {name: {} for name in ("task", "augmentation", "imbalance")}
    axes = {"backbone": "mobilenet", "encoding": "one_hot", "datamodule": choice}
    begun = {"origin": "imagenet", "padding": "symmetric", "mean": [0.1, 0.2, 0.3], "std": [1, 2, 3], "eps": 0.001}
    update_record(
        folder,
        lambda _: {
            "status": status,
            "config": config,
            "axes": axes,
            "initial_weights": begun,
            "shipped": {"checkpoint": kept[0] if kept else "last"},
        },
    )
    (folder / "checkpoints").mkdir()
    for name in kept:
        (folder / "checkpoints" / f"{name}.ckpt").write_bytes(name.encode())
    return folder


def asking(weights, choice="neu_seg", **datamodule):
    data = {"_target_": TARGETS[choice], "root": "here", "fold": 0} | datamodule
    return OmegaConf.create({"backbone": {"weights": str(weights)}, "width": 0.5, "resolution": 32, "datamodule": data,
                             "fold": 0, "paths": {"weights": "none", "runs": "runs"}, "sweep_name": "mine",
                             "encoding": {"_target_": target("encoding", "one_hot")}})  # fmt: skip


def test_a_run_is_taken_with_its_input_scaling(tmp_path):
    start = initial_weights_of(asking(made(tmp_path / "run")), SPEC)
    assert (start.origin, start.padding, start.mean, start.std, start.eps) == (
        "run", "symmetric", (0.1, 0.2, 0.3), (1, 2, 3), 0.001,
    )  # fmt: skip
    assert start.path == tmp_path / "run" / "checkpoints" / "best.ckpt"
    assert len(start.digest) == 16
    assert initial_weights_of(asking(made(tmp_path / "other", kept=("last",))), SPEC).digest != start.digest


def test_a_pattern_names_the_run_of_this_seed(tmp_path):
    runs = [made(tmp_path / f"seed-{seed}-abcd") for seed in range(3)]
    cfg = asking(f"{tmp_path}/seed-${{fold}}-*")
    cfg.fold = 2
    assert initial_weights_of(cfg, SPEC).path.parents[1] == runs[2]


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ({"width": 1.0}, r"run: a run of small 1; want one of small 0.5"),
        ({"status": "failed"}, r"backbone.weights=.*run: the run is failed; want a done one"),
        ({"kept": ()}, r"backbone.weights=.*run: its last.ckpt is not there any more"),
        (
            {"data": ("neu_seg", {"root": "elsewhere", "fold": 1})},
            r"run: was trained with datamodule.fold=1, here it is 0",
        ),
        (
            {"data": ("severstal", {"root": "here", "fold": 1})},
            r"run: was trained with datamodule.fold=1, here it is 0",
        ),
    ],
)
def test_a_run_that_will_not_do_is_one_line(tmp_path, run, told):
    with pytest.raises(RecordError, match=told):
        initial_weights_of(asking(made(tmp_path / "run", **run)), SPEC)


BESIDE = {"real": 1.0, "rendered": {"photos": 0}}


@pytest.mark.parametrize("own", ["phone_photos", "painted_screens"])
@pytest.mark.parametrize("other", ["phone_photos", "mixed_screens", "painted_screens"])
def test_the_same_photos_at_another_place_and_of_another_kind_are_the_same_photos(tmp_path, own, other):
    data = other, BESIDE | {"root": str(tmp_path / "there"), "fold": 1}
    cfg = asking(made(tmp_path / "run", data=data), own, root=str(tmp_path / "here"))
    with pytest.raises(RecordError, match=r"run: was trained with datamodule.fold=1, here it is 0"):
        initial_weights_of(cfg, SPEC)
    cfg.datamodule.fold = 1
    assert initial_weights_of(cfg, SPEC).origin == "run"


def test_a_pattern_must_fit_one_run(tmp_path):
    for name in "ab":
        made(tmp_path / f"run-{name}")
    with pytest.raises(RecordError, match=r"run-\*: 2 runs are called so, run-a and run-b among them; want one"):
        initial_weights_of(asking(tmp_path / "run-*"), SPEC)
    with pytest.raises(RecordError, match=r"none-\*: no run's folder is called so"):
        initial_weights_of(asking(tmp_path / "none-*"), SPEC)


def test_what_is_neither_file_nor_run(tmp_path):
    with pytest.raises(WeightsError, match=r"nowhere: no such file; want a .safetensors file, a run's folder, auto"):
        initial_weights_of(asking(tmp_path / "nowhere"), SPEC)


class Net(torch.nn.Module):
    def __init__(self, inner=4, classes=5):
        super().__init__()
        self.network = torch.nn.ModuleDict(
            {"backbone": torch.nn.Conv2d(3, inner, 1), "head": torch.nn.Linear(inner, classes)}
        )


def saved(net, path):
    torch.save({"state_dict": net.state_dict()}, path)
    return path


def test_a_backbone_is_taken_over_and_what_stands_above_it_where_it_fits(tmp_path):
    given, same, fewer = Net(), Net(), Net(classes=2)
    path = saved(given, tmp_path / "a.ckpt")
    before = fewer.network["head"].weight.clone()
    for net in (same, fewer):
        take_over_backbone(net.network["backbone"], path)
        torch.testing.assert_close(net.network["backbone"].weight, given.network["backbone"].weight)
        take_over_above(net, path)
    torch.testing.assert_close(same.network["head"].weight, given.network["head"].weight)
    torch.testing.assert_close(fewer.network["head"].weight, before)
    with pytest.raises(CheckpointError, match=r"not of this backbone: bias is missing or has another"):
        take_over_backbone(Net(inner=6).network["backbone"], path)


@pytest.mark.parametrize(
    ("own", "other", "above"),
    [
        ({}, {}, True),
        ({"encoding": "ordinal"}, {}, False),
        ({"names": ["a", "b", "d"]}, {}, False),
        ({"encoding": "l1", "names": None}, {"encoding": "l1", "names": None}, True),
        ({"names": None, "root": "here"}, {"names": None, "root": "there"}, False),
        ({"names": None}, {"names": None}, True),
    ],
)
def test_an_answer_is_taken_over_where_it_means_the_same(tmp_path, own, other, above):
    def told(encoding="one_hot", names=("a", "b", "c"), root="same"):
        node = read_choice("encoding", encoding)
        written = {key: value for key, value in node.items() if "$" not in str(value)}
        return written, {"root": root} | ({"class_names": list(names)} if names else {})

    (encoding, data), (other_encoding, other_data) = told(**own), told(**other)
    folder = made(tmp_path / "run", data=("image_folder", other_data))

    def answering(record):
        axes = record["axes"] | {"encoding": other.get("encoding", "one_hot")}
        return record | {"config": record["config"] | {"encoding": other_encoding}, "axes": axes}

    update_record(folder, answering)
    cfg = asking(folder, "image_folder", **data)
    cfg.encoding = encoding
    cfg.datamodule.pop("fold")
    assert initial_weights_of(cfg, SPEC).load_head == above


REAL = {"devices": 61, "photos": 61, "render_seed": 0}


def mix(real, fold=0, root="here", **rendered):
    return "mixed_screens", {"root": root, "real": real, "fold": fold, "val_folds": 0, "rendered": REAL | rendered}


PHOTOS = "phone_photos", {"root": "here", "fold": 0, "val_folds": 0}
DRAWN = "synthetic_screens", {"root": None, **REAL, "fold": 0, "val_folds": 4}


@pytest.mark.parametrize(
    ("own", "other", "good"),
    [
        (PHOTOS, mix(0, fold=1), True),
        (PHOTOS, mix(1), True),
        (PHOTOS, mix(1, fold=1), False),
        ((PHOTOS[0], PHOTOS[1] | {"root": "./here/"}), mix(1, fold=1), False),
        (mix(0), PHOTOS, False),  # all real phones are its test set
        (mix(0), mix(1), False),
        (mix(0), mix(0), True),
        (mix(0, fold=1), mix(0), False),  # its validation set is rendered
        (mix(0, fold=1), mix(0, photos=122), True),
        (mix(1, fold=1), mix(0), True),
        (mix(0), DRAWN, False),
        (DRAWN, mix(1), False),  # which is trained on every rendered phone
        (DRAWN, PHOTOS, True),
        (DRAWN, mix(1, photos=0), True),
    ],
)
def test_nothing_that_was_trained_on_is_measured(tmp_path, own, other, good):
    folder = made(tmp_path / "run", data=other)
    cfg = asking(folder)
    cfg.datamodule = {"_target_": TARGETS[own[0]]} | own[1]
    if good:
        assert initial_weights_of(cfg, SPEC).origin == "run"
    else:
        with pytest.raises(RecordError, match=r"^backbone.weights=.*run: was trained (on|with)"):
            initial_weights_of(cfg, SPEC)


def test_a_word_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made(tmp_path / "none")
    assert initial_weights_of(asking("none"), SPEC).origin == "random"


def test_the_runs_of_its_own_sweep_are_passed_over(tmp_path):
    made(tmp_path / "runs" / "own" / "run-a")
    cfg = asking(f"{tmp_path}/runs/own/run-*")
    cfg.paths.runs, cfg.sweep_name = f"{tmp_path}/runs", "own"
    with pytest.raises(RecordError, match="no run's folder is called so"):
        initial_weights_of(cfg, SPEC)
