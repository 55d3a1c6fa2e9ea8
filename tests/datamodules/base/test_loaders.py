"""What reaches the training: batches whose contents and order are known."""

from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import DataLoader

from datamodules.augmentation import BACKENDS, Augmentation, heavy, light, none
from datamodules.base.loaders import CellArrays, CellBatch, CellDataModule, CellDataset, Resident
from datamodules.base.prefetch import Prefetching
from datamodules.base.samplers import EpochSampler, Shares
from datamodules.imbalance import ClassWeights, Oversampling, Unbalanced

SIDE = 8
PARTS = ["train"] * 21 + ["val"] * 10 + ["test"] * 6


def arrays() -> CellArrays:
    """37 cells of noise; the first pixel of each is its number."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (37, SIDE, SIDE, 3), dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(37)
    labels = np.minimum(np.arange(37) % 8, 4).astype(np.int64)
    order = rng.permutation(37)
    return CellArrays(images, labels, np.array(PARTS)[order], 5)


def module(augmentation: Augmentation | None = None, **changes: Any) -> CellDataModule:
    settings: dict[str, Any] = {"imbalance": Unbalanced(), "batch_size": 4, "seed": 3, "prefetch": 0} | changes
    return CellDataModule(arrays(), augmentation=augmentation or none(), **settings)


def numbers(batches: list[CellBatch]) -> list[int]:
    return [int(number) for batch in batches for number in batch.images[:, 0, 0, 0]]


def of_part(part: str) -> list[int]:
    return [int(number) for number in np.flatnonzero(arrays().parts == part)]


def epoch_of(loader: DataLoader[CellBatch] | Prefetching, epoch: int) -> list[CellBatch]:
    assert isinstance(loader.batch_sampler, Shares)
    loader.batch_sampler.sampler.set_epoch(epoch)
    return list(loader)


def assert_same(ours: list[CellBatch], theirs: list[CellBatch]) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        for name, tensor in one._asdict().items():
            same = getattr(other, name)
            assert tensor is same is None or torch.equal(tensor, same), name


@pytest.mark.parametrize("augmentation", [none(), heavy()], ids=["none", "heavy"])
@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_batches_have_the_shapes_types_and_strides_of_the_contract(augmentation: Augmentation, part: str) -> None:
    data = module(augmentation)
    batches = list(data.train_dataloader() if part == "train" else data.part_dataloader(part))
    for batch in batches:
        count = len(batch.labels)
        assert batch.images.shape == (count, 3, SIDE, SIDE)
        assert batch.images.dtype == torch.uint8
        assert batch.images.stride() == (3 * SIDE * SIDE, 1, 3 * SIDE, 3)
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        assert (batch.labels.shape, batch.labels.dtype) == ((count,), torch.int64)
        assert (batch.weights.shape, batch.weights.dtype) == ((count,), torch.float32)
    sizes = [len(batch.labels) for batch in batches]
    assert sizes == {"train": [4] * 5, "val": [8, 2], "test": [6]}[part]


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_evaluation_shows_a_part_in_order_as_it_is_with_weight_one(part: str) -> None:
    data = module(heavy(), imbalance=ClassWeights())
    loader = data.part_dataloader(part)
    batches = list(loader)
    assert numbers(batches) == of_part(part)
    assert len(loader) == len(batches)
    cells = arrays()
    images = torch.cat([batch.images for batch in batches]).permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(images, cells.images[of_part(part)])
    assert torch.cat([batch.labels for batch in batches]).tolist() == cells.labels[of_part(part)].tolist()
    assert set(torch.cat([batch.weights for batch in batches]).tolist()) == {1.0}
    assert_same(list(loader), batches)


def test_the_val_loader_is_that_of_the_val_part() -> None:
    assert_same(list(module().val_dataloader()), list(module().part_dataloader("val")))


def test_training_shows_the_train_part_shuffled_anew_each_epoch() -> None:
    loader = module(batch_size=5, seed=0).train_dataloader()
    shown = [numbers(epoch_of(loader, epoch)) for epoch in range(3)]
    assert [len(order) for order in shown] == [20] * 3  # 21 cells: a last batch of one is dropped
    assert all(len(set(order)) == 20 and set(order) <= set(of_part("train")) for order in shown)
    assert len({tuple(order) for order in shown}) == 3
    assert shown[0] != sorted(shown[0])


def test_labels_stay_with_their_images() -> None:
    labels = arrays().labels
    for batch in module(imbalance=Oversampling()).train_dataloader():
        assert batch.labels.tolist() == labels[batch.images[:, 0, 0, 0].numpy()].tolist()


def test_weights_are_those_of_the_class() -> None:
    data = module(imbalance=ClassWeights())
    cells = arrays()
    train = cells.labels[cells.parts == "train"]
    by_hand = {grade: len(train) / (5 * (train == grade).sum()) for grade in range(5)}
    assert len(set(by_hand.values())) > 2
    for batch in data.train_dataloader():
        assert batch.weights.tolist() == pytest.approx([by_hand[int(label)] for label in batch.labels])
    for batch in module().train_dataloader():
        assert batch.weights.tolist() == [1.0] * len(batch.labels)


def test_oversampling_shows_every_class_equally_and_the_train_part_only() -> None:
    cells = arrays()
    loader = module(imbalance=Oversampling(), batch_size=7).train_dataloader()
    shown = numbers(list(loader))
    counts = np.bincount(cells.labels[cells.parts == "train"], minlength=5)
    np.testing.assert_array_equal(np.bincount(cells.labels[shown], minlength=5), [counts.max()] * 5)
    assert set(shown) == set(of_part("train"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_augmentation_follows_seed_epoch_and_sample(backend: str) -> None:
    cells, augmentation = arrays(), light(backend)
    for epoch in (0, 2):
        plain = epoch_of(module(seed=11).train_dataloader(), epoch)
        augmented = epoch_of(module(light(backend), seed=11).train_dataloader(), epoch)
        seen = torch.cat([batch.images for batch in augmented]).permute(0, 2, 3, 1).numpy()
        for image, number in zip(seen, numbers(plain), strict=True):
            alone = cells.images[number][None].copy()
            augmentation.on_batch(alone, np.array([number]), len(cells.labels), 11, epoch)
            np.testing.assert_array_equal(image, alone[0])


def test_the_cells_themselves_are_never_changed() -> None:
    data = module(heavy())
    list(data.train_dataloader())
    np.testing.assert_array_equal(data.arrays.images, arrays().images)


def test_a_read_only_map_is_fine() -> None:
    cells = arrays()
    cells.images.flags.writeable = False
    dataset = CellDataset(cells, np.ones(5), heavy(), seed=1)
    batch = dataset.__getitems__([(0, 5), (0, 6)])
    assert len(batch.images) == 2
    assert torch.equal(dataset[(0, 5)].images[0], batch.images[0])


@pytest.mark.parametrize("augmentation", [light(), heavy()], ids=["light", "heavy"])
@pytest.mark.parametrize("batches", [1, 2, 3, 50])
def test_ahead_hands_out_the_batches_of_the_plain_loader(augmentation: Augmentation, batches: int) -> None:
    plain, prefetch = module(augmentation).train_dataloader(), module(augmentation, prefetch=batches).train_dataloader()
    assert isinstance(prefetch, Prefetching)
    assert not isinstance(plain, Prefetching)
    assert len(prefetch) == len(plain) == 5
    for epoch in (0, 1, 4):
        assert_same(epoch_of(prefetch, epoch), epoch_of(plain, epoch))


def test_without_augmentation_nothing_is_prepared_ahead() -> None:
    assert not isinstance(module(prefetch=2).train_dataloader(), Prefetching)


def test_ahead_can_be_left_early_and_begun_again() -> None:
    loader = module(light(), prefetch=2).train_dataloader()
    whole = list(loader)
    for batch in loader:
        assert torch.equal(batch.images, whole[0].images)
        break
    assert_same(list(loader), whole)


class BreaksAt(CellDataset):
    """Cannot read one of its cells."""

    broken = 13

    def __getitems__(self, keys: list[tuple[int, int]]) -> CellBatch:
        if any(index == self.broken for _, index in keys):
            raise OSError(f"cell {self.broken} is gone")
        return super().__getitems__(keys)


def test_ahead_raises_a_loaders_error_where_the_batch_was_due() -> None:
    keys = [(0, index) for index in range(20)]
    loader = DataLoader(BreaksAt(arrays(), np.ones(5)), batch_size=4, sampler=keys, collate_fn=lambda batch: batch)
    batches = iter(Prefetching(loader, batches=2))
    assert numbers([next(batches) for _ in range(3)]) == list(range(12))
    with pytest.raises(OSError, match="cell 13 is gone"):
        next(batches)


@given(
    count=st.integers(1, 40), batch_size=st.integers(1, 9), seed=st.integers(0, 99), epoch=st.integers(0, 99)
)  # fmt: skip
def test_the_order_depends_on_seed_and_epoch_alone(count: int, batch_size: int, seed: int, epoch: int) -> None:
    indices = np.arange(100, 100 + count)
    sampler, other = EpochSampler(indices, batch_size, seed), EpochSampler(indices, batch_size, seed)
    list(other)  # having gone through an epoch already changes nothing
    for one in (sampler, other):
        one.set_epoch(epoch)
    order = list(sampler)
    assert order == list(other) == list(sampler)
    assert {shown_epoch for shown_epoch, _ in order} == {epoch}
    shown = [index for _, index in order]
    assert len(shown) == len(set(shown)) == len(sampler)
    assert set(shown) <= set(indices.tolist())
    left = count % batch_size
    assert len(shown) == (count - 1 if left == 1 and count > 1 else count)


def test_another_seed_or_epoch_is_another_order() -> None:
    def order(seed: int, epoch: int) -> tuple[int, ...]:
        sampler = EpochSampler(np.arange(30), 4, seed)
        sampler.set_epoch(epoch)
        return tuple(index for _, index in sampler)

    assert len({order(seed, epoch) for seed in range(4) for epoch in range(4)}) == 16


@pytest.mark.parametrize("batch_size", [2, 4, 5, 7])
def test_no_training_batch_holds_a_single_cell(batch_size: int) -> None:
    for imbalance in (Unbalanced(), Oversampling()):
        loader = module(batch_size=batch_size, imbalance=imbalance).train_dataloader()
        batches = list(loader)
        assert len(loader) == len(batches)
        assert min(len(batch.labels) for batch in batches) > 1


class Recorder(pl.LightningModule):
    """Learns nothing; notes which images it was shown in each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.only = torch.nn.Parameter(torch.zeros(1))
        self.shown: dict[int, list[CellBatch]] = {}

    def training_step(self, batch: CellBatch, index: int) -> Tensor:
        self.shown.setdefault(self.current_epoch, []).append(batch)
        return self.only.sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # Lightning's own
