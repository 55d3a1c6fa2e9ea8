"""Masks follow their images, draws depend on (seed, epoch, sample) alone, and sets of classes are balanced."""

import numpy as np
import pytest
import torch

from datamodules.imbalance import ClassWeights, Oversampling, Unbalanced
from datamodules.mask_augmentation import MaskAugmentation
from datamodules.masks.loaders import MaskArrays, MaskDataModule

EVERYTHING = MaskAugmentation(half_turn=0.5, mirror=0.5, rotate_deg=10.0, brightness=20.0, contrast=0.2)


def arrays_of(count=12, height=32, width=64):
    """A bright bar wherever the mask of class 1 is; class 0 nowhere."""
    rng = np.random.default_rng(0)
    bits = np.zeros((count, height, width), np.uint8)
    for at in range(count):
        top, left = rng.integers(2, 16), rng.integers(2, 40)
        bits[at, top : top + 12, left : left + 20] = 2
    images = np.repeat(np.where(bits > 0, 220, 60).astype(np.uint8)[..., None], 3, axis=-1)
    parts = np.array(["train"] * (count - 4) + ["val"] * 4)
    return MaskArrays(images, bits, np.arange(count, dtype=np.int64) % 4 // 3, parts, 2)


def module_of(arrays, augmentation=EVERYTHING, imbalance=None, seed=0, prefetch=0):
    return MaskDataModule(
        arrays,
        augmentation=augmentation,
        imbalance=imbalance or Unbalanced(),
        batch_size=4,
        seed=seed,
        prefetch=prefetch,
    )


def epoch_of(module, epoch):
    loader = module.train_dataloader()
    loader.batch_sampler.sampler.set_epoch(epoch)
    return list(loader)


@pytest.mark.parametrize("prefetch", [0, 2])
def test_masks_follow_their_images(prefetch):
    for epoch in range(3):
        for images, masks, weights in epoch_of(module_of(arrays_of(), prefetch=prefetch), epoch):
            assert images.dtype == torch.uint8
            assert images.shape == (4, 3, 32, 64)
            assert masks.dtype == torch.bool
            assert masks.shape == (4, 2, 32, 64)
            assert weights.tolist() == [1.0] * 4
            bright = images[:, 0] > 145
            assert (bright == masks[:, 1]).float().mean() > 0.97
            assert not masks[:, 0].any()


def test_draws_depend_on_seed_epoch_and_sample_alone():
    first, again = (epoch_of(module_of(arrays_of()), 5) for _ in range(2))
    assert all(torch.equal(one.images, other.images) for one, other in zip(first, again, strict=True))
    for other in (epoch_of(module_of(arrays_of()), 6), epoch_of(module_of(arrays_of(), seed=1), 5)):
        assert not all(torch.equal(one.images, two.images) for one, two in zip(first, other, strict=True))


def test_copies_in_an_epoch_differ():
    arrays = arrays_of()
    module = module_of(arrays, imbalance=Oversampling())
    rare = arrays.labels == 1
    seen = [image.numpy().tobytes() for batch in epoch_of(module, 0) for image in batch.images]
    shown = Oversampling().epoch_indices(arrays.labels[arrays.parts == "train"], 2)
    assert len(seen) == len(shown) > (arrays.parts == "train").sum()
    assert len(set(seen)) == len(seen)
    assert rare.any()


def test_black_stays_black():
    change = MaskAugmentation(brightness=15.0, contrast=0.15)
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    for key in range(40):
        image, _ = change.on_pair(ramp, np.zeros((1, 256), np.uint8), (0, 0, key))
        assert (np.diff(image[0, :, 0].astype(int)) >= 0).all(), "darker stays darker"


def test_val_comes_in_order_and_as_it_is():
    arrays = arrays_of()
    (batch,) = module_of(arrays).val_dataloader()
    np.testing.assert_array_equal(batch.images.permute(0, 2, 3, 1).numpy(), arrays.images[8:])
    np.testing.assert_array_equal(batch.masks[:, 1].numpy(), arrays.bits[8:] > 0)


def test_rare_sets_of_classes_are_shown_as_often_or_weigh_more():
    arrays = arrays_of()
    seen = sum(len(batch.images) for batch in epoch_of(module_of(arrays, imbalance=Oversampling()), 0))
    assert seen == 12, "six of one set, two of the other three times"
    weights = torch.cat([batch.weights for batch in epoch_of(module_of(arrays, imbalance=ClassWeights()), 0)])
    assert sorted(set(weights.tolist())) == pytest.approx([8 / 12, 8 / 4])


@pytest.mark.parametrize(
    ("augmentation", "wanted"),
    [
        (MaskAugmentation(half_turn=1.0), np.s_[::-1, ::-1]),
        (MaskAugmentation(mirror=1.0), np.s_[::-1, ::-1]),
        (MaskAugmentation(half_turn=1.0, mirror=1.0), np.s_[:, :]),
    ],
)
def test_turns_and_flips_are_exact(augmentation, wanted):
    rng = np.random.default_rng(0)
    image, bits = rng.integers(0, 255, (6, 9, 3), dtype=np.uint8), rng.integers(0, 8, (6, 9), dtype=np.uint8)
    new, moved = augmentation.on_pair(image, bits, (0, 0, 0))
    np.testing.assert_array_equal(new, image[wanted])
    np.testing.assert_array_equal(moved, bits[wanted])


def test_light_leaves_masks_alone_and_rotation_leaves_no_class_at_the_border():
    image, bits = np.full((32, 32, 3), 100, np.uint8), np.full((32, 32), 1, np.uint8)
    new, same = MaskAugmentation(brightness=30.0, contrast=0.3).on_pair(image, bits, (0, 0, 1))
    np.testing.assert_array_equal(same, bits)
    assert not np.array_equal(new, image)
    new, moved = MaskAugmentation(rotate_deg=45.0).on_pair(image, bits, (0, 0, 1))
    assert set(np.unique(moved)) == {0, 1}
    assert (np.abs(new[moved == 0].astype(int) - 127) <= 27).all()


def test_pieces_are_cut_at_full_height_and_often_hold_a_defect():
    arrays = arrays_of(count=40, width=128)
    arrays.bits[:, :, 70:] = 0
    images, masks = zip(*[
        (batch.images, batch.masks)
        for cut in [MaskAugmentation(crop_width=32, crop_on_defect=1.0)] for batch in epoch_of(module_of(arrays, cut), 0)
    ], strict=True)  # fmt: skip
    assert {image.shape[1:] for image in images} == {(3, 32, 32)}
    assert all(mask.any(dim=(1, 2, 3)).all() for mask in masks)
    bright = torch.cat([image[:, 0] for image in images]) > 200
    np.testing.assert_array_equal((torch.cat(masks)[:, 1] & ~bright).sum(), 0)
    anywhere = epoch_of(module_of(arrays, MaskAugmentation(crop_width=32, crop_on_defect=0.0)), 0)
    assert not all(batch.masks.any(dim=(1, 2, 3)).all() for batch in anywhere)
    (whole,) = {batch.images.shape[1:] for batch in module_of(arrays, MaskAugmentation(crop_width=32)).val_dataloader()}
    assert whole == (3, 32, 128), "what is measured is whole"


@pytest.mark.parametrize(
    ("settings", "wanted"), [({"mirror": 1.5}, "mirror=1.5: want 0 to 1"), ({"rotate_deg": -1}, "rotate_deg=-1")]
)
def test_nonsense_is_refused(settings, wanted):
    with pytest.raises(ValueError, match=f"augmentation.{wanted}"):
        MaskAugmentation(**settings)
