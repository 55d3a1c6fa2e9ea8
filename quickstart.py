"""From a folder of class folders to a file for a phone: `make try DATA=<folder>`.

Looks at the data, probes what backbones know already, trains the few that promise something, exports, reports.
"""

import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from omegaconf import DictConfig, OmegaConf

from conf.command_line import answer, quote_path, repeated, stop_or_report
from conf.schema import register
from datamodules.photo_folder import DataError
from sweeps.probes import Probe, kept

if TYPE_CHECKING:
    from datamodules.image_folder import FolderImages

HERE = Path(__file__).parent
STEPS = 300
"""Optimizer steps that a training aims at."""
EPOCHS = (8, 20)
"""Fewest and most epochs."""
BATCH = 32

register()


@hydra.main(version_base="1.3", config_path="conf", config_name="quickstart")
def main(cfg: DictConfig) -> None:
    """Runs all of it; the same command again goes on where it was."""
    root = Path(cfg.data or "")
    sweep = Path(cfg.paths.runs) / (cfg.sweep_name or f"try-{root.resolve().name}")
    with stop_or_report(sweep):
        if not cfg.data:
            raise DataError("no folder named: make try DATA=<folder with a folder of pictures per class>")
        samples = look(root, cfg)
        data = ["datamodule=image_folder", f"datamodule.root={root}"]
        probe(cfg, sweep, data)
        chosen = worth_training(cfg.candidates, kept(sweep), cfg.most)
        epochs = cfg.epochs or epochs_for(samples.counts()["train"])
        print(f"\ntraining {len(chosen)} of them for {epochs} epochs, and exporting each", flush=True)
        for words in chosen:
            more = [*shlex.split(words), f"trainer.max_epochs={epochs}", f"batch_size={BATCH}", "export=all"]
            call(cfg, sweep, "train.py", [*more, *data, *cfg.common])
        report(sweep)


def look(root: Path, cfg: DictConfig) -> "FolderImages":
    """Loads the folder and says what is in it. Raises DataError."""
    settings = OmegaConf.load(HERE / "conf" / "datamodule" / "image_folder.yaml")
    settings.update(root=str(root), cache=str(cfg.paths.cache), fold=0)
    samples: FolderImages = hydra.utils.instantiate(settings).load()
    counts = samples.counts()
    sizes = [samples.index.size[member.path] for member in samples.samples]
    total = Counter(member.name for member in samples.samples)
    print(f"{root}: {len(samples.samples)} pictures of {len(samples.class_names)} classes")
    wide, high = sorted(w for w, _ in sizes)[len(sizes) // 2], sorted(h for _, h in sizes)[len(sizes) // 2]
    print(
        f"  sizes from {min(min(size) for size in sizes)} to {max(max(size) for size in sizes)} px, mostly {wide} × {high}"
    )
    often, rare = total.most_common(1)[0], total.most_common()[-1]
    balance = f"{often[1] / rare[1]:.1f} times as many of {often[0]} ({often[1]}) as of {rare[0]} ({rare[1]})"
    print(f"  {'evenly filled: ' if often[1] < 1.5 * rare[1] else ''}{balance}")
    parts = ", ".join(f"{name} {sum(counts[name])}" for name in ("train", "val", "test") if sum(counts[name]))
    print(f"  {'divided as the folder is' if samples.given else 'divided here'}: {parts}")
    groups = Counter(samples.index.group[member.path] for member in samples.samples)
    copies = sum(count - 1 for count in groups.values())
    if copies:
        print(f"  {copies} pictures are almost the same as another; they stay on one side of the division")
    for note in samples.notes:
        print(f"  note: {note}")
    if often[1] >= 3 * rare[1]:
        print("  note: unbalanced; imbalance=class_weights or oversampling may lift the rare classes")
    few = [name for name, count in zip(samples.class_names, counts["train"], strict=True) if count < 10]
    if few:
        print(f"  note: fewer than 10 pictures to learn from: {', '.join(few)}")
    return samples


def probe(cfg: DictConfig, sweep: Path, data: list[str]) -> None:
    """Probes every candidate that has not been probed in this sweep."""
    known = {_words(one) for one in kept(sweep)}
    left = [words for words in cfg.candidates if _key(words) not in known]
    if left:
        print(f"\nprobing {len(left)} backbones on frozen features", flush=True)
    for words in left:
        call(cfg, sweep, "probe.py", [*shlex.split(words), *data])


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


def _key(words: str) -> tuple[str, str]:
    pairs = dict(word.split("=", 1) for word in shlex.split(words))
    return pairs["backbone"], f"{float(pairs.get('width', 1)):g} {pairs['resolution']}"


def _words(one: Probe) -> tuple[str, str]:
    return one.backbone, f"{one.width:g} {one.resolution}"


def epochs_for(train: list[int]) -> int:
    """Epochs that give about STEPS steps, within EPOCHS."""
    least, most = EPOCHS
    return max(least, min(most, round(STEPS * BATCH / max(sum(train), 1))))


def call(cfg: DictConfig, sweep: Path, script: str, words: list[str]) -> None:
    """One command of the project, in a process of its own. Stops where it fails."""
    places = [f"paths.{name}={cfg.paths[name]}" for name in ("runs", "data", "weights", "cache")]
    line = [quote_path(repeated(word)) for word in [*words, f"sweep_name={sweep.name}", *places]]
    code = subprocess.run([sys.executable, script, *line], cwd=HERE, check=False).returncode
    if code:
        sys.exit(code)


def report(sweep: Path) -> None:
    """Writes the report and says which file to take."""
    from sweeps.report import gather, write_report

    path = write_report(sweep)
    print()
    for device, rows in gather(sweep)["advice"]:
        print(f"timed on {device}:")
        for row in rows:
            tested = "" if row.test is None else f", test {row.test:.3f} [{row.low:.3f}, {row.high:.3f}]"
            print(
                f"  {row.latency_ms:6.2f} ms  {row.size_bytes / 1000:6,.0f} kB  val {row.val:.3f}{tested}  {sweep / row.path}"
            )
    print(f"report: {path}")
    print(f"on a phone: make phone SWEEP={sweep}")


if __name__ == "__main__":
    answer(main, "quickstart")
