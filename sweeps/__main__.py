"""`python -m sweeps table [folder]`: the table of a sweep; without a folder the one that was written last."""

import argparse
import sys
from pathlib import Path

from sweeps.table import collect, print_table


def main() -> None:
    """Reads the command line and prints."""
    parser = argparse.ArgumentParser(prog="python -m sweeps", description="Reads the records of a sweep.")
    parser.add_argument("command", choices=["table"])
    parser.add_argument("sweep", nargs="?", type=Path, help="a sweep's folder, for example runs/adhoc")
    arguments = parser.parse_args()
    sweep = arguments.sweep or _latest(Path("runs"))
    if sweep is None or not sweep.is_dir():
        sys.exit(f"error: {sweep or 'runs'}: no such sweep folder")
    print_table(collect(sweep), sweep)


def _latest(runs: Path) -> Path | None:
    """The sweep whose newest record is newest."""
    records = sorted(runs.glob("*/*/record.json"), key=lambda path: path.stat().st_mtime)
    return records[-1].parent.parent if records else None


if __name__ == "__main__":
    main()
