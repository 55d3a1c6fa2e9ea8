"""What no training could use: settings that contradict each other, found before torch is imported."""

import platform
from pathlib import Path
from typing import Annotated

from hydra.core.hydra_config import HydraConfig
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf
from pydantic import Field

from choices import names_of, read_choice
from choices.settings import SettingError, arguments, checked, wrong
from cli.limits import problem_of
from cli.train_schema import BudgetConfig, HalvingConfig, TrainConfig
from jobs.launch_environment import wrong_processes
from lightning_modules.backbones.spec import BackboneSpec
from metrics.lookup import metrics_of
from storage.inside import leads_out

OPTIMIZER = {
    "lr": Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)],
    "weight_decay": Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)],
    "momentum": Annotated[float, Field(ge=0, lt=1)],
}
"""Settings of torch's optimizers, which take more than makes sense."""
ASKED_EARLY = ("imbalance", "task")
"""Groups whose classes are asked before torch is imported; data sets ask for themselves."""
FITS = ("fold", "all", "ensemble")


def encodings_of(targets: str) -> list[str]:
    """The choices of conf/encoding for a kind of labels."""
    return [name for name in names_of("encoding") if targets in read_choice("encoding", name)["targets"]]


def tasks_of(targets: str) -> list[str]:
    """The choices of conf/task for a kind of labels."""
    return [name for name in names_of("task") if read_choice("task", name)["targets"] == targets]


def first_problem(cfg: DictConfig, spec: BackboneSpec) -> ValueError | None:
    """The first setting that no training could use; None where all are of use."""
    for check in (
        _wrong_scalar,
        _wrong_accelerator,
        _wrong_profile,
        _wrong_setting,
        _wrong_monitor,
        _wrong_fit,
        _wrong_unlabelled,
        _wrong_ask,
        _wrong_budget,
        _wrong_halving,
    ):
        if said := check(cfg):
            return ValueError(said)
    if cfg.resolution < spec.stride:
        return ValueError(
            f"resolution={cfg.resolution}: want at least {spec.stride}: {spec.name} divides it by {spec.stride}"
        )
    if not (cfg.callbacks.keep_best or cfg.callbacks.keep_last):
        return ValueError(
            "callbacks.keep_best=false, callbacks.keep_last=false: want one of them true: no checkpoint would be kept"
        )
    if said := wrong_processes(cfg):
        return ValueError(said)
    if spec.resolutions and cfg.resolution not in spec.resolutions:
        return ValueError(
            f"resolution={cfg.resolution}: {spec.name} is made for {', '.join(map(str, spec.resolutions))}"
        )
    encoding = HydraConfig.get().runtime.choices["encoding"]
    if cfg.task.targets not in cfg.encoding.targets:
        fitting, task = ", ".join(encodings_of(cfg.task.targets)), HydraConfig.get().runtime.choices["task"]
        return ValueError(
            f"encoding={encoding}: takes {' or '.join(cfg.encoding.targets)}, task={task} has {cfg.task.targets}; want "
            f"encoding={fitting}"
        )
    if cfg.encoding.get("needs_ordered_classes") and not cfg.datamodule.get("ordered", True):
        return ValueError(
            f"encoding={encoding}: datamodule.ordered=false says that the classes have no order; want one_hot, or "
            "datamodule.ordered=true and datamodule.class_names=[best,…,worst]"
        )
    return None


def _wrong_scalar(cfg: DictConfig) -> str:
    """What of the schema's own keys is beyond its range."""
    if leads_out(str(cfg.sweep_name)):
        return f"sweep_name={cfg.sweep_name}: leads out of paths.runs; want a name within it"
    return problem_of(cfg, TrainConfig)


def _wrong_setting(cfg: DictConfig) -> str:
    """What of the choices' settings no training could use, as far as it can be asked without torch."""
    for key, limits in OPTIMIZER.items():
        if key in cfg.optimizer and (said := wrong(f"optimizer.{key}", limits, cfg.optimizer[key])):
            return said
    for group in ASKED_EARLY:
        try:
            checked(f"{group}.", get_class(cfg[group]["_target_"]), cfg[group])
        except SettingError as error:
            return str(error)
    return ""


def _wrong_profile(cfg: DictConfig) -> str:
    """Whether a device is named whose photos this data set does not cut into cells."""
    choices = HydraConfig.get().runtime.choices
    if choices.get("profile") is None or "device" in arguments(get_class(cfg.datamodule["_target_"]))[0]:
        return ""
    return f"profile={choices['profile']}: datamodule={choices['datamodule']} is not cut into cells; want datamodule=phone_photos, or no profile"


GPU_FILES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg")
"""Of which Linux has one at least where torch could use a GPU: Nvidia's, AMD's, WSL's."""


def _wrong_accelerator(cfg: DictConfig) -> str:
    """Whether an accelerator is asked for that this machine cannot have; asked of files, for torch takes seconds to import."""
    wanted, here = str(cfg.trainer.accelerator), platform.system()
    if wanted == "mps" and (here, platform.machine()) != ("Darwin", "arm64"):
        return f"trainer.accelerator=mps: that is the GPU of a Mac with Apple silicon, this is {here} on {platform.machine()}; want auto or cpu"
    if wanted in ("gpu", "cuda") and here == "Linux" and not any(Path(name).exists() for name in GPU_FILES):
        return f"trainer.accelerator={wanted}: this machine has no GPU; want auto or cpu"
    return ""


