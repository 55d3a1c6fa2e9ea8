"""Tables of every kind of set with one thing wrong, each beside the table as it was."""

from tests.inputs.replay import replaced, rows_of, spoilt, write_rows

TABLES = {"phone_photos": ("photos.csv", "x_tl"), "image_numbers": ("numbers.csv", "number"), "image_labels": ("labels.csv", "disc"),
          "severstal": ("train.csv", "ClassId")}  # fmt: skip
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def a_long_field(trial, good):
    return trial.word() * 33_334


def a_word(trial, good):
    return trial.word()


def spaces(trial, good):
    return f" {good}"


def arabic_digits(trial, good):
    return good.translate(ARABIC)


def thirty_digits(trial, good):
    return str(trial.whole(10**29, 10**30))


def a_zero_byte(trial, good):
    return f"{trial.word()}\0"


def a_decimal_comma(trial, good):
    return f"0,{trial.whole(10, 99)}"


def not_a_number(trial, good):
    return trial.rng.choice(["nan", "inf", "-inf"])


def more_values(trial, path, column):
    rows = rows_of(path)
    rows[2].append(word := trial.word())
    write_rows(path, rows)
    return word, "line 3"


def two_columns_of_a_name(trial, path, column):
    rows = rows_of(path)
    write_rows(path, [[*row, row[rows[0].index(column)]] for row in rows])
    return (column,)


def not_utf8(trial, path, column):
    with path.open("ab") as file:
        file.write(f"{trial.word()}\xe9,1".encode("latin-1"))
    return ("UTF-8",)


def a_folder_in_its_place(trial, path, column):
    path.unlink()
    path.mkdir()
    return ()


def empty(trial, path, column):
    path.write_text("")
    return ()


def other_name(trial, path, name):
    rows = rows_of(path)
    before, rows[1][0] = rows[1][0], name
    write_rows(path, rows)
    cells = path.with_name("cells.csv")
    if cells.exists():
        replaced(cells, before, name)
    return (name,)


def an_absolute_path(trial, path, column):
    return other_name(trial, path, f"/tmp/{trial.word()}.png")


def a_path_outside(trial, path, column):
    return other_name(trial, path, f"../{trial.word()}.png")


VALUES = (a_long_field, a_word, spaces, arabic_digits, thirty_digits, a_zero_byte, a_decimal_comma, not_a_number)
CHANGES = (more_values, two_columns_of_a_name, not_utf8, a_folder_in_its_place, empty, an_absolute_path, a_path_outside)  # fmt: skip


def value_case(name, draw):
    """A value of a table's column; the line names table, column and value."""
    table, column = TABLES[name]

    @spoilt(name, f"{table}: {draw.__name__.replace('_', ' ')}")
    def spoil(trial, folder):
        rows = rows_of(folder / table)
        at = rows[0].index(column)
        rows[2][at] = wrong = draw(trial, rows[2][at])
        write_rows(folder / table, rows)
        return table, column, repr(wrong)[1:10].rstrip("'")


def change_case(name, change):
    """A change of a whole table; the line names it."""
    table, column = TABLES[name]

    @spoilt(name, f"{table}: {change.__name__.replace('_', ' ')}")
    def spoil(trial, folder):
        return table, *change(trial, folder / table, column)


for name in TABLES:
    for one in VALUES:
        value_case(name, one)
    for one in CHANGES:
        change_case(name, one)
