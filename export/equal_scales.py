"""Weights whose channels all have the same scale, as runtimes before 2.17 want them in layers that quantise while they run."""

import numpy as np

from export import flatbuffer


def one_scale_where_equal(data: bytes) -> bytes:
    """The same file; int8 weights of equal scales have one for the tensor, which stands for the same numbers.

    TensorFlow 2.12 and tflite-runtime 2.14 tell weights with a scale per channel by scales that differ. Of others they read the
    tensor's one scale, find none in a list of several, and such a layer gives zeros: a channel shuffle as a convolution is one.
    """
    model = flatbuffer.unpack(data)
    for tensor in flatbuffer.graph(model).tensors:
        steps = tensor.quantization
        if steps is None or steps.scale is None or len(steps.scale) < 2:
            continue
        scales, zeros = np.asarray(steps.scale), np.asarray(steps.zeroPoint)
        if (scales == scales[0]).all() and (zeros == zeros[0]).all():
            steps.scale, steps.zeroPoint, steps.quantizedDimension = scales[:1], zeros[:1], 0
    return flatbuffer.pack(model)
