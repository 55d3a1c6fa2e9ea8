"""How good a backbone's features are before any training: a linear probe and nearest neighbours on frozen features."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lightning_modules.backbones.base import Backbone
from lightning_modules.networks.classifier import InputScaling

Features = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
STRENGTHS = (1e-3, 1e-2, 1e-1)
"""Inverse regularisations among which the linear probe chooses by cross-validation on its training part."""
NEIGHBOURS = 20
TEMPERATURE = 0.07
ROWS = 256
"""Of the table of similarities that are held at once."""


class Parts(NamedTuple):
    """What a probe learns from, and what it answers."""

    features: Features
    """`(N, F)`."""
    labels: Labels
    """`(N,)`."""
    sources: npt.NDArray[np.str_]
    """`(N,)`: what never is on both sides of a split."""
    asked: Features
    """`(M, F)`."""


@torch.inference_mode()
def pooled_features(backbone: Backbone, batches: Iterable[Tensor]) -> Features:
    """Raw pixels `(B, 3, S, S)`, 0..255, batch by batch → globally pooled features of the last map `(N, F)`."""
    scaling = InputScaling(backbone.mean, backbone.std)
    backbone.eval()
    found = [backbone.pooled(backbone(scaling(images.float()))[-1]) for images in batches]
    return np.asarray(torch.cat(found).numpy(), np.float32)


def linear_probe(parts: Parts) -> Labels:
    """Answers `(M,)` of a logistic regression on standardised features; Alain and Bengio 2017.

    Its strength is chosen by three folds over the sources it learns from.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200, tol=1e-3))
    folds = min(3, *(len(np.unique(parts.sources[parts.labels == label])) for label in np.unique(parts.labels)))
    if folds >= 2:
        chosen = {"logisticregression__C": list(STRENGTHS)}
        model = GridSearchCV(model, chosen, cv=StratifiedGroupKFold(folds, shuffle=True, random_state=0))
        model.fit(parts.features, parts.labels, groups=parts.sources)
    else:
        model.fit(parts.features, parts.labels)
    return np.asarray(model.predict(parts.asked), np.int64)


def nearest_neighbours(parts: Parts) -> Labels:
    """Answers `(M,)` by the 20 nearest in cosine similarity s, each with the weight exp(s / 0.07): Wu et al. 2018,
    section 3.4.
    """
    known, asked = (
        rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12) for rows in (parts.features, parts.asked)
    )
    most = min(NEIGHBOURS, len(known))
    grades = []
    for at in range(0, len(asked), ROWS):
        similar = asked[at : at + ROWS] @ known.T
        near = np.argpartition(-similar, most - 1, axis=1)[:, :most]
        weights = np.exp((np.take_along_axis(similar, near, 1) - 1) / TEMPERATURE)
        votes = np.zeros((len(near), int(parts.labels.max()) + 1))
        np.add.at(votes, (np.arange(len(near))[:, None], parts.labels[near]), weights)
        grades.append(votes.argmax(axis=1))
    return np.asarray(np.concatenate(grades), np.int64)
