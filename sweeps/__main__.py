"""`python -m sweeps status|table|report|wandb [folder]`: what the records of a sweep say; without a folder, the latest."""

import argparse
import sys
from pathlib import Path
from typing import Any

from sweeps.records.run_record import RecordError, latest_sweep


def main() -> None:
    """Reads the command line and prints."""
    parser = argparse.ArgumentParser(prog="python -m sweeps", description="Reads the records of a sweep.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="status|table|report|wandb")
    for name, help_ in (
        ("status", "what is done, running, failed and left, and how long it will take"),
        ("table", "a row per run, per point with its folds pooled, and per exported file"),
        ("report", "one report.html with the front, the effects, curves and failures"),
        ("wandb", "a W&B run per job from its record, offline for `wandb sync`"),
    ):
        command = commands.add_parser(name, help=help_)
        command.add_argument("sweep", nargs="?", type=Path, help="a sweep's folder, for example runs/adhoc")
        if name == "wandb":
            command.add_argument("--project", help="gridlite where nothing is said")
            command.add_argument("--entity", help="the user or team that the project belongs to")
            command.add_argument("--online", action="store_true", help="upload at once")
            command.add_argument(
                "--dashboard", action="store_true", help="save a view of sweeps in the project (online)"
            )
    arguments = parser.parse_args()
    sweep = arguments.sweep or latest_sweep(Path("runs"))
    if sweep is None or not sweep.is_dir():
        sys.exit(f"error: {sweep or 'runs'}: no such sweep folder")
    try:
        _answer(arguments, sweep)
    except RecordError as error:
        sys.exit(f"error: {error}")


def _answer(arguments: argparse.Namespace, sweep: Path) -> None:
    command = arguments.command
    if command == "status":
        from sweeps.tables.status import print_status

        print_status(sweep)
    elif command == "table":
        from sweeps.tables.runs import print_table, read_sweep

        runs, files = read_sweep(sweep)
        print_table(runs, sweep, files)
    elif command == "wandb":
        _to_wandb(arguments, sweep)
    else:
        from sweeps.report.report import write_report

        print(f"report: {write_report(sweep)}")


def _to_wandb(arguments: argparse.Namespace, sweep: Path) -> None:
    from sweeps.records.wandb_export import dashboard, publish

    about = {"project": arguments.project, "entity": arguments.entity}
    count = publish(sweep, online=arguments.online, **about)
    print(f"{count} W&B runs of {sweep}" + ("" if arguments.online else f": wandb sync {sweep}/*/wandb/offline-run-*"))
    if arguments.dashboard:
        if not arguments.entity:
            sys.exit("error: --dashboard: name whose project it is with --entity")
        view: Any = dashboard(arguments.entity, arguments.project or "gridlite")
        print(f"dashboard: {view.save().url}")


if __name__ == "__main__":
    main()
