"""Records → W&B: what a record says of a job, in the W&B run that `logger=wandb` began, or in one made afterwards.

`<run>/wandb/run.json` keeps the id, so that an export or a phone's timing of tomorrow reaches the same run. It is followed to the
server only where this user wrote it: a run folder from elsewhere sends nothing to whom it names. Offline runs of one id are
uploaded one after the other by `wandb sync`.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from metrics.figures import plain
from metrics.lookup import all_metrics, metrics_of
from storage.own_mark import is_own, mark_of
from storage.whole_file import write_whole
from sweeps.records.run_record import Record, RecordError, Status, find_runs, read_record

if TYPE_CHECKING:
    from wandb import Run
    from wandb_workspaces.workspaces import Workspace

PROJECT = "gridlite"


def file_columns() -> list[str]:
    """What is told of exported files beside their timing: figures of every task, size and agreement with torch."""
    figures = [name for one in all_metrics() for name in one.columns if "epochs" not in name]
    return [*dict.fromkeys(figures), "size_bytes", "agreement"]


def prepare(folder: Path, *, resumed: bool, offline: bool) -> str | None:
    """Makes W&B quiet and, if so wished, offline; the id of the W&B run that a resumed job goes on in, None for a new one."""
    import wandb

    os.environ.setdefault("WANDB_SILENT", "true")
    if offline:
        os.environ.setdefault("WANDB_MODE", "offline")
    wandb.setup()  # else the variables count only from the first run on
    return known_run(folder).get("id") if resumed else None


def remember(folder: Path, run: "Run") -> None:
    """Notes which W&B run belongs to a run's folder."""
    about = {"id": run.id, "project": run.project, "entity": run.entity or None, "offline": run.offline}
    if not run.offline:
        about["mark"] = mark_of(_signed(about))
    write_whole(folder / "wandb" / "run.json", json.dumps(about))


def known_run(folder: Path) -> dict[str, Any]:
    """What `remember` noted; empty where there is nothing, or another user's run on a server."""
    try:
        about = json.loads((folder / "wandb" / "run.json").read_text())
        own = about.get("offline") is True or is_own(_signed(about), str(about["mark"]))
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return {}
    return about if own else {}


def _signed(about: dict[str, Any]) -> str:
    return json.dumps([about.get(name) for name in ("id", "project", "entity")])


@contextmanager
def finish_wandb_run(folder: Path) -> Iterator[None]:
    """Completes and closes the W&B run that was begun inside, if one was; as failed where the block raises.

    W&B would otherwise merge the jobs of a multirun into one run.
    """
    try:
        yield
    except BaseException:
        if (run := _current()) is not None:
            run.finish(exit_code=1)
        raise
    if (run := _current()) is not None:
        complete(run, folder)
        run.finish()


def _current() -> "Run | None":
    return sys.modules["wandb"].run if "wandb" in sys.modules else None


def complete(run: "Run", folder: Path, *, pictures: bool = True) -> None:
    """Adds what the run's record says at the end: final figures, exported files, confusion matrices and mistakes."""
    import wandb

    record = read_record(folder)
    run.config.update(
        {"axes": record["axes"], "initial_weights": record.get("initial_weights", {})}, allow_val_change=True
    )  # type: ignore[no-untyped-call]
    scalars = {
        f"final/{name}": value for name, value in record.get("metrics", {}).items() if isinstance(value, int | float)
    }
    about = {f"seconds/{name}": value for name, value in record.get("seconds", {}).items()}
    about |= {"status": str(record["status"]), "error": record.get("error", ""), "run_folder": folder.name}
    run.summary.update(scalars | about)
    if files := file_figures(record):
        columns: list[str | int] = ["file", "device", "latency_ms", *file_columns()]
        rows: list[Iterable[Any]] = [
            [name, *(figures.get(str(column)) for column in columns[1:])] for name, figures in files.items()
        ]
        run.log({"files": wandb.Table(columns=columns, data=rows)})
        run.summary.update({f"{file}/{name}": value for file, of in files.items() for name, value in of.items()})
    if pictures:
        _pictures(run, folder, record)


def _pictures(run: "Run", folder: Path, record: Record) -> None:
    import wandb

    metrics, names = record.get("metrics", {}), record.get("data", {}).get("class_names", [])
    for part in ("val", "test"):
        if confusion := metrics.get(f"{part}/confusion"):
            run.log({f"confusion/{part}": _confusion(confusion, names, f"{part}, best epoch")})
    if record.get("mistakes") and (folder / "mistakes.jpg").exists():
        caption = "; ".join(
            metrics_of(str(record["axes"]["task"])).mistake_text(one, names)
            for one in record["mistakes"]
        )  # fmt: skip
        run.log({"mistakes": wandb.Image(str(folder / "mistakes.jpg"), caption=caption)})