def _wrong_monitor(cfg: DictConfig) -> str:
    """Whether best.ckpt is chosen by a figure that no epoch has."""
    logged = metrics_of(HydraConfig.get().runtime.choices["task"]).epoch_figures
    known = [f"val/{name}" for name in logged]
    if not logged or cfg.callbacks.monitor in known:
        return ""
    return f"callbacks.monitor={cfg.callbacks.monitor}: no epoch has such a figure; want one of {', '.join(known)}"


def _wrong_fit(cfg: DictConfig) -> str:
    """What speaks against fit, one line; empty where nothing does."""
    if cfg.fit not in FITS:
        return f"fit={cfg.fit}: want {', '.join(FITS[:-1])} or {FITS[-1]}"
    if cfg.fit == "fold":
        return ""
    choices = HydraConfig.get().runtime.choices
    if cfg.datamodule.get("folds") is None:
        return f"fit={cfg.fit}: datamodule={choices['datamodule']} has no folds to say what may be expected"
    if cfg.fit == "ensemble" and cfg.encoding.get("weights_in_head"):
        return f"fit=ensemble: encoding={choices['encoding']} has weights of its own in every fold, which have no mean; want another, or fit=all"
    if "teacher" in cfg.method:
        return f"fit={cfg.fit}: a teacher has been tested on some of the data; want method=supervised"
    if metrics_of(choices["task"]).chooses_thresholds:
        return f"fit={cfg.fit}: task={choices['task']} chooses its thresholds by a validation set, and there is none; want another task"
    if cfg.num_stacked_seeds > 1 or cfg.trainer.devices > 1 or cfg.trainer.num_nodes > 1:
        return f"fit={cfg.fit}: is one network in one process; want num_stacked_seeds=1, trainer.devices=1 and trainer.num_nodes=1"
    return ""


def _wrong_unlabelled(cfg: DictConfig) -> str:
    """Whether pictures without labels are named that the method has no use for, or none where it needs some."""
    name, method = HydraConfig.get().runtime.choices["method"], get_class(cfg.method["_target_"])
    given = cfg.task.get("unlabelled")
    if given and not getattr(method, "takes_unlabelled", False):
        fitting = [
            one for one in names_of("method")
            if getattr(get_class(read_choice("method", one)["_target_"]), "takes_unlabelled", False)
        ]  # fmt: skip
        return f"task.unlabelled={given}: method={name} learns from labels alone; want method={' or '.join(fitting)}"
    if not given and getattr(method, "needs_unlabelled", False):
        if "unlabelled" not in cfg.task:
            task = HydraConfig.get().runtime.choices["task"]
            return f"method={name}: task={task} learns from no pictures without labels; want task=grading, or another method"
        return f"method={name}: task.unlabelled=null: want the folder of pictures without labels"
    return ""


def _wrong_ask(cfg: DictConfig) -> str:
    """Whether files shall say whom to ask whose answers are no grades."""
    wanted, task = cfg.export.most_missed, HydraConfig.get().runtime.choices["task"]
    if wanted is None or (metrics_of(task).asks and cfg.datamodule.get("ordered", True)):
        return ""
    return f"export.most_missed={wanted:g}: task={task} has no classes from best to worst here, so that nothing is a missed damage; want null"


def _wrong_halving(cfg: DictConfig) -> str:
    """What speaks against `halving.*`, one line; empty where nothing does."""
    asked, epochs = cfg.halving, cfg.trainer.max_epochs
    if asked.reduction_factor is None:
        given = [f"halving.min_epochs={asked.min_epochs}"] if asked.min_epochs != HalvingConfig().min_epochs else []
        given += [f"halving.within=[{','.join(asked.within)}]"] if asked.within else []
        return f"{given[0]}: stops nothing by itself; want halving.reduction_factor beside it" if given else ""
    said = f"halving.reduction_factor={asked.reduction_factor}"
    if cfg.fit != "fold":
        return f"{said}: fit={cfg.fit} has no validation set by which runs could be compared; want fit=fold, or null"
    if asked.min_epochs >= epochs:
        return f"halving.min_epochs={asked.min_epochs}: trainer.max_epochs={epochs} ends before anything is compared; want less than {epochs}"
    metrics = metrics_of(HydraConfig.get().runtime.choices["task"])
    if metrics.epoch_figures and metrics.main not in metrics.epoch_figures:
        return f"{said}: val/{metrics.main} is known at the end only, so that nothing can be compared before; want null"
    for name in asked.within:
        if OmegaConf.select(cfg, name) is None and name not in cfg:
            return f"halving.within=[{','.join(asked.within)}]: no setting is called {name}; want names of settings, such as width, resolution or backbone"
    return ""


TRAINED_KINDS = ("int8_qat",)
"""Kinds of files that only a trained network can become."""


def _wrong_budget(cfg: DictConfig) -> str:
    """What speaks against the budget, one line; empty where nothing does."""
    kind, plain = cfg.budget.format, BudgetConfig()
    known = [name for name in names_of("quantization") if name not in TRAINED_KINDS]
    if kind not in known:
        return f"budget.format={kind}: want one of {', '.join(known)}"
    if cfg.budget.ms is None and (
        cfg.budget.device != plain.device or (cfg.budget.kb is None and kind != plain.format)
    ):
        said = f"budget.device={cfg.budget.device}" if cfg.budget.device != plain.device else f"budget.format={kind}"
        return f"{said}: nothing is bounded by it; want budget.ms beside it{'' if said.startswith('budget.device') else ', or budget.kb'}"
    return ""
