"""Every encoding in conf/encoding keeps the contract of a head, and agrees with the thesis and with coral_pytorch."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from coral_pytorch.dataset import corn_label_from_logits, levels_from_labelbatch, proba_to_label
from coral_pytorch.layers import CoralLayer
from coral_pytorch.losses import coral_loss, corn_loss
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from omegaconf import OmegaConf
from torch import Tensor
from torch.nn import functional

from choices import ROOT
from heads.coral import Coral
from heads.corn import Corn
from heads.grades import GradeHead, exceedance, from_exceedance, scan
from heads.one_hot import OneHot
from heads.ordinal import Ordinal
from training.build import NON_HEAD_KEYS, partial_from_config

EVERY = sorted((ROOT / "conf" / "encoding").glob("*.yaml"))
CONFIGS = [path for path in EVERY if "[grades]" in path.read_text()]  # the others: test_binary, test_scalar
LINEAR_IN_LABELS = ("one_hot", "ordinal", "coral")
every_encoding = pytest.mark.parametrize("encoding", [config.stem for config in CONFIGS])
every_size = pytest.mark.parametrize("classes", [2, 3, 5, 8])


def head_of(encoding: str, classes: int) -> GradeHead:
    config = next(config for config in CONFIGS if config.stem == encoding)
    head = partial_from_config(OmegaConf.load(config), exclude=NON_HEAD_KEYS)(num_classes=classes)
    assert isinstance(head, GradeHead)
    return head


def with_biases(head: GradeHead, biases: list[float]) -> GradeHead:
    if isinstance(head, Coral):
        head.bias.data = torch.tensor(biases[: head.num_classes - 1])
    return head


def gradient(loss: Tensor, inputs: Tensor) -> Tensor:
    return torch.autograd.grad(loss, inputs)[0]


def expressing(head: GradeHead, grades: Tensor, strength: float = 20.0) -> Tensor:
    """Logits that leave no doubt about the grades, derived from the head's own targets."""
    targets = head.encode(grades)
    if targets.shape[1] == head.num_outputs:
        return strength * (2 * targets - 1)
    assert isinstance(head, Coral)
    thresholds = -head.bias.detach()
    edges = torch.cat([thresholds[:1] - strength, thresholds, thresholds[-1:] + strength])
    return ((edges[:-1] + edges[1:]) / 2)[grades].unsqueeze(1)


def confident(encoding: str, classes: int) -> GradeHead:
    """A head whose thresholds, where it has any, lie far apart."""
    return with_biases(head_of(encoding, classes), [20.0 * (classes / 2 - step) for step in range(1, classes)])


def numbers(largest: float) -> st.SearchStrategy[float]:
    return st.floats(-largest, largest, width=32)


def test_the_four_encodings_of_the_thesis_and_its_successors_are_configured() -> None:
    assert {"one_hot", "ordinal", "coral", "corn"} <= {config.stem for config in CONFIGS}


def sets_of(*rows: list[int]) -> Tensor:
    return torch.tensor(rows).bool()


