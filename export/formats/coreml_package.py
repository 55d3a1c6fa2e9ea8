"""`python -m export.formats.coreml_package <folder>`: traced.pt and metadata.json in it become package.zip."""

import json
import sys
import zipfile
from pathlib import Path

import torch

from export.runtime import METADATA

sys.modules["tensorflow"] = None  # type: ignore[assignment]  # coremltools would load it, whose LLVM and torch's do not go together
import coremltools  # noqa: E402

NAME = "model.mlpackage"
"""Of the folder inside the zip."""


def main(folder: Path) -> None:
    """Converts, describes and packs."""
    extra = {"outputs.json": ""}
    network = torch.jit.load(folder / "traced.pt", _extra_files=extra)  # type: ignore[no-untyped-call]
    metadata = (folder / "metadata.json").read_text()
    about = json.loads(metadata)
    picture = coremltools.ImageType("image", shape=(1, 3, *about["size"]), color_layout=coremltools.colorlayout.RGB)
    model = coremltools.convert(
        network, inputs=[picture], outputs=[coremltools.TensorType(name) for name in json.loads(extra["outputs.json"])],
        convert_to="mlprogram", minimum_deployment_target=coremltools.target.iOS16,
    )  # fmt: skip
    model.short_description = f"gridlite {about['task']}: {', '.join(map(str, about['labels']))}"
    model.user_defined_metadata[METADATA] = metadata
    model.save(str(folder / NAME))
    with zipfile.ZipFile(folder / "package.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((folder / NAME).rglob("*")):
            archive.write(path, path.relative_to(folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
