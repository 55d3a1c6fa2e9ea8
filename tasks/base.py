"""What a task is: the one protocol that training, export and prediction are handed, and how a task is found by its name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from choices import ChoiceError, read_choice
from jobs.trusted_config import trusted_config
from metrics.against_baseline import doubt_of_record
from metrics.base import TaskMetrics
from metrics.lookup import metrics_of
from sweeps.records.run_record import Record, read_trained

if TYPE_CHECKING:
    import pandas as pd

    from datamodules.base.samples import Samples
    from datamodules.whole_photos import Find
    from heads.base import Head
    from jobs.job import Job
    from lightning_modules.backbones.base import Backbone
    from lightning_modules.base import TaskModule, TrainingSettings


Dropout = Annotated[float, Field(ge=0, lt=1)]
"""Share of the pooled features that a training step leaves out."""


class Predictor(Protocol):
    """A trained network, by a run's checkpoint or by an exported file, and what has to be known to cut pictures for it."""

    labels: list[str]
    """Names of the classes."""
    size: tuple[int, int]
    """Height and width of what it takes, pixels."""
    preprocessing: dict[str, Any]
    """As `Samples.preprocessing` has it."""
    profile: dict[str, Any] | None
    """As `Samples.profile` has it."""

    def predict_folder(self, root: Path, table: Path, batch_size: int, pictures: str = "auto") -> str:
        """Writes a csv of answers to every image of a folder; says in a few words what was found, and where it lies.

        A network that grades cells is given them as `pictures` says: see `datamodules.prediction_inputs.read_samples`.

        Raises DataError where no image can be read.
        """


@dataclass(kw_only=True)
class Task(ABC):
    """One kind of question: what is trained, how it is judged, what a file answers. Its other settings are the subclass's fields.

    Nothing that a subclass imports at its top may need torch: a task is asked for its metrics before torch is there.
    """

    metrics: str
    """Dotted path of its `TaskMetrics`."""
    targets: str
    """The kind of labels that it learns from; its data set and its head must know the same kind."""

    @abstractmethod
    def module(self, backbone: "Backbone", head: "Head", settings: "TrainingSettings") -> "TaskModule":
        """The network in training. Raises ValueError for settings that fit nothing."""

    @abstractmethod
    def evaluate(
        self,
        module: "TaskModule",
        data: Any,
        job: "Job",
        samples: "Samples",
        history: list[dict[str, float]],
        shipped: str,
    ) -> Record:
        """What a record says of a trained network: `metrics`, `baseline`, `mistakes`. Writes files beside the record.

        Figures of every evaluated part, by each checkpoint that was kept, those of `shipped`, best or last, without a prefix.
        """

    @abstractmethod
    def figures(
        self, module: "TaskModule", samples: "Samples", chosen: npt.NDArray[np.intp], resolution: int
    ) -> dict[str, Any]:
        """Figures of a trained network on some samples of a data set, by their places."""

    @abstractmethod
    def predictor(self, given: Path, checkpoint: str = "shipped") -> Predictor:
        """Of a run's folder, by one of its checkpoints, or of an exported file."""

    @property
    @abstractmethod
    def file_comparison(self) -> Any:
        """The `export.comparison.FileComparison` by which an exported file is made, called and held against torch."""

    @property
    def find_outline(self) -> "Find | None":
        """Finds the phone in a photo that is to be cut into cells; None where each picture is one sample."""
        return None

    scored_on_phones: ClassVar[bool] = False
    """Whether a phone's own answers to the val cells come back and are scored."""

    def score_phone(
        self, labels: npt.NDArray[np.int64], given: npt.NDArray[np.int64], host: "pd.DataFrame", class_names: list[str]
    ) -> dict[str, float]:
        """Figures of what a phone answered to all val cells.

        Args:
            labels, given: `(N,)`, true and answered.
            host: what the computer answered with the same file, a row per cell.
            class_names: of the labels.

        Raises ValueError for answers that are none, or for a task whose files are scored on the computer alone.

        """
        raise ValueError("such files are scored on the computer alone")

    @property
    def app_templates(self) -> Path | None:
        """A folder of Jinja templates for `export/app`, see docs/architecture.md; None where the general ones say enough."""
        return None

    @property
    @abstractmethod
    def view(self) -> Path:
        """A JavaScript module that tells the phone app how to read and draw a file's answers, see docs/architecture.md."""


def task_class(name: str) -> type[Task]:
    """The class that conf/task/<name>.yaml names. Raises ChoiceError."""
    module, _, attribute = str(read_choice("task", name).get("_target_")).rpartition(".")
    try:
        found: type[Task] = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ChoiceError(f"task={name}: its yaml names no task that can be imported: {error}") from None
    return found


def task_named(name: str, settings: Mapping[str, Any] | None = None) -> Task:
    """A task with its own settings, or with those of a configuration. Raises ChoiceError."""
    given = read_choice("task", name) if settings is None else settings
    known = {key: value for key, value in given.items() if key not in ("_target_", "defaults")}
    try:
        return task_class(name)(**known)
    except TypeError as error:
        raise ChoiceError(f"task={name}: {error}") from None


def task_of_record(record: Mapping[str, Any]) -> Task:
    """The task of a run, with the run's settings."""
    return task_named(str(record["axes"]["task"]), trusted_config(dict(record), ["task"])["task"])


def task_of(given: Path) -> Task:
    """The task of a run's folder or of an exported file."""
    if given.suffix == ".tflite":
        from export.runtime import read_file

        return task_named(str(read_file(given)[1]["task"]))
    return task_of_record(read_trained(given))


def metrics_of_record(record: Mapping[str, Any]) -> TaskMetrics:
    """How the answers of a run are judged."""
    return metrics_of(str(record["axes"]["task"]))


def doubt_of(given: Path) -> str:
    """Why the answers of a run, or of an exported file, may be of no use (see `metrics.against_baseline.doubt`); empty for most."""
    if given.suffix == ".tflite":
        from export.runtime import read_file

        about = read_file(given)[1]
        return doubt_of_record(about, metrics_of(str(about["task"])))
    record = read_trained(given)
    return doubt_of_record(record, metrics_of_record(record))
