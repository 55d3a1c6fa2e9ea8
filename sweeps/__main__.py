"""`python -m sweeps status|table|report|wandb [folder]`: what the records of a sweep say; without a folder, the latest."""

import argparse
import sys
from pathlib import Path
from typing import Any

from cli.arguments import OneLineParser, check_environment, parser_of, refuse, room_command
from metrics.cost import CostError
from sweeps.records.costs import costed
from sweeps.records.run_record import RecordError, latest_sweep, one_line


def main() -> None:
    """Reads the command line and prints."""
    check_environment()
    room_command("sweeps")
    arguments = parser_of("sweeps", _add_arguments).parse_args()
    sweep = arguments.sweep or latest_sweep(Path("runs"))
    if sweep is None or not sweep.is_dir():
        refuse(f"{sweep or 'runs'}: no such sweep folder; want one with runs, such as runs/adhoc")
    try:
        with costed(sweep, getattr(arguments, "cost", None)):
            _answer(arguments, sweep)
    except CostError as error:
        refuse(error)
    except (RecordError, OSError) as error:
        sys.exit(f"error: {one_line(error)}")


def _add_arguments(name: str, command: OneLineParser) -> None:
    command.add_argument(
        "sweep", nargs="?", type=Path, help="a sweep's folder, such as runs/adhoc (default: the latest)"
    )
    if name in ("table", "report"):
        words = "what a wrong grade costs: a matrix as YAML, or '{missed_damage: 10, false_alarm: 1}'; its mean then chooses"
        command.add_argument("--cost", help=words)
    if name == "wandb":
        command.add_argument("--project", help="the W&B project (default: gridlite)")
        command.add_argument("--entity", help="the user or team that the project belongs to (default: your own)")
        command.add_argument("--online", action="store_true", help="upload at once (default: offline)")
        command.add_argument("--dashboard", action="store_true", help="save a view of sweeps in the project (online)")


def _answer(arguments: argparse.Namespace, sweep: Path) -> None:
    command = arguments.command
    if command == "status":
        from sweeps.tables.status import print_status

        print_status(sweep)
    elif command == "table":
        from sweeps.tables.runs import read_sweep
        from sweeps.tables.sweep_tables import print_table

        runs, files = read_sweep(sweep)
        print_table(runs, sweep, files)
    elif command == "wandb":
        _to_wandb(arguments, sweep)
    else:
        from sweeps.report.report import write_report
        from sweeps.tables.status import UNREADABLE, progress

        path = write_report(sweep)
        for name, status, error in progress(sweep).troubled:
            if status == UNREADABLE:
                print(f"unreadable: {name}: {error}")
        print(f"report: {path}")


def _to_wandb(arguments: argparse.Namespace, sweep: Path) -> None:
    from sweeps.records.wandb_export import dashboard, publish

    about = {"project": arguments.project, "entity": arguments.entity}
    count = publish(sweep, online=arguments.online, **about)
    print(f"{count} W&B runs of {sweep}" + ("" if arguments.online else f": wandb sync {sweep}/*/wandb/offline-run-*"))
    if arguments.dashboard:
        if not arguments.entity:
            refuse("--dashboard: name whose project it is with --entity <user or team>")
        view: Any = dashboard(arguments.entity, arguments.project or "gridlite")
        print(f"dashboard: {view.save().url}")


if __name__ == "__main__":
    main()