def test_candidates_move_the_softmax_as_their_sum_does() -> None:
    logits = torch.cat([torch.randn(3, 5), torch.tensor([[60.0, 0, 0, 0, -3]])]).double().requires_grad_()
    head, sets = OneHot(5), sets_of([0, 1, 1, 0, 0], [0, 0, 0, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 1, 1])
    wanted = gradient(-(logits.softmax(dim=1) * sets).sum(dim=1).log().mean(), logits)
    torch.testing.assert_close(gradient(head.loss(logits, sets), logits), wanted, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("encoding", ["ordinal", "corn"])
def test_a_step_between_candidates_is_not_moved_however_wrong_the_others_are(encoding: str) -> None:
    logits = torch.tensor(
        [[-15.0, -15.0, -15.0, 2.0]]
    ).requires_grad_()  # no damage, and if it were a crack, a major one
    moved = gradient(head_of(encoding, 5).loss(logits, sets_of([0, 0, 0, 1, 1])), logits)[0]
    assert abs(moved[3]) < 1e-5 < 0.2 < abs(moved[0])


@every_encoding
def test_one_candidate_is_a_grade(encoding: str) -> None:
    head = confident(encoding, 5)
    logits = torch.randn(5, head.num_outputs)
    torch.testing.assert_close(head.loss(logits, torch.eye(5).bool()), head.loss(logits, torch.arange(5)))
    with pytest.raises(ValueError, match=r"candidates of shape \(5,\): want \(B, 5\)"):
        head.loss(logits, torch.ones(5).bool())


@every_encoding
@pytest.mark.parametrize("grade", [3, 4])
def test_any_of_the_candidates_is_right(encoding: str, grade: int) -> None:
    head = confident(encoding, 5)
    sure = expressing(head, torch.tensor([grade, 0])).requires_grad_()
    right, wrong = (head.loss(sure[at : at + 1], sets_of([0, 0, 0, 1, 1])) for at in (0, 1))
    assert right.item() < 1e-3 < 1 < wrong.item()
    assert gradient(right, sure).abs().max() < 1e-3 < gradient(wrong, sure).abs().max()


@every_encoding
@every_size
def test_shapes_follow_num_outputs(encoding: str, classes: int) -> None:
    head = head_of(encoding, classes)
    logits = torch.randn(7, head.num_outputs)
    labels = torch.arange(7) % classes
    assert head.encode(labels).shape[0] == 7
    assert head.encode(labels).shape[1] in (classes, classes - 1)
    assert head.encode(labels).is_floating_point()
    assert head.sample_losses(logits, labels).shape == (7,)
    assert head.loss(logits, labels).shape == ()
    assert head.probabilities(logits).shape == (7, classes)
    assert head.decode(logits).shape == (7,)
    assert head.decode(logits).dtype == torch.int64


@every_encoding
def test_fewer_than_two_classes_are_refused(encoding: str) -> None:
    with pytest.raises(ValueError, match="num_classes=1: a grade needs at least 2"):
        head_of(encoding, 1)


@every_encoding
@pytest.mark.parametrize("largest", [3.0, 80.0, 2.0**100])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_logits_give_a_distribution_and_a_grade_in_range(
    encoding: str, largest: float, data: st.DataObject
) -> None:
    classes = data.draw(st.integers(2, 7))
    biases = data.draw(st.lists(numbers(9), min_size=classes - 1, max_size=classes - 1))
    head = with_biases(head_of(encoding, classes), biases)
    logits = torch.from_numpy(data.draw(hnp.arrays(np.float32, (4, head.num_outputs), elements=numbers(largest))))
    with torch.no_grad():
        probabilities, grades = head.probabilities(logits), head.decode(logits)
    assert (probabilities >= 0).all()
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(4))
    assert ((grades >= 0) & (grades < classes)).all()


@every_encoding
@every_size
def test_logits_that_express_a_grade_decode_to_it(encoding: str, classes: int) -> None:
    grades = torch.arange(classes)
    plain, sure = head_of(encoding, classes), confident(encoding, classes)
    assert plain.decode(expressing(plain, grades)).tolist() == grades.tolist()
    logits = expressing(sure, grades)
    assert sure.decode(logits).tolist() == grades.tolist()
    assert (sure.probabilities(logits)[grades, grades] > 0.999).all()


@every_encoding
@every_size
def test_the_right_logits_cost_less_than_every_wrong_one(encoding: str, classes: int) -> None:
    head = confident(encoding, classes)
    logits = expressing(head, torch.arange(classes))
    for label in range(classes):
        costs = [head.loss(logits[[shown]], torch.tensor([label])).item() for shown in range(classes)]
        others = costs[:label] + costs[label + 1 :]
        assert costs[label] < 0.01
        assert min(others) > 1


@pytest.mark.parametrize("encoding", ["ordinal", "coral"])
def test_ordered_encodings_cost_more_the_further_the_grade_is_off(encoding: str) -> None:
    head = confident(encoding, 5)
    logits = expressing(head, torch.arange(5))
    for label, way in ((0, 1), (4, -1)):
        costs = [head.loss(logits[[shown]], torch.tensor([label])).item() for shown in range(5)][::way]
        assert costs == sorted(set(costs))


@every_encoding
def test_loss_is_the_mean_of_weight_times_sample_loss(encoding: str) -> None:
    torch.manual_seed(3)
    head = head_of(encoding, 5)
    logits, labels = torch.randn(6, head.num_outputs), torch.tensor([0, 1, 2, 3, 4, 2])
    weights = [0.37, 0.863, 8.951, 2.229, 1.739, 0.0]
    losses = head.sample_losses(logits, labels).tolist()
    by_hand = sum(weight * loss for weight, loss in zip(weights, losses, strict=True)) / 6
    assert head.loss(logits, labels, torch.tensor(weights)).item() == pytest.approx(by_hand, rel=1e-5)
    assert head.loss(logits, labels).item() == pytest.approx(sum(losses) / 6, rel=1e-5)
    assert head.loss(logits, labels, torch.ones(6)).item() == pytest.approx(sum(losses) / 6, rel=1e-5)


