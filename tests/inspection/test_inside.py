"""What is drawn and measured of networks, on networks whose insides are known."""

import numpy as np
import pytest
import torch
from torch import nn

from heads.binary import BinaryCrossEntropy
from heads.one_hot import OneHot
from heads.ordinal import Ordinal
from inspection.activation import METHODS, activation_map
from inspection.drawing import edges, mosaic
from inspection.gap import gap_of, mmd_squared
from inspection.layers import LayerError, chosen, feature_maps, first_filters, map_layers
from inspection.page import draw, pooled, seen
from lightning_modules.backbones.spec import InitialWeights
from lightning_modules.networks.classifier import GradeNetwork
from tests.backbones import few_of


class Bright(nn.Module):
    """Says class 1 where something is brighter than grey; its second layer halves the map."""

    def __init__(self):
        super().__init__()
        self.see = nn.Conv2d(3, 2, 3, padding=1, bias=False)
        self.halve = nn.MaxPool2d(2)
        with torch.no_grad():
            self.see.weight.zero_()
            self.see.weight[0, :, 1, 1] = 1 / 3
            self.see.weight[1, :, 1, 1] = -1 / 3

    def forward(self, pixels):
        means = self.halve(torch.relu(self.see(pixels.float() / 255 - 0.5))).mean(dim=(2, 3))
        return torch.stack([means[:, 1], 30 * means[:, 0]], dim=1)


def spot(place=(4, 12)):
    image = np.full((16, 16, 3), 90, np.uint8)
    image[place[0] : place[0] + 3, place[1] : place[1] + 3] = 250
    return image


def batch(image):
    return torch.from_numpy(image).permute(2, 0, 1)[None]


def test_layers_are_named_by_their_paths_with_what_they_put_out():
    network = Bright()
    assert map_layers(network, batch(spot())) == {"see": (2, 16, 16), "halve": (2, 8, 8)}
    assert chosen(network, batch(spot()), None) == ["see", "halve"]
    assert chosen(network, batch(spot()), ["see"]) == ["see"]
    with pytest.raises(LayerError, match=r"layers=sea: no layer .* near: see"):
        chosen(network, batch(spot()), ["sea"])


def test_feature_maps_are_what_the_layers_compute():
    network, images = Bright(), batch(spot()).repeat(2, 1, 1, 1)
    maps = feature_maps(network, images, ["halve", "see"])
    assert list(maps) == ["halve", "see"]
    wanted = network.see(images.float() / 255 - 0.5).detach().numpy()
    assert np.array_equal(maps["see"], wanted)
    assert pooled(maps["see"]).shape == (2, 2)
    assert not network.see._forward_hooks


def test_the_first_filters_are_the_weights():
    path, weights = first_filters(Bright())
    assert (path, weights.shape) == ("see", (2, 3, 3, 3))
    with pytest.raises(LayerError):
        first_filters(nn.Sequential(nn.Linear(2, 2)))


@pytest.mark.parametrize("method", METHODS)
def test_activation_maps_point_at_the_evidence(method):
    heat = activation_map(Bright(), "halve", batch(spot()), lambda logits: logits[1], method)
    assert heat.shape == (16, 16)
    top, left = np.unravel_index(heat.argmax(), heat.shape)
    assert 3 <= top <= 7
    assert 11 <= left <= 15


def test_a_method_that_is_none_is_answered():
    with pytest.raises(ValueError, match="method=CAM: want one of GradCAM"):
        activation_map(Bright(), "see", batch(spot()), lambda logits: logits[1], "CAM")


@pytest.mark.parametrize("head", [OneHot(num_classes=3), Ordinal(num_classes=3)])
def test_evidence_for_grades_is_their_chance_under_any_encoding(head):
    logits = torch.randn(head.num_outputs)
    found = [float(torch.sigmoid(head.evidence(grade, logits)(logits))) for grade in range(3)]
    assert found == pytest.approx(head.probabilities(logits[None])[0].tolist(), abs=1e-6)


def test_a_very_sure_answer_has_evidence_too():
    logits = torch.tensor([8.7, 24.0, 3.0], requires_grad=True)
    OneHot(num_classes=3).evidence(1, logits)(logits).backward()
    assert logits.grad[0] < -0.5
    assert logits.grad[1] > 0.5


def test_evidence_for_masks_are_the_logits_of_what_is_marked():
    logits = torch.tensor([[[-1.0, 2.0], [4.0, -5.0]]])
    head = BinaryCrossEntropy(num_classes=1)
    assert float(head.evidence(0, logits)(logits)) == pytest.approx(3)
    assert float(head.evidence(0, logits)(-logits)) == pytest.approx(-3)  # still where the answer was
    assert float(head.evidence(0, -logits.abs())(-logits.abs())) == pytest.approx(-3)


