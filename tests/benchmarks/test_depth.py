"""The benchmark of ensembles: what it times is one law, and a mistake is one line."""

import csv
from pathlib import Path

import pytest

from bnflow.benchmarks.depth import main

SMALL = ["--nets", "2", "--depth", "3", "--batch", "4", "--width", "8", "--layers", "1"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--backend", "gpu"], 'backend = "gpu" must be auto, numpy or cuda'),
        (["--csv", "nowhere/depth.csv"], "there is no folder nowhere"),
        (["--width", "0"], "width = 0 must be an integer >= 1"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([*SMALL, *words])
    assert end.value.code == 2
    assert told in capsys.readouterr().err


def test_every_way_has_a_row(tmp_path: Path) -> None:
    main([*SMALL, "--csv", str(tmp_path / "depth.csv")])
    rows = list(csv.DictReader((tmp_path / "depth.csv").open()))
    ways = {row["name"]: int(row["layers"]) for row in rows}
    assert ways["chain, relu, full BN"] == ways["chain, linear, RC"] == 2 * 3
    assert ways["NumPy, weight matrices"] == 1
    assert all(float(row["clock"]) > 0 for row in rows)
