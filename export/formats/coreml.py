"""Core ML, which iPhones run; converted here, verified nowhere but on a Mac or an iPhone."""

import io
import json
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from export.convert import INPUT, silence
from export.formats.base import Quantization
from export.interpreter import quiet_stderr
from export.quantize import FloatFile, QuantizationError
from export.runtime import METADATA

NAME = "model.mlpackage"
"""Of the folder inside the zip."""


class CoreML:
    """A machine learning program in float16, for iOS 16 and later, that takes a picture as apps have it."""

    opened = None

    def kinds(self, quantizations: Mapping[str, Quantization]) -> Mapping[str, Quantization]:
        """One file, whatever is wanted of TFLite."""
        return {"coreml": program}

    def file_name(self, kind: str) -> str:
        """See `Format`."""
        return f"{NAME}.zip"

    def finish(self, data: bytes, metadata: bytes) -> bytes:
        """See `Format`."""
        import coremltools

        with tempfile.TemporaryDirectory() as scratch, silence():
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                archive.extractall(scratch)
            model = coremltools.models.MLModel(str(Path(scratch, NAME)), skip_model_load=True)
            about = json.loads(metadata)
            model.short_description = f"gridlite {about['task']}: {', '.join(map(str, about['labels']))}"
            model.user_defined_metadata[METADATA] = metadata.decode()
            return _zipped(model)

    def facts(self, data: bytes) -> dict[str, Any]:
        """The oldest system that takes it."""
        return {"runtime": "iOS 16, macOS 13"}


class _Channels(nn.Module):
    """Core ML gives pictures channels first."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Any:
        return self.network(image.permute(0, 2, 3, 1))


def program(source: FloatFile) -> bytes:
    """By coremltools, from the traced network. Raises QuantizationError where the package is not installed, or fails."""
    try:
        with silence(), quiet_stderr():  # it looks for TensorFlow, whose C++ side talks
            import coremltools
    except ImportError:
        raise QuantizationError("coremltools is not installed; want pip install -e '.[coreml]'") from None
    assert source.network is not None
    network = source.network()
    height, width = source.images.shape[1:3]
    example = torch.zeros(1, 3, height, width)
    with silence(), torch.inference_mode():
        network(example.permute(0, 2, 3, 1))
        traced = torch.jit.trace(_Channels(network).eval(), example)  # type: ignore[no-untyped-call]
        try:
            model = coremltools.convert(
                traced, convert_to="mlprogram", minimum_deployment_target=coremltools.target.iOS16,
                inputs=[coremltools.ImageType(INPUT, shape=tuple(example.shape), color_layout=coremltools.colorlayout.RGB)],
                outputs=[coremltools.TensorType(name) for name in network.outputs],
            )  # fmt: skip
        except Exception as error:  # of many classes of its own
            raise QuantizationError(f"coremltools does not convert it ({' '.join(str(error).split())[:200]})") from None
        return _zipped(model)


def _zipped(model: Any) -> bytes:
    """A package, which is a folder, as one file."""
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        folder = Path(scratch, NAME)
        model.save(str(folder))
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(scratch))
    return packed.getvalue()
