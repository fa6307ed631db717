"""A full-batch gradient step of a batch-normalized network: bnflow's particles beside torch.

    python benchmarks/particles.py [--neurons 100000] [--rows 10000] [--inputs 10] [--threads 1]

Both compute risk and gradient of every weight of a two-layer ReLU network on the same rows, in
64-bit arithmetic, with the same number of threads. torch: Linear, BatchNorm1d, ReLU, Linear,
forward and backward as one writes them. Its activations of the whole network would need tens of
GiB, so it is timed on as many neurons as fit in `--torch-memory` and scaled by the width; small
chunks stay in cache, which favours it. The gradients are compared first. Without torch, only ours
is timed, and that is said.
"""

from __future__ import annotations

import argparse
import platform
import warnings
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bnflow import __version__
from bnflow.pde.config import load_config
from bnflow.pde.particles.session import NeuronSession

ACTIVATIONS_HELD = 5  # arrays of neurons x rows that torch keeps alive in a step, about


def prepared(neurons: int, rows: int, inputs: int) -> NeuronSession:
    """Rows of a normal law of condition 10, and a network with everything trained."""
    config = {
        "data": {
            "kind": "sampled",
            "covariance": np.geomspace(10.0, 1.0, inputs).tolist(),
            "samples": rows,
        },
        "target": {"weights": [1.0, -0.5], "directions": np.eye(inputs)[:2].tolist()},
        "solver": {"method": "particles", "width": neurons},
    }
    return NeuronSession.prepare(load_config(config))


def our_step(made: NeuronSession) -> Any:
    """One field of the network, as a function to be timed."""
    state = made.initial_state()
    return lambda: made.flow.field(state.x, state.a, state.mass)


def torch_step(torch: ModuleType, made: NeuronSession) -> tuple[Any, Any]:
    """One forward and backward pass, and the network, with the weights of `made`."""
    state, data = made.initial_state(), made.problem.data
    root = made.problem.metric.square_root
    x = torch.from_numpy(data.inputs @ root)  # type: ignore[union-attr]
    y = torch.from_numpy(data.targets)  # type: ignore[union-attr]
    width, inputs = state.x.shape[1:]
    hidden = torch.nn.Linear(inputs, width, bias=False, dtype=torch.float64)
    norm = torch.nn.BatchNorm1d(width, eps=1e-30, affine=False, dtype=torch.float64)
    outer = torch.nn.Linear(width, 1, bias=False, dtype=torch.float64)
    network = torch.nn.Sequential(hidden, norm, torch.nn.ReLU(), outer)
    with torch.no_grad():
        hidden.weight.copy_(torch.from_numpy(state.x[0]))
        outer.weight.copy_(torch.from_numpy(state.a / width))

    def step() -> float:
        network.zero_grad()
        loss = 0.5 * ((network(x)[:, 0] - y) ** 2).mean()
        loss.backward()
        return float(loss.detach())

    return step, network


def check(torch: ModuleType, inputs: int) -> None:
    """The two gradients are one, on a small network. Raises AssertionError."""
    made = prepared(50, 400, inputs)
    step, network = torch_step(torch, made)
    risk, state = step(), made.initial_state()
    field = made.flow.field(state.x, state.a, state.mass)
    by_w, by_c = network[0].weight.grad.numpy(), network[3].weight.grad.numpy()[0]
    np.testing.assert_allclose(field.risk[0], risk, rtol=1e-9)
    np.testing.assert_allclose(field.h[0], by_c, atol=1e-9)
    np.testing.assert_allclose(state.a[0][:, None] * field.motion[0] / 50, by_w, atol=1e-9)


def seconds(step: Any, repeats: int) -> float:
    """Shortest of some runs, after one to warm up."""
    times = []
    for _ in range(repeats + 1):
        start = perf_counter()
        step()
        times.append(perf_counter() - start)
    return min(times[1:])


def main() -> None:
    """Time both, and print the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--neurons", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--inputs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--torch-memory", type=float, default=0.125, metavar="GIB")
    given = parser.parse_args()
    n, m = given.neurons, given.rows
    print(
        f"bnflow {__version__}, numpy {np.__version__}, {platform.processor()}, {platform.node()}"
    )
    print(f"{n:,} neurons x {m:,} rows, d = {given.inputs}, float64, {given.threads} thread(s)")
    with threadpool_limits(limits=given.threads), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = seconds(our_step(prepared(n, m, given.inputs)), given.repeats)
    print(f"bnflow                {ours:8.3f} s a step, {2e-9 * n * m / ours:.2f} GP/s both ways")
    try:
        import torch
    except ImportError:
        print('SKIPPED torch: it is not installed; pip install torch, or "bnflow[test-torch]"')
        return
    torch.set_num_threads(given.threads)
    check(torch, given.inputs)
    width = min(n, int(given.torch_memory * 2**30 / (8 * m * ACTIVATIONS_HELD)))
    step, _ = torch_step(torch, prepared(width, m, given.inputs))
    theirs = seconds(step, given.repeats) * n / width
    print(f"torch {torch.__version__:<15} {theirs:8.3f} s a step, from {width:,} neurons")
    print(f"ratio                 {theirs / ours:8.2f}")


if __name__ == "__main__":
    main()
