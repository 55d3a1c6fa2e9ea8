"""What the log says now: outlines, sources and comments of photos, votes and settled labels of cells."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from annotation.log import Statement

Cell = tuple[int, int]
Voter = tuple[str, int]
"""Annotator and round: the second look of a person is another vote."""
UNUSABLE = "unusable"
"""A cell that cannot be graded: covered, out of focus, outside the photo."""
IMPORTED = "imported"
"""Who said what was in the folder before it was annotated here: a start, no vote against a person's."""
PHOTO_FIELDS = ("source_id", "kind", "comment", "unusable")


@dataclass
class PhotoState:
    """What has been said of one photo."""

    corners: tuple[float, ...] | None = None
    """x and y of four corners, pixels, from the top left of the upright phone clockwise."""
    columns: dict[str, str] = field(default_factory=dict)
    """source_id, kind, comment, unusable, and further columns of a photos.csv that was there before."""
    votes: dict[Cell, dict[Voter, str]] = field(default_factory=dict)
    settled: dict[Cell, str] = field(default_factory=dict)
    """By a review; stands above all votes."""
    counts: dict[Cell, str] = field(default_factory=dict)
    """Votes that a cells.csv had which was there before: how many said each grade."""

    proposed: dict[Cell, dict[Voter, str]] = field(default_factory=dict)
    """The grade, and behind a space the network's name, that was shown when a voter graded a cell."""

    def apply(self, said: Statement) -> None:
        """Takes in the next statement of the log; it replaces earlier ones about the same thing."""
        if said.field == "corners":
            self.corners = tuple(map(float, said.value.split())) if said.value else None
        elif said.field == "turned":
            self._turn(said.value)
        elif said.cell is None:
            _put(self.columns, said.field, said.value)
        elif said.field == "settled":
            _put(self.settled, said.cell, said.value)
        elif said.field == "votes":
            _put(self.counts, said.cell, said.value)
        elif said.field == "proposed":
            _put(self.proposed.setdefault(said.cell, {}), (said.annotator, said.round), said.value)
        else:
            _put(self.votes.setdefault(said.cell, {}), (said.annotator, said.round), said.value)

    def _turn(self, grid: str) -> None:
        """The phone is the other way up: everybody's grades stay on the glass that they were given for."""
        rows, columns = map(int, grid.split("x"))
        if self.corners is not None:
            self.corners = self.corners[4:] + self.corners[:4]
        self.votes = _turned(self.votes, rows, columns)
        self.settled = _turned(self.settled, rows, columns)
        self.counts = _turned(self.counts, rows, columns)
        self.proposed = _turned(self.proposed, rows, columns)

    @property
    def left_out(self) -> bool:
        """Whether the whole photo was called unusable."""
        return bool(self.columns.get("unusable"))

    def votes_of(self, cell: Cell) -> dict[Voter, str]:
        """The votes that count: imported ones only until a person has spoken."""
        given = self.votes.get(cell, {})
        people = {voter: value for voter, value in given.items() if voter[0] != IMPORTED}
        return people or given

    def label(self, cell: Cell) -> str:
        """What training reads: the settled label, else what most votes say; empty where there is no such."""
        if cell in self.settled:
            return self.settled[cell]
        ranked = Counter(self.votes_of(cell).values()).most_common(2)
        if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
            return ""
        return ranked[0][0]

    def disagrees(self, cell: Cell) -> bool:
        """Whether its votes differ."""
        return len(set(self.votes_of(cell).values())) > 1


def _put[Key](where: dict[Key, str], key: Key, value: str) -> None:
    if value:
        where[key] = value
    else:
        where.pop(key, None)


def _turned[Value](given: dict[Cell, Value], rows: int, columns: int) -> dict[Cell, Value]:
    return {(rows - 1 - row, columns - 1 - col): value for (row, col), value in given.items()}


class State:
    """All photos by name."""

    def __init__(self) -> None:
        self.photos: dict[str, PhotoState] = {}

    def apply(self, statements: Iterable[Statement]) -> set[str]:
        """Takes statements in; returns the photos that they are about."""
        touched = set()
        for said in statements:
            self.photos.setdefault(said.photo, PhotoState()).apply(said)
            touched.add(said.photo)
        return touched

    def __getitem__(self, photo: str) -> PhotoState:
        return self.photos.get(photo) or PhotoState()

    def sources(self) -> dict[str, str]:
        """Photo → its device, where that was said."""
        return {name: one.columns["source_id"] for name, one in self.photos.items() if one.columns.get("source_id")}

    def voters(self) -> list[Voter]:
        """Everybody who has graded a cell, rounds apart, in the order of names."""
        return sorted({voter for one in self.photos.values() for given in one.votes.values() for voter in given})


def plain_number(number: float) -> str:
    """All digits of a coordinate, and no `.0`."""
    return str(int(number)) if number == int(number) else repr(number)
