"""What Hydra calls before it composes: folders that are searched for choices, and launchers in place of published ones."""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from choices import CONF, conf_folders

LAUNCHERS = {"submitit_local": "LocalJobs", "submitit_slurm": "SlurmJobs"}
"""Choice of the published plugin → its class here, see `gridlite_launcher.clusters`."""


class PackagesOfOnesOwn(SearchPathPlugin):
    """The `conf` folders of the packages that `GRIDLITE_PACKAGES` names, after gridlite's own."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Appends the folders; a package without one has no choices, only classes."""
        for folder in conf_folders():
            if folder != CONF:
                search_path.append("gridlite-packages", f"file://{folder}")
        _launch_by_ours()


def _launch_by_ours() -> None:
    """The published choices with classes of ours; a file of conf/ by their name would be held against them, with a warning."""
    store = ConfigStore.instance()
    for name, own in LAUNCHERS.items():
        file = f"{name}.yaml"
        if file in store.list("hydra/launcher"):
            node = OmegaConf.merge(
                store.load(f"hydra/launcher/{file}").node,
                {"_target_": f"hydra_plugins.gridlite_launcher.clusters.{own}"},
            )
            store.store(group="hydra/launcher", name=name, node=node, provider="gridlite")
