"""All that a machine with a GPU has to show, part by part; the next runs though one fails.

    python benchmarks/gpu.py [--quick] [--only PART ..]

    tests      every kernel beside its twin, and whole runs, by CuPy: pytest -m gpu
    verify     the solver's known answers on the GPU: bnflow verify --backend cuda
    memcheck   the kernels' cases under compute-sanitizer, which sees accesses beyond arrays
    racecheck  the same, which sees threads that meet in shared memory
    example    the first steps of a large example, stored as a run is; then thrown away
    kernels    speed, as CSV in benchmarks/results, named after the GPU and the day; with it, the
               time of a step launch by launch and as CUDA graphs

Exit code 0 where all have passed, 1 where one has not or could not run, 2 without a GPU. Needs the
source tree, the extras gpu12 or gpu13 and test, and for two parts the CUDA toolkit.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bnflow.kernels import probe_cuda

ROOT = Path(__file__).resolve().parents[1]
CUDA_TESTS = ROOT / "tests" / "kernels" / "cuda"
RESULTS = ROOT / "benchmarks" / "results"
SANITIZER = "compute-sanitizer"
PARTS = ("tests", "verify", "memcheck", "racecheck", "example", "kernels")
FEW = ("time.end=0.02", "time.save=[]", "run.backend=cuda")  # some 25 steps


@dataclass(frozen=True)
class Part:
    """Commands that all must succeed; the first that does not ends the part."""

    name: str
    commands: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a part, in words; empty where it passed."""

    name: str
    trouble: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.name:<11}{self.seconds:>7.0f} s  {self.trouble or 'passed'}"


def parts(gpu: str, quick: bool, scratch: Path) -> list[Part]:
    """Everything, in the order in which a failure is cheapest. scratch : a folder to fill"""
    python, quickly = sys.executable, ("--quick",) if quick else ()
    bnflow = (python, "-m", "bnflow")
    changes = (*FEW, "solver.cells=64") if quick else FEW
    where = ("-c", str(ROOT / "setup.cfg"), "--rootdir", str(ROOT))
    tests = (python, "-m", "pytest", "-m", "gpu", *where, str(ROOT / "tests"))
    csv = str(RESULTS / f"kernels-{slug(gpu)}-{datetime.now(UTC):%Y-%m-%d}.csv")
    speed = (python, str(ROOT / "benchmarks" / "kernels.py"), "--backend", "cuda", "--csv", csv)
    return [
        Part("tests", (tests,)),
        Part("verify", ((*bnflow, "verify", "--backend", "cuda", *quickly),)),
        *(Part(tool, sanitized(tool, quick)) for tool in ("memcheck", "racecheck")),
        Part(
            "example",
            ((*bnflow, "run", "sphere-large", "--out", str(scratch / "run"), "--set", *changes),),
        ),
        Part("kernels", ((*speed, *quickly),)),
    ]


def slug(gpu: str) -> str:
    """The name of a GPU in the name of a file."""
    return re.sub(r"\W+", "-", gpu).strip("-").lower()


def sanitized(tool: str, quick: bool) -> tuple[tuple[str, ...], ...]:
    """The cases of the kernels under a tool, in one or both types."""
    cases = (sys.executable, str(CUDA_TESTS / "exercise.py"), "--gpu", "--real")
    reals = ("float32",) if quick else ("float32", "float64")
    watched = (SANITIZER, "--tool", tool, "--error-exitcode", "9")
    return tuple((*watched, *cases, real) for real in reals)


def run(part: Part) -> Outcome:
    """Run a part; its output goes where ours goes."""
    print(f"\n=== {part.name}", flush=True)
    start, trouble = time.monotonic(), ""
    for command in part.commands:
        if shutil.which(command[0]) is None:
            trouble = f"NOT RUN: no {command[0]} on the PATH; it comes with the CUDA toolkit"
            break
        print("$ " + " ".join(command), flush=True)
        # in the tests' folder, since standing in the root ./io would be the standard library's
        code = subprocess.run(command, cwd=ROOT / "tests", check=False).returncode
        if code:
            trouble = f"FAILED with exit code {code}"
            break
    return Outcome(part.name, trouble, time.monotonic() - start)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for, then say what became of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, 32 bits alone")
    parser.add_argument("--only", nargs="+", metavar="PART", choices=PARTS, default=PARTS)
    asked = parser.parse_args(arguments)
    there, found = probe_cuda()
    if not CUDA_TESTS.is_dir():
        there, found = False, f"there is no {CUDA_TESTS}: run it in the source tree"
    if not there:
        print(f"gpu.py: looked for CuPy, a GPU and the tests: {found}", file=sys.stderr)
        return 2
    print(found)
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        everything = parts(found, asked.quick, Path(scratch))
        outcomes = [run(part) for part in everything if part.name in asked.only]
    print("\n=== summary", *outcomes, sep="\n")
    return int(any(outcome.trouble for outcome in outcomes))


if __name__ == "__main__":
    raise SystemExit(main())
