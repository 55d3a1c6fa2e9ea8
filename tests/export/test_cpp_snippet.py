"""`export/app/model.cc`, compiled and run against TensorFlow Lite's own C library."""

import json
import shutil
import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from PIL import Image

from export import integer_io, quantize
from tasks.grading_files import GradeModel
from tests.export.app_files import file_of, made
from tests.export.made import PLAIN, files_of_kinds, pictures
from tests.venvs import venv_python

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not shutil.which("g++"), reason="no g++ is installed"),
]
HEADER = Path(__file__).with_name("c_api.h")
LIBRARY = "import pathlib, pymicro_wakeword; print(pathlib.Path(pymicro_wakeword.__file__).parent / 'lib')"


@pytest.fixture(scope="module")
def library():
    """The folder of libtensorflowlite_c.so: a package that listens for words brings a whole one, 2.17.1."""
    python = venv_python("tflite_c", "pymicro-wakeword==2.5.0")
    folder = Path(subprocess.run([python, "-c", LIBRARY], capture_output=True, text=True, check=True).stdout.strip())
    if not (folder / "libtensorflowlite_c.so").is_file():
        pytest.skip("the package has no libtensorflowlite_c.so for this machine")
    return folder


def compiled(app, library):
    """The program that model.cc makes, with every warning an error."""
    header = app / "include" / "tensorflow" / "lite" / "c" / "c_api.h"
    header.parent.mkdir(parents=True)
    shutil.copyfile(HEADER, header)
    program = app / "model"
    words = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-I", app / "include", app / "model.cc", "-o", program]
    done = subprocess.run(
        [*words, f"-L{library}", "-ltensorflowlite_c", f"-Wl,-rpath,{library}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return program


def said(program, file, pixels, path):
    path.write_bytes(pixels)
    done = subprocess.run([program, file, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {
        name: np.array(values.split(), float)
        for name, _, values in (line.partition(":") for line in done.stdout.splitlines())
    }


def int8_io():
    source = quantize.FloatFile(file_of("grading"), pictures(30, 64), GradeModel)
    return integer_io.int8_io(source, then=partial(quantize.int8, **PLAIN | {"float_edges": False}))


def by_own_kernels(path, pixels):
    """What LiteRT answers without XNNPACK, which sums int8 otherwise than the kernels that this C library has."""
    runner = Interpreter(str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    run = runner.get_signature_runner()
    given = run(image=pixels[None].astype(run.get_input_details()["image"]["dtype"]))
    found = {}
    for name, value in given.items():
        scale, zero_point = run.get_output_details()[name]["quantization"]
        found[name] = (value[0].astype(float) - zero_point) * scale if scale else value[0]
    return found


FILES = {
    "grading float32": lambda: file_of("grading"),
    "segmentation float32": lambda: file_of("segmentation"),
    "regression float32": lambda: file_of("regression"),
    "grading int8": lambda: files_of_kinds()["int8"],
    "grading int8_io": int8_io,
}
"""Floats are held against the vectors; integers against the same kernels here, to the step of a 255th."""


@pytest.mark.parametrize("name", FILES)
def test_the_cpp_snippet_says_what_the_vectors_say(name, library, tmp_path, capsys):
    task, kind = name.split()
    app = made(tmp_path / "export", task, kind=kind, data=FILES[name]())
    program, file = compiled(app, library), app.parent / f"{kind}.tflite"
    apart, from_vectors = [], []
    for one in json.loads((app / "vectors" / "vectors.json").read_text())["answers"]:
        pixels = np.asarray(Image.open(app / "vectors" / one["picture"]))
        given = said(program, file, pixels.tobytes(), tmp_path / "pixels")
        assert given.keys() == one.keys() - {"picture"}
        wanted = one if kind == "float32" else by_own_kernels(file, pixels)
        for output, values in given.items():
            apart.append(np.abs(values - np.ravel(wanted[output])).max())
            from_vectors.append(np.abs(values - np.ravel(one[output])).max())
    with capsys.disabled():
        print(f"\n{name}: differences {max(apart):.1e} at most, from the vectors {np.median(from_vectors):.1e}")
    assert max(apart) <= (1e-4 if kind == "float32" else 1 / 255 + 1e-6)


def test_what_cannot_be_answered_is_no_success(library, tmp_path):
    app = made(tmp_path / "export", "grading")
    program, file = compiled(app, library), app.parent / "float32.tflite"
    (tmp_path / "short").write_bytes(b"12")
    for words in ([file, tmp_path / "short"], [tmp_path / "short", tmp_path / "short"], [file]):
        done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert done.stdout == ""
