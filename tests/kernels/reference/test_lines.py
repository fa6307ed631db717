"""Sums along lines are the pair sums, ties included, whatever is kept and however it is tiled."""

from itertools import product

import numpy as np
import pytest

from bnflow.kernels import select
from bnflow.kernels.contract import TIE, LineBundle, Lines
from bnflow.kernels.reference import lines as module
from bnflow.kernels.reference.activations import REMAINDERS
from bnflow.kernels.reference.lines import LineSums

Array = np.ndarray
NAMES = ["abs", "sign"]
EPS = np.finfo(float).eps


def panels(d: int, n: int, matrix: Array, ends: bool = False) -> Lines:
    """The positive panels one after the other, written again; lines along the last other axis.

    With ends, lines of the first panel have a point at -1 and one at 1, which carry no weights.
    """
    half = np.tan((np.arange(n) - (n - 1) / 2) * np.pi / 2 / n)
    bundles, points, extra, count = [], [], [], 0
    for k in range(d):
        *rest, along = (j for j in range(d) if j != k)
        grid = np.array(list(product(half, repeat=d - 2))).reshape(n ** (d - 2), d - 2)
        x = np.zeros((len(grid), n, d))
        x[..., k], x[..., along] = 1.0, half
        x[..., rest] = grid[:, None, :]
        stations, nodes = count + np.arange(x[..., 0].size).reshape(len(grid), n), half
        points.append(x.reshape(-1, d))
        count += x[..., 0].size
        if ends and k == 0:
            nodes = np.concatenate([[-1.0], half, [1.0]])
            extra = [np.where(np.arange(d) == along, s, x[:, 0]) for s in (-1.0, 1.0)]
            first = d * n ** (d - 1) + np.arange(2 * len(grid)).reshape(2, -1)
            stations = np.column_stack([first[0], stations, first[1]])
        bundles.append(LineBundle(matrix[[k, along, *rest]], nodes, grid, stations))
    v = np.concatenate([*points, *extra]) @ matrix
    return Lines(v / np.linalg.norm(v, axis=1, keepdims=True), count, tuple(bundles))


