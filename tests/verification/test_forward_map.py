"""The network of a uniform law of directions is known in closed form, or by plain quadrature.

Isotropic, relu: f(x) = E[a] |xt| Gamma(d/2) / (2 sqrt(pi) Gamma((d+1)/2)). The midpoint rule
has an error of C h^2; C is below 0.15 for relu and a smooth law on every sphere tried.
"""

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.special import erf, gamma

import bnflow


def start(d: int, cells: int, covariance: list[float], activation: str):
    """A run of almost no time: its first frame is the initial law."""
    config = {
        "network": {"activation": activation, "train": ["w"]},
        "data": {"kind": "population", "covariance": covariance},
        "target": {"weights": [1.0], "directions": [np.eye(d)[0].tolist()]},
        "initial": {"a": {"kind": "constant", "value": 0.7}},
        "solver": {"cells": cells},
        "time": {"end": 1e-3, "save": []},
    }
    return bnflow.solve(config)


@pytest.mark.parametrize(("d", "cells"), [(2, (8, 16)), (3, (8, 16)), (4, (4, 8))])
def test_isotropic_relu(d: int, cells: tuple[int, int]) -> None:
    x = np.random.default_rng(0).standard_normal((200, d))
    mean = gamma(d / 2) / (2 * np.sqrt(np.pi) * gamma((d + 1) / 2))
    exact = 0.7 * np.linalg.norm(x, axis=1) * mean
    coarse, fine = (abs(start(d, n, [1.0] * d, "relu").predict(x, 0.0) / exact - 1) for n in cells)
    assert coarse.max() <= 0.15 * (np.pi / 2 / cells[0]) ** 2
    assert np.log2(coarse.mean() / fine.mean()) >= 1.8


@pytest.mark.parametrize("activation", ["relu", "erf", "tanh"])
def test_anisotropic_circle(activation: str) -> None:
    """Whitened by S = diag(10, 1): periodic quadrature over the raw angle."""
    sigma = {"relu": lambda z: np.maximum(z, 0), "erf": erf, "tanh": np.tanh}[activation]
    angle = (np.arange(20_000) + 0.5) * 2 * np.pi / 20_000
    v = np.stack([np.sqrt(10) * np.cos(angle), np.sin(angle)], axis=1)
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    raw = np.array([[2.0, 1.0], [-3.0, 0.4], [0.1, -1.5]])
    whitened = raw / np.sqrt([10.0, 1.0])
    exact = 0.7 * sigma(v @ whitened.T).mean(axis=0)
    predicted = start(2, 64, [10.0, 1.0], activation).predict(raw, 0.0)
    assert abs(predicted - exact).max() <= 10 * (np.pi / 128) ** 2  # h^2 times condition


def test_anisotropic_sphere() -> None:
    """S = diag(4, 1, 0.5), relu: Gauss-Legendre in height, equal angles."""
    scale = np.sqrt([4.0, 1.0, 0.5])
    z, weight = leggauss(200)
    angle = (np.arange(400) + 0.5) * np.pi / 200
    z, angle = (x.ravel() for x in np.meshgrid(z, angle, indexing="ij"))
    u = np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], axis=1)
    v = u * scale
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    mass = np.repeat(weight, 400) / 800
    raw = np.array([[1.0, 0.0, 0.5], [-2.0, 1.0, 0.3]])
    exact = 0.7 * mass @ np.maximum(v @ (raw / scale).T, 0)
    predicted = start(3, 16, [4.0, 1.0, 0.5], "relu").predict(raw, 0.0)
    assert abs(predicted / exact - 1).max() <= 4 * (np.pi / 32) ** 2 / 4
