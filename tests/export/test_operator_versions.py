"""The version of every operator is the one that TensorFlow's own converter writes; the file says which runtime it wants."""

from pathlib import Path

import pytest

from choices import ROOT
from export import flatbuffer
from export.interpreter import interpreter_of
from export.operator_versions import RUNTIMES, runtime_of, version_of, with_versions
from tests.export.made import files_of_kinds

REFERENCE = ROOT.parent / "shared" / "data" / "reference_tflite"
THEIRS = sorted(REFERENCE.glob("*.tflite"))


def versions(data: bytes) -> list[tuple[str, int]]:
    model = flatbuffer.unpack(data)
    operators = flatbuffer.graph(model).operators
    return [(flatbuffer.operator_name(model, one), model.operatorCodes[one.opcodeIndex].version) for one in operators]


@pytest.mark.skipif(not THEIRS, reason="files that TensorFlow's converter made lie in shared/data, which is absent")
@pytest.mark.parametrize("path", THEIRS, ids=lambda path: path.stem)
def test_they_are_those_of_tensorflows_converter(path: Path) -> None:
    data = path.read_bytes()
    model = flatbuffer.unpack(data)
    for operator in flatbuffer.graph(model).operators:
        code = model.operatorCodes[operator.opcodeIndex]
        assert version_of(model, operator) == code.version, flatbuffer.operator_name(model, operator)
    assert versions(with_versions(data)) == versions(data)


@pytest.mark.parametrize(
    ("kind", "wanted", "runtime"),
    [
        ("float32", {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1}, "1.14.0"),
        ("float16", {"DEQUANTIZE": 3, "CONV_2D": 1}, "1.15.0"),
        ("dynamic", {"CONV_2D": 5, "FULLY_CONNECTED": 3}, "2.4.0"),
        ("int8", {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3}, "1.14.0"),
    ],
)
def test_each_kind_has_its_own(kind: str, wanted: dict[str, int], runtime: str) -> None:
    made = with_versions(files_of_kinds()[kind])
    found = versions(made)
    for name, version in wanted.items():
        assert (name, version) in found
    assert runtime_of(made) == runtime
    interpreter_of(made, 1)


def test_an_operator_that_is_not_known_keeps_what_the_converter_says(monkeypatch: pytest.MonkeyPatch) -> None:
    made = files_of_kinds()["float32"]
    monkeypatch.delitem(RUNTIMES, "CONV_2D")
    assert runtime_of(with_versions(made)) == ""
    assert ("CONV_2D", 1) in versions(with_versions(made))
