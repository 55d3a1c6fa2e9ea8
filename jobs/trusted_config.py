"""A record's configuration, as far as something is built from it: a record is data, never code."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from choices import ChoiceError, read_choice
from sweeps.records.run_record import Record, RecordError
from sweeps.records.schema import shortened

BUILT = ("backbone", "encoding", "task", "datamodule", "augmentation", "imbalance")
"""Groups of a record's configuration from which anything is built once the training is over."""
SCALARS = (str, int, float, bool, type(None))


def trusted_config(record: Record, groups: Sequence[str] = BUILT) -> dict[str, Any]:
    """The configuration of a record: its scalars and some groups, once every class in them is the one that conf/ names for
    the record's choice, and no text in them is one that a configuration would work out.

    Raises RecordError for a class that neither gridlite nor a package in `GRIDLITE_PACKAGES` names in that place, for such a text,
    for a network that would be fetched from elsewhere, for a group that is missing, and for one that is nested without end.
    """
    try:
        return _checked(record, groups)
    except RecursionError:
        raise RecordError("record.json: config: nested deeper than any configuration") from None


def _checked(record: Record, groups: Sequence[str]) -> dict[str, Any]:
    config, axes, choices = record.get("config"), record.get("axes"), record.get("choices", {})
    if not (isinstance(config, Mapping) and isinstance(axes, Mapping) and isinstance(choices, Mapping)):
        raise RecordError("record.json: want config and axes, which say what to build")
    kept = {key: value for key, value in config.items() if key in groups or isinstance(value, SCALARS)}
    for group in groups:
        choice = str(choices.get(group, axes.get(group)))
        if not isinstance(kept.get(group), Mapping):
            told = shortened(kept.get(group))
            raise RecordError(f"record.json: config.{group}: want the settings of {group}={choice}, not {told}")
        for where, name in _targets(kept[group]):
            if name != _at(_choice(group, choice), where):
                raise RecordError(
                    f"record.json: config.{group}{_text(where)}._target_={name}: not what {group}={choice} is built from, nothing of this "
                    "record is run; a package of your own has to be named in GRIDLITE_PACKAGES"
                )
    for where, text in _texts(kept):
        if "${" in text:
            raise RecordError(
                f"record.json: config{_text(where)}={text}: want a plain value: a record is not worked out"
            )
        if where[0] == "backbone" and ":" in text and where[1:] != ("weights",):
            raise RecordError(
                f"record.json: config{_text(where)}={text}: names a network elsewhere; want one that comes with timm"
            )
    return kept


Place = tuple[str | int, ...]
"""Keys and places in lists, from the outside in."""


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


def _targets(node: Any, where: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every `_target_` in a node, however deep, with where it stands."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield where, node["_target_"]
        for key, value in node.items():
            yield from _targets(value, (*where, key))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _targets(value, (*where, number))


def _texts(node: Any, where: Place = ()) -> Iterator[tuple[Place, str]]:
    """Every text in a node, keys among them, with where it stands."""
    if isinstance(node, str):
        yield where, node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield (*where, key), str(key)
            yield from _texts(value, (*where, key))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _texts(value, (*where, number))


def _at(known: Any, where: Place) -> Any:
    """The `_target_` that a choice names in a place; None where it names none."""
    for key in where:
        try:
            known = known[key]
        except (KeyError, IndexError, TypeError):
            return None
    return known.get("_target_") if isinstance(known, Mapping) else None


def _text(where: Place) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in where)
