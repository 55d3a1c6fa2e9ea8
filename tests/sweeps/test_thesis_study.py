"""The tables of the first thesis beside ours: every cell of them is of a training that the study makes."""

from math import prod

import pytest

from benchmarks import thesis_photos
from benchmarks.thesis_grid import blocks
from benchmarks.thesis_study import missing
from benchmarks.thesis_tables import Tables, with_tables

TOLD = {
    "fold": "0", "seed": "0", "start": "imagenet", "seconds": "1", "ten_best": "0.5", "per_source": "3+3", "labels": "000142",
    "grades": "000130",
}  # fmt: skip


def rows():
    """Of the whole study."""
    points = [(point, block.kinds) for block in blocks() for point in block.points]
    return [
        TOLD | {"rule": point.key(file), "ms": "1.5" if file else "", "kb": "100" if file else ""}
        for point, kinds in points
        for file in ("", *kinds)
    ]


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.points[0].key())
def test_a_block_is_a_grid(block):
    axes = [word.partition("=")[2].split(",") for word in block.words() if not word.startswith("quantization")]
    assert prod(map(len, axes)) == len(set(block.points)) == len(block.points)


def test_every_cell_of_the_tables_is_trained_once():
    every = rows()
    assert len({row["rule"] for row in every}) == len(every)
    text = Tables(every).text()
    assert "–" not in text
    assert "66.7 [33.3, 100.0] *70.9*" in text  # three of three in the one phone, one of three in the other
    assert not missing(every)


def test_what_is_not_trained_yet_is_left_open():
    few = rows()[:2]
    assert len(missing(few)) == len(list(blocks()))
    page = with_tables("a\n<!-- rows -->\nold\n<!-- end -->\nb\n", few)
    assert page.startswith("a\n<!-- rows -->\n\n**5.1")
    assert page.endswith("<!-- end -->\nb\n")
    assert "old" not in page
    assert "– *73.2*" in page


def test_a_finalist_on_real_phones_stands_beside_a_smaller_network(capsys):
    points = dict.fromkeys((*thesis_photos.SMALLER, *thesis_photos.THESIS))
    some = [
        TOLD | {"rule": point.key(file), "fold": str(fold), "ms": f"{point.width}" if file else "", "kb": "100"}
        for point in points for file in ("", "int8") for fold in range(thesis_photos.FOLDS)
    ]  # fmt: skip
    (_, folds), *_ = thesis_photos.missing(some[:3])
    assert folds == [0, 1, 2, 3, 4]
    assert not thesis_photos.missing(some)
    thesis_photos.show(some)
    told = capsys.readouterr().out
    assert told.count("smaller less finalist") == 4
    assert "0.50 of it" in told
    thesis_photos.show([row for row in some if row["fold"] != "3"])
    assert "heavy" not in capsys.readouterr().out, "four folds are not all phones"
