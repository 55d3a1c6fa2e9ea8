"""What a choice of conf/datamodule is built from: a data set that has not been read yet, and what can be asked of it before. No torch."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from choices.settings import Count, Seed, SettingError, Text, checked
from datamodules.base.errors import DataError
from datamodules.base.samples import Division, Samples


def _not_one(value: int) -> int:
    if value == 1:
        raise ValueError("one fold leaves nothing to train on; want 0, for none, or 2 and more")
    return value


Folds = Annotated[int, Field(ge=2, le=1000)]
ValFolds = Annotated[int, Field(ge=0, le=1000), AfterValidator(_not_one)]


@dataclass(frozen=True)
class PictureSet:
    """Pictures that a data set takes, as far as can be told without looking at them."""

    kind: str
    """What they are read as; the same for data sets that read the same pictures."""
    place: str
    """Their folder; empty where their kind says all."""
    name: str
    """What they are called in a message."""
    division: Mapping[str, Any] | None
    """Settings by which the same pictures may be divided otherwise; None: all of them are meant."""

    def same(self, other: "PictureSet") -> bool:
        """Whether both are held to be the same pictures: of one kind, or in one folder."""
        return self.kind == other.kind or ("" != self.place == other.place)


def _checked(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor that is given its settings as its annotations have them. Raises DataError for what does not fit."""

    @wraps(init)
    def made(self: "DataSet", *positional: Any, **named: Any) -> None:
        given = signature(init).bind_partial(self, *positional).arguments | named
        del given["self"]
        prefix = f"{named.get('key', 'datamodule')}."
        try:
            fit = checked(prefix, type(self), given)
        except SettingError as error:
            raise DataError(error) from None
        init(self, **fit)

    return made


class DataSet(ABC):
    """A data set by its settings, which are its constructor's, checked by their annotations; nothing is read before `load`."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__init__" in vars(cls):
            cls.__init__ = _checked(cls.__init__)  # type: ignore[method-assign]

    family: ClassVar[str] = ""
    """Shared by classes that read the same pictures; empty: the class alone."""
    split_keys: ClassVar[tuple[str, ...]] = ("fold", "folds", "val_folds", "split_seed", "use_parts")
    """Settings that divide it; those that a class does not have are no harm."""
    location_keys: ClassVar[tuple[str, ...]] = ("root", "cache", "folder")
    """Settings that say where it lies and not what it is: no part of a run's hash, for the fingerprint stands for the content."""
    amount_keys: ClassVar[tuple[str, ...]] = ("most_train",)
    """Settings that say how much of it is trained on."""

    @abstractmethod
    def load(self) -> Samples:
        """Reads and checks it. Raises DataError on the first thing that is wrong."""

    @classmethod
    def pictures(cls, settings: Mapping[str, Any], *, trained: bool) -> list[PictureSet]:  # noqa: ARG003  subclasses ask
        """The pictures that a run with these settings is trained on, or, where `trained` is false, measured on."""
        return [cls.lying(settings)]

    @classmethod
    def lying(cls, settings: Mapping[str, Any]) -> PictureSet:
        """The pictures in the folder that the settings name."""
        root = settings.get("root")
        place = "" if root is None else str(Path(root).resolve())
        return PictureSet(cls.family or cls.__qualname__, place, str(root or cls.__name__), cls.division_of(settings))

    @classmethod
    def division_of(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that divide it."""
        return {name: settings[name] for name in cls.split_keys if name in settings}


class DividedFolder(DataSet):
    """A data set in a folder, divided into folds.

    Args:
        root: the folder.
        cache: where what is made of its files is kept.
        folds, val_folds, split_seed, fold: see `splits.assign_parts`.
        calibration_cells: how many samples of the training set int8 files are calibrated on.

    """

    def __init__(
        self,
        root: Text,
        *,
        cache: Text,
        folds: Folds,
        val_folds: ValFolds,
        split_seed: Seed,
        fold: Count,
        calibration_cells: Count,
    ) -> None:
        self.root, self.cache = Path(root), Path(cache)
        self.division = Division(fold, folds, val_folds, split_seed, calibration_cells)
