"""Which picture a COCO file's coordinates are of: the photo as it is seen, or as it lies in its file."""

from collections.abc import Sequence

from annotation.coco_file import CocoImage
from annotation.coco_shapes import Drawing, Frame
from annotation.photos import PhotoFile
from datamodules.images.decoding import SIDEWAYS


def frame_of(image: CocoImage, file: PhotoFile, drawings: Sequence[Drawing], notes: list[str]) -> Frame:
    """The picture that was drawn on: as the file says, turned or not by its EXIF. Raises ValueError for another picture."""
    here, there = (file.width, file.height), image.size
    points = [polygon for one in drawings if not one.shares for polygon in one.polygons]
    reach = [max((max(polygon[axis::2]) for polygon in points), default=0.0) for axis in (0, 1)]
    if there is None:
        if reach[0] > here[0] + 1 or reach[1] > here[1] + 1:
            raise ValueError(f"no width and height, and drawings beyond the photo's own {here[0]} x {here[1]} pixels")
        notes.append(f"{image.name}: no width and height, taken as the photo's own {here[0]} x {here[1]} pixels")
    elif there != here:
        if file.orientation not in SIDEWAYS or there != here[::-1]:
            raise ValueError(f"{there[0]} x {there[1]} pixels there, here {here[0]} x {here[1]}")
        beyond = any(most > side + 1 for most, side in zip(reach, here, strict=True))
        runs = {run.size for one in drawings for run in one.runs}
        if here in runs or (beyond and all(most <= side + 1 for most, side in zip(reach, there, strict=True))):
            notes.append(f"{image.name}: drawn on the picture before its EXIF turn, turned with it")
            return there[1], there[0]
        notes.append(
            f"{image.name}: {there[0]} x {there[1]} is its size before its EXIF turn; drawings taken as of the upright picture"
        )
    return file.height, file.width
