"""The tables [network], [loss] and [training]: what is trained, and by which flow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import field_validator

from .base import AsTuple, Table, key, later_key, wrong

Activation = Literal["relu", "linear", "erf", "tanh"]
LATER_ACTIVATIONS = ("gelu", "softplus", "sin", "cos", "abs", "step", "quadratic", dict)


class Network(Table):
    """A two-layer network f(x) = ∫ a σ(z) ρ(da, dw), z = w·(x - mean) / sqrt(w' Σ w)."""

    activation: Activation = key("relu", "The function σ; erf is erf(z).", later=LATER_ACTIVATIONS)
    gain: float = later_key(1.0, "Factor k inside the activation, σ(k z).")
    batch_norm: bool = later_key(
        True, "Normalise by the moments of the data; false: plain network."
    )
    train: Annotated[tuple[Literal["w", "a"], ...], AsTuple] = key(
        ("w", "a"),
        "Which weights move: inner w, outer a; the others keep their initial law.",
        later=("gamma", "beta"),
        min_length=1,
    )
    weight_norm: float = key(
        1.0,
        "Length r = |w|, which training conserves; the directions move at the rate 1/r².",
        ge=1e-6,
        le=1e6,
        later=(list, dict),
    )
    eps: float = later_key(0.0, "Added to the variance by batch normalization.")
    metric: Literal["bn"] = key(
        "bn",
        "Metric of the gradient flow: the one that batch normalization induces.",
        later=("round",),
    )

    @field_validator("train")
    @classmethod
    def _once_each(cls, train: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(train)) < len(train):
            raise wrong("names one twice; allowed: each of w, a at most once")
        return tuple(name for name in ("w", "a") if name in train)


class Loss(Table):
    """The loss l(y, f); the risk is its mean over the training law."""

    kind: Literal["square"] = key(
        "square", "l(y, f); square is (f - y)²/2.", later=("logistic", "huber")
    )
    delta: float | None = later_key(None, "Where the Huber loss turns linear.")


class Rates(Table):
    """Mobilities of the two layers."""

    a: float = later_key(1.0, 'Mobility of the outer weights; "optimal" solves for them.')
    w: float = later_key(1.0, "Mobility of the inner weights.")


class Training(Table):
    """Departures from the plain gradient flow of the risk; all reserved, at neutral values."""

    temperature: float = later_key(0.0, "Noise τ of the training, a number or a table of (t, τ).")
    ridge: float = later_key(0.0, "λ of the penalty λ a²/2.")
    weight_decay: float = later_key(0.0, "Decay of r = |w|.", unit="1/time")
    rates: Rates = later_key(Rates(), "Mobilities of the two layers.")
    alpha: float = later_key(1.0, "Output scaling; large is the lazy regime.")
    learning_rate: float = later_key(0.01, "Of stochastic gradient descent.")
    batch_size: int | None = later_key(None, "Rows a step of stochastic gradient descent.")
    one_pass: bool = later_key(False, "Every row is used once.")
    momentum: float = later_key(0.0, "Of stochastic gradient descent.")
    schedule: str | None = later_key(None, "Learning rate over time.")
    statistics: Literal["population", "full", "batch"] = later_key(
        "population", "Which moments normalise a step of stochastic gradient descent."
    )
