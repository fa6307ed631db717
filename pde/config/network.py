"""The tables [network], [loss] and [training]: what is trained, and by which flow."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import field_validator, model_validator

from .activation import ACTIVATION_WORDS, Activation
from .base import AsTuple, Chosen, Interval, Table, clash, key, later_key, wrong


class Network(Table):
    """A two-layer network f(x) = ∫ a σ(γ z + β) dρ, z = w·(x - mean) / sqrt(w' Σ w)."""

    activation: Activation = key(
        "relu", "The function σ; erf is erf(z), step is 1[z > 0].", words=ACTIVATION_WORDS
    )
    gain: float = key(1.0, "Factor k inside the activation, σ(k z).", gt=0)
    batch_norm: bool = key(
        True, "Normalise by the moments of the data; false: plain network, of particles."
    )
    train: Annotated[tuple[Literal["w", "a", "gamma", "beta"], ...], AsTuple] = key(
        ("w", "a"),
        "Which weights move: inner w, outer a, scale gamma and shift beta of batch normalization "
        "(of particles on rows); the others keep their initial law.",
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
    metric: Literal["bn", "round"] = key(
        "bn",
        "Metric of the gradient flow: the one that batch normalization induces, or the round one "
        "of the whitened directions, which it does not (to see what the metric does).",
    )

    @field_validator("train")
    @classmethod
    def _once_each(cls, train: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(train)) < len(train):
            raise wrong("names one twice; allowed: each of w, a, gamma, beta at most once")
        return tuple(name for name in ("w", "a", "gamma", "beta") if name in train)


class Loss(Table):
    """The loss l(y, f); the risk is its mean over the training law."""

    kind: Literal["square", "logistic", "huber"] = key(
        "square",
        "l(y, f): square (f - y)²/2; logistic log(1 + exp(-y f)) for classes y = ±1; huber, square "
        "near 0 and linear beyond delta.",
    )
    delta: float | None = key(
        None,
        "Residual |f - y| beyond which the Huber loss is linear, in standard deviations of the "
        "targets where these are standardised (a file's, or arrays); 1.0 where left out.",
        gt=0,
    )

    @model_validator(mode="before")
    @classmethod
    def _default(cls, raw: Any) -> Any:
        bare = isinstance(raw, dict) and raw.get("kind") == "huber" and raw.get("delta") is None
        return {**raw, "delta": 1.0} if bare else raw

    @model_validator(mode="after")
    def _delta_is_hubers(self) -> Loss:
        if self.delta is not None and self.kind != "huber":
            raise clash(f'loss.delta needs loss.kind = "huber", not "{self.kind}"; leave it out')
        return self


_RATE = 'a number > 0 or "optimal"'


class Rates(Table):
    """Mobilities of the two layers."""

    a: Annotated[
        float | Literal["optimal"],
        Chosen(lambda value: Literal["optimal"] if isinstance(value, str) else float),
    ] = key(
        1.0,
        'Factor of the velocity of the outer weights; "optimal": infinitely fast, they solve the '
        "ridge regression of their neurons at every time (of particles).",
        words=_RATE,
    )
    w: float = key(1.0, "Factor of the velocity of the inner weights.", gt=0)

    @field_validator("a")
    @classmethod
    def _positive(cls, a: float | str) -> float | str:
        if not isinstance(a, str) and a <= 0:
            raise wrong(f"must be {_RATE}")
        return a


_PAIRS = "must be a number, or pairs [t, τ] with growing t >= 0"
Schedule = Annotated[tuple[Interval, ...], AsTuple]


def _temperature(value: Any) -> Any:
    """Which annotation an input must satisfy."""
    if not isinstance(value, list | tuple):
        return float
    if not value or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in value):
        raise wrong(_PAIRS)
    return Schedule


class Training(Table):
    """Departures from the plain gradient flow of the risk; most are reserved, at neutral values."""

    temperature: Annotated[float | Schedule, Chosen(_temperature)] = key(
        0.0,
        "Noise τ of the training, which adds τ Δρ; of a table, τ is linear between the times and "
        "constant before and after.",
        words="a number >= 0 or a list of [t, τ] with growing t",
    )
    ridge: float = key(0.0, "λ of the penalty λ a²/2 on the outer weights.", ge=0)
    weight_decay: float = later_key(0.0, "Decay of r = |w|.", unit="1/time")
    rates: Rates = key(Rates(), "Mobilities of the two layers.")
    alpha: float = later_key(1.0, "Output scaling; large is the lazy regime.")
    learning_rate: float = later_key(0.01, "Of stochastic gradient descent.")
    batch_size: int | None = later_key(None, "Rows a step of stochastic gradient descent.")
    one_pass: bool = later_key(False, "Every row is used once.")
    momentum: float = later_key(0.0, "Of stochastic gradient descent.")
    schedule: str | None = later_key(None, "Learning rate over time.")
    statistics: Literal["population", "full", "batch"] = later_key(
        "population", "Which moments normalise a step of stochastic gradient descent."
    )

    @field_validator("temperature")
    @classmethod
    def _never_below_zero(cls, temperature: Any) -> Any:
        if not isinstance(temperature, tuple):
            if temperature < 0:
                raise wrong("is negative; give a temperature >= 0")
            return temperature
        times = [time for time, _ in temperature]
        if times != sorted(set(times)) or times[0] < 0:
            raise wrong(_PAIRS)
        if any(tau < 0 for _, tau in temperature):
            raise wrong("holds a negative temperature; give τ >= 0")
        return temperature
