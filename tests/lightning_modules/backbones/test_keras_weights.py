"""Keras's networks and ours give equal features from equal weights, every width and resolution."""

import json
import sys

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

from choices import ROOT
from lightning_modules.backbones.keras_weights import WIDTHS, address, build, main, port, ported, read_keras
from lightning_modules.backbones.pretrained import resolve_initial_weights
from lightning_modules.backbones.spec import BackboneSpec, Pretrained, WeightsError

HERE = ROOT
POINTS = [
    (family, width, size) for family, widths in WIDTHS.items() for width, sizes in widths.items() for size in sizes
]


def keras_network(family, width, resolution, path):
    """A Keras network whose every weight, statistics included, is drawn; saved as Keras's own files are."""
    keras = pytest.importorskip("tf_keras", reason="needs the benchmarks extra (TensorFlow)")
    keras.backend.clear_session()
    keras.utils.set_random_seed(round(100 * width) + resolution)
    kind = {"mobilenet": keras.applications.MobileNet, "mobilenetv2": keras.applications.MobileNetV2}[family]
    network = kind((resolution, resolution, 3), alpha=width, include_top=False, weights=None)
    rng = np.random.default_rng(resolution)
    for layer in network.layers:
        if "batch" in type(layer).__name__.lower():
            gamma, beta, mean, variance = layer.get_weights()
            drawn = [rng.uniform(0.5, 1.5, gamma.shape), rng.normal(0, 0.2, beta.shape),
                     rng.normal(0, 0.2, mean.shape), rng.uniform(1e-4, 1.5, variance.shape)]  # fmt: skip
            layer.set_weights(drawn)
    network.save_weights(path, save_format="h5")
    return network


def check(family, width, resolution, tmp_path):
    network = keras_network(family, width, resolution, tmp_path / "weights.h5")
    images = np.random.default_rng(0).uniform(-1, 1, (1, resolution, resolution, 3)).astype(np.float32)
    wanted = network(images, training=False).numpy().transpose(0, 3, 1, 2)
    backbone = build(family, width)
    backbone.network.load_state_dict(ported(family, width, read_keras(tmp_path / "weights.h5")), strict=False)
    with torch.no_grad():
        given = backbone.eval()(torch.from_numpy(images).permute(0, 3, 1, 2))[-1].numpy()
    assert given.shape == wanted.shape
    np.testing.assert_allclose(given, wanted, atol=1e-4 * max(1.0, float(np.abs(wanted).max())))
    assert np.abs(wanted).max() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("family", "width", "resolution"), POINTS)
def test_equal_weights_give_equal_features_at_every_width_and_resolution(family, width, resolution, tmp_path):
    check(family, width, resolution, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "name", "width", "resolution"),
    [
        ("mobilenet", "MobileNet", 0.25, 128),
        ("mobilenetv2", "MobileNetV2", 1.4, 224),
        ("mobilenetv2", "MobileNetV2", 1.0, 96),
    ],
)
def test_addresses_are_those_of_keras(family, name, width, resolution, monkeypatch):
    keras = pytest.importorskip("tf_keras", reason="needs the benchmarks extra (TensorFlow)")
    make = getattr(keras.applications, name)

    def fetch(_, url, **__):
        raise LookupError(url)

    monkeypatch.setattr(sys.modules[make.__module__].data_utils, "get_file", fetch)
    with pytest.raises(LookupError) as asked:
        make((resolution, resolution, 3), alpha=width, include_top=False, weights="imagenet")
    assert asked.value.args == (address(family, width, resolution),)


@pytest.mark.slow
def test_a_file_is_ported_once_and_found_by_its_name(tmp_path):
    keras_network("mobilenet", 0.25, 128, tmp_path / "weights.h5")
    (tmp_path / "keras").mkdir()
    fetched = tmp_path / "keras" / "mobilenet_2_5_128_tf_no_top.h5"
    (tmp_path / "weights.h5").rename(fetched)
    path = port("mobilenet", 0.25, 128, tmp_path)
    assert path.name == "mobilenetv1_025_keras_128.safetensors"
    assert list(json.loads((tmp_path / "keras" / "checksums.json").read_text())) == [fetched.name]
    spec = BackboneSpec.from_config(
        OmegaConf.to_container(OmegaConf.load(HERE / "conf" / "backbone" / "mobilenet.yaml").spec)
    )
    found = resolve_initial_weights(spec, 0.25, "imagenet", tmp_path, 160)
    assert (found.path, found.eps, found.padding) == (path, 1e-3, "same")
    path.unlink()
    fetched.write_bytes(fetched.read_bytes() + b"x")
    with pytest.raises(WeightsError, match="is not the file that was fetched first"):
        port("mobilenet", 0.25, 128, tmp_path)


def test_the_nearest_resolution_is_taken(tmp_path):
    half = (0.5, 0.5, 0.5)
    one = Pretrained("same", half, half, file="w_{resolution}.safetensors", resolutions=(128, 192, 224), eps=1e-3)
    spec = BackboneSpec("net", (0.5,), 0.5, 160, 32, pretrained={0.5: [one]})
    for have in (128, 224):
        save_file({"x": torch.zeros(1)}, tmp_path / f"w_{have}.safetensors")
    for wanted, name in ((96, "w_128"), (160, "w_128"), (192, "w_224"), (None, "w_128")):
        found = resolve_initial_weights(spec, 0.5, "auto", tmp_path, wanted)
        assert found.path.stem == name
        assert (found.origin, found.eps) == ("imagenet", 1e-3)
    given = resolve_initial_weights(spec, 0.5, str(tmp_path / "w_224.safetensors"), tmp_path)
    assert (given.origin, given.eps) == ("imagenet", 1e-3)


def test_foreign_weights_are_named(tmp_path):
    (tmp_path / "no.h5").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"no.h5: not a readable HDF5 file"):
        read_keras(tmp_path / "no.h5")
    with pytest.raises(WeightsError, match="no layer conv1: these are not the weights of Keras's mobilenet"):
        ported("mobilenet", 0.25, {})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mobilenet", "--width", "0.3"], "--width 0.3: Keras has 0.25, 0.5, 0.75, 1"),
        (["mobilenetv2", "--width", "1.4", "--resolution", "96"], "--resolution 96: at width 1.4 Keras has 224"),
    ],
)
def test_what_keras_does_not_have_is_named(words, message, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["port", *words])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_start_without_a_file_fetches_keras_once_and_goes_on_without_a_network(tmp_path, monkeypatch):
    half, asked = (0.5, 0.5, 0.5), []
    one = Pretrained("same", half, half, file="w_{resolution}.safetensors", resolutions=(128, 224), keras="mobilenet")
    spec = BackboneSpec("net", (0.5,), 0.5, 160, 32, pretrained={0.5: [one]})

    def fake(family, width, resolution, folder):
        asked.append((family, width, resolution))
        path = folder / f"w_{resolution}.safetensors"
        save_file({"x": torch.zeros(1)}, path)
        return path

    monkeypatch.setattr("lightning_modules.backbones.keras_weights.port", fake)
    monkeypatch.setattr("lightning_modules.backbones.pretrained._reachable", lambda url: False)
    assert resolve_initial_weights(spec, 0.5, "auto", tmp_path, 96).origin == "random"
    monkeypatch.setattr("lightning_modules.backbones.pretrained._reachable", lambda url: True)
    for _ in range(2):
        assert resolve_initial_weights(spec, 0.5, "auto", tmp_path, 96).origin == "imagenet"
    assert asked == [("mobilenet", 0.5, 128)]
    assert resolve_initial_weights(spec, 0.5, "none", tmp_path, 96).origin == "random"