@pytest.mark.parametrize("name", few_of("mobilenet", "plain_unet", "thin", "shufflenetv2"))
def test_a_page_can_be_drawn_of_every_backbone(name, backbone_of):
    backbone, side = backbone_of(name)

    class Trained:
        network, head = GradeNetwork(backbone, 2, 0.1), OneHot(num_classes=2)

    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    before = {name: value.clone() for name, value in Trained.network.state_dict().items()}
    deepest = chosen(Trained.network, batch(image), None)[-1]
    assert map_layers(Trained.network, batch(image))[deepest][1] <= side / backbone.strides[-1] + 1
    one = seen(Trained, image, "noise.png", ["a", "b"])
    page, told = draw(Trained, [one, one], "title", ["a", "b"], layers=None, method="GradCAM", side=64)
    assert page.width > 2 * 64
    assert len(told["layers"]) >= 1
    assert np.asarray(page).std() > 10
    assert all(torch.equal(value, before[name]) for name, value in Trained.network.state_dict().items())


def test_sets_of_one_kind_are_near_and_others_are_told_apart():
    rng = np.random.default_rng(1)
    one, same, other = rng.normal(size=(60, 8)), rng.normal(size=(50, 8)), rng.normal(size=(50, 8)) + 1.0
    near, far = gap_of("here", one, same), gap_of("here", one, other)
    assert near.p_value > 0.05
    assert abs(near.mmd) < 0.2 < far.mmd
    assert far.p_value < 0.01
    assert near.told_apart < 0.65 < 0.8 < far.told_apart
    assert far.a_distance == pytest.approx(2 * (1 - 2 * (1 - far.told_apart)))
    assert far.low < far.mmd < far.high


def test_cells_of_one_photo_are_no_independent_witnesses():
    rng = np.random.default_rng(3)
    photos = rng.normal(size=(20, 1, 8)).repeat(10, axis=1) + 0.1 * rng.normal(size=(20, 10, 8))
    one, other = photos[:10].reshape(-1, 8), photos[10:].reshape(-1, 8)
    names = [f"photo{number // 10}" for number in range(200)]
    assert gap_of("here", one, other).p_value < 0.01
    assert gap_of("here", one, other, names).p_value > 0.02
    with pytest.raises(ValueError, match="2 and 10 images, or photos"):
        gap_of("here", one[:20], other, names[:20] + names[100:])


def test_the_estimate_is_the_papers_sum():
    rng = np.random.default_rng(2)
    points = rng.normal(size=(9, 3))
    kernel = (points @ points.T / 3 + 1) ** 3
    mine, others = np.arange(4), np.arange(4, 9)
    within = [sum(kernel[i, j] for i in s for j in s if i != j) / (len(s) * (len(s) - 1)) for s in (mine, others)]
    across = 2 * sum(kernel[i, j] for i in mine for j in others) / 20
    assert mmd_squared(kernel, mine, others) == pytest.approx(sum(within) - across)


def test_too_few_images_are_answered():
    with pytest.raises(ValueError, match="3 and 9 images, or photos: want at least 4"):
        gap_of("here", np.zeros((3, 2)), np.zeros((9, 2)))


def test_edges_are_where_brightness_changes():
    found = edges(np.repeat(np.repeat([[20] * 8 + [220] * 8], 16, axis=0)[:, :, None], 3, axis=2).astype(np.uint8))
    columns = np.flatnonzero(found[:, :, 0].any(axis=0))
    assert set(columns) <= {7, 8}
    assert len(columns) >= 1


def test_a_mosaic_shows_the_asked_channels_in_their_order():
    maps = np.zeros((3, 4, 4), np.float32)
    maps[2, :, 2:] = 1
    picture = mosaic(maps, [2, 0], side=43, columns=2)
    assert picture[:20, :10].mean(axis=(0, 1)).tolist() != picture[:20, 10:20].mean(axis=(0, 1)).tolist()
    flat = picture[:20, 23:43].reshape(-1, 3)
    assert (flat == flat[0]).all()


@pytest.fixture
def backbone_of():
    from hydra import compose, initialize_config_dir

    from cli.composition_errors import CONF
    from cli.train_schema import register
    from training.build import build_backbone

    register()

    def made(name):
        with initialize_config_dir(str(CONF), version_base="1.3"):
            cfg = compose("train", [f"backbone={name}"])
        cfg.width = cfg.backbone.spec.widths[0]
        side = (list(cfg.backbone.spec.get("resolutions", [])) or [64])[0]
        return build_backbone(cfg, InitialWeights("random", "symmetric", (0.5,) * 3, (0.5,) * 3)), side

    return made