@every_encoding
def test_weight_zero_removes_a_samples_gradient(encoding: str) -> None:
    torch.manual_seed(4)
    head = head_of(encoding, 5)
    logits = torch.randn(4, head.num_outputs, requires_grad=True)
    loss = head.loss(logits, torch.tensor([0, 4, 2, 3]), torch.tensor([1.0, 0.0, 2.0, 0.0]))
    per_sample = gradient(loss, logits).abs().sum(dim=1)
    assert (per_sample > 0).tolist() == [True, False, True, False]


@every_encoding
def test_unanimous_votes_are_the_hard_label(encoding: str) -> None:
    torch.manual_seed(5)
    head = head_of(encoding, 5)
    labels = torch.tensor([0, 1, 2, 3, 4, 1])
    votes = functional.one_hot(labels, 5).float() * torch.tensor([1.0, 2, 3, 4, 5, 6])[:, None]
    logits = torch.randn(6, head.num_outputs)
    torch.testing.assert_close(head.encode(votes), head.encode(labels))
    torch.testing.assert_close(head.sample_losses(logits, votes), head.sample_losses(logits, labels))
    weights = torch.rand(6)
    torch.testing.assert_close(head.loss(logits, votes, weights), head.loss(logits, labels, weights))


@pytest.mark.parametrize("encoding", LINEAR_IN_LABELS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_mixture_of_votes_costs_the_mixture_of_the_losses(encoding: str, data: st.DataObject) -> None:
    head = head_of(encoding, 5)
    votes = data.draw(hnp.arrays(np.int64, 5, elements=st.integers(0, 9)).filter(lambda drawn: drawn.sum() > 0))
    logits = torch.from_numpy(data.draw(hnp.arrays(np.float32, (1, head.num_outputs), elements=numbers(9))))
    pure = head.sample_losses(logits.expand(5, -1), torch.arange(5)).tolist()
    by_hand = float(np.dot(votes, pure) / votes.sum())
    mixed = head.sample_losses(logits, torch.from_numpy(votes).float()[None])
    assert mixed.item() == pytest.approx(by_hand, rel=1e-4, abs=1e-4)


@every_encoding
@pytest.mark.parametrize("shape", [(4, 1), (4, 4), (4, 6)])
def test_labels_of_a_wrong_shape_are_refused_by_name(encoding: str, shape: tuple[int, ...]) -> None:
    head = head_of(encoding, 5)
    with pytest.raises(ValueError, match=r"labels of shape \(4, \d\): want \(B,\) or \(B, 5\)"):
        head.loss(torch.randn(4, head.num_outputs), torch.ones(shape))


@every_encoding
@pytest.mark.parametrize("labels", [torch.tensor([2]), torch.full((1, 5), 0.2)], ids=["(1,)", "(1, K)"])
def test_labels_of_another_batch_are_never_stretched_over_the_logits(encoding: str, labels: Tensor) -> None:
    head = head_of(encoding, 5)
    with pytest.raises(ValueError, match=r"."):
        head.loss(torch.randn(4, head.num_outputs), labels)


@every_encoding
@pytest.mark.parametrize("value", [-80.0, 80.0])
@pytest.mark.parametrize("classes", [2, 5])
def test_extreme_logits_leave_loss_and_gradients_finite(encoding: str, value: float, classes: int) -> None:
    head = head_of(encoding, classes)
    logits = torch.full((classes, head.num_outputs), value, requires_grad=True)
    loss = head.loss(logits, torch.arange(classes))
    assert torch.isfinite(loss)
    for slope in torch.autograd.grad(loss, [logits, *head.parameters()]):
        assert torch.isfinite(slope).all()
    probabilities = head.probabilities(logits)
    assert torch.isfinite(probabilities).all()


def test_table_4_4_one_hot() -> None:
    assert head_of("one_hot", 5).encode(torch.arange(5)).tolist() == [
        [1, 0, 0, 0, 0],
        [0, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 1],
    ]


@pytest.mark.parametrize("encoding", ["ordinal", "coral", "corn"])
def test_table_4_4_ordinal(encoding: str) -> None:
    assert head_of(encoding, 5).encode(torch.arange(5)).tolist() == [
        [0, 0, 0, 0],
        [1, 0, 0, 0],
        [1, 1, 0, 0],
        [1, 1, 1, 0],
        [1, 1, 1, 1],
    ]


def test_votes_are_shares_above_each_step() -> None:
    votes = torch.tensor([[1.0, 0.0, 2.0, 1.0, 0.0]])
    torch.testing.assert_close(head_of("ordinal", 5).encode(votes), torch.tensor([[0.75, 0.75, 0.25, 0.0]]))
    torch.testing.assert_close(head_of("one_hot", 5).encode(votes), torch.tensor([[0.25, 0.0, 0.5, 0.25, 0.0]]))


@pytest.mark.parametrize(
    ("outputs", "threshold", "grade"),
    [
        ([0.8, 0.9, 0.2, 0.6], 0.5, 2),
        ([0.6, 0.6, 0.6, 0.6], 0.5, 4),
        ([0.8, 0.9, 0.2, 0.6], 0.85, 0),
        ([0.8, 0.9, 0.6, 0.6], 0.7, 2),
        ([0.6, 0.6, 0.6, 0.6], 0.7, 0),
        ([0.9, 0.8, 0.75, 0.71], 0.7, 4),
        ([0.4, 0.9, 0.9, 0.9], 0.5, 0),
    ],
)
def test_the_scan_counts_to_the_first_output_not_above_the_threshold(
    outputs: list[float], threshold: float, grade: int
) -> None:
    logits = torch.tensor([outputs]).logit()
    assert Ordinal(5, threshold=threshold).decode(logits).tolist() == [grade]
    assert scan(torch.tensor([outputs]), threshold).tolist() == [grade]


def test_the_scan_is_not_the_argmax_of_the_probabilities() -> None:
    head, logits = Ordinal(5), torch.full((1, 4), 0.6).logit()
    torch.testing.assert_close(head.probabilities(logits), torch.tensor([[0.4, 0.24, 0.144, 0.0864, 0.1296]]))
    assert int(head.probabilities(logits).argmax()) == 0
    assert head.decode(logits).tolist() == [4]


@every_encoding
@every_size
def test_a_file_decides_without_integers_as_the_head_decodes(encoding: str, classes: int) -> None:
    head = head_of(encoding, classes)
    rng = torch.Generator().manual_seed(classes)
    logits = torch.randn((5000, head.num_outputs), generator=rng) * 4
    logits[:1000] *= 1e-6  # hardly above one half, or below
    logits[1000:1100] = 0
    decided = head.decision(logits)
    if decided is None:
        told = logits[1100:]  # a softmax rounds what hardly differs to one value
        assert torch.equal(head.probabilities(told).argmax(dim=1), head.decode(told))
    else:
        torch.testing.assert_close(decided, functional.one_hot(head.decode(logits), classes).float(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.1, 1.5])
def test_a_threshold_that_is_no_probability_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        Ordinal(5, threshold=threshold)


@settings(max_examples=60, deadline=None)
@given(shares=hnp.arrays(np.float64, (3, 5), elements=st.floats(0.01, 1)))
def test_exceedance_and_its_inverse_cancel(shares: npt.NDArray[np.float64]) -> None:
    distributions = torch.from_numpy(shares / shares.sum(axis=1, keepdims=True))
    torch.testing.assert_close(from_exceedance(exceedance(distributions)), distributions)


def test_one_hot_loss_is_torchs_cross_entropy_with_class_weights_kerass_way() -> None:
    torch.manual_seed(6)
    logits, labels = torch.randn(64, 5), torch.randint(0, 5, (64,))
    weights = torch.tensor([0.370, 0.863, 8.951, 2.229, 1.739])
    expected = functional.cross_entropy(logits, labels, weight=weights, reduction="sum") / 64
    torch.testing.assert_close(OneHot(5).loss(logits, labels, weights[labels]), expected)


def test_ordinal_loss_is_torchs_binary_cross_entropy_mean() -> None:
    torch.manual_seed(7)
    logits, labels = 3 * torch.randn(64, 4), torch.randint(0, 5, (64,))
    levels = levels_from_labelbatch(labels, 5)
    expected = functional.binary_cross_entropy(logits.sigmoid(), levels)
    torch.testing.assert_close(Ordinal(5).loss(logits, labels), expected, rtol=1e-5, atol=1e-5)


def test_ordinal_probabilities_are_products_of_steps() -> None:
    torch.manual_seed(8)
    logits = 2 * torch.randn(16, 4)
    steps = logits.sigmoid().tolist()
    by_hand = [[math.prod(row[:k]) * (1 - row[k] if k < 4 else 1) for k in range(5)] for row in steps]
    torch.testing.assert_close(Ordinal(5).probabilities(logits), torch.tensor(by_hand), rtol=1e-5, atol=1e-6)


def test_unordered_coral_biases_use_the_running_minimum() -> None:
    head = with_biases(Coral(4), [1.0, -1.0, 2.0])
    exceeds = [1 / (1 + math.exp(-bias)) for bias in (1.0, -1.0, -1.0)]
    expected = [1 - exceeds[0], exceeds[0] - exceeds[1], 0.0, exceeds[2]]
    with torch.no_grad():
        assert head.probabilities(torch.zeros(1, 1))[0].tolist() == pytest.approx(expected, abs=1e-6)
    assert head.decode(torch.zeros(1, 1)).tolist() == [1]


def paired_with_coral_layer(classes: int, features: int) -> tuple[CoralLayer, Coral, Callable[[Tensor], Tensor]]:
    layer, head = CoralLayer(features, classes), Coral(classes)
    return layer, head, lambda inputs: functional.linear(inputs, layer.coral_weights.weight)


@every_size
def test_coral_agrees_with_coral_pytorch(classes: int) -> None:
    torch.manual_seed(9)
    layer, head, score = paired_with_coral_layer(classes, 6)
    torch.testing.assert_close(head.bias, layer.coral_bias)  # the same start
    falling = torch.randn(classes - 1).sort(descending=True).values
    layer.coral_bias.data, head.bias.data = falling, falling.clone()
    inputs, labels = 4 * torch.randn(200, 6), torch.randint(0, classes, (200,))
    levels = layer(inputs)
    torch.testing.assert_close(head.levels(score(inputs)), levels, rtol=1e-5, atol=1e-5)
    expected = coral_loss(levels, levels_from_labelbatch(labels, classes), reduction=None)
    torch.testing.assert_close(head.sample_losses(score(inputs), labels), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(head.loss(score(inputs), labels), expected.mean(), rtol=1e-5, atol=1e-5)
    # The library counts every level above one half, which is the scan where the thresholds fall.
    assert head.decode(score(inputs)).tolist() == proba_to_label(levels.sigmoid()).tolist()
    assert len(set(head.decode(score(inputs)).tolist())) == classes


def test_coral_gradients_agree_with_coral_pytorch() -> None:
    torch.manual_seed(10)
    layer, head, score = paired_with_coral_layer(5, 6)
    inputs, labels = torch.randn(50, 6), torch.randint(0, 5, (50,))
    theirs = gradient(coral_loss(layer(inputs), levels_from_labelbatch(labels, 5)), layer.coral_bias)
    torch.testing.assert_close(gradient(head.loss(score(inputs), labels), head.bias), theirs, rtol=1e-5, atol=1e-5)


@every_size
@pytest.mark.parametrize("batch", [1, 2, 200])
def test_corn_agrees_with_coral_pytorch(classes: int, batch: int) -> None:
    torch.manual_seed(11)
    logits = (3 * torch.randn(batch, classes - 1)).requires_grad_()
    labels = torch.randint(0, classes, (batch,))
    expected = corn_loss(logits, labels, classes)
    loss = Corn(classes).loss(logits, labels)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient(loss, logits), gradient(expected, logits), rtol=1e-5, atol=1e-5)
    assert Corn(classes).decode(logits).tolist() == corn_label_from_logits(logits).tolist()


def test_corn_worked_example_of_the_library() -> None:
    logits = torch.tensor([[14.152, -6.1942, 0.47710, 0.96850], [65.667, 0.303, 11.500, -4.524]])
    assert Corn(5).decode(logits).tolist() == [1, 3]


def test_corn_ignores_steps_that_the_label_does_not_reach() -> None:
    logits = torch.zeros(1, 4, requires_grad=True)
    slope = gradient(Corn(5).loss(logits, torch.tensor([1])), logits)
    assert (slope != 0).tolist() == [[True, True, False, False]]


@every_encoding
@every_size
def test_the_mean_of_several_networks_has_the_mean_of_their_probabilities(encoding, classes):
    head = head_of(encoding, classes)
    logits = 4 * torch.randn(3, 50, head.num_outputs, generator=torch.Generator().manual_seed(0))
    if encoding == "coral":  # its thresholds differ between networks
        with pytest.raises(ValueError, match="CORAL"):
            head.mean_logits(logits)
        return
    mean = torch.stack([head.probabilities(one) for one in logits]).mean(dim=0)
    torch.testing.assert_close(head.probabilities(head.mean_logits(logits)), mean, atol=1e-5, rtol=0)
    certain = torch.full((2, 1, head.num_outputs), 200.0)
    certain[1] = -200.0
    assert torch.isfinite(head.mean_logits(certain)).all()