@pytest.mark.parametrize("prefetch", [0, 2])
def test_lightning_sets_the_epoch(prefetch: int) -> None:
    recorder = Recorder()
    trainer = pl.Trainer(
        max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(recorder, module(light(), prefetch=prefetch).train_dataloader())
    assert list(recorder.shown) == [0, 1, 2]
    for epoch, batches in recorder.shown.items():
        assert_same(batches, epoch_of(module(light()).train_dataloader(), epoch))


@pytest.mark.parametrize("imbalance", [Unbalanced(), ClassWeights(), Oversampling()], ids=["none", "weights", "over"])
def test_cells_on_the_device_come_in_the_same_batches(imbalance: Unbalanced) -> None:
    there, here = module(imbalance=imbalance, cache_on_device=True), module(imbalance=imbalance)
    assert isinstance(there.train_dataloader(), Resident)
    assert len(there.train_dataloader()) == len(here.train_dataloader())
    for epoch in (0, 3):
        assert_same(epoch_of(there.train_dataloader(), epoch), epoch_of(here.train_dataloader(), epoch))
    for part in ("val", "test"):
        assert_same(list(there.part_dataloader(part)), list(here.part_dataloader(part)))


def test_cells_on_the_device_are_augmented_there() -> None:
    augmentation = heavy(backend="batched")
    there, here = module(augmentation, cache_on_device=True), module(augmentation)
    for epoch in (0, 1):
        ours, theirs = (epoch_of(one.train_dataloader(), epoch) for one in (there, here))
        for one, other in zip(ours, theirs, strict=True):
            assert one.images.dtype == torch.float32
            assert (one.images - other.images.float()).abs().mean() < 4  # noise, bilinear twice rounded
            assert torch.equal(one.labels, other.labels)
    assert there.part_dataloader("val").images is there.train_dataloader().images


@pytest.mark.parametrize(
    ("augmentation", "cache_on_device"), [(none(), None), (heavy(backend="albumentations"), True), (none(), False)]
)
def test_cells_stay_in_memory_where_that_is_better(augmentation: Augmentation, cache_on_device: bool | None) -> None:
    assert not isinstance(module(augmentation, cache_on_device=cache_on_device).train_dataloader(), Resident)