def file_figures(record: Record) -> dict[str, dict[str, Any]]:
    """Per exported file: `file_columns`, and latency_ms (p50) with the device of its first timing."""
    from sweeps.records.latency import typical_ms

    figures = {}
    for name, entry in record.get("exports", {}).items():
        if "path" not in entry:
            continue
        figures[name] = {figure: entry[figure] for figure in file_columns() if figure in entry}
        for timed in entry.get("latency", [])[:1]:
            figures[name] |= {"latency_ms": typical_ms(timed), "device": timed["device"]}
    return figures


def _confusion(matrix: list[list[int]], names: list[str], title: str) -> Any:
    import wandb

    pairs = [
        (label, grade)
        for label, row in enumerate(matrix)
        for grade, count in enumerate(row)
        for _ in range(count)
    ]  # fmt: skip
    return wandb.plot.confusion_matrix(
        y_true=[label for label, _ in pairs], preds=[grade for _, grade in pairs], class_names=names, title=title
    )


def update_wandb_run(folder: Path) -> None:
    """Brings the W&B run of a folder up to its record, if it has one."""
    if about := known_run(folder):
        _publish_one(folder, about | {"resume": "allow"})


def publish(sweep: Path, *, project: str | None = None, entity: str | None = None, online: bool = False) -> int:
    """Every finished or failed job of a sweep as a W&B run, grouped by the sweep; how many.

    Jobs that were trained with `logger=wandb` keep their run; the others get one from their record, curves included.
    """
    count = 0
    for folder in find_runs(sweep):
        try:
            record = read_record(folder)
        except RecordError as error:
            print(f"left out: {error}")
            continue
        if record["status"] not in (Status.DONE, Status.FAILED):
            continue
        known = known_run(folder)
        asked = {name: value for name, value in (("project", project), ("entity", entity)) if value is not None}
        about = {"project": PROJECT, "entity": None} | known | asked | {"offline": not online, "resume": "allow"}
        whole = not known or (online and known.get("offline", True))  # the server has nothing of an offline run yet
        _publish_one(folder, about, record if whole else None)
        count += 1
    return count


def _publish_one(folder: Path, about: dict[str, Any], new: Record | None = None) -> None:
    import wandb

    offline = about.get("offline", True)
    prepare(folder, resumed=False, offline=offline)
    settings = {name: about.get(name) for name in ("id", "project", "entity", "resume")}
    mode: Literal["offline", "online"] = "offline" if offline else "online"
    run = wandb.init(dir=folder, group=folder.parent.name, name=folder.name, mode=mode, **settings)
    remember(folder, run)
    if new is not None:
        run.config.update(new["config"])  # type: ignore[no-untyped-call]
        run.define_metric("*", step_metric="epoch")
        for epoch in new.get("history", []):
            run.log(epoch)
    complete(run, folder, pictures=new is not None)
    run.finish(exit_code=0 if read_record(folder)["status"] == Status.DONE else 1)


def dashboard(entity: str, project: str = PROJECT, file: str = "int8") -> "Workspace":
    """A W&B view of sweeps, not yet saved: the front, the axes, curves, confusion and files; runs grouped by sweep."""
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws

    mains = [f"val/{one.main}" for one in all_metrics()]
    fronts = [
        wr.ScatterPlot(
            title=f"{file}: {plain(main)} against latency",
            x=wr.SummaryMetric(f"{file}/latency_ms"),
            y=wr.SummaryMetric(f"{file}/{main}"),
            running_ymax=True,
        )
        for main in mains
    ]
    axes = ("backbone", "width", "resolution", "augmentation", "encoding", "imbalance")
    columns = [wr.ParallelCoordinatesPlotColumn(wr.Config(f"axes.{name}")) for name in axes]
    columns += [wr.ParallelCoordinatesPlotColumn(wr.SummaryMetric(f"{file}/{of}")) for of in ("latency_ms", *mains)]
    sections = {
        "files": [*fronts, wr.BarPlot(title=f"{file}: kept of torch's grades", metrics=[f"{file}/agreement"]),
                  wr.WeavePanelSummaryTable(table_name="files")],
        "choices": [wr.ParallelCoordinatesPlot(title="axes", columns=columns),
                    *(wr.ParameterImportancePlot(with_respect_to=f"final/{main}") for main in mains)],
        "curves": [wr.LinePlot(title=name, x="epoch", y=[name]) for name in (*mains, "val/loss", "train/loss")],
        "mistakes": [wr.WeavePanelSummaryTable(table_name="confusion/val_table"), wr.MediaBrowser(media_keys=["mistakes"])],
    }  # fmt: skip
    return ws.Workspace(
        entity=entity,
        project=project,
        name="gridlite sweep",
        sections=[ws.Section(name=name, panels=panels, is_open=True) for name, panels in sections.items()],
        runset_settings=ws.RunsetSettings(groupby=[ws.Metric("Group")]),
    )
