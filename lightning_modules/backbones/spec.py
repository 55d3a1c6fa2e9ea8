"""What a backbone publishes before any network exists, and where its start comes from. No torch here.

The same facts answer, at composition, whether a point of the grid can exist and with which weights it would start.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


class WeightsError(ValueError):
    """Asked-for weights cannot be had; the message says which and what would do."""


class ModelError(ValueError):
    """A network of a library that there is not, or not for what is wanted; the message says what would do."""


@dataclass(frozen=True)
class Pretrained:
    """One set of ImageNet weights and what it expects of its input."""

    padding: str
    """`same` (TensorFlow's, uneven), `symmetric` (PyTorch's), or `own`, what the network is built with."""
    mean: tuple[float, float, float]
    """Per channel, of pixels divided by 255."""
    std: tuple[float, float, float]
    """Per channel, of pixels divided by 255."""
    file: str | None = None
    """Name of a safetensors file in `paths.weights`; `{resolution}` in it stands for one of `resolutions`."""
    resolutions: tuple[int, ...] = ()
    """Pixels at which there are weights, one file each; the nearest to the wanted one is taken."""
    eps: float = 1e-5
    """Added to the variance in batch normalisation."""
    keras: str | None = None
    """Family whose weights `port` fetches from Keras into `file`."""
    hub: str | None = None
    """Name of a Hugging Face repository with a `model.safetensors` in timm's parameter names."""


@dataclass(frozen=True)
class BackboneSpec:
    """A backbone's valid widths, defaults and weights, as its yaml states them."""

    name: str
    widths: tuple[float, ...]
    """Width multipliers that the family defines."""
    default_width: float
    default_resolution: int
    """Pixels, square."""
    default_batch_size: int
    resolutions: tuple[int, ...] = ()
    """The only ones that it takes, pixels; empty: any."""
    stride: int = 32
    """Input pixels per pixel of the last feature map: the smallest sensible resolution."""
    drops_colour: bool = False
    """Whether pictures are made grey first, inside the network."""
    padding: str = "same"
    """Of a random start; the thesis's Keras networks pad like this."""
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    """Of a random start: [0, 255] becomes [-1, 1], thesis section 4.1."""
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    pretrained: Mapping[float, list[Pretrained]] = field(default_factory=dict)
    """Per width, in order of preference."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Of a library's networks that do not become files: pattern of their names, as of a shell, and why."""
    library: str = ""
    """`timm` where `backbone.model` names one of its networks, which knows its name, stride, sizes, scaling and weights itself."""

    @classmethod
    def from_config(cls, spec: Mapping[str, Any]) -> "BackboneSpec":
        """From the plain mapping under `backbone.spec`; a misspelled key raises TypeError with its name."""
        plain = dict(spec)
        candidates: Mapping[float, list[dict[str, Any]]] = plain.pop("pretrained", None) or {}
        pretrained = {float(width): [Pretrained(**_tuples(one)) for one in many] for width, many in candidates.items()}
        return cls(**_tuples(plain), pretrained=pretrained)

    @property
    def plain(self) -> dict[str, Any]:
        """As a configuration has it: `from_config` gives the same again."""
        return {key: _lists(value) for key, value in asdict(self).items()}


def _lists(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _lists(one) for key, one in value.items()}
    return [_lists(one) for one in value] if isinstance(value, list | tuple) else value


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """Lists, as yaml gives them, become the tuples that a frozen dataclass holds."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


@dataclass(frozen=True)
class InitialWeights:
    """Where training starts from, resolved."""

    origin: str
    """`imagenet`, `file`, `random`, or of another run's whole network `run`, of one that comes with gridlite `zoo`."""
    padding: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    path: Path | None = None
    """The safetensors file or the run's checkpoint, None for a random start."""
    digest: str = ""
    """First 16 hex digits of the file's SHA-256."""
    eps: float = 1e-5
    """What batch normalisation adds to the variance."""
    load_head: bool = False
    """Whether a run's head is loaded as well as its backbone."""

    @property
    def whole_network(self) -> bool:
        """Whether `path` is a checkpoint of a network, not the weights of a backbone alone."""
        return self.origin in ("run", "zoo")

    @property
    def identity(self) -> dict[str, str]:
        """What the config hash and the record keep: the content, not where the file lies."""
        return {"origin": self.origin, "file": self.path.name if self.path else "", "sha256": self.digest}


KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
"""Where keras.applications has its weights."""
