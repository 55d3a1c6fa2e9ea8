"""Shuffled channels answer in the file as in torch, whole and in halves."""

import numpy as np
import pytest
import torch
from torch import nn

from export.convert import to_float32, to_onnx
from export.interpreter import interpreter_of


class Shuffled(nn.Module):
    """Channels before a shuffle, as torchvision and timm reshape them; then their halves, or all of them, in a convolution."""

    def __init__(self, groups, halves):
        super().__init__()
        self.groups, self.halves = groups, halves
        self.before, self.after = nn.Conv2d(3, 12, 3, padding=1), nn.Conv2d(6 if halves else 12, 6, 3, padding=1)

    def forward(self, images):
        pixels = self.before(images.permute(0, 3, 1, 2) / 255)
        count, channels, height, width = pixels.shape
        groups = pixels.view(count, self.groups, channels // self.groups, height, width)
        pixels = groups.transpose(1, 2).reshape(count, channels, height, width)
        if not self.halves:
            return self.after(pixels).mean(dim=(2, 3))
        first, second = pixels.chunk(2, dim=1)
        return torch.cat([first, self.after(second)], dim=1).mean(dim=(2, 3))


@pytest.mark.parametrize("size", [(8, 8), (12, 8), (6, 12)])
@pytest.mark.parametrize("halves", [False, True])
@pytest.mark.parametrize("groups", [2, 3])
def test_the_file_answers_as_torch_does(groups, halves, size):
    torch.manual_seed(0)
    model = Shuffled(groups, halves).eval()
    images = np.random.default_rng(0).integers(0, 256, (1, *size, 3)).astype(np.float32)
    interpreter = interpreter_of(to_float32(to_onnx(model, size, ["sums"])), 1)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images)
    interpreter.invoke()
    answer = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(answer, model(torch.from_numpy(images)).detach().numpy(), atol=1e-5)
