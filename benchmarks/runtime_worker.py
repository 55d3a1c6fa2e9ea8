"""Answers of files by whatever TFLite runtime this interpreter has: run by the interpreters of `benchmarks.runtimes`.

Lines of a file, `images.npy` and `answers.npz`, with tabs between them, on stdin, one of JSON on stdout for each: {} or {"refused": <the runtime's words>}.
With the argument `plain` by the runtime's own kernels, without XNNPACK. It stands alone, and older Pythons than gridlite's run it.
"""

import importlib.util
import json
import os
import sys
import warnings
from typing import Any

import numpy as np


def runtime() -> Any:
    """The module `interpreter` of the one runtime that is installed."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    for name in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow.lite.python.interpreter"):
        if importlib.util.find_spec(name.partition(".")[0]):
            return importlib.import_module(name)
    raise SystemExit("no TFLite runtime is installed")


def answers(module: Any, plain: bool, path: str, images: Any) -> dict[str, Any]:
    """Every output by its name, `(N, …)` each, quantised ones as the numbers that they stand for. Raises RuntimeError or ValueError where the runtime refuses the file."""
    ways = module.OpResolverType
    way = ways.BUILTIN_WITHOUT_DEFAULT_DELEGATES if plain else ways.AUTO
    interpreter = module.Interpreter(model_path=path, num_threads=1, experimental_op_resolver_type=way)
    interpreter.allocate_tensors()
    run = interpreter.get_signature_runner()
    taken = interpreter.get_input_details()[0]["dtype"]
    found = [run(image=image[None].astype(taken)) for image in images]
    steps = {name: one["quantization"] for name, one in run.get_output_details().items()}
    return {name: _real(np.concatenate([one[name] for one in found]), *steps[name]) for name in found[0]}


def _real(values: Any, scale: float, zero_point: int) -> Any:
    return (values.astype(np.float32) - zero_point) * np.float32(scale) if scale else values


def main() -> None:
    """Answers line by line, so that a crash is known to be of the file that was asked for last."""
    warnings.simplefilter("ignore")
    module = runtime()
    for line in sys.stdin:
        path, images, target = line.rstrip("\n").split("\t")
        try:
            np.savez(target, **answers(module, "plain" in sys.argv[1:], path, np.load(images)))
            said = {}
        except (RuntimeError, ValueError) as error:
            said = {"refused": " ".join(str(error).split())}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
