"""Sums over neurons with a dual kernel, beside the angle between two of them, one by one."""

import numpy as np
import pytest

from bnflow.kernels.contract import Overlap
from bnflow.kernels.reference import overlaps
from bnflow.kernels.reference.interaction import unit
from bnflow.kernels.reference.overlaps import OverlapSums

Array = np.ndarray


def relu(c: Array) -> tuple[Array, Array]:
    angle = np.arccos(np.clip(c, -1, 1))
    value = (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
    return value, (np.pi - angle) / (2 * np.pi)


def turned(v: Array, w: Array) -> float:
    """The angle between unit vectors, which loses no digits where they are close."""
    return float(2 * np.arctan2(np.linalg.norm(v - w), np.linalg.norm(v + w)))


@pytest.mark.parametrize("tile", [512, 7])
@pytest.mark.parametrize(("m", "k", "d"), [(1, 1, 2), (31, 33, 2), (32, 7, 3), (13, 50, 19)])
def test_sums_and_gradients_are_those_of_all_pairs(
    tile: int, m: int, k: int, d: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlaps, "TILE", tile)
    random = np.random.default_rng(d)
    p, q = unit(random.normal(size=(m, d))), unit(random.normal(size=(k, d)))
    weights = random.normal(size=k)
    sums, gradients = OverlapSums(Overlap(relu))(p, q, weights)
    assert sums.shape == (m,)
    assert gradients.shape == (m, d)

    def total(v: Array) -> float:
        angles = [turned(v, each) for each in q]
        return sum(c * float(relu(np.cos(a))[0]) for c, a in zip(weights, angles, strict=True))

    size, step = np.abs(weights).sum(), 1e-4
    for v, value, gradient in zip(p, sums, gradients, strict=True):
        assert value == pytest.approx(total(v), abs=1e-14 * size)
        along = random.normal(size=d)
        along -= v * (along @ v)
        along /= np.linalg.norm(along)
        ahead, behind = (total(np.cos(s) * v + np.sin(s) * along) for s in (step, -step))
        # the third derivative of a kinked kernel is bounded by 1 / (2 pi) beside its own point
        slope = (ahead - behind) / (2 * step)
        assert gradient @ along == pytest.approx(slope, abs=step * size)
