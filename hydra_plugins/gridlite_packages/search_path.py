"""The `conf` folders of the packages that `GRIDLITE_PACKAGES` names are searched for choices, after gridlite's own."""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from choices import CONF, conf_folders


class PackagesOfOnesOwn(SearchPathPlugin):
    """What Hydra calls before it composes."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Appends the folders; a package without one has no choices, only classes."""
        for folder in conf_folders():
            if folder != CONF:
                search_path.append("gridlite-packages", f"file://{folder}")
