"""Rules that give a device its grade, from settings, folder and network."""

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from choices import names_of, whole_choice
from datamodules.base.errors import DataError
from datamodules.phone_photos import PhonePhotos
from datamodules.screens.device_rules import check_that_one_holds, given_rules, read_rules, rules_for, rules_of
from tests.drawn import draw_screens, settings_of

LABELS = ["none", "scratch", "crack"]
RULES = [{"grade": "broken", "cells": 1, "of": ["crack"]}, {"grade": "good", "cells": 0, "of": []}]


@pytest.mark.parametrize("name", names_of("profile"))
def test_every_profile_grades_every_device(name):
    one = whole_choice("profile", name)
    rules = read_rules(one["rules"], one["class_names"])
    check_that_one_holds(rules, one["class_names"], one["columns"] * one["rows"])
    assert one["device"]


def test_rules_of_quite_other_labels_are_none_and_of_some_other_labels_are_refused():
    assert rules_for(RULES, ["a", "b"], 15, "rules") is None
    assert rules_for(None, LABELS, 15, "rules") is None
    with pytest.raises(DataError, match=r"rule 1: of=crack: the labels are none, scratch; .*datamodule\.rules=null"):
        rules_for([{"grade": "x", "cells": 1, "of": ["crack", "scratch"]}, RULES[1]], ["none", "scratch"], 15, "rules")
    with pytest.raises(DataError, match="none of them holds"):
        rules_for(RULES[:1], LABELS, 15, "rules")
    for odd in ("all", 3, [], {}):
        with pytest.raises(DataError, match="want a list of rules"):
            read_rules(odd, LABELS)


def test_a_network_brings_its_rules_and_one_without_takes_the_phones():
    assert [rule.grade for rule in rules_of({"device": "phone", "rules": RULES}, LABELS)] == ["broken", "good"]
    five = whole_choice("profile", "phone")["class_names"]
    assert rules_of(None, five)[0].grade == "replace the screen"
    with pytest.raises(DataError, match="it carries no device rules"):
        rules_of({"device": "phone", "rules": None}, LABELS)


def test_a_chosen_profile_gives_its_rules():
    assert given_rules(None) is None
    assert given_rules(OmegaConf.create({"rules": RULES})) == RULES
    with pytest.raises(DataError, match="no rules"):
        given_rules(OmegaConf.create({"columns": 3}))


def test_the_rules_of_the_folder_come_before_those_of_the_settings(tmp_path):
    draw_screens(tmp_path / "screens", sources=3)
    names = ["a", "b", "c", "d", "e"]
    rules = [{"grade": "cracked", "cells": 1, "of": ["e"]}, {"grade": "fine", "cells": 0, "of": []}]
    settings = (
        settings_of(tmp_path / "cache") | {"root": str(tmp_path / "screens")} | {"device": "phone", "rules": rules}
    )
    plain = PhonePhotos(**settings).load()
    assert plain.profile == {"device": "phone", "rules": rules}
    assert not any("rules" in line for line in plain.notes)
    sized = PhonePhotos(**settings, screen_mm=[65, 140]).load()
    assert sized.profile == plain.profile | {"screen_mm": [65.0, 140.0]}
    assert sized.fingerprint == plain.fingerprint
    own = {"columns": 3, "rows": 5, "class_names": names, "device": "watch"}
    (Path(tmp_path) / "screens" / "profile.json").write_text(json.dumps(own | {"screen_mm": [30, 40]}))
    assert PhonePhotos(**settings, screen_mm=[65, 140]).load().profile["screen_mm"] == [30.0, 40.0]
    for kept, wanted, note in (
        ([{"grade": "any", "cells": 0, "of": []}], "any", "are taken, not those of these settings"),
        (None, "cracked", None),
        ([{"grade": "x", "cells": 1, "of": ["z"]}], None, "no rules give a device its grade"),
    ):
        (Path(tmp_path) / "screens" / "profile.json").write_text(json.dumps(own | {"rules": kept}))
        found = PhonePhotos(**settings).load()
        assert (found.profile["rules"] or [{"grade": None}])[0]["grade"] == wanted
        assert found.fingerprint == plain.fingerprint
        assert bool(note) == any(str(note) in line for line in found.notes)
