"""Compile the CUDA kernels for real GPUs on a machine that has none, and read what came out.

    python tests/kernels/cuda/matrix.py [--arch 70 90] [--family pairs] [--write]

Every instance is compiled for every architecture, with NVRTC by ctypes: no GPU, no driver, no CuPy.
A kernel that spills registers fails; so does one whose hot loop has grown by more than 5 % beyond
budgets.csv (sm_90, with the NVRTC named there), which --write renews. Counts are of instructions in
the machine code of the loop, branches that are seldom taken included, over the pairs or cells that
one turn does. Needs the extra `test-cuda`: nvidia-cuda-nvrtc-cu12, cuobjdump and nvdisasm.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnflow.kernels.cuda.line_tables import DEGREES
from bnflow.kernels.cuda.module import options, source
from bnflow.kernels.cuda.pairs import REMAINDERS

Code = list[tuple[int, str, str]]  # address, operation, operands

ARCHITECTURES = (70, 75, 80, 86, 89, 90, 100, 120)
BUDGETS = Path(__file__).with_name("budgets.csv")
GROWTH = 1.05
INSTRUCTION = re.compile(r"\s+/\*([0-9a-f]{4,})\*/\s+(?:@!?U?P\w+ )?\s*([A-Z][\w.]*)\s*(.*?);")
LINES = {"DIMENSION": 3, "REMAINDER": REMAINDERS["abs"], "TERMS": 3}  # to 115 cells a panel edge
PACKAGES = Path(sysconfig.get_paths()["purelib"]) / "nvidia"


@dataclass(frozen=True)
class Instance:
    """A module as it is compiled."""

    family: str
    real: str
    definitions: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, family: str, real: str, **definitions: int) -> Instance:
        """By keywords."""
        return cls(family, real, tuple(definitions.items()))

    def __str__(self) -> str:
        return " ".join([self.family, self.real, *(f"{k}={v}" for k, v in self.definitions)])


@dataclass(frozen=True)
class Hot:
    """A loop that has a budget. unit : pairs or cells a turn; whole : with the loops in it."""

    instance: Instance
    kernel: str
    unit: int
    whole: bool = False


def instances() -> Iterator[Instance]:
    """All that a user can reach in up to five dimensions, and d = 8."""
    yield Instance.of("totals", "float64", DIMENSION=2)
    for real, width in (("float32", 4), ("float64", 2)):
        yield Instance.of("sums", real, DIMENSION=2)
        yield Instance.of("combination", real, DIMENSION=2)
        yield Instance.of("regrid", real, DIMENSION=2)
        double = real == "float64"  # overlaps are in double always
        codes = [code for name, code in REMAINDERS.items() if double or name != "overlap"]
        for d in (2, 3, 4, 5, 8):
            yield Instance.of("directions", real, DIMENSION=d)
            yield Instance.of("audits", real, DIMENSION=d)
            for scheme in range(3):
                for each in tiles(width):
                    if d > 2 or each["ROWS"] == 1:
                        yield Instance.of("transport", real, DIMENSION=d, SCHEME=scheme, **each)
            for code in codes:
                yield Instance.of("pairs", real, DIMENSION=d, REMAINDER=code)
        for code in codes:
            yield Instance.of("tiles", real, DIMENSION=2, REMAINDER=code)
            yield Instance.of("elementwise", real, DIMENSION=2, REMAINDER=code)
        for d in (2, 3, 4, 5):
            yield from at_a_temperature(real, width, d)
            yield from along_lines(real, d)


def at_a_temperature(real: str, width: int, d: int) -> Iterator[Instance]:
    """Tiles are those of `thermal.tile`; what leaves a cell does not look after columns."""
    yield Instance.of("heat", real, DIMENSION=d)
    fitting = [each | {"LANES": 0} for each in warm_tiles(width, d)]
    yield from dict.fromkeys(Instance.of("outflow", real, DIMENSION=d, **each) for each in fitting)
    for scheme in range(3):
        fitting = warm_tiles(warm_width(real, width, d, scheme), d)
        code = {"DIMENSION": d, "SCHEME": scheme}
        yield from dict.fromkeys(Instance.of("thermal", real, **code, **each) for each in fitting)


def warm_tiles(width: int, dimension: int) -> list[dict[str, int]]:
    """As `tiles`, with no more rows than there may be."""
    return [each | {"ROWS": min(each["ROWS"], warm_rows(dimension))} for each in tiles(width)]


def along_lines(real: str, d: int) -> Iterator[Instance]:
    """The sums along lines; two lines a lane, and rounded nodes, are of |z| in float alone."""
    for name in ("abs", "sign"):
        code = {"DIMENSION": d, "REMAINDER": REMAINDERS[name]}
        rounded = [(1, 1), (2, 1), (1, 2), (2, 2)] if name == "abs" and real == "float32" else []
        for terms in DEGREES:
            yield Instance.of("line_backward", real, **code, TERMS=terms)
            for groups, how in [(1, 0), *rounded]:
                extra = {"TERMS": terms, "GROUPS": groups, "ROUNDED": how}
                yield Instance.of("line_forward", real, **code, **extra)


def tiles(width: int) -> Iterator[dict[str, int]]:
    """Of transport, for values of a that make vectors of that width or none: of every kind some.

    First the one of large runs. More lanes ask for more of a thread, so 32 stand for all.
    """
    for pack, rows, lanes in ((width, 2, 32), (width, 1, 32), (width, 2, 0), (1, 1, 0)):
        yield {"PACK": pack, "ROWS": rows, "LANES": lanes, "MOVES": 1}
    yield {"PACK": width, "ROWS": 1, "LANES": 32, "MOVES": 0}


def tile(width: int, dimension: int) -> dict[str, int]:
    """That of large runs."""
    return next(tiles(width)) | {"ROWS": 2 if dimension > 2 else 1}


def warm_rows(dimension: int) -> int:
    """Rows of a tile at a temperature, at most: see `thermal.tile`."""
    return 2 if dimension == 3 else 1


def warm_width(real: str, width: int, dimension: int, scheme: int) -> int:
    """Values of a that a tile at a temperature has."""
    return width // 2 if scheme == 2 and dimension + (real == "float64") > 3 else width


def one_a_family() -> list[Instance]:
    """What every test run compiles."""
    return [
        Instance.of("sums", "float64", DIMENSION=2),
        Instance.of("directions", "float64", DIMENSION=3),
        Instance.of("transport", "float32", DIMENSION=3, SCHEME=1, **tile(4, 3)),
        Instance.of("thermal", "float32", DIMENSION=3, SCHEME=1, **tile(4, 3)),
        Instance.of("outflow", "float64", DIMENSION=3, **tile(2, 3) | {"LANES": 0}),
        Instance.of("heat", "float64", DIMENSION=3),
        Instance.of("audits", "float32", DIMENSION=3),
        Instance.of("combination", "float32", DIMENSION=2),
        Instance.of("regrid", "float32", DIMENSION=2),
        Instance.of("totals", "float64", DIMENSION=2),
        Instance.of("pairs", "float32", DIMENSION=3, REMAINDER=REMAINDERS["abs"]),
        Instance.of("pairs", "float64", DIMENSION=3, REMAINDER=REMAINDERS["overlap"]),
        Instance.of("tiles", "float64", DIMENSION=2, REMAINDER=REMAINDERS["tanh"]),
        Instance.of("elementwise", "float64", DIMENSION=2, REMAINDER=REMAINDERS["gelu"]),
        Instance.of("line_forward", "float32", **LINES, GROUPS=2, ROUNDED=2),
        Instance.of("line_backward", "float32", **LINES),
    ]


def hot() -> Iterator[Hot]:
    """The loops that have a budget."""
    for real, width in (("float32", 4), ("float64", 2)):
        for name in ("abs", "tanh", "erf"):
            instance = Instance.of("pairs", real, DIMENSION=3, REMAINDER=REMAINDERS[name])
            if real == "float64" and name != "abs":
                continue  # the library's functions decide there
            own, group = width, 4 if name == "abs" else 2  # OWN and GROUP of pairs.cu
            yield Hot(instance, "pair_forward", group * width * own)
            yield Hot(instance, "pair_backward", 2 * width * own)
        for d, scheme in ((3, 1), (2, 1), (4, 1), (3, 2)):
            had = tile(width, d)
            instance = Instance.of("transport", real, DIMENSION=d, SCHEME=scheme, **had)
            yield Hot(instance, "transport_stage", width * had["ROWS"], whole=True)
        for d, scheme in ((3, 1), (2, 1), (4, 1), (3, 2)):
            had = tile(warm_width(real, width, d, scheme), d) | {"ROWS": warm_rows(d)}
            instance = Instance.of("thermal", real, DIMENSION=d, SCHEME=scheme, **had)
            yield Hot(instance, "thermal_stage", had["PACK"] * had["ROWS"], whole=True)
        for d in (2, 3, 4):
            had = tile(width, d) | {"ROWS": warm_rows(d), "LANES": 0}
            leaving = Instance.of("outflow", real, DIMENSION=d, **had)
            yield Hot(leaving, "thermal_outflow", width * had["ROWS"], whole=True)
            yield Hot(leaving, "potentials", width)
    measure = Instance.of("transport", "float32", DIMENSION=3, SCHEME=1, **tile(4, 3), VAN_LEER=1)
    yield Hot(measure, "transport_stage", 8, whole=True)
    ahead = Instance.of("line_forward", "float32", **LINES, GROUPS=2, ROUNDED=2)
    yield Hot(ahead, "line_forward", 64)  # 32 rows on two lines
    yield Hot(Instance.of("line_backward", "float32", **LINES), "line_backward", 16)


# -- the compiler ------------------------------------------------------------------------------


def find_nvrtc() -> Path | None:
    """The library of the wheel, or None."""
    return next(iter(sorted(PACKAGES.glob("cuda_nvrtc/lib/libnvrtc.so.1[0-9]"))), None)


@dataclass(frozen=True)
class Compiled:
    """cubin : machine code; spills : bytes, by kernel; registers : by kernel."""

    cubin: bytes
    spills: dict[str, int]
    registers: dict[str, int]


class Nvrtc:
    """The library, by ctypes."""

    def __init__(self, path: Path) -> None:
        self.library = ctypes.CDLL(str(path))
        self.library.nvrtcGetErrorString.restype = ctypes.c_char_p

    def _check(self, code: int) -> None:
        if code:
            raise RuntimeError(self.library.nvrtcGetErrorString(code).decode())

    @property
    def version(self) -> str:
        """As "12.9"."""
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._check(self.library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
        return f"{major.value}.{minor.value}"

    def _text(self, program: Any, what: str) -> bytes:
        size = ctypes.c_size_t()
        self._check(getattr(self.library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
        text = ctypes.create_string_buffer(size.value)
        self._check(getattr(self.library, f"nvrtcGet{what}")(program, text))
        return text.raw

    def compile(self, text: str, architecture: int, flags: Sequence[str]) -> Compiled:
        """Machine code for an architecture; RuntimeError with the compiler's words."""
        program = ctypes.c_void_p()
        create = self.library.nvrtcCreateProgram
        self._check(create(ctypes.byref(program), text.encode(), b"bnflow.cu", 0, None, None))
        try:
            words = [*flags, f"-arch=sm_{architecture}", "--ptxas-options=-v"]
            array = (ctypes.c_char_p * len(words))(*(word.encode() for word in words))
            code = self.library.nvrtcCompileProgram(program, len(words), array)
            log = self._text(program, "ProgramLog").rstrip(b"\0").decode()
            if code:
                raise RuntimeError(log)
            return Compiled(self._text(program, "CUBIN"), *resources(log))
        finally:
            self.library.nvrtcDestroyProgram(ctypes.byref(program))


