"""The report is one well-formed file that needs nothing else, and a browser shows it."""

import base64
import io
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from bnflow.api import solve
from bnflow.io import figures
from bnflow.io.page import DPI
from bnflow.io.run import Run
from bnflow.kernels.errors import InputError

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
EMPTY = {"meta", "img", "br", "!doctype"}
SMALL: dict[str, Any] = {"solver": {"cells": 8, "a_cells": 12}, "time": {"end": 0.2, "save": [0.1]}}


@pytest.fixture(scope="module")
def run() -> Run:
    return solve(SMALL, **{"target.noise": 0.125})


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Tiny figures in the place of the true ones; the kinds that were drawn."""
    drawn: list[str] = []

    def draw(run: Run, what: str, *_: object) -> Figure:
        drawn.append(what)
        picture = Figure(figsize=(1, 1))
        picture.set_facecolor("#D55E00")
        return picture

    monkeypatch.setattr(figures, "draw", draw)
    return drawn


class Reader(HTMLParser):
    """Checks that what opens closes, and keeps tags, attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    assert reader.open == []
    return reader


def test_everything_is_inside(tmp_path: Path, run: Run, quick: list[str]) -> None:
    run.report(tmp_path / "r.html")
    found = read(tmp_path / "r.html")
    assert {tag for tag, _ in found.tags}.isdisjoint({"script", "link", "iframe", "object"})
    links = [v for _, attrs in found.tags for k, v in attrs.items() if k in ("src", "href")]
    assert len(links) == len(quick) > 3
    for link in links:
        kind, data = str(link).split(",", 1)
        assert kind == "data:image/png;base64"
        Image.open(io.BytesIO(base64.b64decode(data))).verify()
    policy = [attrs["content"] for tag, attrs in found.tags if "http-equiv" in attrs]
    assert str(policy[0]).startswith("default-src 'none'")
    assert not re.search(r"url\(|@import|https?://", (tmp_path / "r.html").read_text())


def test_it_says_config_audits_times_and_provenance(
    tmp_path: Path, run: Run, quick: list[str]
) -> None:
    run.report(tmp_path / "r.html")
    text = read(tmp_path / "r.html").text
    assert run.config_toml.strip() in text
    for word in ("How far to trust it", "Sound", "energy balance", "mass is kept to rounding"):
        assert word in text
    assert all(f"{value:.5g}" in text for value in run.risk)
    assert str(run.provenance["numpy"]) in text


def test_neurons_and_a_shadow_have_their_own(tmp_path: Path, quick: list[str]) -> None:
    neurons = solve({**SMALL, "solver": {"method": "particles", "width": 10}})
    neurons.report(tmp_path / "n.html")
    assert quick == ["overview", "neurons", "function", "curves"]
    quick.clear()
    run = solve(SMALL, shadow_particles=30)
    run.report(tmp_path / "r.html")
    assert quick[-1] == "neurons"
    found = read(tmp_path / "r.html")
    assert "Beside particles" in found.text
    assert "rms |f_A - f_B|" in found.text


def test_names_with_markup_are_text(tmp_path: Path, quick: list[str]) -> None:
    run = solve(SMALL, out=tmp_path / "a<b>&c")
    run.report(tmp_path / "r.html")
    assert "bnflow run a<b>&c" in read(tmp_path / "r.html").text


def test_mistakes_are_one_line(tmp_path: Path, run: Run, make_layout: Callable[..., Any]) -> None:
    empty = Run.from_frames(make_layout(2, 4, 4), [], run.config_toml, {})
    for of, name, match in ((run, "no/r.html", "does not exist"), (empty, "r.html", "no saved")):
        with pytest.raises(InputError, match=match) as error:
            of.report(tmp_path / name)
        assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")
def test_a_browser_shows_it(tmp_path: Path, run: Run, quick: list[str]) -> None:
    """Headless Chromium, without a network: the figures' colour is on the page."""
    run.report(tmp_path / "r.html")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1000,3000"]
    options += [f"--screenshot={tmp_path / 's.png'}", (tmp_path / "r.html").as_uri()]
    subprocess.run([str(BROWSER), *options], check=True, capture_output=True, timeout=120)
    pixels = np.asarray(Image.open(tmp_path / "s.png").convert("RGB"), int)
    orange = (np.abs(pixels - [0xD5, 0x5E, 0x00]) < 4).all(axis=-1)
    assert orange.sum() >= 0.9 * len(quick) * DPI**2  # one square inch each


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 3, 4])
def test_with_its_true_figures(tmp_path: Path, d: int) -> None:
    data = {"kind": "sampled", "covariance": [4.0, 1.0, 2.0, 1.5][:d], "samples": 20}
    target = {"weights": [1.0], "directions": [[1.0, 0.5, -0.2, 0.3][:d]]}
    run = solve({**SMALL, "data": data, "target": target}, **{"solver.cells": 4})
    run.report(tmp_path / "r.html")
    assert len([tag for tag, _ in read(tmp_path / "r.html").tags if tag == "img"]) >= 5


def test_figures_of_what_is_not_stored_are_left_out_aloud(tmp_path: Path) -> None:
    solve(SMALL, tmp_path / "s", **{"output.fields": ["marginals"]}).report(tmp_path / "r.html")
    found = read(tmp_path / "r.html")
    assert "No figure density: the fields of t = 0.2 were not stored" in found.text
    assert sum(tag == "img" for tag, _ in found.tags) == 2  # marginals, curves
