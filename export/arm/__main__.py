"""Makes the arm64 guest: `python -m export.arm`, or `make arm`; where it has been made, says so."""

import os
import sys
from pathlib import Path

from cli.arguments import OneLineParser
from export.arm.guest import CPU, emulator, make_guest
from export.check import CheckError
from sweeps.records.run_record import one_line


def main() -> None:
    """Reads the command line and makes the guest."""
    parser = OneLineParser(prog="python -m export.arm", description=__doc__)
    cache = os.environ.get("GRIDLITE_CACHE", ".cache")
    parser.add_argument("--folder", type=Path, default=Path(cache) / "arm", help="where it lies (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        guest = make_guest(arguments.folder)
    except (CheckError, OSError) as error:
        sys.exit(f"error: {one_line(error)}")
    print(f"arm64 guest: {arguments.folder}, Python {guest.python}, run by {Path(emulator()).name} -cpu {CPU}")


if __name__ == "__main__":
    main()
