"""What delegates leave to the CPU: told by operator; float files are one piece for XNNPACK and whole on graphics chips."""

import json
from pathlib import Path

import pytest

from export.convert import to_float32, to_onnx
from export.delegates import left_to_cpu, xnnpack_partitions
from export.deployable import deployable
from export.formats.tflite import TFLite
from export.latency.host import measure
from export.latency.table import print_timings
from export.lint import main
from sweeps.records.environment import fast_int8
from tests.export.made import files_of_kinds, random_module


@pytest.mark.parametrize("kind", ["float32", "float16", "dynamic", "int8"])
def test_files_are_one_piece_for_xnnpack(kind: str) -> None:
    data = files_of_kinds()[kind]
    assert xnnpack_partitions(data) == 1
    left = left_to_cpu(data)
    assert left["xnnpack"] == {}
    assert left["gpu"] == left["webgpu"] == {}
    assert set(left["edge_tpu"]) >= {"LOGISTIC"}


def test_the_table_says_what_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "int8.tflite"
    about = {"task": "grading", "labels": list("abcde"), "size": [64, 64], "resolution": 64}
    path.write_bytes(TFLite().finish(files_of_kinds()["int8"], json.dumps(about).encode()))
    main([f"file={path}"])
    said = capsys.readouterr().out
    assert "1 piece" in said
    assert "1.14.0" in said
    assert "of 68 operators" in said
    for words, code in ((["file=/nowhere.tflite"], 1), (["odd"], 2), ([], 2), ([f"run={tmp_path}"], 1)):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert (stop.value.code if isinstance(stop.value.code, int) else 1) == code


def test_an_integer_grade_is_named_and_its_timing_is_partial(capsys: pytest.CaptureFixture[str]) -> None:
    model = deployable(
        random_module("mobilenet", width=0.25), (64, 64), lambda head, logits: {"grade": head.decode(logits).int()}
    )
    data = to_float32(to_onnx(model, (64, 64), model.outputs))
    left = left_to_cpu(data)
    assert left["gpu"] == left["webgpu"] == {"ARG_MAX": 1, "CAST": 1}
    assert set(left["xnnpack"]) == {"ARG_MAX", "CAST"}
    (partly,), (whole,) = (
        measure(one, warmup_runs=1, runs=3, threads=1) for one in (data, files_of_kinds()["float32"])
    )
    assert (partly["delegate"], partly["partial"], sorted(partly["cpu_operators"])) == (
        "xnnpack",
        True,
        ["ARG_MAX", "CAST"],
    )
    assert (whole["delegate"], whole["partial"], "cpu_operators" in whole) == ("xnnpack", False, False)
    assert whole.get("int8") == fast_int8()
    print_timings([("run", "float32", partly), ("run", "float32", whole)])
    said = " ".join(capsys.readouterr().out.split())
    assert "(partial): CPU" in said
