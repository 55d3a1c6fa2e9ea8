"""`python -m pipelines study|demo|quickstart|probe|cross|collect|retrain`: several trainings, or several runs, in one command."""

import sys
from importlib import import_module

from cli.arguments import HELP, check_environment, room_command
from cli.help import help_page


def main() -> None:
    """Hands the rest of the command line to the command that its first word names."""
    check_environment()
    name = room_command("pipelines")
    if not set(HELP).isdisjoint(sys.argv):
        print(help_page(name))  # `cross` takes seconds to import
        return
    from cli.command_line import run_cli

    del sys.argv[1]
    run_cli(import_module(f"pipelines.{'cross_evaluation' if name == 'cross' else name}").main, name)


if __name__ == "__main__":
    main()
