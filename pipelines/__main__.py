"""`python -m pipelines study|quickstart|probe|cross`: several trainings, or several runs, in one command."""

import sys
from importlib import import_module

from cli.command_line import USER_ERROR, run_cli

COMMANDS = {
    "study": "screen, choose finalists by the front, vary one thing at a time, export, report",
    "quickstart": "from a folder of class folders to a file for a phone",
    "probe": "rank backbones by linear probes of frozen features, before any training",
    "cross": "every run of a sweep on every data set of the sweep",
}


def main() -> None:
    """Hands the rest of the command line to the command that its first word names."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in COMMANDS:
        told = "\n".join(f"  python -m pipelines {one:<11} {what}" for one, what in COMMANDS.items())
        if name in ("--help", "-h"):
            print(told)
            return
        print(f"error: python -m pipelines {name}: want one of\n{told}", file=sys.stderr)
        sys.exit(USER_ERROR)
    del sys.argv[1]
    run_cli(import_module(f"pipelines.{'cross_evaluation' if name == 'cross' else name}").main, name)


if __name__ == "__main__":
    main()
