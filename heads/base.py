"""What every head has: contract 1, between plain labels and a network's outputs. Shapes: B samples, O outputs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from torch import Tensor, nn

SMALLEST = 1e-6
"""Probability that has a logarithm in float32, and one less it too."""


class Head(nn.Module, ABC):
    """Turns labels into targets and logits into answers.

    Args:
        num_classes: K, classes of the data set; bands of one whose labels are numbers.

    """

    targets: ClassVar[tuple[str, ...]]
    """Kinds of labels that it can be trained on, as data sets and tasks name them."""
    needs_ordered_classes: ClassVar[bool] = False
    """Whether it takes classes to be grades, from best to worst."""
    output_per_class: ClassVar[bool] = True
    """Whether an output means something only together with the names of the classes."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes

    def know_counts(self, counts: Tensor) -> None:
        """Takes, before a training, how many samples of each class it has, `(K,)`."""

    @property
    @abstractmethod
    def num_outputs(self) -> int:
        """O: how many logits the network has to give, per sample or per pixel."""

    @abstractmethod
    def sample_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Loss of every sample, `(B,)`, before weights; its mean is the unweighted loss."""

    @abstractmethod
    def loss(self, logits: Tensor, labels: Tensor, sample_weights: Tensor | None = None) -> Tensor:
        """Mean over the batch of weight × loss, a scalar. Raises ValueError for shapes that would broadcast."""

    @abstractmethod
    def decode(self, logits: Tensor) -> Tensor:
        """Logits → answers: grades, yes or no, numbers."""

    @abstractmethod
    def mean_logits(self, logits: Tensor) -> Tensor:
        """Of M networks `(M, B, …)` → logits of the mean of their probabilities, or of their numbers, `(B, …)`.

        Raises ValueError for a head that keeps weights of its own, which differ between the networks.
        """

    @abstractmethod
    def taught_loss(self, logits: Tensor, teacher: Tensor) -> Tensor:
        """The loss of one network where another's answers are the labels, both logits of one shape; a scalar."""

    @abstractmethod
    def softened(self, logits: Tensor, temperature: float) -> Tensor:
        """What a student is held against its teachers by, at a temperature: probabilities of logits / T, or the numbers themselves."""

    @abstractmethod
    def labels_like(self, logits: Tensor) -> Tensor:
        """Labels that mean nothing, of the shape that goes with logits, to time a step with."""

    @abstractmethod
    def describe(self, logits: Tensor, class_names: Sequence[str]) -> tuple[str, int]:
        """The answer to one image in words, and the output that it rests on; logits `(1, O, …)`."""

    @abstractmethod
    def evidence(self, target: int, answer: Tensor) -> Callable[[Tensor], Tensor]:
        """A function of the logits of one image that says how much they speak for an output; a scalar.

        Args:
            target: the output.
            answer: the logits of the image itself, `(O,)` or `(O, H, W)`.

        """


def log_odds(chances: Tensor) -> Tensor:
    """Probabilities → logits of the same shape."""
    chances = chances.clamp(SMALLEST, 1 - SMALLEST)
    return chances.log() - (1 - chances).log()


def check_sample_weights(logits: Tensor, sample_weights: Tensor | None) -> None:
    """Raises ValueError for weights that are not one per sample."""
    if sample_weights is not None and sample_weights.shape != logits.shape[:1]:
        raise ValueError(f"sample_weights of shape {tuple(sample_weights.shape)}: want ({len(logits)},)")
