"""An ensemble of deep networks: bnflow's Gram chain beside a plain loop over weight matrices.

    python benchmarks/depth.py [--nets 1000] [--depth 1000] [--batch 16] [--width 1024] [--quick]

The chain runs all networks through all layers, in one call; peak memory is the process's. The loop
is what one writes first: draw W, multiply, normalise over the batch, apply relu; for one network at
a time, by NumPy, and by torch where it is installed. It is timed on `--layers` layers of one
network and scaled by layers and networks. That both have one law is checked first, on small ones.
"""

from __future__ import annotations

import argparse
import platform
import resource
from collections.abc import Callable
from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_limits

from bnflow import __version__
from bnflow.depth import LayerSpec, simulate


def numpy_layers(h: np.ndarray, width: int, layers: int, rng: np.random.Generator) -> np.ndarray:
    """Hidden units (width, B) after some layers, written as plainly as can be."""
    for _ in range(layers):
        w = rng.standard_normal((width, len(h))) / np.sqrt(len(h))
        z = w @ h
        z = (z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True)
        h = np.maximum(z, 0)
    return h


def torch_layers(width: int, batch: int, layers: int, threads: int) -> Callable[[], object]:
    """The same by torch, as a function to be timed; it raises ImportError without torch."""
    import torch

    torch.set_num_threads(threads)

    def run() -> object:
        h = torch.randn(width, batch, dtype=torch.float64)
        for _ in range(layers):
            z = torch.randn(width, width, dtype=torch.float64) @ h / width**0.5
            z = (z - z.mean(1, keepdim=True)) / z.std(1, correction=0, keepdim=True)
            h = torch.relu(z)
        return h

    return run


def check(batch: int = 4, width: int = 16, nets: int = 2000) -> None:
    """Two layers: the mean Gram matrices agree within 5 standard errors. Raises AssertionError."""
    rng = np.random.Generator(np.random.Philox(1))
    chain = simulate(LayerSpec(), np.eye(batch), width, 2, nets, rng, depths=[2]).grams[0]
    start = np.sqrt(batch) * np.eye(batch)
    units = [numpy_layers(start, width, 2, rng) for _ in range(nets)]
    loop = np.array([h.T @ h / width for h in units])
    error = np.sqrt((chain.var(axis=0) + loop.var(axis=0)) / nets)
    assert (np.abs(chain.mean(axis=0) - loop.mean(axis=0)) <= 5 * error).all()


def seconds(run: Callable[[], object]) -> float:
    """Of one run, after one to warm up."""
    run()
    start = perf_counter()
    run()
    return perf_counter() - start


def told(name: str, each: float, whole: float) -> None:
    """Print seconds of a layer of a network and of everything."""
    print(f"{name:<22} {1e6 * each:10.1f} us a layer and network {whole:12.1f} s in all")


def main() -> None:
    """Time all, and print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nets", type=int, default=1000)
    parser.add_argument("--depth", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=10, help="of the plain loops")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="50 networks, 50 layers")
    given = parser.parse_args()
    if given.quick:
        given.nets, given.depth = 50, 50
    nets, depth, batch, width = given.nets, given.depth, given.batch, given.width
    pairs, rng = nets * depth, np.random.Generator(np.random.Philox(0))
    print(
        f"bnflow {__version__}, numpy {np.__version__}, {platform.processor()}, {platform.node()}"
    )
    print(f"{nets:,} networks, depth {depth:,}, batch {batch}, width {width:,}, relu, full BN")
    check()
    with threadpool_limits(limits=given.threads):
        start = perf_counter()
        simulate(
            LayerSpec(),
            np.eye(batch),
            width,
            depth,
            nets,
            rng,
            depths=[depth],
            workers=given.threads,
        )
        ours = perf_counter() - start
        told("bnflow, Gram chain", ours / pairs, ours)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(f"{'':<22} {memory:10.0f} MiB at most, everything included")
        h = rng.standard_normal((width, batch))
        loops: dict[str, Callable[[], object]] = {
            "NumPy, weight matrices": lambda: numpy_layers(h, width, given.layers, rng)
        }
        try:
            loops["torch, weight matrices"] = torch_layers(
                width, batch, given.layers, given.threads
            )
        except ImportError:
            print('SKIPPED torch: it is not installed; pip install "bnflow[test-torch]"')
        for name, run in loops.items():
            each = seconds(run) / given.layers
            told(name, each, each * pairs)
            print(f"{'':<22} {each * pairs / ours:10.1f} times as long")


if __name__ == "__main__":
    main()
