"""An ensemble of deep networks: bnflow's Gram chain beside a plain loop over weight matrices.

    python benchmarks/depth.py [--nets 1000] [--depth 1000] [--batch 16] [--width 1024] [--quick]
                               [--backend numpy] [--threads 1] [--csv FILE]

The chain runs all networks through all layers, in one call; peak memory is the process's. The loop
is what one writes first: draw W, multiply, normalise over the batch, apply relu; for one network at
a time, by NumPy, and by torch where it is installed. It is timed on `--layers` layers of one
network and scaled by layers and networks. That both have one law is checked first, on small ones.
A linear layer with RC alone is drawn as a whole (Wishart), whatever the width: timed beside.
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from threadpoolctl import threadpool_limits

from bnflow.benchmarks.throughput import machine, refuse_no_folder, write_rows
from bnflow.depth import LayerSpec, simulate
from bnflow.kernels.errors import InputError


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


@dataclass(frozen=True)
class Timing:
    """Seconds on the clock and of the processor, of so many layers of one network in all."""

    name: str
    clock: float
    processor: float
    layers: int


def timed(name: str, layers: int, run: Callable[[], object]) -> Timing:
    """One run."""
    clock, processor = perf_counter(), process_time()
    run()
    return Timing(name, perf_counter() - clock, process_time() - processor, layers)


def loops(given: argparse.Namespace) -> Iterator[Timing]:
    """Those with weight matrices that can run here, each after one run to warm up."""
    rng = np.random.Generator(np.random.Philox(0))
    h = rng.standard_normal((given.width, given.batch))
    ways: dict[str, Callable[[], object]] = {
        "NumPy, weight matrices": partial(numpy_layers, h, given.width, given.layers, rng)
    }
    try:
        ways["torch, weight matrices"] = torch_layers(
            given.width, given.batch, given.layers, given.threads
        )
    except ImportError:
        print('SKIPPED torch: it is not installed; pip install "bnflow[test-torch]"')
    for name, run in ways.items():
        run()
        yield timed(name, given.layers, run)


def chains(given: argparse.Namespace) -> Iterator[Timing]:
    """All networks through all layers."""
    specs = {
        "chain, relu, full BN": LayerSpec(),
        "chain, linear, RC": LayerSpec("linear", True, False),
    }
    for name, spec in specs.items():
        rng = np.random.Generator(np.random.Philox(0))
        run = partial(
            simulate,
            spec,
            np.eye(given.batch),
            given.width,
            given.depth,
            given.nets,
            rng,
            depths=[given.depth],
            workers=given.threads,
            backend=given.backend,
        )
        yield timed(name, given.nets * given.depth, run)


def told(timing: Timing, layers: int, first: float) -> None:
    """Print seconds of a layer of a network, of everything, and the ratio to the chain."""
    share, clock = layers / timing.layers, timing.clock / timing.layers
    note = "" if share == 1.0 else f", from {timing.layers} layers"
    print(
        f"{timing.name:<23}{1e6 * clock:10.1f} us a layer and network{clock * layers:12.1f} s in "
        f"all ({timing.processor * share:.1f} s of a processor){note}: "
        f"{clock * layers / first:.3g} times"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Time what is asked for; a mistake is one line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nets", type=int, default=1000)
    parser.add_argument("--depth", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=10, help="of the plain loops")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--backend", default="numpy", help="of the chain")
    parser.add_argument("--quick", action="store_true", help="50 networks, 50 layers")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every timing to FILE")
    given = parser.parse_args(arguments)
    if given.quick:
        given.nets, given.depth = 50, 50
    try:
        run(given)
    except InputError as error:
        parser.error(str(error))


def run(given: argparse.Namespace) -> None:
    """Time all, and print the ratios; InputError where sizes, backend or folder are not there."""
    refuse_no_folder(given.csv)
    sizes = {name: getattr(given, name) for name in ("nets", "depth", "batch", "width", "backend")}
    with threadpool_limits(limits=given.threads):
        about = {**machine(), "threads": given.threads, **sizes}
        print("\n".join(f"{name:<9}{value}" for name, value in about.items()))
        check()
        timings = list(chains(given))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        timings += loops(given)
    layers, first = given.nets * given.depth, timings[0].clock
    for each in timings:
        told(each, layers, first)
    print(f"{memory:.0f} MiB at most up to the end of the chains, everything included")
    if given.csv is not None:
        rows = [asdict(each) for each in timings]
        write_rows(given.csv, rows, {**about, "chain_peak_mib": round(memory)})


if __name__ == "__main__":
    main()
