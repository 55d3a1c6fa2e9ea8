"""Recipes of ai-edge-quantizer: what of a float32 file becomes int8."""

import warnings
from typing import Any

from ai_edge_quantizer.quantizer import Quantizer

Recipe = list[dict[str, Any]]


def quantized(data: bytes, rules: Recipe, ranges: dict[str, Any]) -> bytes:
    """A float32 file by a recipe, and the ranges of its activations where it wants any."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bytes(Quantizer(data, rules).quantize(ranges or None).quantized_model or b"")


def rule(regex: str, *, activations: bool = True, per_channel: bool = True) -> dict[str, Any]:
    """A line of the quantiser's recipe: int8 weights, with or without int8 activations."""
    granularity = "CHANNELWISE" if per_channel else "TENSORWISE"
    weights = {"num_bits": 8, "symmetric": True, "granularity": granularity, "dtype": "INT", "block_size": 0}
    config: dict[str, Any] = {
        "weight_tensor_config": weights,
        "compute_precision": "INTEGER",
        "explicit_dequantize": False,
        "skip_checks": False,
        "min_weight_elements": 0 if activations else 1024,
    }
    if activations:
        config["activation_tensor_config"] = weights | {"symmetric": False, "granularity": "TENSORWISE"}
    return {"regex": regex, "operation": "*", "algorithm_key": "min_max_uniform_quantize", "op_config": config}


def left_alone(regex: str, operation: str = "*") -> dict[str, Any]:
    """A line that leaves what matches in float."""
    return rule(regex) | {"algorithm_key": "no_quantize", "operation": operation}
