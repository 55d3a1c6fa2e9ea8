"""What the evaluations of all tasks share: every checkpoint on every part, and the worst answers as a row of squares."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from storage.whole_file import replaced

if TYPE_CHECKING:
    import pandas as pd

    from datamodules.base.samples import Samples

SQUARES, SIDE = 16, 96
"""Most mistakes that are drawn, and their side, pixels."""
COLUMNS = ["sample", "source_id", "group", "part"]
"""Of a data set's table, in every predictions.parquet."""


def evaluate_checkpoints(
    module: Any,
    folder: Path,
    samples: "Samples",
    shipped: str,
    data: Any,
    answer: Callable[[str, str], tuple[dict[str, Any], "pd.DataFrame"]],
) -> tuple[dict[str, Any], "pd.DataFrame"]:
    """Loads the checkpoints that were kept, at the end the one that ships, and asks `answer(part, checkpoint)` for figures and answers.

    Returns:
        figures as `<part>/<name>`, of the other checkpoint `<part>/<best or last>/<name>`, and all answers with their column `checkpoint`, which are also
        written to predictions.parquet.

    """
    import pandas as pd

    from lightning_modules.checkpoints import each_checkpoint
    from lightning_modules.inference import mean_loss

    metrics: dict[str, Any] = {}
    frames = []
    for checkpoint, infix in each_checkpoint(module, folder, shipped):
        for part in samples.evaluated:
            figures, frame = answer(part, checkpoint)
            if part != "val":  # the training itself measures val/loss
                figures = figures | {"loss": mean_loss(module, data.part_dataloader(part))}
            metrics |= {f"{part}/{infix}{name}": value for name, value in figures.items()}
            frames.append(frame.assign(checkpoint=checkpoint))
    everything = pd.concat(frames)
    with replaced(folder / "predictions.parquet") as file:
        everything.to_parquet(file, index=False)
    return metrics, everything


def draw_squares(names: list[str], samples: "Samples", resolution: int, path: Path) -> None:
    """The samples of these names in a row → a JPEG; removes it where there is none."""
    from PIL import Image

    if not names:
        path.unlink(missing_ok=True)
        return
    place = {name: at for at, name in enumerate(samples.table["sample"])}
    images = samples.images(resolution)
    row = Image.new("RGB", (SIDE * len(names), SIDE))
    for at, name in enumerate(names):
        square = Image.fromarray(np.asarray(images[place[name]])).resize((SIDE, SIDE))
        row.paste(square, (SIDE * at, 0))
    with replaced(path) as unfinished:
        row.save(unfinished, quality=85)


def draw_in_photos(names: list[str], samples: "Samples", path: Path) -> None:
    """The photographs of these samples in a row of squares, each sample outlined → a JPEG; removes it where samples are no part of any."""
    from PIL import Image, ImageDraw

    found = [samples.in_photo(name) for name in names]
    wholes = [whole for whole in found if whole is not None]
    if not wholes or len(wholes) < len(found):
        path.unlink(missing_ok=True)
        return
    row = Image.new("RGB", (SIDE * len(wholes), SIDE), (128, 128, 128))
    for at, whole in enumerate(wholes):
        picture = Image.fromarray(whole.pixels)
        scale = SIDE / max(picture.size)
        picture = picture.resize([max(1, round(side * scale)) for side in picture.size])
        left, top = (SIDE - picture.width) // 2, (SIDE - picture.height) // 2
        ImageDraw.Draw(picture).polygon(
            [tuple(point) for point in whole.corners * scale], outline=(255, 40, 40), width=2
        )
        row.paste(picture, (SIDE * at + left, top))
    with replaced(path) as unfinished:
        row.save(unfinished, quality=85)
