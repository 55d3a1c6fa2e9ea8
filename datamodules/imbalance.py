"""Ways to meet unequal class counts; they touch the training set only. Thesis, section 4.1.2."""

from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from choices.settings import Share

Counts = npt.NDArray[np.int64]


class Unbalanced:
    """The training set as it is."""

    def epoch_indices(self, labels: npt.NDArray[np.int64], num_classes: int) -> npt.NDArray[np.intp]:
        """Which samples an epoch shows, before shuffling; positions into `labels`."""
        return np.arange(len(labels))

    def class_weights(self, counts: Counts) -> npt.NDArray[np.float64]:
        """Weight of each class in the loss, `(K,)`."""
        return np.ones(len(counts))


class Oversampling(Unbalanced):
    """Copies samples of the smaller classes until each has as many as the largest (Figure 4.2)."""

    def epoch_indices(self, labels: npt.NDArray[np.int64], num_classes: int) -> npt.NDArray[np.intp]:
        """Every sample once, then copies in order: no sample is copied twice more often than another of its class."""
        per_class = [np.flatnonzero(labels == grade) for grade in range(num_classes)]
        largest = max(map(len, per_class))
        return np.concatenate([np.resize(indices, largest) for indices in per_class if len(indices)])


class Records(Unbalanced):
    """As many samples of every class, copied or left out: seed 002, section 5.1, has 1,291 of each type of defect.

    There copies were turned and mirrored before the data was divided; here the training set alone is balanced, and the
    augmentation draws anew for every copy and epoch.

    Args:
        per_class: samples of each class in an epoch, at least 1.

    """

    def __init__(self, per_class: Annotated[int, Field(ge=1, le=1_000_000)]) -> None:
        if per_class < 1:
            raise ValueError(f"imbalance.per_class={per_class}: want at least 1")
        self.per_class = per_class

    def epoch_indices(self, labels: npt.NDArray[np.int64], num_classes: int) -> npt.NDArray[np.intp]:
        """Of a larger class samples spread evenly over it; of a smaller one copies, none twice more often than another."""
        chosen = [np.zeros(0, np.intp)]
        for label in range(num_classes):
            members = np.flatnonzero(labels == label)
            if len(members) > self.per_class:
                members = members[np.linspace(0, len(members) - 1, self.per_class).astype(np.intp)]
            if len(members):
                chosen.append(np.resize(members, self.per_class))
        return np.concatenate(chosen)


class BalancedSampling(Unbalanced):
    """As many samples of each class, in an epoch of as many samples as the training set has."""

    def epoch_indices(self, labels: npt.NDArray[np.int64], num_classes: int) -> npt.NDArray[np.intp]:
        """As `Records`, by an equal share of the samples for each class that occurs."""
        present = max(1, len(np.unique(labels[labels >= 0])))
        return Records(max(1, len(labels) // present)).epoch_indices(labels, num_classes)


class ClassWeights(Unbalanced):
    """Weights inversely proportional to a power of the class counts.

    Args:
        power: 1 makes every class weigh alike in all; 0.5 is milder, 0 leaves the samples as they are.

    """

    def __init__(self, power: Share = 1.0) -> None:
        if not 0 <= power <= 1:
            raise ValueError(f"imbalance.power={power}: want 0 to 1")
        self.power = power

    def class_weights(self, counts: Counts) -> npt.NDArray[np.float64]:
        """In proportion to `1 / n_k^power` over the classes that occur, so that the mean weight of a sample is 1; with power 1
        `N / (K · n_k)` (Table 4.1).

        A class without samples gets weight 0: it adds no loss.
        """
        present = counts > 0
        weights = np.zeros(len(counts))
        weights[present] = counts[present] ** -self.power
        return np.asarray(weights * counts.sum() / max((weights * counts).sum(), 1e-300))
