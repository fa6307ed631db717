"""The sums over pairs of points and rows as numba, JAX, torch and KeOps do them.

    forward    f_k = sum_j c_j |w_j.x_k|,          w the first points
    backward   g_j = sum_k e_k sign(v_j.x_k) x_k

Each as one would write it there: loops that run in vectors, or blocks that stay in cache, or
formulas. Each function imports its library, and raises ImportError where it is absent; what it
returns has compiled nothing yet. 64-bit arithmetic.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Sum = Callable[[], Any]
Pair = tuple[Sum, Sum]  # forward and backward

BLOCK = 512  # points a block of JAX and torch, at most


@dataclass(frozen=True)
class Clouds:
    """Points v (m, d), rows x (n, d), weights c of the first points, e (n,); how many threads."""

    v: Array
    x: Array
    c: Array
    e: Array
    threads: int

    @property
    def w(self) -> Array:
        """(len(c), d): the points that carry weights."""
        return self.v[: len(self.c)]


def numba_sums(s: Clouds) -> Pair:
    """Two loops; coordinates one after the other, so that the inner one runs in vectors."""
    import numba

    numba.set_num_threads(s.threads)
    (m, d), n = s.v.shape, len(s.x)

    @numba.njit(parallel=True, fastmath=True)
    def forward(w: Any, x: Any, c: Any) -> Any:
        f = np.empty(n)
        for k in numba.prange(n):
            total = 0.0
            for j in range(len(c)):
                z = w[0, j] * x[0, k] + w[1, j] * x[1, k]
                if d > 2:
                    z += w[2, j] * x[2, k]
                if d > 3:
                    z += w[3, j] * x[3, k]
                total += c[j] * abs(z)
            f[k] = total
        return f

    @numba.njit(parallel=True, fastmath=True)
    def backward(v: Any, x: Any, e: Any) -> Any:
        g = np.zeros((m, d))
        for j in numba.prange(m):
            a0 = a1 = a2 = a3 = 0.0
            for k in range(n):
                z = v[0, j] * x[0, k] + v[1, j] * x[1, k]
                if d > 2:
                    z += v[2, j] * x[2, k]
                if d > 3:
                    z += v[3, j] * x[3, k]
                w = e[k] if z > 0 else -e[k]
                a0 += w * x[0, k]
                a1 += w * x[1, k]
                if d > 2:
                    a2 += w * x[2, k]
                if d > 3:
                    a3 += w * x[3, k]
            g[j, 0] = a0
            g[j, 1] = a1
            if d > 2:
                g[j, 2] = a2
            if d > 3:
                g[j, 3] = a3
        return g

    w, v, x = (np.ascontiguousarray(each.T) for each in (s.w, s.v, s.x))
    return lambda: forward(w, x, s.c), lambda: backward(v, x, s.e)


def jax_sums(s: Clouds) -> Pair:
    """Compiled, a block of points at a time."""
    if s.threads == 1:
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    import jax

    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    w, v, x, e = _blocks(s.w), _blocks(s.v), s.x.T, jnp.asarray(s.e)
    c = np.append(s.c, np.zeros(w.shape[0] * w.shape[1] - len(s.c))).reshape(w.shape[:2])
    w, v, x, c = (jnp.asarray(each) for each in (w, v, x, c))
    m, d = s.v.shape

    def add(total: Any, block: Any) -> Any:
        points, own = block
        return total + own @ jnp.abs(points @ x), None

    forward = jax.jit(lambda w, c: jax.lax.scan(add, jnp.zeros(len(s.x)), (w, c))[0])
    backward = jax.jit(lambda v, e: jax.lax.map(lambda p: jnp.where(p @ x > 0, e, -e) @ x.T, v))
    return (
        lambda: forward(w, c).block_until_ready(),
        lambda: backward(v, e).block_until_ready().reshape(-1, d)[:m],
    )


def _blocks(points: Array) -> Array:
    """(blocks, size, d): equal blocks, with zeros at the end where they do not divide."""
    blocks = -(-len(points) // BLOCK)
    size = -(-len(points) // blocks)
    padded = np.zeros((blocks * size, points.shape[1]))
    padded[: len(points)] = points
    return padded.reshape(blocks, size, -1)


def torch_sums(s: Clouds) -> Pair:
    """Eager, a block of points at a time."""
    import torch

    torch.set_num_threads(s.threads)
    w, v, x, c, e = (torch.from_numpy(each) for each in (s.w, s.v, s.x, s.c, s.e))
    columns, moved = x.T.contiguous(), e[:, None] * x

    def forward() -> Any:
        f = torch.zeros(len(x), dtype=v.dtype)
        for i in range(0, len(w), BLOCK):
            f += c[i : i + BLOCK] @ (w[i : i + BLOCK] @ columns).abs_()
        return f

    def backward() -> Any:
        blocks = (v[i : i + BLOCK] @ columns for i in range(0, len(v), BLOCK))
        return torch.cat([z.sign_() @ moved for z in blocks])

    return forward, backward


def keops_sums(s: Clouds) -> Pair:
    """Formulas, compiled on their first use."""
    from pykeops.numpy import Genred

    d = s.v.shape[1]
    f = Genred("Abs((x|w))*c", [f"x=Vi({d})", f"w=Vj({d})", "c=Vj(1)"], axis=1)
    g = Genred("Sign((v|x))*e*x", [f"v=Vi({d})", f"x=Vj({d})", "e=Vj(1)"], axis=1)
    c, e = s.c[:, None].copy(), s.e[:, None].copy()
    return (
        lambda: f(s.x, s.w, c, backend="CPU")[:, 0],
        lambda: g(s.v, s.x, e, backend="CPU"),
    )


PEERS: dict[str, Callable[[Clouds], Pair]] = {
    "numba": numba_sums,
    "jax": jax_sums,
    "torch": torch_sums,
    "keops": keops_sums,
}
