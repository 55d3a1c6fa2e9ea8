"""Every command that a person types: what it does and how it looks. Help pages and the lists of a room are made of this."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command."""

    typed: str
    """How it begins on the command line."""
    sentence: str
    """What it does."""
    examples: tuple[str, ...]
    """Whole command lines."""
    schema: str | None = None
    """The class in command_schemas.py, file_schemas.py, station_schemas.py or train_schema.py that lists its settings; None where argparse does."""


ROOMS = {
    "pipelines": "Several trainings, or several runs, in one command.",
    "sweeps": "What the records of a sweep say; without a folder, of the latest sweep.",
    "annotation": "Labels of photos of phones: made in a browser, compared, taken in and given out; masks and numbers taken in.",
    "station": "Photographed phones, graded.",
}
"""Packages with several commands: `python -m <room> <command>`."""

COMMANDS = {
    "train": Command(
        "python train.py",
        "Trains one point of the grid, tests it and writes its record; with -m every point, one after the other or side by side.",
        (
            "python train.py backbone=mobilenetv2 resolution=128",
            "python train.py -m backbone=mobilenet,efficientnet_lite0 fold=0,1,2,3,4",
        ),
        "TrainConfig",
    ),
    "predict": Command(
        "python predict.py",
        "Writes a trained network's answers to a folder of images as a csv.",
        (
            "python predict.py run=runs/adhoc/<job> input=<folder>",
            "python predict.py run=int8.tflite input=<folder> output=answers.csv",
        ),
        "PredictConfig",
    ),
    "study": Command(
        "python -m pipelines study",
        "Screens the grid, chooses finalists by the front, varies one thing at a time, exports and reports.",
        ("python -m pipelines study", "python -m pipelines study study=full photos=<folder>"),
        "StudyConfig",
    ),
    "demo": Command(
        "python -m pipelines demo",
        "Draws phones, grades one, trains a small grid from the networks that come along, exports, reports.",
        ("python -m pipelines demo",),
        "DemoConfig",
    ),
    "quickstart": Command(
        "python -m pipelines quickstart",
        "Goes from a folder of class folders to a file for a phone: looks, probes, trains, exports, reports.",
        ("python -m pipelines quickstart data=<folder>",),
        "QuickstartConfig",
    ),
    "probe": Command(
        "python -m pipelines probe",
        "Ranks backbones by linear probes of their frozen features, before any training.",
        (
            "python -m pipelines probe -m backbone=mobilenet,mobilenetv2 datamodule=image_folder datamodule.root=<folder>",
        ),
        "TrainConfig",
    ),
    "cross": Command(
        "python -m pipelines cross",
        "Scores every run of a sweep on every data set of the sweep.",
        ("python -m pipelines cross folder=runs/wear_levels",),
        "CrossConfig",
    ),
    "retrain": Command(
        "python -m pipelines retrain",
        "Trains a run's recipe on an annotated folder that has more labels, and says what these changed.",
        ("python -m pipelines retrain run=runs/first/<job> data=my_phones",),
        "RetrainConfig",
    ),
    "collect": Command(
        "python -m pipelines collect",
        "Takes photos from the station into an annotated folder: those that a person corrected, and those to look at first.",
        (
            "python -m pipelines collect graded=graded/new_phones data=my_phones",
            "python -m pipelines collect graded=graded/new_phones data=my_phones corrections=corrections.json most=20",
        ),
        "CollectConfig",
    ),
    "export": Command(
        "python -m export",
        "Makes phone files of a trained run, checks them against torch, scores and times them.",
        (
            "python -m export run=runs/adhoc/<job>",
            "python -m export run=runs/adhoc/<job> quantization=int8_plain",
            "python -m export run=runs/adhoc/<job> latency=arm",
        ),
        "ExportRunConfig",
    ),
    "score": Command(
        "python -m export score",
        "Scores and times somebody else's file on the data of a run, and shows it beside the sweep's own.",
        (
            "python -m export score file=theirs.tflite run=runs/first/<job>",
            "python -m export score file=theirs.onnx run=runs/first/<job> scaling=imagenet labels=[good,cracked] output=logits",
        ),
        "ScoreConfig",
    ),
    "diff": Command(
        "python -m export diff",
        "Holds a new file against an old one, picture by picture; exit code 1 where it is worse.",
        (
            "python -m export diff old.tflite new.tflite data=runs/first/<job>",
            "python -m export diff old.tflite new.tflite data=<folder of class folders> max_loss=0.02",
        ),
        "DiffConfig",
    ),
    "ask": Command(
        "python -m export ask",
        "Writes into a run's files which grades to leave to a person, so that little damage passes.",
        ("python -m export ask run=runs/first/<job> most_missed=0.1",),
        "AskConfig",
    ),
    "check": Command(
        "python -m export check",
        "Says which operators of a run's files each delegate leaves to the CPU, and the oldest runtime of each.",
        ("python -m export check run=runs/first/<job>", "python -m export check file=int8.tflite"),
    ),
    "bench": Command(
        "python -m export.latency",
        "Times exported files: those of a run, or those on the front of a sweep.",
        ("python -m export.latency latency=adb run=runs/adhoc/<job>", "python -m export.latency pareto_of=runs/first"),
        "BenchConfig",
    ),
    "web": Command(
        "python -m web",
        "Serves the page for phones: times the files there, scores them, grades what the camera sees.",
        (
            "python -m web run=runs/adhoc/<job>",
            "python -m web run='[runs/front/<job>, runs/back/<job>, other.tflite]'",
            "python -m web pareto_of=runs/first host=0.0.0.0 https=true",
        ),
        "WebConfig",
    ),
    "inspect": Command(
        "python -m inspection",
        "Draws what a trained network sees in an image or a pair, or measures how far two folders lie apart for it.",
        (
            "python -m inspection run=runs/first/<job> image=real.jpg pair=rendered.jpg",
            "python -m inspection run=runs/first/<job> set=real_cells against=rendered_cells",
        ),
        "InspectConfig",
    ),
    "grade": Command(
        "python -m station grade",
        "Finds the phone in a photo, or in each photo of a folder, grades its cells and the device.",
        (
            "python -m station grade photo=photo.jpg run=runs/adhoc/<job> json=out.json",
            "python -m station grade photos=<folder> run=runs/adhoc/<job> output=graded",
            "python -m station grade photos=<folder> run=int8.tflite output=graded device_pattern='(?P<device>[^_]+)_.*'",
        ),
        "GradeConfig",
    ),
    "station_api": Command(
        "python -m station serve",
        "Grades photos over HTTP: one or several models, devices of several photos, metrics, a watch of camera and stock.",
        (
            "python -m station serve run=runs/adhoc/<job>",
            "python -m station serve models='{front: runs/adhoc/<job>, back: other.tflite}' host=0.0.0.0 token='${oc.env:STATION_TOKEN}'",
        ),
        "StationApiConfig",
    ),
    "annotate": Command(
        "python -m annotation serve",
        "Serves the page on which the cells of photographed phones are graded.",
        (
            "python -m annotation serve data=<folder of photos>",
            "python -m annotation serve data=<folder of photos> run=runs/adhoc/<job> host=0.0.0.0 https=true",
        ),
        "AnnotateConfig",
    ),
    "agreement": Command(
        "python -m annotation agreement",
        "Says how far annotators and rounds agree: kappa, alpha, by class and by annotator.",
        ("python -m annotation agreement --data <folder>",),
    ),
    "doubtful": Command(
        "python -m annotation doubtful",
        "Lists labels that trained networks doubt, for the review page.",
        ("python -m annotation doubtful --data <folder> --runs runs/<sweep>",),
    ),
    "import_labels": Command(
        "python -m annotation import",
        "Takes in labels: a csv, a COCO .json, or a folder per class.",
        (
            "python -m annotation import --data <folder> --from labels.csv",
            "python -m annotation import --data <folder> --from coco.json --category crack=3,4@0.3",
        ),
    ),
    "import_masks": Command(
        "python -m annotation import-masks",
        "Makes a folder for task=segmentation of masks from elsewhere: a COCO .json, or PNG masks.",
        (
            "python -m annotation import-masks --data <folder of images> --from coco.json --to steel",
            "python -m annotation import-masks --data <folder of images> --from <folder of masks> --classes scratch,pit --to steel",
        ),
    ),
    "import_numbers": Command(
        "python -m annotation import-numbers",
        "Writes the csv for task=regression of numbers from elsewhere: Label Studio's exports, or a csv.",
        (
            "python -m annotation import-numbers --data <folder of images> --from export.json --low 0 --high 100",
            "python -m annotation import-numbers --data <folder of images> --from wear.csv --name-column file --value-column wear",
        ),
    ),
    "export_labels": Command(
        "python -m annotation export",
        "Writes labels as a csv or a COCO .json.",
        ("python -m annotation export --data <folder> --to coco.json",),
    ),
    "status": Command(
        "python -m sweeps status",
        "Says what of a sweep is done, running, failed and left, and how long it will take.",
        ("python -m sweeps status runs/first",),
    ),
    "table": Command(
        "python -m sweeps table",
        "Prints and writes a row per run, per point with its folds pooled, and per exported file.",
        ("python -m sweeps table runs/first",),
    ),
    "report": Command(
        "python -m sweeps report",
        "Writes one report.html with the front, the effects, curves and failures.",
        ("python -m sweeps report runs/first",),
    ),
    "wandb": Command(
        "python -m sweeps wandb",
        "Makes a W&B run per job from its record, offline for `wandb sync`.",
        (
            "python -m sweeps wandb runs/first",
            "python -m sweeps wandb runs/first --online --dashboard --entity <you>",
        ),
    ),
    "choices": Command(
        "python -m choices",
        "Lists what each axis may be set to, with the first line that its file says of itself.",
        ("python -m choices", "python -m choices backbone encoding"),
    ),
}
"""By the name of the configuration in conf/, where Hydra composes one."""


def commands_of(room: str) -> dict[str, Command]:
    """The commands of a room, by the word that follows the room's name."""
    begin = f"python -m {room} "
    return {one.typed.removeprefix(begin): one for one in COMMANDS.values() if one.typed.startswith(begin)}
