"""Rules that give a device its grade by the grades of its cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, Field, ValidationError

from choices import read_choice
from datamodules.base.errors import DataError


@dataclass(frozen=True)
class Rule:
    """A device's grade where at least `cells` cells have a label among `of`."""

    grade: str
    cells: int
    of: tuple[str, ...]

    @property
    def settings(self) -> dict[str, Any]:
        """As it is written."""
        return {"grade": self.grade, "cells": self.cells, "of": list(self.of)}


class RuleSettings(BaseModel, extra="forbid", coerce_numbers_to_str=True):
    """A rule as it is written."""

    grade: Annotated[str, Field(min_length=1, max_length=120)]
    cells: Annotated[int, Field(ge=0, le=10_000)]
    of: list[str]


def read_rules(rules: Any, labels: Sequence[str], named: str = "rules") -> list[Rule]:
    """Rules from their settings.

    Args:
        rules: a list of mappings with grade, cells and of, the first that holds counts.
        labels: of the cells.
        named: what they are called in a message.

    Raises DataError for one that is none, or for a label that there is not.

    """
    found = []
    for number, rule in enumerate(_settings_of(rules, named), 1):
        if unknown := set(rule.of) - set(map(str, labels)):
            raise DataError(
                f"{named}, rule {number}: of={', '.join(sorted(unknown))}: the labels are {', '.join(map(str, labels))}; want rules by these, "
                "as a profile= of your own has them, or none: datamodule.rules=null"
            )
        found.append(Rule(rule.grade, rule.cells, tuple(rule.of)))
    return found


def _settings_of(rules: Any, named: str) -> list[RuleSettings]:
    """Rules as they are written, whatever the labels. Raises DataError."""
    want = "want grade, cells (a number) and of (a list of labels)"
    if not isinstance(rules, Sequence) or isinstance(rules, str) or not rules:
        raise DataError(f"{named}={rules!r:.60}: want a list of rules, each with grade, cells and of; see conf/profile")
    found = []
    for number, settings in enumerate(rules, 1):
        if not isinstance(settings, Mapping):
            raise DataError(f"{named}, rule {number}: {settings!r:.60}: {want}")
        try:
            found.append(RuleSettings.model_validate(dict(settings)))
        except ValidationError as error:
            first = error.errors()[0]
            where = "".join(f"{part}: " for part in first["loc"][:1])
            raise DataError(f"{named}, rule {number}: {where}{first['msg']}: {want}") from None
    return found


def check_that_one_holds(rules: Sequence[Rule], labels: Sequence[str], cells: int, named: str = "rules") -> None:
    """Raises DataError where there are devices of so many cells for which no rule is sure to hold."""
    if not any(rule.cells <= (cells if set(labels) <= set(rule.of) else 0) for rule in rules):
        raise DataError(f"{named}: none of them holds for every device; end with one that wants 0 cells")


def rules_for(rules: Any, labels: Sequence[str], cells: int, named: str) -> list[Rule] | None:
    """As `read_rules`, checked by `check_that_one_holds`; None for no rules, and for those of quite other labels, which nobody meant."""
    if rules is None:
        return None
    written = {str(label) for rule in rules if isinstance(rule, Mapping) for label in rule.get("of") or ()}
    if written and not written & set(map(str, labels)):
        return None
    found = read_rules(rules, labels, named)
    check_that_one_holds(found, labels, cells, named)
    return found


def rules_of(profile: Mapping[str, Any] | None, labels: Sequence[str]) -> list[Rule]:
    """The rules that a network carries; of one that carries none those of profile=phone.

    Args:
        profile: see `Samples.profile`.
        labels: of the cells.

    Raises DataError where these know other labels.

    """
    if profile and profile.get("rules"):
        return read_rules(profile["rules"], labels, "its rules")
    try:
        return read_rules(read_choice("profile", "phone")["rules"], labels)
    except DataError as error:
        raise DataError(f"it carries no device rules, and those of profile=phone do not go with it: {error}") from None


def given_rules(data_set: DictConfig | None) -> list[dict[str, Any]] | None:
    """What `profile=` has set; None where it was not given. Raises DataError for a profile without rules, or with one that is none."""
    if data_set is None:
        return None
    if not data_set.get("rules"):
        raise DataError("profile: it has no rules; want them as in conf/profile/phone.yaml")
    found: Any = OmegaConf.to_container(data_set.rules)
    _settings_of(found, "datamodule.rules")
    return list(found)
