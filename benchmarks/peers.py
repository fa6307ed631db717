"""The sums over pairs of points and rows as numba, JAX, torch and KeOps do them.

    forward    f_k = sum_j c_j |w_j.x_k|,          w the first points
    backward   g_j = sum_k e_k sign(v_j.x_k) x_k

Each as one would write it there: loops that run in vectors, or blocks that stay in cache, or
formulas. Each function imports its library, and raises ImportError where that is absent or does not
run where the clouds say; what it returns has compiled nothing yet. Arithmetic is of the clouds' own
type, without the shorter one that GPUs multiply matrices in.
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
ON_GPU = 1 << 27  # entries a block there


@dataclass(frozen=True)
class Clouds:
    """Points v (m, d), rows x (n, d), weights c of the first points, e (n,); how many threads.

    device : where peers run, "cpu" or "cuda"
    """

    v: Array
    x: Array
    c: Array
    e: Array
    threads: int
    device: str = "cpu"

    @property
    def block(self) -> int:
        """Points at once, of those that work in blocks."""
        return BLOCK if self.device == "cpu" else max(BLOCK, ON_GPU // len(self.x))

    @property
    def w(self) -> Array:
        """(len(c), d): the points that carry weights."""
        return self.v[: len(self.c)]


def numba_sums(s: Clouds) -> Pair:
    """Two loops; coordinates one after the other, so that the inner one runs in vectors."""
    import numba

    if s.device != "cpu":
        raise ImportError("loops for the CPU")
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
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    import jax

    if s.device == "cuda" and jax.default_backend() != "gpu":
        raise ImportError('JAX finds no GPU: pip install "jax[cuda12]"')
    settings: Any = jax.config
    settings.update("jax_enable_x64", True)
    settings.update("jax_default_matmul_precision", "highest")
    jnp = jax.numpy
    weighted, points = _blocks(s.w, s.block), _blocks(s.v, s.block)
    weights = np.zeros(weighted.shape[:2], s.c.dtype)
    weights.ravel()[: len(s.c)] = s.c
    w, v, x, c, e = (jnp.asarray(each) for each in (weighted, points, s.x.T, weights, s.e))
    m, d = s.v.shape

    def add(total: Any, block: Any) -> Any:
        points, own = block
        return total + own @ jnp.abs(points @ x), None

    forward = jax.jit(lambda w, c: jax.lax.scan(add, jnp.zeros_like(e), (w, c))[0])
    backward = jax.jit(lambda v, e: jax.lax.map(lambda p: jnp.where(p @ x > 0, e, -e) @ x.T, v))
    return (
        lambda: forward(w, c).block_until_ready(),
        lambda: backward(v, e).block_until_ready().reshape(-1, d)[:m],
    )


def _blocks(points: Array, most: int) -> Array:
    """(blocks, size, d): equal blocks, with zeros at the end where they do not divide."""
    blocks = -(-len(points) // most)
    size = -(-len(points) // blocks)
    padded = np.zeros((blocks * size, points.shape[1]), points.dtype)
    padded[: len(points)] = points
    return padded.reshape(blocks, size, -1)


def torch_sums(s: Clouds) -> Pair:
    """Eager, a block of points at a time."""
    import torch

    torch.set_num_threads(s.threads)
    w, v, x, c, e = _tensors(torch, s)
    columns, moved, block = x.T.contiguous(), e[:, None] * x, s.block

    def forward() -> Any:
        f = torch.zeros_like(e)
        for i in range(0, len(w), block):
            f += c[i : i + block] @ (w[i : i + block] @ columns).abs_()
        return f

    def backward() -> Any:
        blocks = (v[i : i + block] @ columns for i in range(0, len(v), block))
        return torch.cat([z.sign_() @ moved for z in blocks])

    return forward, backward


def _tensors(torch: Any, s: Clouds) -> Any:
    """w, v, x, c, e where torch is to run; ImportError where it cannot."""
    if s.device == "cuda" and not torch.cuda.is_available():
        raise ImportError("this torch finds no GPU")
    return [torch.from_numpy(each).to(s.device) for each in (s.w, s.v, s.x, s.c, s.e)]


def keops_sums(s: Clouds) -> Pair:
    """Formulas, compiled on their first use; on a GPU on torch's tensors, which stay there."""
    d = s.v.shape[1]
    w, v, x, c, e = (s.w, s.v, s.x, s.c, s.e)
    if s.device == "cuda":
        import torch
        from pykeops.torch import Genred

        w, v, x, c, e = _tensors(torch, s)
    else:
        from pykeops.numpy import Genred
    f = Genred("Abs((x|w))*c", [f"x=Vi({d})", f"w=Vj({d})", "c=Vj(1)"], axis=1)
    g = Genred("Sign((v|x))*e*x", [f"v=Vi({d})", f"x=Vj({d})", "e=Vj(1)"], axis=1)
    columns, backend = (c[:, None] + 0, e[:, None] + 0), "GPU" if s.device == "cuda" else "CPU"
    return (
        lambda: f(x, w, columns[0], backend=backend)[:, 0],
        lambda: g(v, x, columns[1], backend=backend),
    )


PEERS: dict[str, Callable[[Clouds], Pair]] = {
    "numba": numba_sums,
    "jax": jax_sums,
    "torch": torch_sums,
    "keops": keops_sums,
}
