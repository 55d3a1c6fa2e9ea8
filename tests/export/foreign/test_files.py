"""Files of other makers as they are called: what is read from them, and what has to be said."""

import builtins

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.flatbuffer import FileError
from export.foreign.file import ClassFile, Told

NAMES = ["good", "worn", "broken"]


def made(path, *, shape=(1, 3, 8, 8), outputs=("logits",), classes=3, kind=TensorProto.FLOAT):
    """An ONNX file that answers with the means of the channels as they come in, turned by one place."""
    order = np.roll(np.eye(3, dtype=np.float32), 1, axis=1)[:, :classes]
    axes = [2, 3] if shape[1] == 3 else [1, 2]
    nodes = [helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT)]
    nodes += [helper.make_node("ReduceMean", ["real"], ["means"], axes=axes, keepdims=0)]
    nodes += [helper.make_node("MatMul", ["means", "order"], [name]) for name in outputs]
    graph = helper.make_graph(
        nodes, "means", [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, classes)) for name in outputs],
        [numpy_helper.from_array(order, "order")],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def images():
    """Red, green and blue ones."""
    found = np.full((3, 8, 8, 3), 20, np.uint8)
    for channel in range(3):
        found[channel, :, :, channel] = 240
    return found


TOLD = Told(scaling="0..1", labels=["worn", "broken", "good"])


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (1, 8, 8, 3)])
def test_layout_is_read_and_labels_are_put_in_order(tmp_path, shape):
    file = ClassFile.of(made(tmp_path / "a.onnx", shape=shape), TOLD, NAMES)
    grades, shares = file.grade(images(), NAMES)
    # red comes out at place 1 of the file's order, broken, which is place 2 here
    assert grades.tolist() == [2, 0, 1]
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(shares.argmax(axis=1), grades)


@pytest.mark.parametrize(
    ("told", "value"),
    [
        (Told(scaling="0..255"), 100.0),
        (Told(scaling="0..1"), 100 / 255),
        (Told(scaling="-1..1"), 100 / 127.5 - 1),
        (Told(scaling="0..1", mean=[0.5], std=[0.25]), (100 / 255 - 0.5) / 0.25),
        (Told(scaling="0..255", mean=[10, 10, 10], std=[2, 2, 2]), 45.0),
        (Told(scaling="imagenet"), None),
    ],
)
def test_scalings(tmp_path, told, value):
    file = ClassFile.of(made(tmp_path / "a.onnx"), Told(**vars(told) | {"labels": NAMES}), NAMES)
    pixels = file.pixels(np.full((8, 8, 3), 100, np.uint8))
    assert pixels.shape == (1, 3, 8, 8)
    wanted = (100 / 255 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225] if value is None else [value] * 3
    np.testing.assert_allclose(pixels[0, :, 0, 0], wanted, rtol=1e-4)


def test_whole_numbers_say_their_scaling_themselves(tmp_path):
    file = ClassFile.of(made(tmp_path / "a.onnx", kind=TensorProto.UINT8), Told(labels=NAMES), NAMES)
    assert file.scaling == "0..255"
    assert file.pixels(images()[0]).dtype == np.uint8


@pytest.mark.parametrize(
    ("file", "told", "why"),
    [
        ({}, {"labels": NAMES}, r"does not say how pixels are scaled: want scaling=<one of 0..255, 0..1, -1..1, imagenet>"),
        ({}, {"scaling": "0-1", "labels": NAMES}, r"scaling=0-1: want one of 0..255"),
        ({}, {"scaling": "0..1", "labels": NAMES, "mean": [0.5]}, "mean= and std= go together"),
        ({}, {"scaling": "0..1", "labels": NAMES, "mean": [0.5], "std": [0.0]}, "want numbers above 0"),
        ({}, {"scaling": "0..1"}, r"does not name its classes: want labels=<\[good,worn,broken\] in its order>"),
        ({}, {"scaling": "0..1", "labels": ["good", "worn", "torn"]}, "labels: torn does not fit the data"),
        ({"classes": 2}, {"scaling": "0..1", "labels": NAMES}, r"none of its outputs is 3 numbers.*logits \[1, 2\]"),
        ({"outputs": ("a", "b")}, {"scaling": "0..1", "labels": NAMES}, "want output=<one of a, b>"),
        ({"outputs": ("a", "b")}, {"scaling": "0..1", "labels": NAMES, "output": "c"}, r"output=c: it gives a \[1, 3\]"),
        ({"shape": (1, 3, "h", "w")}, {"scaling": "0..1", "labels": NAMES}, "any size: want size="),
        ({"shape": (1, 3, 8, 8)}, {"scaling": "0..1", "labels": NAMES, "size": [9, 9]}, "takes 8 x 8 alone"),
    ],
)  # fmt: skip
def test_what_has_to_be_said_is_one_line(tmp_path, file, told, why):
    path = made(tmp_path / "a.onnx", **file)
    with pytest.raises(FileError, match=why) as caught:
        ClassFile.of(path, Told(**told), NAMES)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.pb", b"", "want a file that ends in .tflite, .onnx, .keras"),
        ("a.onnx", b"nothing", "ONNX Runtime does not load it"),
        ("a.tflite", b"nothing", "runtime does not load it"),
        ("no.onnx", None, "no such file"),
    ],
)
def test_what_is_no_file_is_one_line(tmp_path, name, content, why):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(FileError, match=why) as caught:
        ClassFile.of(tmp_path / name, TOLD, NAMES)
    assert "\n" not in str(caught.value)


def test_keras_without_tensorflow_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "a.keras").write_bytes(b"")
    real = builtins.__import__

    def without(name, *rest, **more):
        if name.split(".")[0] in ("keras", "tensorflow"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(FileError, match=r"TensorFlow, which is not installed: want pip install -e '.\[tensorflow\]'"):
        ClassFile.of(tmp_path / "a.keras", TOLD, NAMES)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_keras_file_is_run(tmp_path):
    keras = pytest.importorskip("keras")
    pytest.importorskip("tensorflow")
    given = keras.Input((8, 8, 3))
    keras.Model(given, keras.layers.GlobalAveragePooling2D(name="means")(given)).save(tmp_path / "a.keras")
    file = ClassFile.of(tmp_path / "a.keras", Told(scaling="0..1", labels=NAMES), NAMES)
    assert file.grade(images(), NAMES)[0].tolist() == [0, 1, 2]
