"""What a COCO file (Lin et al. 2014) draws on images, as a mask per class."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from annotation.coco_file import CocoAnnotation, CocoFile, CocoImage, read_coco
from annotation.coco_frames import frame_of
from annotation.coco_shapes import Drawing, drawing_of, mask_of
from annotation.imported import LeftOut
from annotation.mask_source import Collected, Masks, Options, add_mask
from annotation.photos import PhotoFile, upright
from annotation.placing import placed

NO_OUTLINE: tuple[object, ...] = (None, [], {}, "", [[]], "[]", "{}", "[[]]", "null")
"""How tools write that there is a box alone."""
A_BOX = "a box and no outline; --boxes fill takes the whole box as the mask"


class CocoMasks:
    """A COCO file, read, and the images that it speaks of.

    Args:
        path: of the file.
        files: the images, by their paths in the folder.
        options: see `Options`.

    Raises AnnotationError for a file that is none as a whole, and for names in `options` that it does not have.

    """

    def __init__(self, path: Path, files: Mapping[str, PhotoFile], options: Options) -> None:
        self.whole: CocoFile = read_coco(path)
        self.files, self.options = files, options
        self.found = Collected(left=self.whole.left)
        names = {one.id: one.name for one in self.whole.categories}
        options.naming.check(path, names.values())
        self._class = self._classes()
        self.order = list(dict.fromkeys(name for name in self._class.values() if name is not None))
        self._entries = placed(files, self.whole.images, lambda image: image.name, self.found.left)
        self._shares: list[str] = []
        crowds = [one.id or "" for drawn in self.whole.drawn.values() for one in drawn if one.iscrowd in (1, True, "1")]
        if crowds:
            self.found.notes.append(
                f"{len(crowds)} annotations are crowds (iscrowd), the first: annotation {crowds[0]}; all that each covers is its mask"
            )

    def _classes(self) -> dict[str, str | None]:
        """Our class by the categories' ids. A parent, as Roboflow writes one, is what all of its children are."""
        naming = self.options.naming
        classes = {one.id: naming.of(one.name) for one in self.whole.categories}
        for parent in self.whole.categories:
            children = {
                classes[one.id]
                for one in self.whole.categories
                if one.supercategory == parent.name and one.id != parent.id and one.name != parent.name
            }
            if len(children) == 1 and parent.name not in {*naming.renamed, *naming.without}:
                classes[parent.id] = children.pop()
                if any(one.category_id == parent.id for drawn in self.whole.drawn.values() for one in drawn):
                    self.found.notes.append(
                        f"category {parent.name}: taken for {classes[parent.id] or 'no class'}, as all of its own are"
                    )
        return classes

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[tuple[str, Masks]]:
        """Every image with something drawn on it, and with `empty_is_clean` those without."""
        for photo, entries in self._entries.items():
            drawn = [one for image in entries for one in self.whole.drawn.get(image.id, [])]
            broken = any(image.id in self.whole.broken for image in entries)
            if not drawn:
                if not broken:
                    self.found.empty.append(photo)
                    if self.options.empty_is_clean:
                        yield photo, {}
                continue
            if len(entries) > 1:
                self.found.notes.append(f"{photo}: {len(entries)} entries of the file, merged")
            masks: Masks = {}
            read = [self._take(masks, image, self.files[photo]) for image in entries]
            if broken or not all(whole for _, whole in read):
                self.found.partial.append(photo)
            if any(count for count, _ in read):
                yield photo, masks
        if self._shares:
            more = f" and {len(self._shares) - 1} more" if len(self._shares) > 1 else ""
            self.found.notes.append(
                f"{self._shares[0]}{more}: all coordinates lie within 0 and 1, taken as shares of the sides"
            )

    def _take(self, masks: Masks, image: CocoImage, file: PhotoFile) -> tuple[int, bool]:
        """Adds an entry's drawings; how many could be read, and whether all could."""
        drawn = self.whole.drawn.get(image.id, [])
        drawings = [(one, drawing_of(one)) for one in drawn if not self._is_box(one)]
        problems = [LeftOut(image.name, one.id or "", text) for one, drawing in drawings for text in drawing.problems]
        self.found.left += [LeftOut(image.name, one.id or "", A_BOX) for one in drawn if self._is_box(one)]
        self._shares += [f"{image.name}: annotation {one.id}" for one, drawing in drawings if drawing.shares]
        read = 0
        try:
            frame = frame_of(image, file, [drawing for _, drawing in drawings], self.found.notes)
        except ValueError as error:
            self.found.left += [*problems, LeftOut(image.name, "", str(error))]
            return 0, False
        for one, drawing in drawings:
            if drawing.polygons or drawing.runs:
                try:
                    read += self._draw(masks, one, drawing, frame, file)
                except (ValueError, TypeError, LookupError, OverflowError) as error:
                    problems.append(LeftOut(image.name, one.id or "", " ".join(str(error).split())))
        self.found.left += problems
        return read, not problems and len(drawings) == len(drawn)

    def _is_box(self, one: CocoAnnotation) -> bool:
        return one.segmentation in NO_OUTLINE and one.bbox not in (None, []) and not self.options.fill_boxes

    def _draw(
        self, masks: Masks, one: CocoAnnotation, drawing: Drawing, frame: tuple[int, int], file: PhotoFile
    ) -> int:
        mask = mask_of(drawing, frame)
        if frame != (file.height, file.width):
            mask = upright(mask, file.orientation)
        name = self._class[one.category_id]
        if name is not None:
            add_mask(masks, name, mask > 0)
        return 1
