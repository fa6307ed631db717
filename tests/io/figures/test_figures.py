"""Every figure can be drawn in every dimension, and shows what it says."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle, StepPatch

from bnflow.api import solve
from bnflow.io.figures import KINDS, draw
from bnflow.io.figures.sphere import mollweide
from bnflow.io.figures.subject import cell_of, circle, raw, refined, remarks, teachers, whitened
from bnflow.io.run import Run
from bnflow.kernels.errors import InputError
from bnflow.pde.frame import Frame, Layout

Make = Callable[..., Layout]
MakeFrame = Callable[..., Frame]
SIZES = {2: (8, 10), 3: (6, 8), 4: (4, 6)}


@pytest.fixture(scope="module")
def make_run(
    make_layout: Make, make_frame: MakeFrame, config_text: Callable[[int], str]
) -> Callable[..., Run]:
    def make(d: int, steps: tuple[int, ...] = (0, 5, 10), **options: object) -> Run:
        layout = make_layout(d, *SIZES[d], **options)
        grown = 0 if options else 1
        frames = [make_frame(layout, step, grown=grown * (step > 5)) for step in steps]
        return Run.from_frames(layout, frames, config_text(d), {})

    return make


@pytest.mark.parametrize("d", [2, 3, 4])
@pytest.mark.parametrize("what", [what for what in KINDS if what != "neurons"])
def test_figures_are_written_and_their_axes_named(
    tmp_path: Path, make_run: Callable[..., Run], d: int, what: str
) -> None:
    run = make_run(d)
    path = tmp_path / "f.png"
    if what == "sphere" and d != 3:
        with pytest.raises(InputError, match="needs d = 3"):
            run.plot(path, what)
        assert not path.exists()
        return
    figure = run.plot(path, what)
    assert path.read_bytes().startswith(b"\x89PNG")
    for ax in figure.axes:
        place = ax.get_subplotspec()
        if ax.axison and place is not None:  # a panel, not a colour bar; neighbours share labels
            assert ax.get_xlabel() or not place.is_last_row()
            assert ax.get_ylabel() or place.colspan.start > 0
    titles = " ".join(ax.get_title(loc="left") for ax in figure.axes)
    assert "t = 1" in titles or what in ("curves", "diagnostics")


@pytest.mark.parametrize("d", [2, 3])
def test_one_saved_time_and_a_list_of_outer_weights_are_enough(
    tmp_path: Path, make_run: Callable[..., Run], d: int
) -> None:
    run = make_run(d, steps=(0,), values=np.array([-1.0, 1.0]))
    for what in ("overview", "density"):
        run.plot(tmp_path / f"{what}.pdf", what)


def test_a_file_target_has_no_curve(make_run: Callable[..., Run]) -> None:
    run = make_run(2)
    labels = [line.get_label() for ax in draw(run, "function").axes for line in ax.lines]
    assert "target" in labels
    run.settings["target"]["kind"] = "file"
    labels = [line.get_label() for ax in draw(run, "function").axes for line in ax.lines]
    assert "target" not in labels


def test_the_state_of_matplotlib_is_left_alone(make_run: Callable[..., Run]) -> None:
    before = dict(matplotlib.rcParams)
    draw(make_run(2))
    assert dict(matplotlib.rcParams) == before


def test_pyplot_is_not_needed() -> None:
    look = "import sys, bnflow.io.figures.style as s; s.styled().__enter__(); s.canvas(1, 1)"
    look += "; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", look], check=True)


def test_mistakes_are_one_line(tmp_path: Path, make_run: Callable[..., Run]) -> None:
    run = make_run(2)
    for path, what, time, match in (
        (None, "desnity", None, "did you mean density"),
        (None, "density", 0.7, "nearest saved time"),
        (tmp_path / "f.docx", "curves", None, "ends in .png"),
        (tmp_path / "no" / "f.png", "curves", None, "does not exist"),
    ):
        with pytest.raises(InputError, match=match) as error:
            run.plot(path, what, time)
        assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_remarks_say_what_is_invisible_and_unresolved(make_run: Callable[..., Run]) -> None:
    run = make_run(2)  # unresolved mass 0.03 t
    assert [line[:12] for line in remarks(run, 0.0)] == ["odd degrees "]
    assert remarks(run, 1.0)[1].startswith("3 % of the mass is in features narrower")
    text = draw(run, "density").get_supxlabel()
    assert "invisible to f" in text


def of_whitened(layout: Layout) -> Layout:
    """The same cells, taken for a grid of the whitened directions."""
    v = layout.direction_raw / np.linalg.norm(layout.direction_raw, axis=-1, keepdims=True)
    return replace(
        layout, coordinates="whitened", direction_whitened=v, direction_raw=raw(layout, v)
    )


@pytest.mark.parametrize("d", [2, 3, 4])
@pytest.mark.parametrize("coordinates", ["raw", "whitened"])
def test_every_direction_is_in_the_cell_that_is_nearest_in_its_panel(
    make_layout: Make, coordinates: str, d: int
) -> None:
    layout = make_layout(d, SIZES[d][0])
    if coordinates == "whitened":
        layout = of_whitened(layout)
    cells = np.arange(layout.cell_volume.size).reshape(layout.cell_volume.shape)
    np.testing.assert_array_equal(cell_of(layout, layout.direction_raw), cells)


@pytest.mark.parametrize("d", [2, 3, 4])
def test_points_of_a_cell_lie_in_it_and_share_it(make_layout: Make, d: int) -> None:
    layout = make_layout(d, SIZES[d][0])
    v, shares = refined(layout)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    u = np.sort(np.abs(raw(layout, v)), axis=-1)  # the panel's own axis comes last
    axis, others = u[..., -1], u[..., :-1]
    element = axis**d * np.prod((others**2 + axis[..., None] ** 2) / axis[..., None] ** 2, axis=-1)
    np.testing.assert_allclose(shares, element / element.sum(axis=1, keepdims=True))
    expected = np.broadcast_to(np.arange(len(v))[:, None], shares.shape)
    np.testing.assert_array_equal(cell_of(layout, raw(layout, v)), expected)


def test_histograms_over_points_of_cells_have_no_stripes(make_layout: Make) -> None:
    """A uniform law on S^3 has the density (2/pi) sqrt(1 - u_1^2), in every bin.

    The error is below that of as many independent points, 1/sqrt(points in a bin), to 3 sigma;
    points in rows err by ten per cent.
    """
    layout = make_layout(4, 6)
    v, shares = refined(layout)
    mass = (layout.cell_volume / layout.cell_volume.sum()).ravel()[:, None] * shares
    edges = np.linspace(-1, 1, 41)
    u = raw(layout, v)[..., 0]
    found = np.histogram(u, edges, weights=mass)[0]
    points = np.histogram(u, edges)[0]
    exact = np.diff((np.arcsin(edges) + edges * np.sqrt(1 - edges**2)) / np.pi)
    assert np.all(np.abs(found / exact - 1) < 3 / np.sqrt(points))


def test_the_circle_is_in_order_and_closed(make_layout: Make) -> None:
    layout = make_layout(2, 7)
    order, edges = circle(layout)
    angles = np.arctan2(layout.direction_raw[..., 1], layout.direction_raw[..., 0]).ravel()[order]
    inside = (angles - edges[0]) % (2 * np.pi)
    assert (np.diff(inside) > 0).all()
    np.testing.assert_allclose(inside, edges[:-1] - edges[0] + np.pi / 28, atol=1e-12)
    assert edges[-1] - edges[0] == pytest.approx(2 * np.pi)


def test_a_circle_of_whitened_directions_has_edges_between_the_raw_ones(make_layout: Make) -> None:
    """Edges at the raw images of equal whitened angles; the cells lie between them, in order."""
    layout = of_whitened(make_layout(2, 7))
    order, edges = circle(layout)
    u = layout.direction_raw.reshape(-1, 2)[order]
    inside = (np.arctan2(u[:, 1], u[:, 0]) - edges[0]) % (2 * np.pi) + edges[0]
    assert (edges[:-1] < inside).all()
    assert (inside < edges[1:]).all()
    assert edges[-1] - edges[0] == pytest.approx(2 * np.pi)
    v = whitened(layout, np.stack([np.cos(edges), np.sin(edges)], axis=-1))
    turns = np.diff(np.unwrap(np.arctan2(v[:, 1], v[:, 0])))
    np.testing.assert_allclose(turns, 2 * np.pi / len(order), rtol=1e-9)


@pytest.mark.parametrize("d", [2, 3])
def test_points_of_a_cell_of_whitened_directions_lie_in_it(make_layout: Make, d: int) -> None:
    layout = of_whitened(make_layout(d, SIZES[d][0]))
    v, shares = refined(layout)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    np.testing.assert_allclose(np.linalg.norm(v, axis=-1), 1.0)
    expected = np.broadcast_to(np.arange(len(v))[:, None], shares.shape)
    np.testing.assert_array_equal(cell_of(layout, raw(layout, v)), expected)


def test_teachers_and_whitening(make_run: Callable[..., Run]) -> None:
    run = make_run(3)
    directions, weights = teachers(run)
    np.testing.assert_array_equal(weights, [1.0, -0.5])
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0)
    np.testing.assert_allclose(whitened(run.layout, raw(run.layout, directions)), directions)
    u = run.layout.direction_raw
    np.testing.assert_allclose(whitened(run.layout, u), run.layout.direction_whitened)


def test_mollweide_is_equal_area() -> None:
    """The map has area 8 for a sphere of 4 pi: a zone keeps its share."""
    height = np.sin(np.radians(30.0))
    _, y = mollweide(np.array([np.sqrt(1 - height**2), 0.0, height]))
    s = np.arcsin(y / np.sqrt(2))
    share = (2 * s + np.sin(2 * s)) / np.pi  # area of the ellipse between -y and y
    assert share == pytest.approx(height)
    assert mollweide(np.array([1.0, 0.0, 0.0])) == pytest.approx((0.0, 0.0))
    assert mollweide(np.array([0.0, 1.0, 0.0])) == pytest.approx((np.sqrt(2), 0.0))


def test_a_list_of_outer_weights_has_bars_as_high_as_their_law(
    make_run: Callable[..., Run],
) -> None:
    run = make_run(2, values=np.array([-1.0, 1.0]))
    ax = draw(run, "marginals").axes[-1]
    heights = [bar.get_height() for bar in ax.patches if isinstance(bar, Rectangle)]
    np.testing.assert_allclose(heights, run.outer_weights(1.0))
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["-1", "1"]


@pytest.mark.parametrize("d", [3, 4])
def test_laws_of_coordinates_have_mass_one_and_the_mean_of_v(
    make_run: Callable[..., Run], d: int
) -> None:
    """Bins of width b place each point within b / 2 of where it is."""
    run = make_run(d)
    for axis, ax in enumerate(draw(run, "marginals").axes[:d]):
        law = ax.patches[-1]
        assert isinstance(law, StepPatch)
        values, edges, _ = law.get_data()
        width = np.diff(edges)
        assert (values * width).sum() == pytest.approx(1.0)
        mean = (values * width * (edges[1:] + edges[:-1]) / 2).sum()
        mass = run.marginal(1.0) * run.layout.cell_volume
        expected = (mass * run.layout.direction_whitened[..., axis]).sum()
        cell = np.pi / 2 / SIZES[d][0]  # the share of a cell that is spread over it
        assert mean == pytest.approx(expected, abs=width[0] / 2 + cell**2 / 8)


def test_two_times_of_a_measure_have_the_same_colours(make_run: Callable[..., Run]) -> None:
    figure = draw(make_run(3), "measure")
    first, second = (ax.images[0].get_clim() for ax in figure.axes[:2])
    assert first == second


def test_replicas_are_bars_at_the_saved_times() -> None:
    run = solve(
        solver={"method": "particles", "width": 10, "replicas": 4}, time={"end": 0.2, "save": [0.1]}
    )
    ax = draw(run, "curves").axes[0]
    ranges = [item for item in ax.collections if "4 replicas" in str(item.get_label())]
    (segments,) = [item.get_segments() for item in ranges if isinstance(item, LineCollection)]
    risks = run.risk_replicas
    np.testing.assert_allclose([s[0][1] for s in segments], risks.min(axis=1))
    np.testing.assert_allclose([s[1][1] for s in segments], risks.max(axis=1))
    (bars,) = (item.get_segments() for item in ax.containers[0][2])
    half = np.array([s[1][1] - s[0][1] for s in bars]) / 2
    np.testing.assert_allclose(half, risks.std(axis=1, ddof=1) / 2)  # sqrt of 4 replicas
