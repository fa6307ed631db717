"""Every half station lies on one line, where the line's tables say."""

import numpy as np
import pytest

from bnflow.pde.geometry import BatchNormMetric, Chart, CubedSphere, Stations
from bnflow.pde.geometry.chart import Coordinates
from bnflow.pde.geometry.lines import station_lines

COVARIANCE = {
    2: [[4.0, 1.0], [1.0, 1.0]],
    3: [[5.0, 1.0, 0.0], [1.0, 1.0, 0.2], [0.0, 0.2, 0.5]],
    4: np.diag([2.0, 1.0, 0.5, 30.0]),
    5: np.eye(5),
}


@pytest.mark.parametrize("coordinates", ["raw", "whitened"])
@pytest.mark.parametrize(("d", "n"), [(2, 4), (2, 7), (3, 4), (3, 7), (4, 4), (4, 5), (5, 4)])
def test_stations_are_the_nodes_of_their_lines(d: int, n: int, coordinates: Coordinates) -> None:
    chart, stations = (
        Chart(BatchNormMetric(COVARIANCE[d]), coordinates),
        Stations(CubedSphere(d, n)),
    )
    v = chart.whitened(stations.half)
    lines = station_lines(stations, v, chart.matrix)
    seen = np.concatenate([bundle.stations.ravel() for bundle in lines.bundles])
    np.testing.assert_array_equal(np.sort(seen), np.arange(len(v)))
    assert lines.neurons == len(stations.half_centres)
    for bundle in lines.bundles:
        assert bundle.stations.shape == (len(bundle.coordinates), len(bundle.nodes))
        assert (np.diff(bundle.nodes) > 0).all()
        rest = bundle.coordinates @ bundle.frame[2:]
        x = bundle.frame[0] + bundle.nodes[:, None] * bundle.frame[1] + rest[:, None, :]
        unit = x / np.linalg.norm(x, axis=-1, keepdims=True)
        # rounding of the whitening, times the root of the condition number
        np.testing.assert_allclose(unit, v[bundle.stations], rtol=0, atol=1e-14)


@pytest.mark.parametrize("d", [2, 3, 4])
def test_there_are_as_few_lines_as_an_axis_less_allows(d: int) -> None:
    """d n^(d-2), and n^(d-3) for each side of an edge that no panel's lines end on."""
    n, stations = 6, Stations(CubedSphere(d, 6))
    lines = station_lines(stations, stations.half, np.eye(d))
    edges = (d - 1) * (d - 2) // 2
    count = sum(len(bundle.stations) for bundle in lines.bundles)
    assert count == d * n ** (d - 2) + 2 * edges * (n ** (d - 3) if edges else 0)
