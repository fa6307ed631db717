"""Sums over neurons on the circle, of relu or abs, in O(N log N), exact to rounding.

    kappa(cos D) = (sin D + (pi - D) cos D) / (2 pi),   d kappa / dD = -(pi - D) sin D / (2 pi)

D in [0, pi] the angle between two neurons. With the angles sorted, the neurons within pi before
(after) one of them are a window in three turns of the circle, over which sums of
c {cos, sin, theta cos, theta sin} are differences of prefix sums. That is relu; |z| is relu(z) +
relu(-z), and a gain k > 0 makes k^2 of either. Source of the kernel: Cho and Saul, NIPS 2009.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..network.activations import Activation

Array = NDArray[np.float64]
Sums = Callable[[Array, Array], tuple[Array, Array]]


def sorted_sums(activation: Activation) -> Sums | None:
    """Sums with the dual kernel of an activation, as `relu_sums`; None where they cannot be."""
    if activation.name not in _AT_GAIN_ONE or activation.bends is None:  # custom ones bear any name
        return None
    sums, square = _AT_GAIN_ONE[activation.name], activation.gain**2

    def scaled(v: Array, c: Array) -> tuple[Array, Array]:
        return sums(v, square * c)

    return scaled


def relu_sums(v: Array, c: Array) -> tuple[Array, Array]:
    """sum_j c_j kappa(v_i.v_j), (n,), and its tangent gradient in v_i, (n, 2); v unit vectors."""
    angle = np.arctan2(v[:, 1], v[:, 0])
    order = np.argsort(angle, kind="stable")
    theta = angle[order]
    turns = np.concatenate([theta - 2 * np.pi, theta, theta + 2 * np.pi])
    prefix = _prefix_sums(turns, np.tile(c[order], 3))
    place = np.searchsorted(turns, theta, side="right")  # equal angles count as before: D = 0
    first = np.searchsorted(turns, theta - np.pi, side="right")
    last = np.searchsorted(turns, theta + np.pi, side="right")
    before, after = prefix[:, place] - prefix[:, first], prefix[:, last] - prefix[:, place]
    value, turn = _window(theta, before, +1.0)
    more, more_turn = _window(theta, after, -1.0)
    sums, slopes = np.empty_like(theta), np.empty_like(theta)
    sums[order], slopes[order] = value + more, turn + more_turn
    tangent = np.stack([-v[:, 1], v[:, 0]], axis=1)
    return sums, slopes[:, None] * tangent


def abs_sums(v: Array, c: Array) -> tuple[Array, Array]:
    """The same for |z|: sum_j 2 c_j (kappa(v_i.v_j) + kappa(-v_i.v_j))."""
    sums, slopes = relu_sums(np.concatenate([v, -v]), np.concatenate([2 * c, 2 * c]))
    return sums[: len(v)], slopes[: len(v)]


_AT_GAIN_ONE: dict[str, Sums] = {"relu": relu_sums, "abs": abs_sums}


def _prefix_sums(theta: Array, c: Array) -> Array:
    """(4, n + 1): sums of c {cos, sin, theta cos, theta sin} over the first k."""
    cos, sin = np.cos(theta), np.sin(theta)
    terms = c * np.stack([cos, sin, theta * cos, theta * sin])
    return np.concatenate([np.zeros_like(terms[:, :1]), np.cumsum(terms, axis=1)], axis=1)


def _window(theta: Array, sums: Array, side: float) -> tuple[Array, Array]:
    """Sums of kappa and of d kappa / d theta over neurons at D = side (theta - theta_j) >= 0."""
    cos, sin, moved_cos, moved_sin = sums
    near = np.cos(theta) * cos + np.sin(theta) * sin  # sum c cos D
    across = side * (np.sin(theta) * cos - np.cos(theta) * sin)  # sum c sin D
    # sum c D cos D and sum c D sin D, from D = side (theta - theta_j)
    far = side * (theta * near - (np.cos(theta) * moved_cos + np.sin(theta) * moved_sin))
    lever = side * (np.sin(theta) * moved_cos - np.cos(theta) * moved_sin)
    wide = side * (theta * across - lever)
    value = (across + np.pi * near - far) / (2 * np.pi)
    turn = -side * (np.pi * across - wide) / (2 * np.pi)
    return value, turn
