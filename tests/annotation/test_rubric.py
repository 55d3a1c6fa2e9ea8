"""A folder's own pictures and words of its grades."""

import numpy as np
import pytest
from PIL import Image

from annotation.log import AnnotationError
from annotation.photos import Photos
from annotation.rubric import LONGEST, rubric_of

GRADES = ("pass", "light wear", "broken")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "rubric").mkdir()
    return tmp_path


def picture(path, colour="red"):
    Image.new("RGB", (30, 10), colour).save(path)
    return path


def test_by_number_or_by_name(root) -> None:
    assert rubric_of(root.parent, GRADES) == []
    assert rubric_of(root, GRADES) == []
    first, second = picture(root / "rubric" / "0.png"), picture(root / "rubric" / "Light_Wear.jpg")
    (root / "rubric" / "broken.txt").write_text("the glass\n is gone\n", encoding="utf-8")
    assert [(look.picture, look.words) for look in rubric_of(root, GRADES)] == [
        (first, ""),
        (second, ""),
        (None, "the glass is gone"),
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("3.jpg", "no such grade; want a number from 0 to 2 or one of pass, light wear, broken"),
        ("scratched.txt", "no such grade"),
        ("0.gif", "want .jpg, .jpeg, .png, .webp or .txt"),
        ("pass.jpg", "there is another of grade 0, pass; want one"),
    ],
)
def test_what_belongs_to_no_grade_is_named(root, name, said) -> None:
    picture(root / "rubric" / "0.png")
    (root / "rubric" / name).write_bytes(b"words")
    with pytest.raises(AnnotationError) as error:
        rubric_of(root, GRADES)
    assert f"{root / 'rubric' / name}: {said}" in str(error.value)


@pytest.mark.parametrize("held", [b"\xff\xfe\xff", b"long " * LONGEST])
def test_words_that_are_none_are_refused(root, held) -> None:
    (root / "rubric" / "1.txt").write_bytes(held)
    with pytest.raises(AnnotationError, match=r"rubric.1\.txt: "):
        rubric_of(root, GRADES)


def test_its_pictures_are_no_photos_to_annotate(root) -> None:
    picture(root / "rubric" / "0.png")
    Image.fromarray(np.zeros((300, 200, 3), np.uint8)).save(root / "phone.png")
    assert list(Photos(root).files) == ["phone.png"]
