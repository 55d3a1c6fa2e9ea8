"""What an axis offers for a task, for messages that say what would be right."""

from pathlib import Path

from omegaconf import DictConfig, OmegaConf


def encodings_of(cfg: DictConfig) -> list[str]:
    """The choices of conf/encoding that are for its task."""
    task = cfg.task.get("samples", "grading")
    nodes = {file.stem: OmegaConf.load(file) for file in (Path(__file__).parent / "encoding").glob("*.yaml")}
    return sorted(name for name, node in nodes.items() if OmegaConf.select(node, "task", default="grading") == task)