def resources(log: str) -> tuple[dict[str, int], dict[str, int]]:
    """Spilled bytes and registers of every kernel, from what ptxas says."""
    spills, registers, kernel = {}, {}, ""
    for line in log.splitlines():
        if m := re.search(r"(?:entry function|properties for) '?([\w$]+)'?", line):
            kernel = m[1]
        if m := re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line):
            spills[kernel] = int(m[1]) + int(m[2])
        if m := re.search(r"Used (\d+) registers", line):
            registers[kernel] = int(m[1])
    return spills, registers


def compiled(nvrtc: Nvrtc, instance: Instance, architecture: int) -> Compiled:
    """An instance, as CuPy would compile it."""
    flags = options(instance.real, dict(instance.definitions))
    return nvrtc.compile(source(instance.family), architecture, flags)


# -- machine code ------------------------------------------------------------------------------


def find_cuobjdump() -> Path | None:
    """The program of the wheel, or None."""
    return next(iter(sorted(PACKAGES.glob("*/bin/cuobjdump"))), None)


def instructions(cubin: bytes, program: Path) -> dict[str, Code]:
    """(address, operation, operands) by kernel."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [str(program), "--dump-sass", file.name]
        path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, "PATH": path}
        )
    kernels: dict[str, Code] = {}
    for line in done.stdout.splitlines():
        if m := re.search(r"Function : (\S+)", line):
            kernel = kernels.setdefault(m[1], [])
        elif m := INSTRUCTION.match(line):
            kernel.append((int(m[1], 16), m[2], m[3]))
    return kernels


def longest_loop(code: Code, whole: bool) -> Code:
    """The longest loop: of those without another in them, unless `whole`."""
    loops = []
    for address, operation, operands in code:
        target = re.search(r"0x([0-9a-f]+)", operands)
        if operation.startswith("BRA") and target and int(target[1], 16) < address:
            loops.append((int(target[1], 16), address))
    kept = [
        (low, high)
        for low, high in loops
        if whole or not any(low <= a and b <= high and (a, b) != (low, high) for a, b in loops)
    ]
    return max(([at for at in code if low <= at[0] <= high] for low, high in kept), key=len)


def count(nvrtc: Nvrtc, cuobjdump: Path, loop: Hot) -> float:
    """Instructions a unit of work."""
    code = instructions(compiled(nvrtc, loop.instance, 90).cubin, cuobjdump)
    return len(longest_loop(code[loop.kernel], loop.whole)) / loop.unit


def budgets() -> dict[tuple[str, str], float]:
    """Of (instance, kernel), instructions a pair or cell."""
    with BUDGETS.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return {(row["instance"], row["kernel"]): float(row["instructions"]) for row in rows}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 where something spills or has grown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--arch", type=int, nargs="*", default=ARCHITECTURES)
    parser.add_argument("--family", nargs="*")
    parser.add_argument("--write", action="store_true", help="renew budgets.csv")
    asked = parser.parse_args(arguments)
    library, program = find_nvrtc(), find_cuobjdump()
    if library is None or program is None:
        raise SystemExit('NVRTC or cuobjdump is not installed: pip install "bnflow[test-cuda]"')
    nvrtc, failed = Nvrtc(library), 0
    for instance in instances():
        if asked.family and instance.family not in asked.family:
            continue
        for architecture in asked.arch:
            spills = compiled(nvrtc, instance, architecture).spills
            for kernel, size in spills.items():
                if size:
                    failed += 1
                    print(f"sm_{architecture} {instance}: {kernel} spills {size} bytes", flush=True)
    known = {} if asked.write else budgets()
    counted = {(str(loop.instance), loop.kernel): count(nvrtc, program, loop) for loop in hot()}
    for key, value in counted.items():
        allowed = known.get(key, value)
        grown = value > GROWTH * allowed
        failed += grown
        print(f"{' '.join(key):70} {value:8.2f} of {allowed:8.2f}{'  TOO MANY' if grown else ''}")
    if asked.write:
        with BUDGETS.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["instance", "kernel", "instructions", "nvrtc"])
            for (instance_name, kernel), value in counted.items():
                writer.writerow([instance_name, kernel, f"{value:.4g}", nvrtc.version])
    print(f"{failed} failed")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
