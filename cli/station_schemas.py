"""What the station's commands read, with types, as command_schemas.py has those of the others."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from omegaconf import MISSING
from pydantic import Field

from choices.settings import one_of


@dataclass
class Grading:
    """How photos are graded, over HTTP or not."""

    file: str | None = None
    """Which of a run's files; None takes the fastest that may be recommended, and of a run without files its checkpoint."""
    least_cell_px: Annotated[int, Field(ge=0, le=10_000)] | None = None
    """Phones whose cells are smaller in the photo are refused; None: half of what the network looks at."""
    join: Annotated[str, one_of("half", "worst", "mean")] = "half"
    """Of several photos of a device: a cell's worst grade that half of them give at least, the worst of all, or the likeliest on average."""
    damage: str | None = None
    """A run's folder or a file of task=segmentation, trained on such cells: it marks the damage, whose area and length are told for each cell."""
    reference: str | None = None
    """An output of `station grade photos=`, against which camera and stock are held; None: nothing, and of an API the first devices that come."""
    datamodule: Any = None
    """Set by profile=, whose rules are followed in place of the network's own."""


@dataclass
class GradeConfig(Grading):
    """What `python -m station grade` reads."""

    run: str = MISSING
    """A run's folder, or an exported .tflite file."""
    photo: str | None = None
    """An image file that shows a phone."""
    photos: str | None = None
    """In its place: a folder of such files, with folders in it or not; the same command goes on where it was stopped."""
    corners: list[float] | None = None
    """Of one photo: x and y of four corners, clockwise from the start of the upper short side; None finds them."""
    json: str | None = None
    """Of one photo: a file to write all of it to."""
    picture: str | None = None
    """Of one photo: a .jpg or .png for it with its cells coloured by grade."""
    output: str | None = None
    """Of a folder: where tables, pictures and contact sheet are written; None: graded/<name of the folder>."""
    devices: str | None = None
    """Of a folder: a csv with the columns photo and device; None: by device_pattern, by the source_id of photos.csv, or each photo is one."""
    device_pattern: str | None = None
    """Of a folder: a regular expression of whole names with a part (?P<device>...) that names the device."""
    jobs: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Of a folder: processes that grade side by side; None: one for every 72 photos, at most one for each core."""
    cost: Any = None
    """What a wrong grade costs: rows of true grades, or {missed_damage: 10, false_alarm: 1}; each cell then gets the grade of least cost."""
    false_alarms: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """The chance that something is called changed against the reference where nothing has."""


@dataclass
class CollectConfig:
    """What `python -m pipelines collect` reads."""

    graded: str = MISSING
    """An output folder of `python -m station grade photos=`, or a folder of photos with what the phone page has saved of them."""
    data: str = MISSING
    """The annotated folder that photos and grades come into; it is made where there is none."""
    corrections: Any = None
    """A file, or a list of files, that the contact sheet has saved; None: corrections.json in the graded folder, if it is there."""
    annotator: str | None = None
    """Who corrected on the phone page, whose files do not say it."""
    most: Annotated[int, Field(ge=0, le=100_000)] = 10
    """Devices to look at first whose photos come to be graded, beside those that were corrected."""


@dataclass
class RetrainConfig:
    """What `python -m pipelines retrain` reads."""

    run: str = MISSING
    """The folder of a run on photos of phones: its recipe is trained again, and what it said is compared."""
    data: str = MISSING
    """The annotated folder as it is now."""
    sweep_name: str | None = None
    """Folder under paths.runs; None: the run's own with a mark of the labels behind it."""
    common: list[str] = field(default_factory=list)
    """More overrides of every training."""
    paths: Any = MISSING
    """Folders: paths.runs, paths.data, paths.weights, paths.cache."""


@dataclass
class DriftConfig:
    """How a served station watches camera and stock."""

    reference: Annotated[int, Field(ge=5, le=100_000)] = 200
    """Without a folder: how many devices are taken for the reference, the first that come."""
    window: Annotated[int, Field(ge=5, le=100_000)] = 50
    """Devices that are held against the reference at a time."""
    windows: Annotated[int, Field(ge=1, le=10_000)] = 100
    """In so many windows there is the chance `false_alarms`."""
    false_alarms: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """That anything is called changed in them where nothing has."""


@dataclass
class StationApiConfig(Grading):
    """What `python -m station serve` reads."""

    run: str | None = None
    """A run's folder, or an exported .tflite file."""
    models: str | None = None
    """In its place several by name, such as {front: runs/a/<job>, back: other.tflite}."""
    host: str = "127.0.0.1"
    """What is listened on; 0.0.0.0 lets others on the same network send photos."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8767
    """Of the API; 0 takes a free one."""
    hosts: list[str] = field(default_factory=list)
    """Further names under which it is asked, such as that of a container."""
    https: bool = False
    """With a certificate of an authority of this machine."""
    token: str | None = None
    """What requests have to bring; None makes one and prints it. '${oc.env:STATION_TOKEN}' takes it from the environment."""
    jobs: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Photos that are graded at a time, each in a process; None: one for each core."""
    queue: Annotated[int, Field(ge=0, le=1000)] = 16
    """Photos that may wait; more are refused with 503."""
    seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """For a photo, and for the wait before it."""
    most_mb: Annotated[float, Field(gt=0, le=1000)] = 40.0
    """Of a request, in millions of bytes."""
    most_megapixels: Annotated[float, Field(gt=0, le=250)] = 64.0
    """Of a photo, in millions."""
    most_photos: Annotated[int, Field(ge=1, le=1000)] = 12
    """Of a device in one request."""
    keep: str | None = None
    """A folder for photos and answers, so that people can correct them by /corrections; None keeps nothing."""
    keep_mb: Annotated[float, Field(gt=0, le=10_000_000)] = 2000.0
    """Of kept photos, in millions of bytes; the oldest go that nobody has said anything about."""
    drift: DriftConfig = field(default_factory=DriftConfig)
    """How camera and stock are watched."""
    paths: Any = MISSING
    """Folders: paths.runs, paths.data, paths.weights, paths.cache."""
