"""The code in `export/app`: Python and JavaScript are run, Kotlin, Swift and C++ parsed."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.export.app_files import GRADES, made
from tests.venvs import venv_python
from tests.warm import run_warm
from tests.web.served import close_browsers, needs_runtime, phone, served_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
CHROMIUM = shutil.which("chromium") or ""
MARKS = ["crack", "dent", "scratch"]
MODELS = Path(__file__).parents[2] / "web" / "phone" / "node_modules" / "@litertjs"
PARSE = """
import sys, tree_sitter, tree_sitter_kotlin, tree_sitter_swift, tree_sitter_cpp
languages = {"kt": tree_sitter_kotlin, "swift": tree_sitter_swift, "cc": tree_sitter_cpp}
for path in sys.argv[1:]:
    parser = tree_sitter.Parser(tree_sitter.Language(languages[path.rsplit(".", 1)[1]].language()))
    tree = parser.parse(open(path, "rb").read())
    assert not tree.root_node.has_error, path
"""


@pytest.fixture(scope="module", params=["grading", "segmentation", "regression", "multilabel"])
def app(request, tmp_path_factory):
    return request.param, made(tmp_path_factory.mktemp("app") / "export", request.param)


def vectors_of(folder, count=4):
    return json.loads((folder / "vectors" / "vectors.json").read_text())["answers"][:count]


def told(task, one):
    """The lines that the Python snippets print of a vector."""
    if task == "grading":
        grade = int(np.argmax(one["grade"]))
        return [f"{GRADES[grade]}, {one['probabilities'][grade]:.3f}"]
    if task == "regression":
        return [f"{one['number']:.4g}"]
    if task == "multilabel":
        known = zip(MARKS, one["probabilities"], (0.4, 0.5, 0.6), strict=True)
        return [f"{name}, {chance:.3f}" for name, chance, threshold in known if chance > threshold]
    shares = 100 * (np.array(one["probabilities"]) > 0.5).mean(axis=(0, 1))
    return [f"{name}: {share:.2f} % of the pixels" for name, share in zip(MARKS, shares, strict=True)]


def test_the_litert_snippet_says_what_the_vectors_say(app):
    task, folder = app
    for one in vectors_of(folder):
        done = run_warm(folder / "litert.py", folder / "vectors" / one["picture"])
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == told(task, one)


def test_kotlin_swift_and_cpp_are_whole(app):
    python = venv_python("parsers", "tree-sitter", "tree-sitter-kotlin", "tree-sitter-swift", "tree-sitter-cpp")
    files = [app[1] / name for name in ("Model.kt", "Model.swift", "model.cc")]
    done = subprocess.run([python, "-c", PARSE, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_mediapipe_snippet_says_what_the_vectors_say(app):
    task, folder = app
    if not (folder / "mediapipe_tasks.py").exists():
        assert task in ("regression", "multilabel")
        return
    python = venv_python("mediapipe", "mediapipe==1.2.3")
    for one in vectors_of(folder):
        words = [python, folder / "mediapipe_tasks.py", folder / "vectors" / one["picture"]]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        wanted = told(task, one)
        assert done.stdout.strip().splitlines()[-len(wanted) :] == wanted


@pytest.mark.skipif(not CHROMIUM, reason="no chromium is installed")
def test_the_browser_snippet_says_what_the_vectors_say(app):
    task, folder = app
    needs_runtime()
    root = folder.parent
    shutil.copytree(MODELS, root / "litert", dirs_exist_ok=True)
    imports = json.dumps(
        {"imports": {f"@litertjs/{name}": f"/litert/{name}/dist/index.js" for name in ("core", "wasm-utils")}}
    )
    ask = """async (names) => {
      const { open, answer, SIZE } = await import('/app/litert.js');
      const model = await open('/float32.tflite', '/litert/core/wasm/');
      const canvas = Object.assign(document.createElement('canvas'), { width: SIZE[1], height: SIZE[0] });
      const found = [];
      for (const name of names) {
        const image = new Image(); image.src = `/app/vectors/${name}`; await image.decode();
        const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);
        found.push(await answer(model, pen.getImageData(0, 0, SIZE[1], SIZE[0]).data));
      }
      return found;
    }"""
    vectors = vectors_of(folder)
    try:
        with (
            served_folder(root, f'<script type="importmap">{imports}</script>') as address,
            phone(CHROMIUM) as page,
        ):
            page.goto(address)
            found = page.evaluate(ask, [one["picture"] for one in vectors])
    finally:
        close_browsers()
    for one, said in zip(vectors, found, strict=True):
        name = "number" if task == "regression" else "probabilities"
        np.testing.assert_allclose(np.ravel(said[name]), np.ravel(one[name]), atol=1e-4)
        if task == "grading":
            assert said["grade"] == int(np.argmax(one["grade"]))
