"""Whatever has a gradient is in the optimizer: networks, and thresholds that belong to a head."""

from types import SimpleNamespace

import pytest
import torch

from jobs.validation import tasks_of
from tests.contracts.test_configs import ENCODINGS, TARGETS_OF, composed, spec_of, start_of
from training.build import build_module


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_parameter_of_network_and_head_is_trained(encoding):
    (task, *_) = tasks_of(TARGETS_OF[encoding][0])
    cfg = composed("backbone=mobilenet", f"encoding={encoding}", f"task={task}", "width=0.25")
    module = build_module(cfg, start_of(spec_of("mobilenet")), 4)
    module.trainer = SimpleNamespace(estimated_stepping_batches=10)
    configured = module.configure_optimizers()
    optimizer = configured["optimizer"] if isinstance(configured, dict) else configured
    trained = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    assert trained == {id(parameter) for parameter in module.parameters()}
    assert isinstance(optimizer, torch.optim.Optimizer)
