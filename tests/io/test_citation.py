"""What a run cites: entries that exist, are well formed, and follow from its configuration."""

import re
from pathlib import Path

import pytest

import bnflow
from bnflow import load_config
from bnflow.io.citation import USES, citation, entries

CONFIGS = [
    load_config(None),
    load_config("sphere-teacher", ["solver.scheme=weno"]),
    load_config("diabetes"),
    load_config(None, ["network.activation=erf", "training.temperature=0.1", "training.ridge=0.1"]),
    load_config(None, ["solver.method=particles", "solver.sampling=sobol"]),
    load_config(None, ["solver.method=particles", "solver.integrator=bogacki-shampine"]),
]


def test_every_reference_is_used_by_some_run_and_every_use_has_one() -> None:
    used = {use.key for use in USES if any(use.applies(config) for config in CONFIGS)}
    assert used == set(entries()) == {use.key for use in USES}


@pytest.mark.parametrize("key", [use.key for use in USES])
def test_entries_are_well_formed(key: str) -> None:
    entry = entries()[key]
    assert entry.count("{") == entry.count("}")
    for field in ("title", "author", "year"):
        assert len(re.findall(rf"^\s+{field}\s+= \{{.+\}},?$", entry, re.MULTILINE)) == 1


def test_the_program_is_cited_as_its_own_file_says() -> None:
    own = Path(bnflow.__file__).with_name("CITATION.cff")
    if not own.exists():
        pytest.skip("an installed package has no CITATION.cff")
    title, author = (
        next(
            line.partition(f"{key}: ")[2].strip('"')
            for line in own.read_text().splitlines()
            if line.strip().startswith(f"{start}{key}:")
        )
        for key, start in (("title", ""), ("name", "- "))
    )
    assert f"{{{title}}}" in entries()["bnflow"]
    assert f"{{{{{author}}}}}" in entries()["bnflow"]


def test_runs_cite_what_they_used_and_nothing_else() -> None:
    circle, weno, _, noisy, neurons, _ = (citation([config], "1.2.3") for config in CONFIGS)
    assert "Version 1.2.3" in circle
    assert "VERSION" not in circle
    assert "ronchi1996" not in circle
    assert "ronchi1996" in weno
    assert "borges2008" in weno
    assert "vanleer1977" not in weno
    assert "carrillo2015" in noisy
    assert "carrillo2015" not in circle
    assert "shu1988" not in neurons
    assert "joe2008" in neurons
    both = citation(CONFIGS[:2], "1")
    assert "vanleer1977" in both
    assert "borges2008" in both
