"""Convolutions batch innermost give what torch's give, forwards and backwards."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state

from lightning_modules.backbones.grayscale import Grey
from lightning_modules.multi_seed.convolutions import (
    SmallConvolution,
    SmallGrey,
    SmallPooling,
    fits,
    with_small_convolutions,
)
from lightning_modules.multi_seed.norms import SmallNorm

STACK, BATCH = 3, 7


def networks(kernel, side):
    torch.manual_seed(0)
    halved = side // 4
    return [
        nn.Sequential(
            Grey(), nn.Conv2d(1, 3, kernel, padding=kernel // 2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(3, 5, kernel, padding=kernel // 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(5 * halved**2, 4),
        )
        for _ in range(STACK)
    ]  # fmt: skip


@pytest.mark.parametrize(("kernel", "side"), [(3, 8), (5, 12), (5, 14), (7, 8)])
def test_outputs_and_gradients_are_torchs(kernel, side):
    nets = networks(kernel, side)
    weights, buffers = stack_module_state(nets)
    base = with_small_convolutions(deepcopy(nets[0]))
    assert sum(isinstance(layer, SmallConvolution) for layer in base.modules()) == 2
    images = torch.randn(STACK, BATCH, 3, side, side)
    call = torch.vmap(lambda mine, state, pixels: functional_call(base, (mine, state), (pixels,)))
    found = call(weights, buffers, images)
    wanted = torch.stack([net(pixels) for net, pixels in zip(nets, images, strict=True)])
    assert torch.allclose(found, wanted, atol=1e-5)
    slopes = torch.randn_like(found)
    (found * slopes).sum().backward()
    (wanted * slopes).sum().backward()
    for name, stacked in weights.items():
        own = torch.stack([dict(net.named_parameters())[name].grad for net in nets])
        assert torch.allclose(stacked.grad, own, atol=1e-4), name


@pytest.mark.parametrize(("patch", "side"), [(2, 8), pytest.param(4, 8, marks=pytest.mark.slow), (2, 9)])
def test_patches_are_torchs(patch, side):
    torch.manual_seed(0)
    nets = [
        nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 5, patch, stride=patch), nn.Flatten())
        for _ in range(STACK)
    ]
    weights, buffers = stack_module_state(nets)
    base = with_small_convolutions(deepcopy(nets[0]))
    assert sum(isinstance(layer, SmallConvolution) for layer in base) == 2
    images = torch.randn(STACK, BATCH, 3, side, side)
    found = torch.vmap(lambda w, b, x: functional_call(base, (w, b), (x,)))(weights, buffers, images)
    wanted = torch.stack([net(pixels) for net, pixels in zip(nets, images, strict=True)])
    assert torch.allclose(found, wanted, atol=1e-5)
    slopes = torch.randn_like(found)
    (found * slopes).sum().backward()
    (wanted * slopes).sum().backward()
    for name, stacked in weights.items():
        own = torch.stack([dict(net.named_parameters())[name].grad for net in nets])
        assert torch.allclose(stacked.grad, own, atol=1e-4), name


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("side", [8, 10])
def test_normalised_layers_without_a_bias_are_torchs(side, training):
    torch.manual_seed(0)
    nets = [
        nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True),
            nn.Conv2d(4, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True),
        ).train(training)
        for _ in range(STACK)
    ]  # fmt: skip
    weights, buffers = stack_module_state(nets)
    base = with_small_convolutions(deepcopy(nets[0]))
    assert sum(isinstance(layer, SmallConvolution | SmallNorm | SmallPooling) for layer in base) == 6
    images = torch.randn(STACK, BATCH, 1, side, side)
    found = torch.vmap(lambda w, b, x: functional_call(base, (w, b), (x,)))(weights, buffers, images)
    wanted = torch.stack([net(pixels) for net, pixels in zip(nets, images, strict=True)])
    assert found.shape[-1] == -(-side // 4)
    assert torch.allclose(found, wanted, atol=1e-5)
    for name, stacked in buffers.items():
        assert torch.allclose(stacked, torch.stack([dict(net.named_buffers())[name] for net in nets])), name
    slopes = torch.randn_like(found)
    (found * slopes).sum().backward()
    (wanted * slopes).sum().backward()
    for name, stacked in weights.items():
        own = torch.stack([dict(net.named_parameters())[name].grad for net in nets])
        assert torch.allclose(stacked.grad, own, atol=1e-4), name


def test_images_that_all_share_are_shared():
    nets = networks(3, 8)
    weights, buffers = stack_module_state(nets)
    base = with_small_convolutions(deepcopy(nets[0]))
    images = torch.randn(BATCH, 3, 8, 8)
    found = torch.vmap(lambda w, b, x: functional_call(base, (w, b), (x,)), in_dims=(0, 0, None))(
        weights, buffers, images
    )
    assert torch.allclose(found, torch.stack([net(images) for net in nets]), atol=1e-5)


def test_of_equal_values_the_first_gets_the_gradient():
    maps = torch.zeros(1, 1, 1, 2, 2, requires_grad=True)
    torch.vmap(SmallPooling())(maps).sum().backward()
    assert maps.grad.flatten().tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("layer", "does"),
    [
        (nn.Conv2d(3, 6, 5, padding=2), True),
        (nn.Conv2d(3, 6, 5), False),
        (nn.Conv2d(3, 6, 3, padding=1, stride=2), False),
        (nn.Conv2d(3, 6, 3, padding=1, bias=False), True),
        (nn.Conv2d(4, 4, 3, padding=1, groups=4), False),
        (nn.Conv2d(3, 64, 3, padding=1), False),
        (nn.Conv2d(3, 6, 4, padding=2), False),
        (nn.Conv2d(3, 6, 2, stride=2), True),
        (nn.Conv2d(3, 6, 2), False),
        (nn.Linear(3, 6), False),
    ],
)
def test_only_layers_that_it_computes_are_taken(layer, does):
    assert fits(layer) is does


def test_other_layers_stay():
    net = nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(64, 4, 3, padding=1), Grey()
    )
    changed = with_small_convolutions(deepcopy(net))
    assert [type(layer) for layer in changed] == [nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.Conv2d, SmallGrey]
