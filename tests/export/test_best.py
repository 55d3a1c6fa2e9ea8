"""The winner's files lie under a short path, whole or not at all."""

from export.best import keep_best


def made(folder, **files):
    """A run's folder with files of these contents, and its record."""
    (folder / "export" / "app").mkdir(parents=True)
    (folder / "export" / "app" / "labels.txt").write_text("good")
    for kind, content in files.items():
        (folder / "export" / f"{kind}.tflite").write_text(content)
    (folder / "record.json").write_text("{}")
    return {"exports": {kind: {"path": f"export/{kind}.tflite"} for kind in files} | {"dynamic": {"error": "no"}}}


def test_files_and_app_are_copied_and_the_record_is_not(tmp_path):
    folder = tmp_path / "first" / "a-long-name"
    place = keep_best(folder, made(folder, float32="one", int8="two"), tmp_path)
    assert place == tmp_path / "best" / "first"
    assert {str(path.relative_to(place)) for path in place.rglob("*")} == {
        "app",
        "app/labels.txt",
        "float32.tflite",
        "int8.tflite",
    }
    assert (place / "int8.tflite").read_text() == "two"


def test_another_winner_takes_the_place_of_the_first(tmp_path):
    for name in ("one", "other"):
        folder = tmp_path / "first" / name
        place = keep_best(folder, made(folder, **{name: name}), tmp_path)
    assert {path.name for path in place.iterdir()} == {"app", "other.tflite"}
    assert [path.name for path in (tmp_path / "best").iterdir()] == ["first"]
