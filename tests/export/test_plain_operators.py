"""What the exporter writes otherwise than onnx2tf does: the file answers as torch, in operators that delegates take, int8 too."""

import numpy as np
import pytest
import torch
from torch import nn

from export import quantize
from export.convert import to_float32, to_onnx
from export.delegates import left_by_webgpu, xnnpack_partitions
from export.flatbuffer import constant, graph, operator_name, unpack
from export.interpreter import interpreter_of
from export.runtime import FileModel


class Net(nn.Module):
    """Images to six sums; `inner` maps 16 channels to 16 in between."""

    outputs = ("probabilities",)

    def __init__(self, inner):
        super().__init__()
        self.stem, self.inner, self.last = nn.Conv2d(3, 16, 3, 2, 1), inner, nn.Conv2d(16, 6, 3, padding=1)

    def forward(self, images):
        pixels = self.stem(images.permute(0, 3, 1, 2) / 255)
        return torch.softmax(self.last(self.inner(pixels)).mean(dim=(2, 3)), 1)


class PartlyConvolved(nn.Module):
    """FasterNet's and EdgeNeXt's: some channels behind a sum are convolved, the others not."""

    def __init__(self):
        super().__init__()
        self.some = nn.Conv2d(5, 5, 3, padding=1)

    def forward(self, pixels):
        one, other = torch.split(pixels + pixels.mean(dim=(2, 3), keepdim=True), [5, 11], dim=1)
        return torch.cat([self.some(one), other], dim=1)


class Attention(nn.Module):
    """A transformer's: layer norm, queries, keys and values of one linear layer, GELU behind."""

    def __init__(self):
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(16), nn.Linear(16, 48), nn.Linear(16, 16, bias=False)

    def forward(self, pixels):
        count, channels, height, width = pixels.shape
        tokens = self.norm(pixels.flatten(2).transpose(1, 2))
        q, k, v = self.qkv(tokens).reshape(count, height * width, 3, 2, 8).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = (torch.softmax(q @ k.transpose(-2, -1) / 3, -1) @ v).transpose(1, 2).reshape(count, height * width, 16)
        return pixels + nn.functional.gelu(self.out(mixed)).transpose(1, 2).reshape(count, channels, height, width)


@pytest.fixture(scope="module", params=[PartlyConvolved, Attention])
def made(request):
    torch.manual_seed(0)
    model = Net(request.param()).eval()
    nn.init.normal_(model.last.weight)
    images = np.random.default_rng(0).integers(0, 256, (12, 12, 16, 3)).astype(np.uint8)
    with torch.inference_mode():
        wanted = model(torch.from_numpy(images.astype(np.float32))).numpy()
    return request.param, to_float32(to_onnx(model, (12, 16), model.outputs)), images, wanted


def answers(data, images):
    runner = interpreter_of(data, 1).get_signature_runner()
    return np.concatenate([runner(image=one[None].astype(np.float32))["probabilities"] for one in images])


def test_the_file_is_one_piece_and_answers_as_torch(made):
    kind, data, images, wanted = made
    np.testing.assert_allclose(answers(data, images), wanted, atol=1e-5)
    assert xnnpack_partitions(data) == 1
    assert set(left_by_webgpu(data)) == ({"BATCH_MATMUL"} if kind is Attention else set())


def test_products_with_constants_are_linear_layers(made):
    kind, data, *_ = made
    model = unpack(data)
    names = [operator_name(model, one) for one in graph(model).operators]
    assert names.count("FULLY_CONNECTED") == (2 if kind is Attention else 0)
    products = [one for one in graph(model).operators if operator_name(model, one) == "BATCH_MATMUL"]
    assert len(products) == (2 if kind is Attention else 0)
    assert all(constant(model, int(one.inputs[1])) is None for one in products)


def test_int8_runs_and_answers_nearly_as_torch(made):
    _, data, images, wanted = made
    source = quantize.FloatFile(data, images, FileModel)
    plain = {"estimator": "min_max", "per_channel": True, "float_edges": True, "bias_correction": False}
    given = answers(quantize.int8(source, **plain, float_layers=0), images)
    assert wanted.std(axis=0).max() > 0.01  # answers differ from picture to picture
    np.testing.assert_allclose(given, wanted, atol=0.03)
