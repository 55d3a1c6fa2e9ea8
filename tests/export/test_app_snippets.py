"""The code in `export/app`: Python and JavaScript are run, Kotlin, Swift and C++ parsed."""

import functools
import http.server
import json
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

from export.app_folder import write_app_folder
from export.formats.tflite import TFLite
from metrics.lookup import metrics_of
from tasks.grading_files import GradeModel
from tasks.segmentation_files import MaskModel
from tests.export.made import files_of_kinds, pictures
from tests.export.test_mask_files import files_of
from tests.venvs import venv_python
from tests.web.served import close_browsers, phone
from web.runtime import RuntimeMissingError, fetch_runtime

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
CHROMIUM = shutil.which("chromium") or ""
LABELS = ["none", "minor scratch", "major scratch", "minor crack", "major crack"]
MODELS = Path(__file__).parents[2] / "web" / "phone" / "node_modules" / "@litertjs"
PARSE = """
import sys, tree_sitter, tree_sitter_kotlin, tree_sitter_swift, tree_sitter_cpp
languages = {"kt": tree_sitter_kotlin, "swift": tree_sitter_swift, "cc": tree_sitter_cpp}
for path in sys.argv[1:]:
    parser = tree_sitter.Parser(tree_sitter.Language(languages[path.rsplit(".", 1)[1]].language()))
    tree = parser.parse(open(path, "rb").read())
    assert not tree.root_node.has_error, path
"""


def made(target, task):
    data = {"grading": lambda: files_of_kinds()["int8"], "segmentation": lambda: files_of("plain_unet", (64, 64))[2]}[
        task
    ]()
    labels = LABELS if task == "grading" else ["crack", "dent", "scratch"]
    about = {
        "task": task,
        "labels": labels,
        "size": [64, 64],
        "resolution": 64,
        "axes": {},
        "outputs": "",
        "threshold": 0.5,
    }
    target.mkdir()
    (target / "int8.tflite").write_bytes(TFLite().finish(data, json.dumps(about).encode()))
    record = {
        "exports": {"int8": {"path": "export/int8.tflite", "size_bytes": len(data), "agreement": 1.0, "latency": []}},
        "axes": {"task": task, "backbone": "mobilenet", "datamodule": "phones"},
        "config": {"width": 0.25}, "initial_weights": {"origin": "random"}, "data": {"fingerprint": "0" * 64},
    }  # fmt: skip
    model = GradeModel if task == "grading" else MaskModel
    write_app_folder(target, record, model, pictures(30, 64, seed=5), lambda _: about, metrics_of(task))
    return target / "app"


@pytest.fixture(scope="module", params=["grading", "segmentation"])
def app(request, tmp_path_factory):
    return request.param, made(tmp_path_factory.mktemp("app") / "export", request.param)


def test_kotlin_swift_and_cpp_are_whole(app):
    python = venv_python("parsers", "tree-sitter", "tree-sitter-kotlin", "tree-sitter-swift", "tree-sitter-cpp")
    files = [app[1] / name for name in ("Model.kt", "Model.swift", "model.cc")]
    done = subprocess.run([python, "-c", PARSE, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_mediapipe_snippet_says_what_the_vectors_say(app):
    task, folder = app
    python = venv_python("mediapipe", "mediapipe==1.2.3")
    for one in json.loads((folder / "vectors" / "vectors.json").read_text())["answers"][:4]:
        done = subprocess.run(
            [python, folder / "mediapipe_tasks.py", folder / "vectors" / one["picture"]],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said = done.stdout.strip().splitlines()
        if task == "grading":
            grade = int(np.argmax(one["grade"]))
            assert said[-1] == f"{LABELS[grade]}, {one['probabilities'][grade]:.3f}"
        else:
            shares = 100 * (np.array(one["probabilities"]) > 0.5).mean(axis=(0, 1))
            assert said[-3:] == [
                f"{name}: {share:.2f} % of the pixels"
                for name, share in zip(["crack", "dent", "scratch"], shares, strict=True)
            ]


@pytest.mark.skipif(not CHROMIUM, reason="no chromium is installed")
def test_the_browser_snippet_says_what_the_vectors_say(app):
    task, folder = app
    try:
        fetch_runtime()
    except RuntimeMissingError as error:
        pytest.skip(f"LiteRT.js cannot be had: {error}")
    root = folder.parent
    shutil.copytree(MODELS, root / "litert", dirs_exist_ok=True)
    imports = json.dumps(
        {"imports": {f"@litertjs/{name}": f"/litert/{name}/dist/index.js" for name in ("core", "wasm-utils")}}
    )
    (root / "index.html").write_text(f'<script type="importmap">{imports}</script>')
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=root)
    handler.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ask = """async (names) => {
      const { open, answer, SIZE } = await import('/app/litert.js');
      const model = await open('/int8.tflite', '/litert/core/wasm/');
      const canvas = Object.assign(document.createElement('canvas'), { width: SIZE[1], height: SIZE[0] });
      const found = [];
      for (const name of names) {
        const image = new Image(); image.src = `/app/vectors/${name}`; await image.decode();
        const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);
        found.push(await answer(model, pen.getImageData(0, 0, SIZE[1], SIZE[0]).data));
      }
      return found;
    }"""
    vectors = json.loads((folder / "vectors" / "vectors.json").read_text())["answers"][:4]
    try:
        with phone(CHROMIUM) as page:
            page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
            found = page.evaluate(ask, [one["picture"] for one in vectors])
    finally:
        server.shutdown()
        server.server_close()
        close_browsers()
    for one, said in zip(vectors, found, strict=True):
        np.testing.assert_allclose(np.ravel(said["probabilities"]), np.ravel(one["probabilities"]), atol=0.02)
        if task == "grading":
            assert said["grade"] == int(np.argmax(one["grade"]))
