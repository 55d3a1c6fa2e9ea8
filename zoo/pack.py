"""Runs of `+sweep=zoo` → the networks that come with gridlite: `python -m zoo.pack runs/zoo`; `make zoo` trains them as well.

Each becomes a folder laid out as that of a run: its checkpoint with half-precision weights and without the optimizer's state, its record
with the figures that this very checkpoint has, and nothing of the machine that trained it.
"""

import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from choices import ROOT
from export.comparison import in_batches
from lightning_modules.inference import grade_images
from metrics.intervals import bootstrap_interval
from storage.whole_file import sha256_of, write_whole
from sweeps.records.checkpoints import checkpoint_file
from sweeps.records.run_record import Record, find_runs, read_run
from tasks.base import metrics_of_record, task_of_record
from training.finished_run import load_run, load_samples

ZOO = ROOT / "zoo"
KEPT = ("config", "config_hash", "axes", "main_figure", "direction", "seed", "initial_weights", "status", "error", "data", "versions",
        "record_version", "updated", "weights", "shipped", "baseline")  # fmt: skip
"""Of a record; the rest is of the training's course or of files that do not come along."""
SHOWN = ("accuracy", "macro_f1", "missed_damage")


def main() -> None:
    """Packs every finished run of a sweep and writes the card of all."""
    (sweep,) = map(Path, sys.argv[1:])
    packed = [pack(folder) for folder in find_runs(sweep)]
    write_whole(ZOO / "README.md", card(sorted(packed, key=lambda one: one["size"])))
    for one in packed:
        print(f"{one['folder']}: {one['size'] / 1e6:.2f} MB")


def pack(run: Path) -> dict[str, Any]:
    """Writes a run's folder below ZOO; what the card says of it."""
    record = read_run(run)
    folder = ZOO / f"{record['config']['backbone']['spec']['name']}_{record['config']['width']:g}"
    saved = torch.load(checkpoint_file(run, record), map_location="cpu", weights_only=True)
    state = {
        name: value.half() if value.is_floating_point() and value.ndim > 1 else value
        for name, value in saved["state_dict"].items()
    }
    path = checkpoint_file(folder, record)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as unfinished:
        torch.save(
            {
                "state_dict": state,
                "epoch": saved["epoch"],
                "pytorch-lightning_version": saved["pytorch-lightning_version"],
            },
            unfinished,
        )
    Path(unfinished.name).chmod(0o644)
    Path(unfinished.name).replace(path)
    own = {key: record[key] for key in KEPT} | {
        "config": portable(record["config"]),
        "checkpoints": {path.stem: sha256_of(path)},
    }
    own["overrides"] = [word for word in record["overrides"] if not word.startswith("paths.")]
    own["metrics"], intervals = figures(own | {"config": record["config"]}, path)
    write_whole(folder / "record.json", json.dumps(own, indent=1) + "\n")
    return {"folder": folder.relative_to(ROOT), "size": path.stat().st_size, "record": own, "intervals": intervals}


def portable(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration whose paths are those that conf/ has, wherever it was trained."""
    text = json.dumps(config)
    for name, place in {"runs": "runs", "data": "data", "weights": "weights", "cache": ".cache"}.items():
        text = text.replace(json.dumps(config["paths"][name]), json.dumps(place))
    found: dict[str, Any] = json.loads(text)
    return found


def figures(record: Record, checkpoint: Path) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Figures of the packed checkpoint on the validation and the test set, and of the latter 95 % by bootstrap over phones."""
    samples, module = load_samples(record, None, None), load_run(record, checkpoint)
    resolution, task = int(record["config"]["resolution"]), task_of_record(record)
    found: dict[str, float] = {}
    for part in ("val", "test"):
        chosen = np.flatnonzero((samples.table.part == part).to_numpy())
        found |= {
            f"{part}/{name}": value
            for name, value in task.figures(module, samples, chosen, resolution).items()
            if isinstance(value, int | float)
        }
    images = samples.images(resolution)[chosen]
    grades, _ = grade_images(module, in_batches(images))
    rows = samples.table.iloc[chosen]
    known = metrics_of_record(record).figures
    named = {name: known[name] for name in SHOWN}
    return found, bootstrap_interval(rows.label.to_numpy(), grades, rows.source_id.to_numpy(str), named)


def card(packed: list[dict[str, Any]]) -> str:
    """README.md of the folder."""
    record = packed[0]["record"]
    data, settings = record["data"], record["config"]["datamodule"]
    lines = [
        "# Networks that come with gridlite",
        "",
        f"Trained by gridlite alone on {settings['photos']} photos of {settings['devices']} phones that it renders itself (seed "
        f"{settings['render_seed']}, data fingerprint `{data['fingerprint']}`): no picture of anybody and no other network took part. They grade "
        f"{', '.join(data['class_names'])} of cells of {record['config']['resolution']} px. `backbone.weights=zoo` starts from them, "
        "`predict.py run=zoo/mobilenet_0.5` grades with them, `make annotate RUN=zoo/mobilenet_0.5` lets them propose grades. Rendered phones are "
        "not your phones: train on yours before you believe an answer.",
        "",
        "| network | MB | accuracy, 95 % | macro F1, 95 % | missed damage, 95 % |",
        "|---|---|---|---|---|",
    ]
    for one in packed:
        cells = [
            f"{one['record']['metrics'][f'test/{name}']:.3f} [{low:.3f}, {high:.3f}]"
            for name, (low, high) in one["intervals"].items()
        ]
        lines.append(f"| `{one['folder']}` | {one['size'] / 1e6:.2f} | {' | '.join(cells)} |")
    baseline = record["baseline"]
    lines += [
        f"| {baseline['answer']} | | " + " | ".join(f"{baseline[f'test/{name}']:.3f}" for name in SHOWN) + " |",
        "",
        f"Test set: {sum(data['cells']['test'])} cells of phones that no training and no choice has seen; the checkpoint is that of the last epoch, seed "
        f"{record['seed']}; intervals by bootstrap over phones. Made {datetime.now(UTC):%Y-%m-%d} by",
        "",
        "```sh",
        "make zoo",
        "```",
        "",
        "which is `python train.py -m +sweep=zoo` and `python -m zoo.pack runs/zoo` (`conf/sweep/zoo.yaml`). Licence: that of gridlite, see "
        "[LICENSE](../LICENSE).",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
