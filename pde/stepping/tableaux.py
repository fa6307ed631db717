"""Runge-Kutta methods as data: strong-stability-preserving stages, and Butcher tableaux.

`Stages` (grids): each stage is new = w0 base + w1 (now - dt div(velocity now)), base the state at
the start of the step; a convex combination of forward-Euler steps, so what Euler keeps positive
stays positive. Source: Shu and Osher, J. Comput. Phys. 77 (1988) 439.

`Tableau` (particles): explicit methods for y' = F(y),

    k_i = F(y + dt sum_j stages[i-1][j] k_j),   y_new = y + dt sum_i weights[i] k_i,
    k_last = F(y_new),   error = dt (sum_i defect[i] k_i + defect[-1] k_last)

where k_last is the first stage of the next step, so a pair costs one evaluation a stage. Sources:
Kutta 1901; Bogacki and Shampine, Appl. Math. Lett. 2 (1989) 321; Dormand and Prince, J. Comput.
Appl. Math. 6 (1980) 19.

`legendre` (grids with noise): stages stable far along the negative real axis; see `stabilised`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ...kernels.contract import Real

Stages = tuple[tuple[float, float], ...]

SSP_RK2: Stages = ((0.0, 1.0), (1 / 2, 1 / 2))
SSP_RK3: Stages = ((0.0, 1.0), (3 / 4, 1 / 4), (1 - 2 / 3, 2 / 3))  # sums to 1 exactly: mass

Row = tuple[float, float, float, float]


def held(weight: float, real: Real) -> float:
    """A weight as a type has it. Weights that sum to 1 must do so in the density's own type: what
    they miss is mass, made or lost at every step.

    >>> 1 - held(2 / 3, "float32") + held(2 / 3, "float32")
    1.0
    """
    return float(np.dtype(real).type(weight))


@cache
def convex(stages: Stages, real: Real) -> Stages:
    """The stages as combinations in a type, their weights summing to 1 exactly."""
    return tuple((1 - held(weight, real), held(weight, real)) for _, weight in stages)


@cache
def legendre(stages: int, real: Real = "float64") -> tuple[float, tuple[Row, ...]]:
    """m_1, and (mu_j, nu_j, m_j, g_j) of the later stages, of the second-order method.

    b_j = (j^2 + j - 2)/(2 j (j + 1)), and b_2 before;   m_1 = b_1 w,   w = 4/(s^2 + s - 2)
    mu_j = (2j - 1)/j b_j/b_(j-1),   nu_j = -(j - 1)/j b_j/b_(j-2),   m_j = mu_j w
    g_j = -(1 - b_(j-1)) m_j

    >>> legendre(2)
    (0.3333333333333333, ((1.5, -0.5, 1.5, -1.0),))
    """
    b = [1 / 3, 1 / 3]
    b += [(j * j + j - 2) / (2 * j * (j + 1)) for j in range(2, stages + 1)]
    w = 4 / (stages * stages + stages - 2)
    rows = []
    for j in range(2, stages + 1):
        mu = held((2 * j - 1) / j * b[j] / b[j - 1], real)
        nu = held(-(j - 1) / j * b[j] / b[j - 2], real)  # and 1 - mu - nu: a few units of the last
        rows.append((mu, nu, mu * w, -(1 - b[j - 1]) * mu * w))
    return b[1] * w, tuple(rows)


@dataclass(frozen=True)
class Tableau:
    """An explicit method, or an embedded pair whose last stage is the next step's first.

    order : of the solution that is kept
    stages : coefficients of the second and later stages; the first stage is F(y)
    weights : of the solution; defect : of the error estimate, one entry longer; empty without one
    """

    order: int
    stages: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    defect: tuple[float, ...] = ()


RK4 = Tableau(
    order=4,
    stages=((1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0)),
    weights=(1 / 6, 1 / 3, 1 / 3, 1 / 6),
)

BOGACKI_SHAMPINE = Tableau(
    order=3,
    stages=((1 / 2,), (0.0, 3 / 4)),
    weights=(2 / 9, 1 / 3, 4 / 9),
    defect=(2 / 9 - 7 / 24, 1 / 3 - 1 / 4, 4 / 9 - 1 / 3, -1 / 8),
)

DORMAND_PRINCE = Tableau(
    order=5,
    stages=(
        (1 / 5,),
        (3 / 40, 9 / 40),
        (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    ),
    weights=(35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
    defect=(
        35 / 384 - 5179 / 57600,
        0.0,
        500 / 1113 - 7571 / 16695,
        125 / 192 - 393 / 640,
        -2187 / 6784 + 92097 / 339200,
        11 / 84 - 187 / 2100,
        -1 / 40,
    ),
)

TABLEAUX = {
    "dormand-prince": DORMAND_PRINCE,
    "bogacki-shampine": BOGACKI_SHAMPINE,
    "rk4": RK4,
}
