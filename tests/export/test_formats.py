"""Files of other formats than TFLite, from the same network: what runs here answers alike, what does not says so."""

import json
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import onnx
import pandas as pd
import pytest

from export import backends
from export.convert import to_onnx
from export.deployable import deployable
from export.float_file import FloatFile, QuantizationError
from export.formats.coreml import CoreML, traced
from export.formats.onnx import ONNX, int8
from sweeps.analysis.recommendation import advised_kind
from sweeps.records.run_record import find_runs, read_record
from tasks.grading_files import GradeModel, grade_answer
from tests.export.made import pictures, random_module, torch_answers
from tests.trained import copy_of, grading
from tests.warm import run_warm

SIDE = 64
ABOUT = {"task": "grading", "labels": list("abcde"), "size": [SIDE, SIDE], "resolution": SIDE}


def has_coreml():
    return find_spec("coremltools") is not None


@pytest.fixture(scope="module")
def network():
    return deployable(random_module("mobilenet", width=0.25, encoding="ordinal"), (SIDE, SIDE), grade_answer)


@pytest.fixture(scope="module")
def source(network):
    network(network_input())
    data = to_onnx(network, (SIDE, SIDE), network.outputs)
    return FloatFile(b"", pictures(30, SIDE), GradeModel, data, lambda: network)


def network_input():
    import torch

    return torch.zeros(1, SIDE, SIDE, 3)


def test_a_float_file_answers_as_torch(network, source):
    (kind,) = ONNX().kinds({})
    data = ONNX().finish(ONNX().kinds({})[kind](source), json.dumps(ABOUT).encode())
    images = pictures(40, SIDE, seed=2)
    grades, probabilities = GradeModel(data, opened=backends.onnx).grade(images)
    wanted, exact = torch_answers(network, images)
    np.testing.assert_array_equal(grades, wanted)
    np.testing.assert_allclose(probabilities, exact, atol=1e-5)
    (entry,) = onnx.load_from_string(data).metadata_props
    assert (entry.key, json.loads(entry.value)) == ("gridlite", ABOUT)
    assert ONNX().facts(data) == {"opset": 17}


def test_an_int8_file_is_a_quarter_and_answers_nearly_so(network, source):
    data = int8(source)
    assert len(data) < 0.4 * len(source.onnx)
    kinds = [node.op_type for node in onnx.load_from_string(data).graph.node]
    assert kinds.count("QuantizeLinear") > 20
    images = pictures(60, SIDE, seed=2)
    _, probabilities = GradeModel(data, opened=backends.onnx).grade(images)
    _, exact = torch_answers(network, images)
    others = np.abs(exact - np.roll(exact, 1, axis=0)).mean()  # what answers to other pictures differ by
    assert np.abs(probabilities - exact).mean() < 0.3 * others
    with pytest.raises(QuantizationError, match="calibration part is empty"):
        int8(FloatFile(b"", source.images[:0], GradeModel, source.onnx))


READ = """
import json, sys, zipfile
sys.modules["tensorflow"] = None
import coremltools
with zipfile.ZipFile(sys.argv[1]) as archive:
    (name,) = [one for one in archive.namelist() if one.endswith(".mlmodel")]
    spec = coremltools.proto.Model_pb2.Model.FromString(archive.read(name))
(given,) = spec.description.input
size = given.type.imageType.height, given.type.imageType.width
print(json.dumps([given.name, size, [one.name for one in spec.description.output], spec.description.metadata.userDefined["gridlite"]]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not has_coreml(), reason="needs the extra coreml")
def test_what_iphones_run_takes_a_picture_and_carries_its_metadata(source, tmp_path):
    path = tmp_path / "made.zip"
    path.write_bytes(CoreML().finish(traced(source), json.dumps(ABOUT).encode()))
    said = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, check=True).stdout
    name, size, outputs, metadata = json.loads(said)
    assert (name, size, outputs) == ("image", [SIDE, SIDE], ["grade", "probabilities"])
    assert json.loads(metadata) == ABOUT
    with pytest.raises(QuantizationError, match="coremltools does not convert it"):
        CoreML().finish(b"no network", json.dumps(ABOUT).encode())


@pytest.mark.slow
def test_a_run_has_them_beside_its_own(tmp_path_factory):
    place = copy_of(tmp_path_factory, grading)[0]
    folder = find_runs(place / "runs" / "grid")[0]
    before = read_record(folder)["exports"]
    formats = "onnx,onnx_int8" + ",coreml" * has_coreml()
    done = run_warm("-m", "export", f"run={folder}", f"format=[{formats}]")
    assert done.returncode == 0, done.stderr
    record = read_record(folder)
    assert record["exports"].items() >= before.items()
    for kind, name in (("onnx", "float32.onnx"), ("onnx_int8", "int8.onnx")):
        entry = record["exports"][kind]
        assert entry["path"] == f"export/{name}"
        assert (folder / entry["path"]).stat().st_size == entry["size_bytes"]
        assert entry["latency"][0]["runtime"].startswith("ONNX Runtime")
        assert name in done.stdout
    assert record["exports"]["onnx"]["agreement"] == 1
    answers = pd.read_parquet(folder / "export" / "predictions.parquet")
    assert set(answers.file) == {*before, "onnx", "onnx_int8"}
    assert advised_kind(record) in before  # the phone page and the station run TFLite alone
    done = run_warm("-m", "station", "grade", "photo=x.jpg", f"run={folder}", "file=onnx")
    assert done.returncode == 1
    assert done.stderr == f"error: {folder}: no onnx file; it has float32, float16, dynamic, int8\n"
    done = run_warm("-m", "sweeps", "report", folder.parent)
    assert done.returncode == 0, done.stderr
    assert "onnx_int8" in (folder.parent / "report.html").read_text()
    if has_coreml():
        (entry,) = record["unscored_files"].values()
        assert (folder / entry["path"]).stat().st_size == entry["size_bytes"]
        assert "model.mlpackage.zip: " in run_warm("-m", "export", f"run={folder}", "format=coreml").stdout
