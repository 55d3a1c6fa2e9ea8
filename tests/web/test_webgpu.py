"""Files on WebGPU, by a software adapter in a real Chromium: the whole graph is taken, and answers are those of the CPU."""

import json
import shutil
import socket
import threading
from contextlib import contextmanager

import numpy as np
import pytest
import uvicorn

from export import quantize
from export.convert import to_float32, to_onnx
from export.deployable import deployable
from export.formats.tflite import TFLite
from tasks.grading_files import GradeModel
from tests.export.made import converted, files_of_kinds, random_module
from tests.export.test_mask_files import files_of
from tests.web.served import needs_runtime, phone
from web.browser import OneFile
from web.phone_app import create_app
from web.runtime import runtime_version

CHROMIUM = shutil.which("chromium") or ""
GPU = (
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan,WebGPU",
    "--use-vulkan=swiftshader",
)
SIDE, SIDES = 64, {"simplenet_v1": 28}
FAMILIES = ["csrn", "efficientnet_b0", "efficientnet_lite0", "mobilenet", "mobilenetv2", "mobilenetv3_small", "mobilenetv4_conv_small",
            "resnet34", "shufflenetv2", "simplenet_v1", "vgg16"]  # fmt: skip
QUANTISED = ("dynamic", "int8")
"""They may be refused; where they are taken they must answer alike."""
HEADS = ["one_hot_focal", "logit_adjusted", "ordinal", "coral", "corn"]
ASK = """async ([number, side]) => {
  const { Runner, listFiles, modelBytes } = await import('/static/runtime.js');
  const file = (await listFiles())[number];
  const answers = {};
  for (const delegate of ['wasm', 'webgpu']) {
    try {
      const runner = await Runner.open(file, await modelBytes(file), { delegate });
      answers[delegate] = [];
      for (let seed = 0; seed < 6; seed += 1) {
        const pixels = Float32Array.from({ length: side * side * 3 }, (_, at) => Math.floor(127.5 + 127.5 * Math.sin(at * (seed + 1) * 0.0137) * Math.cos(at / 91 + seed)));
        answers[delegate].push((await runner.run(pixels)).map((one) => Array.from(one.values)));
      }
      runner.close();
    } catch (error) { answers[delegate] = String(error.message || error); }
  }
  return answers;
}"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not CHROMIUM, reason="no chromium is installed"),
]


def with_integers(head, logits):
    """What files gave before: the grade as an index."""
    return {"probabilities": head.probabilities(logits), "grade": head.decode(logits).int()}


def made():
    """Files by name, each with its model class; the last one is the control."""
    found = {}
    for name, encoding in [*((family, "one_hot") for family in FAMILIES), *(("mobilenet", head) for head in HEADS)]:
        side = SIDES.get(name, SIDE)
        data = converted(random_module(name, encoding=encoding, resolution=side), side)[1]
        found[f"{name} {encoding} float32"] = data
        found[f"{name} {encoding} float16"] = quantize.float16(quantize.FloatFile(data, np.zeros((0,)), GradeModel))
    data = files_of("plain_unet", (SIDE, SIDE))[2]
    found["plain_unet bce float32"] = data
    found |= {f"mobilenet ordinal {kind}": files_of_kinds()[kind] for kind in QUANTISED}
    old = deployable(random_module("mobilenet", width=0.25), (SIDE, SIDE), with_integers)
    found["control: an integer grade"] = to_float32(to_onnx(old, (SIDE, SIDE), old.outputs))
    return found


def labelled(name, data):
    task, labels = ("segmentation", list("abc")) if name.startswith("plain_unet") else ("grading", list("abcde"))
    side = SIDES.get(name.split(" ")[0], SIDE)
    about = {"task": task, "labels": labels, "size": [side, side], "resolution": side, "axes": {}, "quantization": name}
    return TFLite().finish(data, json.dumps(about).encode())


@contextmanager
def served(files):
    needs_runtime()
    app = create_app(files, "token", version=runtime_version())
    with socket.create_server(("127.0.0.1", 0)) as free:
        # its own logging would close absl's handler, and with it the file that pytest keeps stderr in
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [free]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{free.getsockname()[1]}/?token=token"
        finally:
            server.should_exit = True
            thread.join(timeout=20)


def test_every_family_and_head_is_wholly_accelerated_and_answers_alike(capsys):
    files = made()
    served_files = [OneFile(labelled(name, data)) for name, data in files.items()]
    lines, wrong = [], []
    with served(served_files) as address, phone(CHROMIUM, more=GPU) as page:
        page.set_default_timeout(120_000)
        page.goto(address)
        if not page.evaluate("async () => Boolean(navigator.gpu && await navigator.gpu.requestAdapter())"):
            pytest.skip("this Chromium has no software adapter for WebGPU")
        for number, name in enumerate(files):
            told = page.evaluate(ASK, [number, SIDES.get(name.split(" ")[0], SIDE)])
            if isinstance(told["webgpu"], str) or isinstance(told["wasm"], str):
                lines.append(f"{name}: {told['webgpu'] if isinstance(told['webgpu'], str) else told['wasm']}"[:150])
                wrong += [] if name.startswith("control") or name.endswith(QUANTISED) else [name]
                continue
            apart = max(
                float(np.abs(np.subtract(one[-1], other[-1])).max())
                for one, other in zip(told["wasm"], told["webgpu"], strict=True)
            )
            same = np.mean(
                [
                    np.argmax(one[0]) == np.argmax(other[0])
                    for one, other in zip(told["wasm"], told["webgpu"], strict=True)
                ]
            )
            lines.append(
                f"{name}: wholly accelerated, {100 * same:.0f} % of answers equal, largest difference {apart:.1e}"
            )
            wrong += [name] if apart > 0.02 or name.startswith("control") else []
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert not wrong
    assert lines[-1] == "control: an integer grade: WebGPU does not take the whole file: not ARG_MAX, CAST"


@pytest.mark.parametrize("width", [412, 1280])
def test_the_page_says_in_words_what_the_gpu_refuses(width):
    old = deployable(random_module("mobilenet", width=0.25), (SIDE, SIDE), with_integers)
    refused = to_float32(to_onnx(old, (SIDE, SIDE), old.outputs))
    files = [OneFile(labelled("whole", files_of_kinds()["float32"])), OneFile(labelled("integer grade", refused))]
    with served(files) as address, phone(CHROMIUM, more=GPU, viewport={"width": width, "height": 900}) as page:
        page.set_default_timeout(120_000)
        page.goto(address.replace("/?", "/bench?"))
        if not page.evaluate("async () => Boolean(navigator.gpu && await navigator.gpu.requestAdapter())"):
            pytest.skip("this Chromium has no software adapter for WebGPU")
        page.wait_for_selector("body[data-ready]")
        page.select_option("#threads", "1")
        page.click("#start")
        page.wait_for_selector("#status.good")
        assert page.inner_text("#status") == "Done; everything is in the records."
        assert page.inner_text("#refused") == (
            "file integer grade runs on the CPU alone: WebGPU does not take its ARG_MAX and CAST."
        )
        assert page.locator("#chart h3").all_inner_texts() == ["file whole", "file integer grade"]
        assert page.locator("#chart .bar").count() == 4
        assert page.locator("#chart .untaken").inner_text().split("\n") == ["GPU", "not taken", "–"]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
