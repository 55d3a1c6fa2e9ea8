"""U-Nets on every backbone: shapes, what is frozen, figures, and whether they learn."""

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from heads.binary import BinaryCrossEntropy, DiceBinaryCrossEntropy
from lightning_modules.backbones.spec import InitialWeights
from lightning_modules.base import TrainingSettings
from lightning_modules.fine_tuning import FineTuning
from lightning_modules.networks.unet import MaskNetwork
from lightning_modules.segmentation import Dice, PooledDice, SegmentationModule
from metrics.segmentation import PixelCounts, mask_metrics
from tests.backbones import BACKBONES
from training.build import build_backbone

CHANNELS = (64, 48, 32, 24, 16)


def backbone_of(name, width=1.0):
    cfg = OmegaConf.create({"backbone": OmegaConf.load(f"conf/backbone/{name}.yaml"), "width": width})
    padding = cfg.backbone.spec.get("padding", "same")
    return build_backbone(cfg, InitialWeights("random", padding, (0.5,) * 3, (0.5,) * 3))


def module_of(name="mobilenet", width=0.25, head=None, fine_tuning=None, **settings):
    return SegmentationModule(
        backbone_of(name, width), head or BinaryCrossEntropy(2),
        TrainingSettings(
            lambda parameters: torch.optim.Adam(parameters, lr=0.003), lambda optimizer, steps: None,
            fine_tuning=fine_tuning or FineTuning(),
        ),
        decoder_channels=CHANNELS, **settings,
    )  # fmt: skip


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_gives_a_logit_per_class_and_pixel(name):
    network = MaskNetwork(backbone_of(name), 4).eval()
    with torch.inference_mode():
        logits = network(torch.randint(0, 256, (1, 3, 64, 96), dtype=torch.uint8))
    assert logits.shape == (1, 4, 64, 96)
    assert logits.isfinite().all()
    assert network.multiple == network.backbone.strides[-1]


def test_an_image_that_does_not_fit_is_refused_with_a_size_that_does():
    network = MaskNetwork(backbone_of("mobilenet", 0.25), 1, CHANNELS)
    with pytest.raises(ValueError, match=r"an image of 200 x 100 pixels: .* multiples of 32, such as 224 x 128"):
        network(torch.zeros(1, 3, 100, 200))
    with pytest.raises(ValueError, match=r"task\.decoder_channels=\[64, 32\]: want 5 of them"):
        MaskNetwork(backbone_of("mobilenet", 0.25), 1, (64, 32))
    with pytest.raises(ValueError, match=r"task\.decoder_channels: a plain U-Net has its own"):
        MaskNetwork(backbone_of("plain_unet"), 1, CHANNELS)


def weights_of(module):
    """As Keras counts them: the running means and variances of batch normalisation too, those that are not trained."""
    kept = [value for name, value in module.state_dict().items() if not name.endswith("num_batches_tracked")]
    return sum(value.numel() for value in kept)


def test_a_plain_unet_has_the_published_weights():
    cfg = OmegaConf.create({"backbone": OmegaConf.load("conf/backbone/plain_unet.yaml"), "width": 1.0})
    for batch_norm, wanted in ((False, 600_756), (True, 600_756 * 1.01)):
        cfg.backbone.batch_norm = batch_norm
        network = MaskNetwork(build_backbone(cfg, InitialWeights("random", "symmetric", (0.5,) * 3, (0.5,) * 3)), 4)
        assert weights_of(network) == pytest.approx(wanted, abs=0 if not batch_norm else 6000)


