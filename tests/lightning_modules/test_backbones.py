import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models.efficientnet import _gen_mobilenet_v1
from torch import nn

from choices import ROOT
from lightning_modules.backbones.base import timm_padding
from lightning_modules.backbones.efficientnet import EfficientNet
from lightning_modules.backbones.mobilenet import MobileNet
from lightning_modules.backbones.mobilenetv3 import MobileNetV3Small
from lightning_modules.backbones.pretrained import resolve_initial_weights
from lightning_modules.backbones.spec import BackboneSpec, InitialWeights, Pretrained, WeightsError

HALF = (0.5, 0.5, 0.5)
GIVEN = ROOT.parent / "shared" / "data" / "weights"


def start(path=None, padding="same"):
    return InitialWeights("random", padding, HALF, HALF, path)


def spec(**changes):
    pretrained = {0.5: [Pretrained("same", HALF, HALF, file="half.safetensors")]}
    return BackboneSpec("net", (0.25, 0.5), 0.5, 96, 32, pretrained=pretrained, **changes)


@pytest.fixture
def half(tmp_path):
    torch.manual_seed(1)
    path = tmp_path / "half.safetensors"
    save_file(_gen_mobilenet_v1("mobilenetv1_100", 0.25, pad_type="same").state_dict(), path)
    return path


def test_features_are_those_of_the_whole_timm_model(half):
    torch.manual_seed(1)
    whole = _gen_mobilenet_v1("mobilenetv1_100", 0.25, pad_type="same").eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(MobileNet(0.25, start(half)).eval()(images)[-1], whole.forward_features(images))


@pytest.mark.parametrize("activation", ["silu", "hard_swish", "relu6", "relu"])
def test_efficientnet_takes_another_activation_and_none_of_the_old_is_left(activation):
    kinds = {"silu": nn.SiLU, "hard_swish": nn.Hardswish, "relu6": nn.ReLU6, "relu": nn.ReLU}
    network = EfficientNet("efficientnet_b0", 1.0, start(), activation=activation, squeeze_excite=False)
    used = {type(module) for module in network.modules() if isinstance(module, tuple(kinds.values()))}
    assert used == {kinds[activation]}
    names = [name for name, _ in network.named_parameters()]
    assert not any(".se." in name for name in names)
    assert any(".se." in name for name, _ in EfficientNet("efficientnet_b0", 1.0, start()).named_parameters())


def test_b0_without_its_specials_is_built_like_lite():
    plain = EfficientNet("efficientnet_b0", 1.0, start(), activation="relu6", squeeze_excite=False)
    lite = EfficientNet("tf_efficientnet_lite0", 1.0, start())
    count = [sum(parameter.numel() for parameter in one.parameters()) for one in (plain, lite)]
    assert count[0] == count[1]


def test_an_unknown_activation_is_answered_with_the_known():
    with pytest.raises(ValueError, match=r"backbone\.activation=swish: want one of silu, hard_swish, relu6, relu"):
        EfficientNet("efficientnet_b0", 1.0, start(), activation="swish")


def test_parts_after_the_last_map_are_left_out(tmp_path):
    path = tmp_path / "v3.safetensors"
    save_file(timm.create_model("mobilenetv3_small_100").state_dict(), path)
    backbone = MobileNetV3Small(1.0, start(path, "symmetric"))
    assert not any("conv_head" in name for name, _ in backbone.named_parameters())


def test_a_wrong_width_is_named_with_both_shapes(half):
    with pytest.raises(WeightsError, match=r"half.safetensors: \S+ has shape .* want"):
        MobileNet(0.5, start(half))


def test_a_foreign_file_is_named(half):
    with pytest.raises(WeightsError, match="not the weights of this network"):
        MobileNetV3Small(1.0, start(half))


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"no tensors")
    with pytest.raises(WeightsError, match=r"broken\.safetensors: not a readable safetensors file"):
        MobileNet(0.25, start(path))


def test_padding_is_named_in_full():
    assert (timm_padding("same"), timm_padding("symmetric")) == ("same", "")
    with pytest.raises(ValueError, match="want same or symmetric"):
        timm_padding("valid")


def test_auto_takes_the_named_file_and_notes_its_content(tmp_path):
    (tmp_path / "half.safetensors").write_bytes(b"x")
    found = resolve_initial_weights(spec(), 0.5, "auto", tmp_path)
    assert (found.origin, found.identity["file"]) == ("imagenet", "half.safetensors")
    assert len(found.digest) == 16
    assert resolve_initial_weights(spec(), 0.25, "auto", tmp_path).origin == "random"


def test_none_never_looks(tmp_path):
    (tmp_path / "half.safetensors").write_bytes(b"x")
    assert resolve_initial_weights(spec(), 0.5, "none", tmp_path).origin == "random"


@pytest.mark.parametrize(
    ("weights", "width", "message"),
    [
        ("imagenet", 0.25, r"no ImageNet weights are known for net at width 0.25 \(widths with weights: 0.5\)"),
        ("imagenet", 0.5, "not to be had for net: tried .*half.safetensors"),
        ("/no/such.safetensors", 0.5, "/no/such.safetensors: no such file"),
    ],
)
def test_weights_that_cannot_be_had(tmp_path, weights, width, message):
    with pytest.raises(WeightsError, match=message):
        resolve_initial_weights(spec(), width, weights, tmp_path)


def test_a_misspelled_key_in_a_spec_is_named():
    with pytest.raises(TypeError, match="defualt_width"):
        BackboneSpec.from_config({"name": "x", "widths": [1.0], "defualt_width": 1.0})


@pytest.mark.skipif(not GIVEN.is_dir(), reason="needs ../shared/data/weights")
@pytest.mark.parametrize("width", [0.25, 0.5])
def test_given_weights_tell_images_apart(width):
    """Trained filters differ among themselves far more than a random start's."""
    name = {0.25: "mobilenetv1_025_tf_128", 0.5: "mobilenetv1_050_tf_160"}[width]
    images = torch.rand(8, 3, 96, 96) * 2 - 1
    with torch.no_grad():
        trained = MobileNet(width, start(GIVEN / f"{name}.safetensors")).eval()(images)[-1].mean((2, 3))
        random = MobileNet(width, start()).eval()(images)[-1].mean((2, 3))
    assert trained.std() > 3 * random.std()
