"""What the commands share before any configuration is composed: one line for a mistake, and the words of a room."""

import argparse
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from choices import ChoiceError, check_packages
from cli.commands import Command, commands_of
from cli.help import room_page

USER_ERROR = 2
"""Exit code for a command line that cannot be understood."""
HELP = ("--help", "-h")


def refuse(message: object) -> NoReturn:
    """Ends the command with one line on stderr and exit code 2."""
    print(f"error: {' '.join(str(message).split())}", file=sys.stderr)
    sys.exit(USER_ERROR)


def check_environment() -> None:
    """Ends the command with one line where `GRIDLITE_PACKAGES` or PYTHONPATH names what cannot be."""
    try:
        check_packages()
    except ChoiceError as error:
        refuse(error)


def room_command(room: str) -> str:
    """The first word, one of the room's commands; answers `--help`, and refuses what is none of them."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    known = commands_of(room)
    if word in HELP:
        print(room_page(room))
        sys.exit(0)
    if word not in known:
        typed = f"python -m {room} {word}".rstrip()
        refuse(f"{typed}: want one of {', '.join(known)}; for example {next(iter(known.values())).examples[0]}")
    return word


class OneLineParser(argparse.ArgumentParser):
    """An argparse parser that answers a mistake with one line."""

    def error(self, message: str) -> NoReturn:
        """Refuses the command line."""
        refuse(f"{self.prog}: {message}; {self.prog} --help says what there is")


def parser_of(room: str, add: Callable[[str, OneLineParser], None]) -> OneLineParser:
    """A parser of a room's commands with their sentences and examples; `add` adds the arguments of a command by its name."""
    parser = OneLineParser(prog=f"python -m {room}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="<command>", parser_class=OneLineParser)
    for name, command in commands_of(room).items():
        add(name, commands.add_parser(name, **_told(command)))
    return parser


def _told(command: Command) -> dict[str, Any]:
    examples = "\n".join(f"  {line}" for line in command.examples)
    return {
        "description": command.sentence,
        "epilog": f"examples:\n{examples}",
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }
