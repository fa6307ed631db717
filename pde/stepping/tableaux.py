"""Strong-stability-preserving Runge-Kutta methods as data.

Each stage is new = w0 base + w1 (now - dt div(velocity now)), base the state at the start of the
step; a convex combination of forward-Euler steps, so what Euler keeps positive stays positive.

Source: Shu and Osher, J. Comput. Phys. 77 (1988) 439.
"""

from __future__ import annotations

Stages = tuple[tuple[float, float], ...]

SSP_RK2: Stages = ((0.0, 1.0), (0.5, 0.5))
