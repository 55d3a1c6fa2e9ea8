"""Core ML, which iPhones run; converted here, verified nowhere but on a Mac or an iPhone."""

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from choices import ROOT
from export.convert import silence
from export.float_file import FloatFile, QuantizationError
from export.formats.base import HeldOut, Quantization

NAMES = "outputs.json"
"""Beside the traced network: names of what it gives."""
LONGEST_S = 900.0


class CoreML:
    """A machine learning program in float16, for iOS 16 and later, that takes a picture as apps have it."""

    opened = None

    def kinds(self, quantizations: Mapping[str, Quantization]) -> Mapping[str, Quantization]:
        """One file, whatever is wanted of TFLite."""
        return {"coreml": traced}

    def file_name(self, kind: str) -> str:
        """See `Format`."""
        return "model.mlpackage.zip"

    def finish(self, data: bytes, metadata: bytes) -> bytes:
        """The package of a traced network, by coremltools in a process of its own: it and onnxoptimizer each bring an LLVM, and one
        process bears one. Raises QuantizationError.
        """
        with tempfile.TemporaryDirectory() as scratch:
            for name, content in (("traced.pt", data), ("metadata.json", metadata)):
                Path(scratch, name).write_bytes(content)
            command = [sys.executable, "-m", "export.formats.coreml_package", scratch]
            try:
                done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST_S, check=False)
            except subprocess.TimeoutExpired:
                raise QuantizationError(f"coremltools does not come to an end within {LONGEST_S:g} s") from None
            if done.returncode:
                last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
                raise QuantizationError(f"coremltools does not convert it ({last[:200]})")
            return Path(scratch, "package.zip").read_bytes()

    def says(self, answers: pd.DataFrame, held_out: HeldOut | None) -> dict[str, Any]:
        """See `Format`; nothing, as nothing here runs it."""
        return {}

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


def traced(source: FloatFile) -> bytes:
    """The network as TorchScript, from `(1, 3, H, W)`. Raises QuantizationError where coremltools is not installed."""
    if find_spec("coremltools") is None:
        raise QuantizationError("coremltools is not installed; want pip install -e '.[coreml]'")
    assert source.network is not None
    network = source.network()
    height, width = source.images.shape[1:3]
    example = torch.zeros(1, 3, height, width)
    packed = io.BytesIO()
    with silence(), torch.inference_mode():
        network(example.permute(0, 2, 3, 1))
        script = torch.jit.trace(_Channels(network).eval(), example)  # type: ignore[no-untyped-call]
        torch.jit.save(script, packed, _extra_files={NAMES: json.dumps(network.outputs)})
    return packed.getvalue()
