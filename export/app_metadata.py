"""What apps read in a TFLite file: MediaPipe, the Task Library, ML Kit. A metadata entry of its own and, behind the file, a zip of labels.

The schema is `metadata_schema.fbs` of TensorFlow Lite Support, version 1.1.0; no library for writing it comes for this Python. Fields are
named by their number in the schema's tables.
"""

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flatbuffers

from export import flatbuffer

METADATA = "TFLITE_METADATA"
IDENTIFIER = b"M001"
LABELS = "labels.txt"
IMAGE_PROPERTIES, FEATURE_PROPERTIES, NORMALIZATION, RGB, AXIS_LABELS = 2, 1, 1, 1, 2
"""Numbers of the schema's unions and enumerations."""

Builder = Any
"""`flatbuffers.Builder`, which carries no types."""


def with_app_metadata(data: bytes, about: Mapping[str, Any]) -> bytes:
    """The file as apps take it: name, raw pixels as they are (mean 0, deviation 1), labels of each output with one value per label.

    Args:
        data: a TFLite file.
        about: gridlite's metadata: `task`, `labels`, and what a description is made of.

    """
    model = flatbuffer.unpack(data)
    graph = flatbuffer.graph(model)
    labels = [str(one) for one in about["labels"]]
    names = output_names(model)
    shapes = [tuple(map(int, graph.tensors[index].shape)) for index in graph.outputs]
    labelled = [bool(shape) and shape[-1] == len(labels) for shape in shapes]
    builder = flatbuffers.Builder(1024)
    outputs = [
        _tensor(builder, name, DESCRIPTIONS.get(name, name), content=_feature(builder), labels=has)
        for name, has in zip(names, labelled, strict=True)
    ]
    image = _tensor(builder, "image", "RGB, 0 to 255", content=_image(builder), process=_normalization(builder))
    subgraph = _table(
        builder, 9, {0: builder.CreateString("gridlite"), 2: _vector(builder, [image]), 3: _vector(builder, outputs)}
    )
    described = f"{about.get('task', '')}: {json.dumps(dict(about.get('axes', {})), ensure_ascii=False, default=str)}"
    texts = {0: "gridlite", 1: described, 2: str(about.get("config_hash", ""))[:12], 7: "1.0.0"}
    fields = {number: builder.CreateString(text) for number, text in texts.items()}
    builder.Finish(_table(builder, 8, fields | {3: _vector(builder, [subgraph])}), IDENTIFIER)
    made = flatbuffer.with_metadata(data, {METADATA: bytes(builder.Output())})
    return made + _zipped({LABELS: "\n".join(labels) + "\n"}) if any(labelled) else made


DESCRIPTIONS = {
    "grade": "1 at the grade, 0 elsewhere",
    "probabilities": "probability of each label",
    "number": "the number, in its unit",
    "distance": "from the pictures of training",
}


def output_names(model: flatbuffer.Model) -> list[str]:
    """Names by the signature, in the order of the graph's outputs."""
    by_tensor = {
        int(one.tensorIndex): one.name.decode() for signature in model.signatureDefs or [] for one in signature.outputs
    }
    return [
        by_tensor.get(int(index), flatbuffer.tensor_name(model, int(index)))
        for index in flatbuffer.graph(model).outputs
    ]


def _table(
    builder: Builder, size: int, offsets: Mapping[int, int], small: Mapping[int, Callable[[], None]] | None = None
) -> int:
    """A table of `size` fields: those at `offsets` are tables, vectors or texts, the `small` ones add themselves."""
    builder.StartObject(size)
    for number, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(number, offset, 0)
    for add in (small or {}).values():
        add()
    return int(builder.EndObject())


def _vector(builder: Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _floats(builder: Builder, values: Sequence[float]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return int(builder.EndVector())


def _union(builder: Builder, size: int, kind: int, value: int) -> int:
    """A table that begins with a union: its kind, then its value."""
    return _table(builder, size, {1: value}, {0: lambda: builder.PrependUint8Slot(0, kind, 0)})


def _image(builder: Builder) -> int:
    properties = _table(builder, 2, {}, {0: lambda: builder.PrependInt8Slot(0, RGB, 0)})
    return _union(builder, 3, IMAGE_PROPERTIES, properties)


def _feature(builder: Builder) -> int:
    return _union(builder, 3, FEATURE_PROPERTIES, _table(builder, 0, {}))


def _normalization(builder: Builder) -> int:
    """Pixels are taken as they are: scaling is inside."""
    options = _table(builder, 2, {0: _floats(builder, [0.0]), 1: _floats(builder, [1.0])})
    return _vector(builder, [_union(builder, 2, NORMALIZATION, options)])


def _tensor(builder: Builder, name: str, text: str, *, content: int, process: int = 0, labels: bool = False) -> int:
    fields = {0: builder.CreateString(name), 1: builder.CreateString(text), 3: content}
    fields |= {4: process} if process else {}
    if labels:
        file = _table(
            builder, 4, {0: builder.CreateString(LABELS), 1: builder.CreateString("labels, one a line")},
            {2: lambda: builder.PrependInt8Slot(2, AXIS_LABELS, 0)},
        )  # fmt: skip
        fields |= {6: _vector(builder, [file])}
    return _table(builder, 7, fields)


def _zipped(files: Mapping[str, str]) -> bytes:
    """Stored, with a date that does not change, so that equal files are equal in every byte."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return stream.getvalue()
