from functools import partial

import pytest
import torch

from datamodules.base.loaders import CellBatch
from heads.ordinal import Ordinal
from lightning_modules import schedules
from lightning_modules.backbones.mobilenet import MobileNet
from lightning_modules.backbones.spec import InitialWeights
from lightning_modules.base import TrainingSettings
from lightning_modules.checkpoints import CheckpointError, load_checkpoint
from lightning_modules.data_parallel import Rows
from lightning_modules.grading import GradingModule, OffByOneAccuracy, hard
from lightning_modules.inference import grade_images
from lightning_modules.networks.classifier import GradeNetwork

START = InitialWeights("random", "same", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@pytest.fixture
def module():
    torch.manual_seed(0)
    adam = partial(torch.optim.Adam, lr=1e-3)
    return GradingModule(MobileNet(0.25, START), Ordinal(5), TrainingSettings(adam, schedules.constant), dropout=0.5)


def test_the_network_scales_raw_pixels_itself():
    network = GradeNetwork(MobileNet(0.25, START), 4, dropout=0.5).eval()
    pixels = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    seen = []
    network.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    logits = network(pixels)
    assert logits.shape == (2, 4)
    torch.testing.assert_close(seen[0], (pixels.float() - 127.5) / 127.5)


def test_off_by_one_accuracy():
    metric = OffByOneAccuracy()
    metric.update(torch.tensor([0, 2, 4]), torch.tensor([1, 0, 4]))
    metric.update(torch.tensor([3]), torch.tensor([3]))
    assert float(metric.compute()) == 0.75


def test_grades_do_not_depend_on_the_batch(module):
    images = torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8)
    one = grade_images(module, [images])
    two = grade_images(module, [images[:2], images[2:]])
    assert (one[0] == two[0]).all()
    assert abs(one[1] - two[1]).max() < 1e-5
    assert one[1].sum(1) == pytest.approx(1)


def test_a_candidate_is_a_right_answer(module):
    logits = torch.tensor([[9.0, 9, -9, -9], [9, -9, -9, -9]])  # grades 2 and 1
    one, other = torch.tensor([[0, 1, 1, 0, 0]]).bool(), torch.tensor([[0, 0, 0, 1, 1]]).bool()
    assert float(module.learn(logits, None, torch.cat([one, one]), torch.ones(2), Rows((2,)))[1]) == 1
    assert float(module.learn(logits, None, torch.cat([one, other]), torch.ones(2), Rows((2,)))[1]) == 0.5


def test_smoothing_leaves_it_to_the_network_which_candidate_it_is(module):
    logits, sets = torch.randn(6, 4), torch.tensor([[0, 1, 1, 0, 0]] * 6).bool()
    plain, _ = module.learn(logits, None, sets, torch.ones(6), Rows((6,)))
    module.label_smoothing = 1e-6
    nearly, _ = module.learn(logits, None, sets, torch.ones(6), Rows((6,)))
    assert nearly.item() == pytest.approx(plain.item(), abs=1e-4)
    module.label_smoothing = 0.5
    smoothed, _ = module.learn(logits, None, sets, torch.ones(6), Rows((6,)))
    assert abs(smoothed.item() - plain.item()) > 0.01


def test_candidates_cannot_be_blended(module):
    module.mixup = torch.nn.Identity()
    batch = CellBatch(torch.zeros(1, 3, 32, 32), torch.ones(1, 5).bool(), torch.ones(1))
    with pytest.raises(ValueError, match=r"task.mixup: cells that may be of several grades cannot be blended"):
        module.prepared(batch, Rows((1,)))


def test_votes_become_grades():
    assert hard(torch.tensor([[0.0, 2, 1], [1, 0, 1]])).tolist() == [1, 0]


def test_the_cosine_rises_and_ends_at_zero():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = schedules.cosine(optimizer, 20, warmup=0.1)
    rates = []
    for _ in range(20):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[0] == 0.5
    assert max(rates) == 1.0
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert optimizer.param_groups[0]["lr"] < 1e-6


class Evil:
    def __reduce__(self):
        return (print, ("code ran",))


def test_a_checkpoint_that_wants_to_run_code_is_refused(module, tmp_path, capsys):
    torch.save({"state_dict": Evil()}, tmp_path / "evil.ckpt")
    with pytest.raises(CheckpointError, match=r"evil\.ckpt: not a whole checkpoint of plain tensors"):
        load_checkpoint(module, tmp_path / "evil.ckpt")
    assert "code ran" not in capsys.readouterr().out


def test_wrong_checkpoints_are_named(module, tmp_path):
    whole = tmp_path / "whole.ckpt"
    torch.save({"state_dict": module.state_dict()}, whole)
    load_checkpoint(module, whole)
    (tmp_path / "cut.ckpt").write_bytes(whole.read_bytes()[:1000])
    torch.save({"state_dict": {"x": torch.zeros(1)}}, tmp_path / "other.ckpt")
    torch.save([1], tmp_path / "list.ckpt")
    for name, words in (("cut", "not a whole checkpoint"), ("other", "another configuration"), ("list", "no state_dict"),
                        ("none", "no such checkpoint")):  # fmt: skip
        with pytest.raises(CheckpointError, match=words):
            load_checkpoint(module, tmp_path / f"{name}.ckpt")
