"""Line sums in place of pair sums: the same field on any data, and who may have them."""

import csv
from pathlib import Path

import numpy as np
import pytest

from bnflow.kernels import select
from bnflow.kernels.errors import InputError
from bnflow.kernels.reference.lines import PAY_FROM
from bnflow.pde.geometry import BatchNormMetric, Chart, CubedSphere, Stations
from bnflow.pde.geometry.chart import Coordinates
from bnflow.pde.network import pairs as module
from bnflow.pde.network.activations import activation
from bnflow.pde.network.data import Samples, normalised
from bnflow.pde.network.interaction import SampledInteraction
from bnflow.pde.network.loss import SquareLoss
from bnflow.pde.network.pairs import Way, bends_at_zero

LEAKY = {"kind": "piecewise-linear", "knots": [-1.0, 0.0, 1.0], "values": [-0.1, 0.0, 1.0]}
CSV = Path(module.__file__).parents[2] / "examples" / "diabetes.csv"
SHAPES = [(2, 4), (2, 33), (3, 5), (3, 8), (4, 4), (4, 5)]


def data(kind: str, d: int) -> Samples:
    """Raw rows, normalised."""
    random = np.random.default_rng(d)
    x = random.standard_normal((200, d))
    if kind == "lattice":  # symmetric about 0, so that its mean is 0: ties of raw directions
        half = random.integers(-2, 3, (100, d)).astype(float)
        x = np.concatenate([half, -half])
    if kind == "scaled":  # with outliers
        x = x * 10.0 ** np.linspace(-2, 2, d) * 10.0 ** random.uniform(-3, 3, (200, 1))
    if kind == "repeated":
        x = np.repeat(x[:20], 10, axis=0)
    if kind == "real":
        with CSV.open(newline="") as file:
            table = [[float(v) for v in row] for row in list(csv.reader(file))[1:]]
        x = np.array(table)[:, 2 : 2 + d]
    made = normalised(x, x[:7] + 0.3)
    return made.labelled(random.standard_normal(len(x)), random.standard_normal(7))


def interaction(
    samples: Samples, n: int, way: Way, spec: object = "relu", chart: Coordinates = "raw"
) -> tuple[SampledInteraction, CubedSphere]:
    grid = CubedSphere(len(samples.mean), n)
    made = SampledInteraction(
        activation(spec, 1.5),
        SquareLoss(),
        Chart(BatchNormMetric(samples.covariance), chart),
        Stations(grid),
        samples,
        select("numpy"),
        way,
    )
    return made, grid


def differ(samples: Samples, n: int, spec: object, chart: Coordinates) -> None:
    """Lines and pairs give one response, to 1e-13 of the sums of absolute values."""
    by_lines, grid = interaction(samples, n, "lines", spec, chart)
    by_pairs, _ = interaction(samples, n, "direct", spec, chart)
    c = np.random.default_rng(n).standard_normal(grid.shape)
    size = np.linalg.norm(samples.inputs, axis=1)
    one, other = by_lines.respond(c), by_pairs.respond(c)
    f = by_pairs.predict(c, samples.inputs)
    residual = np.abs(f - samples.targets) / len(f)
    scale = 1.5 * np.abs(c).sum() * (size if spec != "step" else np.ones(len(size)))
    assert (np.abs(by_lines.predict(c, samples.inputs) - f) <= 1e-13 * scale).all()
    test = by_lines.test_risk(c)
    assert test == pytest.approx(by_pairs.test_risk(c), rel=1e-12)
    error = residual + 1e-13 * scale / len(f)  # f differs, and h with it
    field = 1e-13 * (size @ error) + (scale @ size) * 1e-13 / len(f)
    assert np.abs(one.h - other.h).max() <= 1.5 * field
    root = np.sqrt(np.linalg.cond(samples.covariance)) if chart == "raw" else 1.0
    for name in ("gradient", "edge_gradient"):
        assert np.abs(getattr(one, name) - getattr(other, name)).max() <= 1.5 * root * field


@pytest.mark.parametrize("chart", ["raw", "whitened"])
@pytest.mark.parametrize("kind", ["normal", "lattice", "scaled", "repeated", "real"])
@pytest.mark.parametrize(("d", "n"), SHAPES)
def test_lines_give_the_field_of_the_pairs(d: int, n: int, kind: str, chart: Coordinates) -> None:
    differ(data(kind, d), n, "relu", chart)


@pytest.mark.parametrize("spec", ["abs", "step", "linear", LEAKY], ids=str)
@pytest.mark.parametrize(("d", "n"), [(2, 33), (3, 5), (4, 4)])
def test_so_does_everything_affine_on_either_side_of_zero(d: int, n: int, spec: object) -> None:
    differ(data("normal", d), n, spec, "raw")


def test_the_lattice_has_ties() -> None:
    """What the test above relies on: pairs on the kink up to rounding, of either sign."""
    samples = data("lattice", 3)
    made, _ = interaction(samples, 5, "lines")
    z = made.directions.half @ samples.inputs.T
    ties = np.abs(z) < 1e-13 * np.linalg.norm(samples.inputs, axis=1)
    assert ties.sum() > 100
    assert 0 < (z[ties] > 0).sum() < ties.sum()


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        ("relu", True),
        ("abs", True),
        ("step", True),
        ("linear", True),
        (LEAKY, True),
        ("tanh", False),
        ("quadratic", False),
        ({"kind": "piecewise-linear", "knots": [-1, 0.5, 2], "values": [0, 0, 1]}, False),
    ],
    ids=str,
)
def test_who_may_have_lines(spec: object, allowed: bool) -> None:
    assert bends_at_zero(activation(spec)) is allowed
    if not allowed:
        with pytest.raises(InputError, match='give "direct" or "auto"') as error:
            interaction(data("normal", 2), 4, "lines", spec)
        assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("spec", "n", "words"), [("relu", 4, "direct"), ("relu", 60, "line"), ("tanh", 60, "direct")]
)
def test_auto_takes_lines_where_they_pay(spec: str, n: int, words: str) -> None:
    samples = data("normal", 2)
    assert PAY_FROM[2] == 20_000
    made, _ = interaction(samples, n, "auto", spec)
    stations = 2 * n + 2
    assert made.description() == f"{words} sums over 200 rows x {stations} directions"
