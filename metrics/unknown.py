"""What no training picture looks like: how far a picture's features lie from those of training, and from where on that is unusual.

The distance is Mahalanobis's to the nearest class mean, with one covariance for all classes (Lee et al. 2018, "A simple unified
framework for detecting out-of-distribution samples", equation 2), shrunk as Ledoit and Wolf (2004) do: there are as many features as
cells. Shapes: N samples, F features, K classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
LEAST = 5
"""Samples that a class must have to get a mean of its own; the others are left out."""


class SpreadError(ValueError):
    """Features that no distance can be measured from; the message is one line."""


@dataclass(frozen=True)
class Spread:
    """Where the features of training lie.

    Attributes:
        centre: `(F,)`, the mean of the classes' means.
        means: `(K, F)`, whitened and less the centre; of the classes that have LEAST samples.
        whitening: `(F, F)`: a difference of features times this has the identity as covariance, within a class.

    """

    centre: Numbers
    means: Numbers
    whitening: Numbers

    @classmethod
    def of(cls, features: Numbers, labels: npt.NDArray[np.int64]) -> Self:
        """Of the training samples, features `(N, F)` and labels `(N,)`. Raises SpreadError for too few."""
        from sklearn.covariance import ledoit_wolf

        counts = np.bincount(labels)
        classes = np.flatnonzero(counts >= LEAST)
        if not len(classes):
            raise SpreadError(f"no class has {LEAST} training samples: there is nothing to measure a distance from")
        means = np.array([features[labels == label].mean(axis=0) for label in classes])
        within = np.concatenate([features[labels == label] - mean for label, mean in zip(classes, means, strict=True)])
        variances, axes = np.linalg.eigh(ledoit_wolf(within, assume_centered=True)[0])
        if not variances.max() > 0:
            raise SpreadError("all training samples have the same features: there is no spread to measure by")
        whitening = axes / np.sqrt(np.maximum(variances, 1e-6 * variances.max()))
        centre = means.mean(axis=0)
        return cls(centre, (means - centre) @ whitening, whitening)

    def distances(self, features: Numbers) -> Numbers:
        """Features `(N, F)` → the distance to the nearest mean `(N,)`."""
        placed = (features - self.centre) @ self.whitening
        squares = ((placed[:, None] - self.means) ** 2).sum(axis=2)
        return np.asarray(np.sqrt(squares.min(axis=1)), np.float64)


def unknown_of(distances: Numbers, source_ids: npt.NDArray[np.str_], false_alarms: float, how: str) -> dict[str, Any]:
    """What a file says of the distance from which on a sample looks like nothing in training.

    Args:
        distances: of known samples that no training has seen, `(N,)`.
        source_ids: `(N,)`.
        false_alarms: the share of them that may lie farther than the threshold, between 0 and 1.
        how: where they are from, in words.

    Returns:
        false_alarms, how, samples, sources; and threshold, or, where there are too few, refused, in words.

    """
    found: dict[str, Any] = {"false_alarms": false_alarms, "how": how, "samples": len(distances)}
    found |= {"sources": len(np.unique(source_ids))}
    if len(distances) < 1 / false_alarms:
        least = int(np.ceil(1 / false_alarms))
        return found | {"refused": f"{false_alarms:g} false alarms need {least} samples, there are {len(distances)}"}
    return found | {"threshold": float(np.quantile(distances, 1 - false_alarms, method="higher"))}


def are_unknown(found: Mapping[str, Any] | None, distances: Numbers | None) -> npt.NDArray[np.bool_] | None:
    """Which samples look like nothing in training `(N,)`; None where a file does not say.

    Args:
        found: as `unknown_of` gives it.
        distances: by the file, `(N,)`.

    """
    if not found or found.get("threshold") is None or distances is None:
        return None
    return np.asarray(distances > found["threshold"])


def unknown_text(found: Mapping[str, Any]) -> str:
    """What a file says of unknown samples, as one line."""
    if "refused" in found:
        return f"no threshold of unknown samples: {found['refused']} ({found['how']})"
    return (
        f"unknown beyond a distance of {found['threshold']:.4g}, as {100 * found['false_alarms']:g} % of known ones are "
        f"({found['how']}: {found['samples']} samples of {found['sources']} sources)"
    )
