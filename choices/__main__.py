"""`python -m choices [axis]`: what each axis may be set to, with the first line that its file says of itself."""

import sys

from choices import CONF, ChoiceError, choice_file, conf_folders, names_of
from cli.arguments import HELP, check_environment, refuse
from cli.help import choices_page

HIDDEN = ("hydra", "paths", "callbacks")
"""Folders of conf/ that are no axes of a grid."""


def axes() -> list[str]:
    """The folders of conf/, gridlite's and those of packages in GRIDLITE_PACKAGES."""
    folders = (path for folder in conf_folders() for path in folder.iterdir() if path.is_dir())
    return sorted({path.name for path in folders} - set(HIDDEN))


def described(axis: str, name: str) -> str:
    """What a choice's file says of itself: its first comment that is no directive of Hydra's."""
    lines = choice_file(axis, name).read_text().splitlines()
    comments = (line[1:].strip() for line in lines if line.startswith("#") and "@package" not in line)
    return next(comments, "")


def main() -> None:
    """Prints one axis, or all of them."""
    wanted = sys.argv[1:]
    if not set(HELP).isdisjoint(wanted):
        print(choices_page(axes()))
        return
    check_environment()
    if odd := [axis for axis in wanted if axis not in axes()]:
        refuse(f"{odd[0]}: no such axis; want one of {', '.join(axes())}")
    for axis in wanted or axes():
        print(f"{axis}=")
        for name in names_of(axis):
            own = "" if choice_file(axis, name).is_relative_to(CONF) else " (of a package of yours)"
            print(f"  {name:<22} {described(axis, name)}{own}".rstrip())


if __name__ == "__main__":
    try:
        main()
    except ChoiceError as error:
        refuse(error)
