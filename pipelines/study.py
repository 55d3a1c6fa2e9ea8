"""The whole study: screen, choose finalists by the front, vary one thing at a time, export, report.

`python -m pipelines study` or `make study`. Every stage is a `train.py -m` of its own under one sweep name; what is done is
skipped, so that a stopped study goes on where it was.
"""

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

import hydra
from omegaconf import DictConfig

from choices import CONF, ROOT, whole_choice
from cli.command_line import quote_path, repeated, stop_or_report
from cli.train_schema import register
from datamodules.base.errors import DataError
from datamodules.screens.grid import Grid
from datamodules.screens.photo_folder import read_photo_folder
from datamodules.screens.profile import folder_profile

SCREEN_FILES = ["export=all", "quantization=[float32,int8]"]
PLACES = ("runs", "data", "weights", "cache")
STAGE_2 = ("stage2_augmentation", "stage2_imbalance", "stage2_encoding", "post_training", "combined")

FOLDS = 5

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="study")
def main(cfg: DictConfig) -> None:
    """Runs stage after stage and writes the report; exits with 1 when any job failed."""
    sweep = Path(cfg.paths.runs) / cfg.study.sweep_name
    with stop_or_report(sweep):
        if cfg.photos:
            check_photos(Path(cfg.photos), cfg.profile or "phone")
        codes = in_company(cfg, sweep, [[*words, *SCREEN_FILES] for words in cfg.study.screen])
        finalists = list(cfg.finalists or chosen(sweep, cfg.study.most_finalists, dry=cfg.dry_run))
        print(f"finalists: {'; '.join(finalists)}", flush=True)
        seeds = f"seeds={cfg.study.seeds}"
        varied = [
            [f"+sweep={stage}", "+finalist=none", *shlex.split(finalist), seeds]
            for stage in STAGE_2
            for finalist in finalists
        ]
        codes += in_company(cfg, sweep, [*varied, *([words] for words in cfg.study.beyond)])
        report(cfg, sweep)
        if cfg.photos:
            photos = [
                "datamodule=phone_photos",
                f"datamodule.root={cfg.photos}",
                *([f"profile={cfg.profile}"] if cfg.profile else []),
                f"fold={','.join(map(str, range(FOLDS)))}",
                "export=all",
            ]
            real = sweep.with_name(f"{sweep.name}_photos")
            codes += in_company(cfg, real, [[*shlex.split(finalist), *photos] for finalist in finalists])
            report(cfg, real)
        if any(codes):
            sys.exit(1)


def check_photos(root: Path, profile: str) -> None:
    """Raises DataError for a folder on which the finalists could not be trained hours later, ChoiceError for no such profile."""
    chosen = whole_choice("profile", profile)
    grid = Grid(chosen["columns"], chosen["rows"], chosen["cell_px"])
    try:
        folder_profile(root, grid, len(chosen["class_names"]))
        folder = read_photo_folder(root, grid, len(chosen["class_names"]))
    except DataError as error:
        raise DataError(f"photos={root}: {error}") from None
    phones = len({photo.source_id for photo in folder.photos})
    if phones < FOLDS:
        raise DataError(f"photos={root}: {phones} different source_id in it; want {FOLDS} or more, for as many folds")


def run(cfg: DictConfig, sweep: Path, words: list[str]) -> int:
    """One grid in a process of its own; its exit code. Stops the study where the command line itself is wrong."""
    line = line_of(cfg, sweep, words)
    print(f"$ python {shlex.join(['train.py', '-m', *line[: -len(PLACES)]])}", flush=True)
    if cfg.dry_run:
        return 0
    code = subprocess.run([sys.executable, "train.py", "-m", *line], cwd=ROOT, check=False).returncode
    if code not in (0, 1):  # 1: a job failed, its record says why, the others are done
        sys.exit(code)
    return code


def line_of(cfg: DictConfig, sweep: Path, words: list[str]) -> list[str]:
    """A grid's overrides as train.py's journal has them."""
    places = [f"paths.{name}={cfg.paths[name]}" for name in PLACES]
    line = [*cfg.study.common, *words, *cfg.common, f"sweep_name={sweep.name}", *places]
    return [quote_path(repeated(word)) for word in line]


def in_company(cfg: DictConfig, sweep: Path, grids: list[list[str]]) -> list[int]:
    """Runs the grids, beside other studies on the same sweep: again where they had some jobs, lest one was stopped."""
    codes: list[int] = []
    while True:
        codes += [run(cfg, sweep, words) for words in grids]
        if cfg.dry_run or not waited(sweep, [line_of(cfg, sweep, words) for words in grids]):
            return codes


def waited(sweep: Path, lines: list[list[str]], every: float = 5.0) -> bool:
    """Returns once no other process trains or exports a job of these grids; whether any did.

    A neighbour may be ahead and busy with later ones.
    """
    from sweeps.records.journal import commands_of
    from sweeps.records.run_record import is_live

    wanted = [sorted(word for word in line if not word.startswith("hydra")) for line in lines]  # as the journal has it
    jobs = {run for command in commands_of(sweep) if sorted(command.line) in wanted for run in command.runs}
    held = [run for run in sorted(jobs) if is_live(sweep / run)]
    told = bool(held)
    if held:
        print(f"waiting for {len(held)} jobs of other processes: {', '.join(held)}", flush=True)
    while held := [run for run in held if is_live(sweep / run)]:
        time.sleep(every)
    return told


def report(cfg: DictConfig, sweep: Path) -> None:
    """Writes the sweep's report and says where."""
    if cfg.dry_run:
        return
    from sweeps.report.report import write_report

    print(f"report: {write_report(sweep)}", flush=True)


def chosen(sweep: Path, most: int, *, dry: bool) -> list[str]:
    """Finalists as overrides: by the front of the screened int8 files, and from then on those of the first choice.

    A study that goes on, or a second one beside it, finds the files of later stages in the sweep too.
    """
    if dry:
        return ["backbone=FRONT width=FRONT resolution=FRONT"]
    from storage.whole_file import write_whole
    from sweeps.analysis.pareto import finalists
    from sweeps.tables.exported_files import collect_files

    path = sweep / "finalists.json"
    if not path.exists():
        write_whole(path, json.dumps(finalists(collect_files(sweep), most), indent=1))
    return [str(words) for words in json.loads(path.read_text())]
