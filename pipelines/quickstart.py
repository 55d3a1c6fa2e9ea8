"""From a folder of class folders to a file for a phone: `make try DATA=<folder>`.

Looks at the data, probes what backbones know already, trains the few that promise something, exports, reports.
"""

import os
import shlex
import subprocess
import sys
from collections import Counter
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from omegaconf import DictConfig, OmegaConf

from choices import CONF, ROOT
from cli.command_line import quoted, stop_or_report
from cli.train_schema import register
from datamodules.base.errors import DataError
from jobs.run_state import SAID_BEFORE
from storage.whole_file import write_whole
from sweeps.records.probe_results import Probe, kept

if TYPE_CHECKING:
    from datamodules.image_folder import FolderImages

STEPS = 300
"""Optimizer steps that a training aims at."""
EPOCHS = (8, 20)
"""Fewest and most epochs."""
BATCH = 32

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="quickstart")
def main(cfg: DictConfig) -> None:
    """Runs all of it; the same command again goes on where it was. Exits with 1 when any part failed."""
    runs = Path(cfg.paths.runs)
    with stop_or_report(runs):
        if not cfg.data:
            raise DataError("no folder named: make try DATA=<folder with a folder of pictures per class>")
        root = Path(cfg.data).resolve()
        samples = look(root, cfg)
        os.environ[SAID_BEFORE] = samples.fingerprint
        sweep = runs / cfg.sweep_name if cfg.sweep_name else claimed(runs, root, samples.fingerprint)
        data = ["datamodule=image_folder", quoted("datamodule.root", root), *cfg.common]
        failed = probe(cfg, sweep, data, samples.fingerprint)
        here = [one for one in kept(sweep) if one.fingerprint == samples.fingerprint]
        chosen = worth_training(list(cfg.candidates), here, cfg.max_count)
        epochs = cfg.epochs or epochs_for(samples.counts()["train"])
        print(f"\ntraining {len(chosen)} of them for {epochs} epochs, and exporting each", flush=True)
        for words in chosen:
            more = [*shlex.split(words), f"trainer.max_epochs={epochs}", f"batch_size={BATCH}", "export=all"]
            failed |= call(cfg, sweep, ["train.py"], [*more, *data]) != 0
        report(sweep)
    if failed:
        sys.exit(1)


