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
"""

from __future__ import annotations

from dataclasses import dataclass

Stages = tuple[tuple[float, float], ...]

SSP_RK2: Stages = ((0.0, 1.0), (1 / 2, 1 / 2))
SSP_RK3: Stages = ((0.0, 1.0), (3 / 4, 1 / 4), (1 - 2 / 3, 2 / 3))  # sums to 1 exactly: mass


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
