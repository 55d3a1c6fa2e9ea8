"""Convolutions whose channels have one scale: old runtimes read a list of equal scales as none."""

import numpy as np
import torch
from torch import nn

from export import flatbuffer, quantize
from export.convert import to_float32, to_onnx
from export.equal_scales import one_scale_where_equal
from export.interpreter import interpreter_of
from export.recipe import quantized, rule
from tasks.grading_files import GradeModel
from tests.export.made import pictures


class Shuffled(nn.Module):
    """A convolution, then a permutation of its channels as another."""

    def __init__(self):
        super().__init__()
        self.first, self.shuffle = nn.Conv2d(3, 48, 3, 2, 1), nn.Conv2d(48, 48, 1)
        with torch.no_grad():
            self.shuffle.weight.copy_(torch.eye(48)[torch.randperm(48)][:, :, None, None])

    def forward(self, image):
        values = self.shuffle(self.first(image.permute(0, 3, 1, 2)).relu())
        return (torch.softmax(values.mean((2, 3))[:, :5], dim=1),)


def scales(data):
    """Number of scales of each int8 filter, by its shape."""
    model = flatbuffer.unpack(data)
    return {
        tuple(map(int, tensor.shape)): len(tensor.quantization.scale)
        for tensor in flatbuffer.graph(model).tensors
        if len(tensor.shape) == 4 and tensor.quantization is not None and tensor.quantization.scale is not None
    }


def test_equal_scales_become_one_and_the_answers_stay():
    torch.manual_seed(0)
    source = quantize.FloatFile(
        to_float32(to_onnx(Shuffled().eval(), (32, 32), ["probabilities"])), pictures(2, 32), GradeModel
    )
    made = quantized(source.data, [rule(".*", activations=False)], {})
    assert scales(made) == {(48, 3, 3, 3): 48, (48, 1, 1, 48): 48}
    mended = one_scale_where_equal(made)
    assert scales(mended) == {(48, 3, 3, 3): 48, (48, 1, 1, 48): 1}
    assert scales(quantize.dynamic(source)) == scales(mended)
    answers = []
    for data in (made, mended):
        interpreter = interpreter_of(data, 1)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pictures(1, 32).astype(np.float32))
        interpreter.invoke()
        answers.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    np.testing.assert_allclose(*answers, atol=1e-6)
