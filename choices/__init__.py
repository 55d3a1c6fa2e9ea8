"""What conf/ offers, read as data: of gridlite, and of the packages that `GRIDLITE_PACKAGES` of this machine names."""

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
"""The checkout that this gridlite runs from."""
CONF = ROOT / "conf"
PACKAGES = "GRIDLITE_PACKAGES"
"""Environment variable: names of packages, comma-separated, whose choices and classes a configuration or a record may name."""


class ChoiceError(ValueError):
    """A choice that conf/ does not have; the message lists what it has."""


def package_names() -> list[str]:
    """The packages that `GRIDLITE_PACKAGES` names, in its order."""
    return [name for name in (word.strip() for word in os.environ.get(PACKAGES, "").split(",")) if name]


def rooms() -> list[str]:
    """Gridlite's own top-level packages and modules."""
    return sorted(
        path.stem for path in ROOT.iterdir()
        if path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py")) and not path.name.startswith("."))
    )  # fmt: skip


def check_packages() -> None:
    """Raises ChoiceError for a package that cannot be found, or that bears a name of gridlite's: in `GRIDLITE_PACKAGES` or on PYTHONPATH."""
    for name in package_names():
        if name.partition(".")[0] in rooms():
            raise ChoiceError(f"{PACKAGES}={name}: gridlite has a package of that name itself; give yours another one")
        if _package_folder(name) is None:
            raise ChoiceError(
                f"{PACKAGES}={name}: no such package can be imported; is its parent folder on PYTHONPATH?"
            )
    for place in filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if Path(place).resolve() == ROOT:
            continue
        for name in rooms():
            for path in (Path(place) / name / "__init__.py", Path(place) / f"{name}.py"):
                if path.is_file():
                    hidden = path.parent if path.name == "__init__.py" else path
                    raise ChoiceError(
                        f"{hidden}: bears the name of gridlite's own {name}, one hides the other; rename yours"
                    )


def _spec(name: str) -> Any:
    try:
        return find_spec(name)
    except (ImportError, ValueError):
        return None


def _package_folder(name: str) -> Path | None:
    """Where a package lies; it is not imported, but the packages above it are."""
    spec = _spec(name)
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    return Path(places[0]) if places else None


def package_code() -> list[Path]:
    """Every Python file of the packages that `GRIDLITE_PACKAGES` names."""
    folders = (_package_folder(name) for name in package_names())
    return sorted(path for folder in folders if folder is not None for path in folder.rglob("*.py"))


@cache
def _folders(names: tuple[str, ...]) -> tuple[Path, ...]:
    found = (_package_folder(name) for name in names)
    return (CONF, *(folder / "conf" for folder in found if folder is not None and (folder / "conf").is_dir()))


def conf_folders() -> tuple[Path, ...]:
    """Gridlite's conf/, then the `conf` folder of every package that is named."""
    return _folders(tuple(package_names()))


def names_of(group: str) -> list[str]:
    """What `group` may be set to, sorted."""
    return sorted({path.stem for folder in conf_folders() for path in (folder / group).glob("*.yaml")})


def choice_file(group: str, name: str) -> Path:
    """The yaml of a choice. Raises ChoiceError."""
    if "/" not in name and not name.startswith("."):
        for folder in conf_folders():
            if (path := folder / group / f"{name}.yaml").is_file():
                return path
    raise ChoiceError(f"{group}={name}: no such choice; want one of {', '.join(names_of(group))}")


def read_choice(group: str, name: str) -> dict[str, Any]:
    """A choice's settings as they are written: interpolations unresolved, `defaults` not followed. Raises ChoiceError."""
    import yaml

    found: dict[str, Any] = yaml.safe_load(choice_file(group, name).read_text()) or {}
    return found


def whole_choice(group: str, name: str) -> dict[str, Any]:
    """As `read_choice`, on top of the choices of the same group that its `defaults` name."""
    own = read_choice(group, name)
    below = [one for one in own.pop("defaults", []) if one != "_self_"]
    return {key: value for one in below for key, value in whole_choice(group, one).items()} | own
