"""Runs made by hand: a true cubed sphere with a density that moves, without any solver."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnflow.io.store import Store
from bnflow.pde.frame import Array, Frame, Layout

CONFIG = """\
[network]
activation = "relu"
[data]
kind = "population"
covariance = {covariance}
[target]
kind = "teacher"
weights = [1.0, -0.5]
{directions}
"""
TEACHERS = {
    2: "angles = [0.3, 1.9]",
    3: "directions = [[1.0, 0.0, 0.3], [0.0, -1.0, 1.0]]",
    4: "directions = [[1.0, 0.0, 0.3, 0.0], [0.0, -1.0, 1.0, 0.5]]",
}


def cubed_sphere(d: int, n: int) -> tuple[Array, Array]:
    """Cell centres (2d, n, .., n, d) and midpoint volumes, scaled to the area."""
    xi = -np.pi / 4 + (np.arange(n) + 0.5) * np.pi / (2 * n)
    grid = np.meshgrid(*[np.tan(xi)] * (d - 1), indexing="ij")
    points = np.empty((2 * d, *grid[0].shape, d))
    for panel in range(2 * d):
        axis, side = panel // 2, 1.0 if panel % 2 else -1.0
        points[panel, ..., axis] = side
        points[panel][..., [j for j in range(d) if j != axis]] = np.stack(grid, -1)
    squared = np.sum(points**2, axis=-1)
    volume = squared ** (-d / 2) * np.prod([1 + g**2 for g in grid], axis=0)
    area = {2: 2 * np.pi, 3: 4 * np.pi, 4: 2 * np.pi**2}[d]
    return points / np.sqrt(squared)[..., None], volume * (area / volume.sum())


@pytest.fixture(scope="session")
def make_layout() -> Callable[..., Layout]:
    def make(
        d: int = 2, n: int = 8, n_a: int = 10, values: Array | None = None, **extra: Any
    ) -> Layout:
        raw, volume = cubed_sphere(d, n)
        variances = np.geomspace(10.0, 1.0, d)
        whitened = raw * np.sqrt(variances)
        width = 3.0 / n_a
        return Layout(
            panel=np.arange(2 * d),
            xi=-np.pi / 4 + (np.arange(n) + 0.5) * np.pi / (2 * n),
            cell_volume=volume,
            direction_raw=raw,
            direction_whitened=whitened / np.linalg.norm(whitened, axis=-1, keepdims=True),
            a_values=np.asarray(-1.5 + (np.arange(n_a) + 0.5) * width)
            if values is None
            else values,
            a_width=width if values is None else None,
            data_mean=np.zeros(d),
            data_covariance=np.diag(variances),
            **extra,
        )

    return make


@pytest.fixture(scope="session")
def make_frame() -> Callable[..., Frame]:
    def make(
        layout: Layout, step: int, time: float | None = None, grown: int = 0, since: int = 0
    ) -> Frame:
        """A positive density of mass one whose a axis has `grown` cells more on each side."""
        t = step / 10 if time is None else time
        count = len(layout.a_values) + 2 * grown
        a = np.arange(count) * (layout.a_width or 1.0)
        a = a - a.mean() if layout.a_width else layout.a_values
        weight = layout.a_width or 1.0
        v = layout.direction_whitened
        tilt = np.exp(2.0 * t * (v[..., 0, None] * np.sign(a) + 0.3 * v[..., -1, None]))
        noise = 1 + 0.1 * np.random.default_rng(step).random((*v.shape[:-1], count))
        rho = tilt * np.exp(-((a - 0.3 * t * v[..., :1]) ** 2) / 0.5) * noise
        rho /= np.sum(rho * layout.cell_volume[..., None]) * weight
        steps = np.arange(since, step) + 1.0  # one log entry a step since the last frame
        second = np.eye(layout.dimension) / layout.dimension
        return Frame(
            time=t,
            step=step,
            fields={"rho": rho},
            a_first=-grown,
            diagnostics={
                "risk": 0.3 * np.exp(-t),
                "test_risk": np.nan,
                "free_energy": 0.31 * np.exp(-t),
                "mass": 1.0 + 1e-15 * step,
                "min_density": float(rho.min()),
                "unresolved_mass": 0.03 * t,
                "dissipation_defect": 1e-4 * step,
                "stationarity": 0.1 * np.exp(-t),
                "certificate": 0.5 * np.exp(-t),
                "certificate_size": 1.5,
                "sharpness": 0.2 + 0.1 * t,
                "displacement": t,
                "w_second_moment": second,
                "anisotropy": 2.0,
            },
            log={
                "time": steps / 10,
                "risk": 0.3 * np.exp(-steps / 10),
                "dt": np.full(len(steps), 0.1),
            },
            restart={
                "rho": rho,
                "dt": np.array(0.1),
                "rng": np.arange(4, dtype=np.uint64),
                "first": np.array(True),
            },
        )

    return make


@pytest.fixture(scope="session")
def config_text() -> Callable[[int], str]:
    def text(d: int) -> str:
        return CONFIG.format(covariance=np.geomspace(10.0, 1.0, d).tolist(), directions=TEACHERS[d])

    return text


@pytest.fixture
def layout(make_layout: Callable[..., Layout]) -> Layout:
    return make_layout(n=4, n_a=6)


@pytest.fixture
def create(layout: Layout) -> Callable[[Path], Store]:
    text = '[network]\nactivation = "relu"\n'
    return lambda path: Store.create(path, layout=layout, config_toml=text, provenance={"seed": 0})


@pytest.fixture
def filled(
    tmp_path: Path,
    create: Callable[[Path], Store],
    layout: Layout,
    make_frame: Callable[..., Frame],
) -> Path:
    """A closed run with four saved times, whose a axis grows at the last two."""
    with create(tmp_path / "run") as store:
        for step, grown in ((0, 0), (10, 0), (20, 1), (30, 3)):
            store.append(make_frame(layout, step, grown=grown, since=max(step - 10, 0)))
    return tmp_path / "run"
