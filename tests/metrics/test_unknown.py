"""Distances from the samples of training, against the formula written out, and the threshold from which on they are unusual."""

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from metrics.unknown import Spread, SpreadError, are_unknown, unknown_of, unknown_text


def blobs(rng, counts, features=6):
    labels = np.repeat(np.arange(len(counts)), counts)
    mixed = rng.normal(size=(features, features))
    return rng.normal(size=(len(labels), features)) @ mixed + 3 * rng.normal(size=(len(counts), features))[
        labels
    ], labels


def test_distances_are_mahalanobis_to_the_nearest_mean():
    rng = np.random.default_rng(0)
    features, labels = blobs(rng, [40, 30, 3, 25])
    spread = Spread.of(features, labels)
    kept = [0, 1, 3]  # three samples make no mean
    means = [features[labels == one].mean(axis=0) for one in kept]
    within = np.concatenate([features[labels == one] - mean for one, mean in zip(kept, means, strict=True)])
    inverse = np.linalg.inv(LedoitWolf(assume_centered=True).fit(within).covariance_)
    asked = np.concatenate([features, 10 * rng.normal(size=(20, 6))])
    wanted = [min(np.sqrt((one - mean) @ inverse @ (one - mean)) for mean in means) for one in asked]
    np.testing.assert_allclose(spread.distances(asked), wanted, rtol=1e-6)


def test_what_has_no_spread_is_refused():
    with pytest.raises(SpreadError, match="no class has 5 training samples"):
        Spread.of(np.ones((4, 3)), np.zeros(4, np.int64))
    with pytest.raises(SpreadError, match="the same features"):
        Spread.of(np.ones((9, 3)), np.zeros(9, np.int64))


def test_no_more_than_the_stated_share_lies_beyond():
    distances, phones = np.random.default_rng(1).gamma(4, size=200), np.repeat(np.arange(20).astype(str), 10)
    for share in (0.01, 0.05, 0.2):
        said = unknown_of(distances, phones, share, "validation set")
        beyond = are_unknown(said, distances)
        assert share - 0.01 <= beyond.mean() <= share
        assert (said["samples"], said["sources"]) == (200, 20)
        assert f"as {100 * share:g} % of known ones are (validation set: 200 samples of 20 sources)" in unknown_text(
            said
        )


def test_a_file_without_threshold_or_distance_says_nothing():
    said = unknown_of(np.ones(9), np.array(list("abcabcabc")), 0.05, "validation set")
    assert said["refused"] == "0.05 false alarms need 20 samples, there are 9"
    assert unknown_text(said).startswith("no threshold of unknown samples: 0.05 false alarms need 20")
    assert are_unknown(said, np.ones(3)) is None
    assert are_unknown(None, np.ones(3)) is None
    assert are_unknown({"threshold": 1.0}, None) is None