def rows(kind: str, d: int, n: int = 300) -> Array:
    random = np.random.default_rng(d)
    x = random.standard_normal((n, d))
    if kind == "lattice":
        return random.integers(-2, 3, (n, d)).astype(float)
    if kind == "scaled":  # twelve decades and exact zeros
        return x * 10.0 ** random.uniform(-6, 6, (n, d)) * (random.random((n, d)) > 0.1)
    return np.repeat(x[: n // 10], 10, axis=0) if kind == "repeated" else x


def matrix(kind: str, d: int) -> Array:
    root = np.random.default_rng(7).standard_normal((d, d))
    return np.eye(d) if kind == "whitened" else root @ root.T


def dense(name: str, lines: Lines, x: Array, c: Array, e: Array) -> tuple[Array, Array, Array]:
    """f, h and g by matrices, with ties on the kink."""
    z = lines.points @ x.T
    z[np.abs(z) <= TIE * np.linalg.norm(x, axis=1)] = 0.0  # points of length one
    value, slope = (np.abs(z), np.where(z > 0, 1.0, -1.0)) if name == "abs" else (np.sign(z), 0 * z)
    return c @ value[: lines.neurons], value @ e, slope @ (e[:, None] * x)


def decided(lines: Lines, x: Array) -> Array:
    """Rows without a pair between one TIE and 64, where the two conventions may differ.

    Lengths along a line of these matrices differ by less than that factor.
    """
    near = np.abs(lines.points @ x.T) / np.maximum(np.linalg.norm(x, axis=1), 1e-300) / TIE
    return np.asarray(~((near > 0.5) & (near < 64)).any(axis=0))


def weights(lines: Lines, x: Array) -> tuple[Array, Array]:
    random = np.random.default_rng(1)
    return random.standard_normal(lines.neurons), random.standard_normal(len(x))


@pytest.mark.parametrize("chart", ["whitened", "raw"])
@pytest.mark.parametrize("kind", ["normal", "lattice", "scaled", "repeated"])
@pytest.mark.parametrize(("d", "n"), [(2, 4), (2, 33), (3, 7), (3, 12), (4, 4), (4, 5)])
@pytest.mark.parametrize("name", NAMES)
def test_lines_are_the_dense_sums(name: str, d: int, n: int, kind: str, chart: str) -> None:
    lines, x = panels(d, n, matrix(chart, d), ends=True), rows(kind, d)
    if kind == "lattice":  # ties of the grid's own points, up to the rounding of whitening
        x = np.linalg.solve(matrix(chart, d), x.T).T
    x = x[decided(lines, x)]
    assert len(x) > (270 if kind == "scaled" else 299)
    c, e = weights(lines, x)
    made = LineSums(REMAINDERS[name], lines, x, keep=True)
    f, (h, g) = made.forward(c), made.backward(e)
    wanted_f, wanted_h, wanted_g = dense(name, lines, x, c, e)
    size = np.linalg.norm(x, axis=1) if name == "abs" else np.ones(len(x))
    # sums of absolute values, in any order; pairs nearer to the kink than TIE count as on it
    bound = 4 * EPS * (n + 16)
    assert (np.abs(f - wanted_f) <= (bound + TIE) * size * np.abs(c).sum()).all()
    assert np.abs(h - wanted_h).max() <= (bound + TIE) * (size @ np.abs(e))
    assert np.abs(g - wanted_g).max() <= bound * (np.linalg.norm(x, axis=1) @ np.abs(e))


def test_the_lattice_has_ties_that_rounding_would_settle_either_way() -> None:
    """What the test above relies on."""
    lines, x = panels(3, 7, matrix("raw", 3)), rows("lattice", 3)
    z = lines.points @ np.linalg.solve(matrix("raw", 3), x.T)
    ties = np.abs(z) <= TIE * np.linalg.norm(x, axis=1)
    assert (z[ties] > 0).sum() > 20
    assert (z[ties] < 0).sum() > 20


@pytest.mark.parametrize("d", [2, 3, 4])
@pytest.mark.parametrize("name", NAMES)
def test_pair_and_line_sums_break_ties_alike(name: str, d: int) -> None:
    lines, x = panels(d, 5, matrix("raw", d), ends=True), rows("lattice", d)
    x = np.linalg.solve(matrix("raw", d), x.T).T
    c, e = weights(lines, x)
    kernels, remainder = select("numpy"), REMAINDERS[name]
    here = kernels.line_sums(remainder, lines, x, keep=True)
    size = np.maximum(np.linalg.norm(x, axis=1), 1.0)
    f = kernels.pair_forward(remainder, lines.points[: lines.neurons], x, c)
    assert (np.abs(here.forward(c) - f) <= 64 * EPS * size * np.abs(c).sum()).all()
    there = kernels.pair_backward(remainder, lines.points, x, e)
    for one, other in zip(here.backward(e), there, strict=True):
        assert np.abs(one - other).max() <= 64 * EPS * (size @ np.abs(e))


@pytest.mark.parametrize("name", NAMES)
def test_a_row_of_zeros_counts_for_nothing(name: str) -> None:
    lines, x = panels(3, 4, np.eye(3)), np.zeros((2, 3))
    made = LineSums(REMAINDERS[name], lines, x, keep=True)
    assert np.abs(made.forward(np.ones(lines.neurons))).max() == 0
    assert np.abs(made.backward(np.ones(2))[0]).max() == 0


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Several blocks of lines and of rows."""
    monkeypatch.setattr(module, "ROWS", 64)
    monkeypatch.setattr(module, "ENTRIES", 200)
    return monkeypatch


@pytest.mark.parametrize("name", NAMES)
def test_tiles_and_what_is_kept_change_no_more_than_rounding(
    name: str, small: pytest.MonkeyPatch
) -> None:
    lines, x = panels(3, 6, matrix("raw", 3), ends=True), rows("normal", 3)
    c, e = weights(lines, x)
    wanted_f, wanted_h, wanted_g = dense(name, lines, x, c, e)
    kept = LineSums(REMAINDERS[name], lines, x, keep=True)
    again = LineSums(REMAINDERS[name], lines, x, keep=False)
    assert len(kept.bundles[0].blocks) > 1
    assert kept.bundles[0].kept is not None
    small.setattr(module, "KEPT_BYTES", 1000)
    beyond = LineSums(REMAINDERS[name], lines, x, keep=True)
    for made in (kept, again, beyond):
        np.testing.assert_allclose(made.forward(c), wanted_f, rtol=0, atol=1e-12)
        for got, wanted in zip(made.backward(e), (wanted_h, wanted_g), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-12)
    assert again.bundles[0].kept is None
    assert beyond.bundles[0].kept is None


@pytest.mark.parametrize("n", [4, 5, 64, 1000])
def test_counts_are_those_of_a_search(n: int) -> None:
    nodes = np.concatenate([[-1.0], np.tan((np.arange(n) - (n - 1) / 2) * np.pi / 2 / n), [1.0]])
    random = np.random.default_rng(n)
    near = np.concatenate([nodes, np.nextafter(nodes, 2), np.nextafter(nodes, -2)])
    tau = np.concatenate([near, random.uniform(-2, 2, 5000), [1e30, -1e30]])
    counts = module._Counter(nodes)(tau)
    np.testing.assert_array_equal(counts, np.searchsorted(nodes, tau, side="right"))
