"""`python -m sweeps status|table|report [folder]`: what the records of a sweep say; without a folder, the latest."""

import argparse
import sys
from pathlib import Path

from sweeps.record import RecordError, latest_sweep


def main() -> None:
    """Reads the command line and prints."""
    parser = argparse.ArgumentParser(prog="python -m sweeps", description="Reads the records of a sweep.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="status|table|report")
    for name, help_ in (
        ("status", "what is done, running, failed and left, and how long it will take"),
        ("table", "a row per run, per point with its folds pooled, and per exported file"),
        ("report", "one report.html with the front, the effects, curves and failures"),
    ):
        command = commands.add_parser(name, help=help_)
        command.add_argument("sweep", nargs="?", type=Path, help="a sweep's folder, for example runs/adhoc")
    arguments = parser.parse_args()
    sweep = arguments.sweep or latest_sweep(Path("runs"))
    if sweep is None or not sweep.is_dir():
        sys.exit(f"error: {sweep or 'runs'}: no such sweep folder")
    try:
        _answer(arguments.command, sweep)
    except RecordError as error:
        sys.exit(f"error: {error}")


def _answer(command: str, sweep: Path) -> None:
    if command == "status":
        from sweeps.status import print_status

        print_status(sweep)
    elif command == "table":
        from sweeps.table import print_table, read_sweep

        runs, files = read_sweep(sweep)
        print_table(runs, sweep, files)
    else:
        from sweeps.report import write_report

        print(f"report: {write_report(sweep)}")


if __name__ == "__main__":
    main()