def test_colours_are_taken_out_inside_the_network():
    torch.manual_seed(0)
    network = MaskNetwork(backbone_of("plain_unet"), 2, grey=True).eval()
    colour = torch.randint(0, 256, (1, 3, 32, 32)).float()
    grey = (colour * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(dim=1, keepdim=True).expand(1, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(network(colour), network(grey))
    assert "grey" not in network.state_dict()


PUBLISHED = {"resnet34": 24_456_589, "resnet50": 32_561_549, "resnet101": 51_605_901}


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_resnets_unet_has_the_published_weights_within_two_percent(name):
    assert weights_of(MaskNetwork(backbone_of(name), 4)) == pytest.approx(PUBLISHED[name], rel=0.02)


def test_a_frozen_encoder_keeps_its_weights_and_statistics(monkeypatch):
    module = module_of(freeze_encoder=True)
    monkeypatch.setattr(type(module), "current_epoch", 0)
    module.train()
    module.on_train_epoch_start()
    before = {name: value.clone() for name, value in module.network.backbone.state_dict().items()}
    decoder = module.network.last[0].weight.clone()
    optimizer = torch.optim.Adam([parameter for parameter in module.parameters() if parameter.requires_grad], lr=0.01)
    loss = module.head.loss(module(torch.rand(2, 3, 64, 64) * 255), torch.rand(2, 2, 64, 64) > 0.5)
    loss.backward()
    optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in module.network.backbone.state_dict().items())
    assert not torch.equal(module.network.last[0].weight, decoder)


def test_gradual_fine_tuning_trains_the_decoder_first(monkeypatch):
    module = module_of(fine_tuning=FineTuning(head_epochs=1, rate_decay=0.9))
    monkeypatch.setattr(type(module), "current_epoch", 0)
    module.on_train_epoch_start()
    assert not any(parameter.requires_grad for parameter in module.network.backbone.parameters())
    assert all(parameter.requires_grad for parameter in module.network.decoder.parameters())
    rates = module.fine_tuning.rates(module.network)
    assert sum(len(group) for group, _ in rates) == len(list(module.network.parameters()))


def test_figures_while_training_are_those_of_the_record():
    rng = np.random.default_rng(0)
    true, given = rng.random((7, 3, 16, 16)) > 0.9, rng.random((7, 3, 16, 16)) > 0.9
    true[2, 1], given[2, 1], given[3] = False, False, False
    wanted = mask_metrics(PixelCounts.of(true, given))
    for metric, name in ((Dice(), "dice"), (PooledDice(), "dice_pooled")):
        for part in (slice(0, 3), slice(3, 7)):
            metric.update(torch.from_numpy(given[part]), torch.from_numpy(true[part]))
        assert metric.compute().item() == pytest.approx(wanted[name], abs=1e-6)


@pytest.mark.slow
def test_it_learns_where_bright_and_dark_squares_are():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    images = np.full((16, 3, 64, 64), 128, np.uint8)
    masks = np.zeros((16, 2, 64, 64), bool)
    for at in range(16):
        for kind, level in enumerate((230, 30)):
            top, left = rng.integers(0, 40, 2)
            images[at, :, top : top + 20, left : left + 20] = level
            masks[at, :, top : top + 20, left : left + 20] = np.arange(2)[:, None, None] == kind
    module = module_of(head=DiceBinaryCrossEntropy(2)).train()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.003)
    pixels, truth = torch.from_numpy(images), torch.from_numpy(masks)
    for _ in range(40):
        optimizer.zero_grad()
        module.head.loss(module(pixels), truth).backward()
        optimizer.step()
    module.eval()
    dice = PooledDice()
    with torch.inference_mode():
        dice.update(module.head.decode(module(pixels)), truth)
    assert dice.compute().item() > 0.8


def test_an_efficientnets_unet_is_smaller_than_published_by_what_the_wide_skips_there_cost():
    """Keras's package takes its skips from the widened maps inside a block, 96, 144, 240 and 672 channels; ours ends blocks."""
    network = MaskNetwork(backbone_of("efficientnet_b0"), 4)
    wide, ours = (672, 240, 144, 96), (112, 40, 24, 16)
    decoder = (256, 128, 64, 32)
    more = sum((one - other) * width * 9 for one, other, width in zip(wide, ours, decoder, strict=True))
    assert network.backbone.out_channels[:4] == ours[::-1]
    assert weights_of(network) + more == 10_115_936
