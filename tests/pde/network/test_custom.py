"""Activations given in Python: what they compute, what a config keeps, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bnflow
from bnflow import custom_activation, load_config
from bnflow.kernels.errors import InputError
from bnflow.pde.network import custom
from bnflow.pde.network.activations import activation


def swish(z: np.ndarray) -> np.ndarray:
    return z / (1 + np.exp(-z))


def swish_slope(z: np.ndarray) -> np.ndarray:
    s = 1 / (1 + np.exp(-z))
    return s + z * s * (1 - s)


def leaky(z: np.ndarray) -> np.ndarray:
    return np.where(z > 0.5, z - 0.5, 0.1 * (z - 0.5))


def leaky_slope(z: np.ndarray) -> np.ndarray:
    return np.where(z > 0.5, 1.0, 0.1)


Z = np.linspace(-5, 5, 41)


def test_value_and_slope_are_the_given_ones() -> None:
    """Even and odd halves are added again: an eps of the larger of sigma(z), sigma(-z)."""
    for gain in (1.0, 1.5):
        sigma = custom_activation(swish, swish_slope, name="swish").with_gain(gain)
        np.testing.assert_allclose(sigma.value(Z), swish(gain * Z), rtol=0, atol=4e-15)
        np.testing.assert_allclose(sigma.slope(Z), gain * swish_slope(gain * Z), 0, 1e-15)
    kinked = custom_activation(leaky, leaky_slope, kinks=[0.5])
    assert kinked.slope(0.5) == pytest.approx(0.1, abs=1e-16)
    assert kinked.kinks == (0.5,)


def test_a_config_keeps_name_source_and_fingerprint_and_finds_the_function_again() -> None:
    sigma = custom_activation(swish, swish_slope, name="swish")
    config = load_config({"network": {"activation": sigma, "gain": 1.5}})
    table = config.to_dict()["network"]["activation"]
    assert table["name"] == "swish"
    assert "def swish(z" in table["source"]
    assert "def swish_slope(z" in table["source"]
    again = load_config(config.to_dict())
    assert again == config
    assert activation(again.network.activation, 1.5) == sigma.with_gain(1.5)


def test_without_the_function_a_config_says_that_only_python_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = load_config({"network": {"activation": custom_activation(swish, swish_slope)}})
    monkeypatch.setattr(custom, "_KNOWN", {})
    with pytest.raises(InputError, match=r"goes on from Python only.*custom_activation") as caught:
        activation(config.network.activation)
    assert "\n" not in str(caught.value)


def test_other_values_have_another_fingerprint() -> None:
    """The source alone would not tell closures apart."""

    def made(k: float) -> Any:
        return custom_activation(lambda z: np.tanh(k * z), lambda z: k / np.cosh(k * z) ** 2)

    one, other = made(1.0), made(1.1)
    assert one != other
    assert one.spec["fingerprint"] != other.spec["fingerprint"]
    assert made(1.0) == one
    np.testing.assert_allclose(activation(one.to_config()).value(Z), np.tanh(Z), 0, 1e-15)


def test_a_stored_run_predicts_and_goes_on_while_the_function_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"solver": {"cells": 4, "a_cells": 24}, "time": {"end": 0.02}}
    sigma = custom_activation(swish, swish_slope, name="swish")
    network = {"activation": sigma, "gain": 1.5}
    run = bnflow.solve({**small, "network": network}, out=tmp_path / "run")
    x = [[1.0, 0.5], [-2.0, 0.1]]
    there = bnflow.open(tmp_path / "run")
    np.testing.assert_array_equal(there.predict(x, 0.02), run.predict(x, 0.02))
    longer = bnflow.solve({**small, "network": network}, tmp_path / "run", time={"end": 0.04})
    assert longer.time[-1] == 0.04
    monkeypatch.setattr(custom, "_KNOWN", {})
    with pytest.raises(InputError, match="goes on from Python only"):
        bnflow.open(tmp_path / "run").predict(x, 0.02)


@pytest.mark.parametrize(
    ("value", "slope", "message"),
    [
        (swish, lambda z: 0.9 * swish_slope(z), "its slope at z = .* differences of its value"),
        (leaky, leaky_slope, "or name its kinks"),
        (lambda z: z.sum(), swish_slope, "work elementwise"),
        (lambda z: np.where(z > 3, np.inf, z), swish_slope, "is not finite at z = 3"),
        ("swish", swish_slope, "must be functions"),
    ],
)
def test_functions_that_cannot_be_used(
    value: Callable[..., Any], slope: Callable[..., Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        custom_activation(value, slope)
    assert "\n" not in str(caught.value)
