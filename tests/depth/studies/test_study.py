"""Findings, verdicts, settings, and random numbers of a study."""

import math
from typing import Any

import numpy as np
import pytest

from bnflow.depth.studies.registry import GROUPS, STUDIES, find_study, group
from bnflow.depth.studies.settings import refuse_difference, settings_of
from bnflow.depth.studies.study import Finding, Study, Verdict, exactly, generator
from bnflow.kernels.errors import InputError


@pytest.mark.parametrize(
    ("low", "high", "status"),
    [
        (0.1, 0.9, "holds"),
        (0.0, 1.0, "holds"),
        (1.1, 1.2, "fails"),
        (-2.0, -0.1, "fails"),
        (0.9, 1.1, "not decided"),
        (-1.0, 2.0, "not decided"),
        (math.nan, math.nan, "not decided"),
    ],
)
def test_a_finding_is_decided_by_its_whole_interval(low: float, high: float, status: str) -> None:
    assert Finding("x", 0.5 * (low + high), low, high, 0.0, 1.0).status == status


def test_a_claim_fails_with_one_finding_and_holds_with_all() -> None:
    good, bad = exactly("x", 0.5, 0.0, 1.0), exactly("x", 2.0, 0.0, 1.0)
    open_ = Finding("x", 1.0, 0.5, 1.5, 0.0, 1.0)
    for findings, status in (
        ((), "not decided"),
        ((good, good), "holds"),
        ((good, open_), "not decided"),
        ((good, open_, bad), "fails"),
    ):
        assert Verdict(findings).status == status


def test_a_finding_in_words() -> None:
    assert str(Finding("slope", -0.5, -0.52, -0.48, -0.56, -0.44)) == (
        "slope -0.5 (-0.52 .. -0.48), allowed -0.56 .. -0.44"
    )
    assert str(exactly("share", 0.25, most=1.0)) == "share 0.25, allowed <= 1"
    assert str(exactly("growth", 4.0, least=2.0)) == "growth 4, allowed >= 2"


def test_every_piece_has_random_numbers_of_its_own() -> None:
    asked = [("a", "p", 0), ("a", "p", 1), ("a", "q", 0), ("b", "p", 0)]
    first = [generator(*each).random() for each in asked]
    assert len(set(first)) == len(asked)
    assert first == [generator(*each).random() for each in asked]


def toy(**settings: Any) -> Study:
    return Study(
        "toy",
        "g",
        "c",
        "s",
        "k",
        {"seed": 0, **settings},
        {"nets": 2},
        lambda _: {},
        lambda *_: Verdict(()),
    )


def test_settings_are_defaults_then_quick_then_ones_own() -> None:
    study = toy(nets=10, rate=0.5, widths=[8, 16], name="relu")
    assert settings_of(study, False, {})["nets"] == 10
    assert settings_of(study, True, {})["nets"] == 2
    assert settings_of(study, True, {"nets": np.int64(5)})["nets"] == 5
    found = settings_of(study, False, {"widths": 32, "rate": 1, "name": "tanh"})
    assert found == {"seed": 0, "nets": 10, "rate": 1.0, "widths": [32], "name": "tanh"}
    assert isinstance(found["rate"], float)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"net": 3}, "net is no setting of toy; did you mean nets?"),
        ({"zzz": 3}, "zzz is no setting of toy; settings: seed, nets, rate, widths, name"),
        ({"nets": -3}, "nets = -3 must be an integer >= 0; give nets = 10"),
        ({"nets": 3.5}, "nets = 3.5 must be an integer >= 0"),
        ({"nets": True}, "nets = true must be an integer >= 0"),
        ({"rate": math.inf}, "rate = inf must be a number"),
        ({"widths": []}, "widths = [] must have an entry"),
        ({"widths": [8, "x"]}, 'widths = [8, "x"] must be an integer >= 0'),
        ({"name": 3}, "name = 3 must be a word"),
    ],
)
def test_a_wrong_setting_is_one_line(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as error:
        settings_of(toy(nets=10, rate=0.5, widths=[8, 16], name="relu"), False, changes)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_other_settings_are_refused_with_the_difference() -> None:
    refuse_difference("f.h5", {"nets": 3}, {"nets": 3})
    with pytest.raises(
        InputError, match=r"f.h5 holds this study with nets = 3, not 4 \(and 1 more\)"
    ):
        refuse_difference("f.h5", {"nets": 3, "seed": 0}, {"nets": 4, "seed": 1})


def test_the_registry_finds_by_name_and_by_group() -> None:
    assert find_study("gram-width").group == "gram"
    assert {study.name for name in GROUPS for study in group(name)} == set(STUDIES)
    with pytest.raises(InputError, match="gram-widht is no study; did you mean gram-width"):
        find_study("gram-widht")
    with pytest.raises(InputError, match="grams is no group of studies; give gram"):
        group("grams")


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_is_sound(name: str) -> None:
    study = STUDIES[name]
    assert study.name == name
    assert name.startswith(f"{study.group}-")
    for quick in (False, True):
        settings = settings_of(study, quick, {})
        assert "seed" in settings
        assert not [piece for piece in study.pieces(settings) if "/" in piece]
    assert study.quick.keys() <= study.settings.keys()
    assert settings_of(study, False, study.quick) == settings_of(study, True, {})  # of one type
