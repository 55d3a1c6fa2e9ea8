"""The first thesis's networks and choices at half of its sides: what `benchmarks.thesis_study` trains, in which order."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

WIDTHS, SIDES = (0.5, 0.75, 1.0), (64, 80, 96, 112)
LARGE = {"efficientnet_b0": 112, "efficientnet_b1": 120, "efficientnet_b2": 130}
KINDS = ("float32", "dynamic", "float16", "int8")


@dataclass(frozen=True)
class Point:
    """A training, but for its seed."""

    backbone: str
    width: float
    side: int
    augmentation: str = "none"
    imbalance: str = "none"
    encoding: str = "one_hot"

    @property
    def name(self) -> str:
        """`mobilenet 0.5, 80 px`, the finalist's."""
        return f"{self.backbone} {self.width:g}, {self.side} px"

    def key(self, file: str = "") -> str:
        """What its rows are found by."""
        return ", ".join([self.name, self.augmentation, self.imbalance, self.encoding, *([file] if file else [])])


FINALISTS = (
    Point("mobilenet", 0.5, 80), Point("mobilenet", 0.5, 112), Point("mobilenet", 1.0, 112), Point("efficientnet_b0", 1.0, 112),
)  # fmt: skip
"""Half of 160, 224, 224 and 224 px."""


@dataclass(frozen=True)
class Block:
    """Trainings that one `train.py -m` makes side by side."""

    points: tuple[Point, ...]
    kinds: tuple[str, ...] = ("float32",)

    def words(self) -> list[str]:
        """The grid as it is typed."""
        axes = {
            "backbone": "backbone", "width": "width", "side": "resolution", "augmentation": "augmentation", "imbalance": "imbalance",
            "encoding": "encoding",
        }  # fmt: skip
        return [
            *(
                f"{word}={','.join(dict.fromkeys(f'{getattr(one, name)}' for one in self.points))}"
                for name, word in axes.items()
            ),
            f"quantization=[{','.join(self.kinds)}]",
        ]


def blocks() -> Iterator[Block]:
    """In the order in which they are trained: what costs least first."""
    yield from (Block(tuple(Point("mobilenet", width, side) for width in WIDTHS)) for side in SIDES)
    heavy = [replace(one, augmentation="heavy") for one in FINALISTS]
    yield Block((FINALISTS[3],))
    for plain, one in zip(FINALISTS, heavy, strict=True):
        ordinal = replace(one, encoding="ordinal")
        yield Block((replace(plain, augmentation="light"), one))
        yield Block(tuple(replace(one, imbalance=name) for name in ("oversampling", "class_weights")))
        yield Block((ordinal, replace(ordinal, imbalance="class_weights")), KINDS)
    yield from (Block(tuple(Point("mobilenetv2", width, side) for width in WIDTHS)) for side in SIDES)
    yield from (Block((Point(name, 1.0, LARGE[name]),)) for name in ("efficientnet_b1", "efficientnet_b2"))
