"""What a task says of its figures: which one decides, which way is better, how answers are read from tables. No torch."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Direction = Literal["max", "min"]
Figure = Callable[[Any, Any], float]
"""Truth and answers, as `TaskMetrics.truth_and_answers` gives them → a figure."""


class TaskMetrics(ABC):
    """How the answers of one task are judged, compared and shown.

    Figures are called `<part>/<name>`, of the checkpoint that does not ship `<part>/<best or last>/<name>`; here they stand without their part unless it is said.
    """

    main: ClassVar[str]
    """The figure that chooses among epochs, points of a grid and files."""
    direction: ClassVar[Direction] = "max"
    """Whether more of `main` is better, or less."""
    titles: ClassVar[Mapping[str, str]] = {}
    """How figures are written that are not simply their name with spaces."""
    columns: ClassVar[tuple[str, ...]]
    """What tables of runs show of a run, with its part, in this order."""
    headlines: ClassVar[tuple[str, ...]]
    """The figures that a finished training is told by; the first one follows its progress."""
    file_columns: ClassVar[tuple[str, ...]]
    """What the table of a run's files shows."""
    compared: ClassVar[tuple[str, ...]]
    """Figures for which the report says what each choice does, with their part."""
    repeated: ClassVar[tuple[str, ...]]
    """Figures whose mean over seeds is given."""
    crossed: ClassVar[tuple[str, ...]]
    """Figures of `trained on × tested on`, the one first that its table shows."""
    own_unit: ClassVar[frozenset[str]] = frozenset()
    """Figures in the unit of the data; all others lie from 0 to 1, or are `unbounded`."""
    unbounded: ClassVar[frozenset[str]] = frozenset()
    """Figures without a unit that may lie below 0."""
    errors: ClassVar[frozenset[str]] = frozenset()
    """Shares of which less is better."""
    curve: ClassVar[str]
    """What learning curves follow: training knows it as well."""
    curve_direction: ClassVar[Direction] = "max"
    epoch_figures: ClassVar[tuple[str, ...]] = ()
    """What training logs of each epoch's validation: the figures that may choose its best one. Empty: it is not known."""
    answers: ClassVar[str]
    """What a network gives, in the plural: grades, pixels, numbers."""
    constant_answer: ClassVar[str]
    """The baseline that looks at no picture, in words."""
    beyond_baseline: ClassVar[tuple[str, ...]]
    """Those of `figures` in which a network must be better than the baseline to be of use."""
    chooses_thresholds: ClassVar[bool] = False
    """Whether the answers need thresholds that the validation set chooses."""
    asks: ClassVar[bool] = False
    """Whether its answers, where classes are ordered, are accepted or left to a person (`metrics.conformal`)."""
    unread: ClassVar[frozenset[str]] = frozenset()
    """Columns of the predictions that no figure here is worked out of."""
    drop_figure: ClassVar[str]
    """A file that loses more than `export.max_accuracy_drop` of it against torch is marked."""
    drop_unit: ClassVar[str]
    """What `worth` loses, in words, of hundredths of it."""
    figures: ClassVar[Mapping[str, Figure]]
    """Those that are computed anew from kept answers, pooled over folds."""
    pooled_files: ClassVar[tuple[str, ...]]
    """Those of `figures` that the table of files pooled over folds shows."""

    @abstractmethod
    def truth_and_answers(self, frame: "pd.DataFrame") -> tuple[Any, Any]:
        """Truth and answers of a predictions.parquet, a row per sample."""

    @abstractmethod
    def with_constant(self, frame: "pd.DataFrame", value: Any) -> "pd.DataFrame":
        """A predictions.parquet with the baseline's answer to every sample; `value` as a record's baseline has it."""

    @abstractmethod
    def worth(self, frame: "pd.DataFrame") -> npt.NDArray[np.float64]:
        """What each sample's answer is worth `(N,)`, the more the better: files are held against torch by its mean."""

    @abstractmethod
    def same(self, frame: "pd.DataFrame") -> npt.NDArray[np.bool_] | None:
        """Of columns and the same ones with the prefix `torch_`: whether both answer alike `(N,)`; None where a row cannot say."""

    @abstractmethod
    def mistake_text(self, mistake: Mapping[str, Any], class_names: Sequence[str]) -> str:
        """One of a record's mistakes, in words."""

    def table_columns(self, ordered: bool) -> dict[str, Figure]:
        """`figures`, less those that want ordered classes where there are none."""
        return dict(self.figures)

    @property
    def mark(self) -> str:
        """What figures depend on beside the answers: what is kept of others is worked out anew."""
        return ""

    def derived(self, figures: Mapping[str, Any]) -> dict[str, float]:
        """Figures that a record does not have and that follow from those that it has, with their part."""
        return {}

    def derived_constant(self, figures: Mapping[str, Any], value: Any) -> dict[str, float]:
        """The same of the constant answer; `value` as a record's baseline has it."""
        return {}

    def title(self, name: str) -> str:
        """How a figure is written, its part left out."""
        short = name.rpartition("/")[2]
        return self.titles.get(short, short.replace("_", " "))

    def direction_of(self, name: str) -> Direction:
        """Whether more of a figure is better: errors and losses are better small."""
        short = name.rpartition("/")[2]
        if short == self.main:
            return self.direction
        if short == self.curve:
            return self.curve_direction
        return "min" if short == "loss" or short in self.own_unit | self.errors else "max"

    def signed(self, value: Any) -> Any:
        """A value of `main`, turned so that more is better."""
        return value if self.direction == "max" else -value

    @property
    def template(self) -> Path:
        """What the report shows of one of the best runs: a Jinja file beside the class, with macros `intro` and `detail`."""
        return Path(inspect.getfile(type(self))).with_suffix(".html.j2")