def look(root: Path, cfg: DictConfig) -> "FolderImages":
    """Loads the folder and says what is in it. Raises DataError."""
    settings = OmegaConf.load(ROOT / "conf" / "datamodule" / "image_folder.yaml")
    settings.update(root=str(root), cache=str(cfg.paths.cache), fold=0)
    own = [word.removeprefix("datamodule.") for word in cfg.common if word.startswith("datamodule.")]
    samples: FolderImages = hydra.utils.instantiate(OmegaConf.merge(settings, OmegaConf.from_dotlist(own))).load()
    counts = samples.counts()
    sizes = [samples.index.size[member.path] for member in samples.samples]
    total = Counter(member.name for member in samples.samples)
    print(f"{root}: {len(samples.samples)} pictures of {len(samples.class_names)} classes")
    wide, high = (sorted(size[axis] for size in sizes)[len(sizes) // 2] for axis in (0, 1))
    print(f"  sides from {min(map(min, sizes))} to {max(map(max, sizes))} px, mostly {wide} × {high}")
    often, rare = total.most_common(1)[0], total.most_common()[-1]
    if often[1] == rare[1]:
        print(f"  {often[1]} pictures of each class")
    else:
        print(f"  {often[0]} has most ({often[1]}), {rare[0]} fewest ({rare[1]})")
    parts = ", ".join(f"{name} {sum(counts[name])}" for name in ("train", "val", "test") if sum(counts[name]))
    print(f"  {'divided as the folder is' if samples.given else 'divided here'}: {parts}")
    groups = Counter(samples.index.group[member.path] for member in samples.samples)
    copies = sum(number - 1 for number in groups.values())
    if copies:
        print(
            f"  {copies} {'is' if copies == 1 else 'are'} almost the same as another; copies stay on one side of the split"
        )
    for note in samples.notes:
        print(f"  note: {note}")
    if often[1] >= 3 * rare[1]:
        print("  note: unbalanced; imbalance=class_weights or oversampling may lift the rare classes")
    few = [name for name, number in zip(samples.class_names, counts["train"], strict=True) if number < 10]
    if few:
        print(f"  note: fewer than 10 pictures to learn from: {', '.join(few)}")
    return samples


def claimed(runs: Path, root: Path, fingerprint: str) -> Path:
    """The sweep of this very data, `try-<name>`; of other data under that name there is a `try-<name>-2`, and so on."""
    for number in count(1):
        sweep = runs / f"try-{root.name}{f'-{number}' if number > 1 else ''}"
        told = sweep / "data.txt"
        if not told.is_file():
            sweep.mkdir(parents=True, exist_ok=True)
            write_whole(told, f"{fingerprint} {root}\n")
        if told.read_text().split(" ")[0] == fingerprint:
            return sweep
    raise AssertionError


def probe(cfg: DictConfig, sweep: Path, data: list[str], fingerprint: str) -> bool:
    """Probes every candidate that has not been probed on this data with pretrained weights; whether any failed."""
    known = {_words(one) for one in kept(sweep) if one.fingerprint == fingerprint and one.start != "random"}
    left = [words for words in cfg.candidates if _key(words) not in known]
    if left:
        print(f"\nprobing {len(left)} backbones on frozen features", flush=True)
    codes = [call(cfg, sweep, ["-m", "pipelines", "probe"], [*shlex.split(words), *data]) for words in left]
    return any(codes)


def worth_training(candidates: list[str], probes: list[Probe], most: int) -> list[str]:
    """Of candidates from cheap to dear, those whose probe beats every cheaper one's: at most `most`, the best always.

    Pretrained ones alone, where there are any. Raises DataError where none could be probed.
    """
    of = {_words(one): one for one in probes}
    here = [(words, of[_key(words)]) for words in candidates if _key(words) in of]
    pretrained = [pair for pair in here if pair[1].start != "random"]
    if not here:
        raise DataError("no candidate could be probed")
    kept_ones: list[tuple[str, Probe]] = []
    for words, one in pretrained or here[:1]:
        if not kept_ones or one.linear > max(other.linear for _, other in kept_ones):
            kept_ones.append((words, one))
    if len(kept_ones) > most:
        kept_ones = [*kept_ones[: most - 1], kept_ones[-1]]
    return [words for words, _ in kept_ones]


def _key(words: str) -> tuple[str, float, int]:
    """Backbone, width and resolution of a candidate, its backbone's defaults filled in. Raises DataError."""
    pairs = dict(word.partition("=")[::2] for word in shlex.split(words))
    name = pairs.get("backbone", "")
    path = ROOT / "conf" / "backbone" / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in path.parent.glob("*.yaml")))
        raise DataError(f'candidates: "{words}": want backbone=<one of {known}>')
    spec = OmegaConf.load(path).spec
    return name, float(pairs.get("width", spec.default_width)), int(pairs.get("resolution", spec.default_resolution))


def _words(one: Probe) -> tuple[str, float, int]:
    return one.backbone, one.width, one.resolution


def epochs_for(train: list[int]) -> int:
    """Epochs that give about STEPS steps, within EPOCHS."""
    least, most = EPOCHS
    return max(least, min(most, round(STEPS * BATCH / max(sum(train), 1))))


def call(cfg: DictConfig, sweep: Path, script: list[str], words: list[str]) -> int:
    """One command of the project, in a process of its own; its exit code. Stops where the command line is wrong."""
    places = [quoted(f"paths.{name}", Path(cfg.paths[name]).resolve()) for name in ("runs", "data", "weights", "cache")]
    line = [*words, quoted("sweep_name", sweep.name), *places]
    code = subprocess.run([sys.executable, *script, *line], cwd=ROOT, check=False).returncode
    if code not in (0, 1):
        sys.exit(code)
    return code


def report(sweep: Path) -> None:
    """Writes the report and says which file to take."""
    from sweeps.report.report import gather, write_report

    path = write_report(sweep)
    print()
    for device, rows in gather(sweep)["advice"]:
        print(f"timed on {device}:")
        for row in rows:
            tested = "" if row.test is None else f", test {row.test:.3f} [{row.low:.3f}, {row.high:.3f}]"
            costs = f"{row.latency_ms:6.2f} ms  {row.size_bytes / 1000:6,.0f} kB"
            print(f"  {costs}  val {row.val:.3f}{tested}  {sweep / row.path}")
            if row.doubt:
                print(f"{'':21}{row.doubt}")
        for command in dict.fromkeys(row.command for row in rows if row.command):
            print(f"on all data: {command}")
    print(f"report: {path}")
    print(f"on a phone: make phone SWEEP={shlex.quote(str(sweep))}")
