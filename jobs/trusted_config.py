"""A record's configuration, as far as something is built from it: a record is data, never code."""

from collections.abc import Mapping
from typing import Any

from choices import ChoiceError, read_choice
from sweeps.records.run_record import Record, RecordError

BUILT = ("backbone", "encoding", "task", "datamodule", "augmentation", "imbalance")
"""Groups of a record's configuration from which anything is built once the training is over."""


def trusted_config(record: Record) -> dict[str, Any]:
    """The configuration of a record: its scalars and the groups in BUILT, once every class in them is the one that conf/ names for
    the record's choice.

    Raises RecordError for a class that neither gridlite nor a package in `GRIDLITE_PACKAGES` names in that place.
    """
    kept = {key: value for key, value in record["config"].items() if key in BUILT or not isinstance(value, Mapping)}
    for group in BUILT:
        choice = str(record["axes"].get(group))
        if wrong := _foreign(kept[group], _choice(group, choice)):
            where, name = wrong
            raise RecordError(
                f"record.json: config.{group}{where}._target_={name}: not what {group}={choice} is built from, nothing of this "
                "record is run; a package of your own has to be named in GRIDLITE_PACKAGES"
            )
    return kept


def _choice(group: str, name: str) -> dict[str, Any]:
    """A choice's settings with those that its `defaults` bring; nothing for one that there is not."""
    try:
        own = read_choice(group, name)
    except ChoiceError:
        return {}
    found: dict[str, Any] = {}
    for entry in own.pop("defaults", []):
        if isinstance(entry, str) and entry != "_self_":
            found |= _choice(group, entry)
    return found | own


def _foreign(node: Mapping[str, Any], known: Mapping[str, Any], where: str = "") -> tuple[str, str] | None:
    """Where in a node, and by which name, a class is named that its choice does not name there; None where all is well."""
    target = node.get("_target_")
    if target is not None and target != known.get("_target_"):
        return where, str(target)
    for key, value in node.items():
        if isinstance(value, Mapping):
            below = known.get(key)
            if wrong := _foreign(value, below if isinstance(below, Mapping) else {}, f"{where}.{key}"):
                return wrong
        elif isinstance(value, list):
            for number, one in enumerate(value):
                if isinstance(one, Mapping) and (wrong := _foreign(one, {}, f"{where}.{key}[{number}]")):
                    return wrong
    return None
