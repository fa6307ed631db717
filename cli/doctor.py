"""`bnflow doctor`: this machine; or the cost of a config; or the health of a stored run."""

from __future__ import annotations

import argparse
import platform
from importlib import metadata
from pathlib import Path

from .. import __version__
from . import DONE, UNVERIFIED
from .parser import Misuse, add_overrides

_LIBRARIES = ("numpy", "scipy", "h5py", "matplotlib", "pydantic")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "subject", nargs="?", metavar="CONFIG|DIR", help="a config, or a run [this machine]"
    )
    add_overrides(parser, "change keys of CONFIG, as bnflow run does; give CONFIG before this")


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; exit code 5 where a stored run has something wrong."""
    subject = arguments.subject
    stored = subject is not None and _is_stored(Path(subject))
    if arguments.overrides and (stored or subject is None):
        raise Misuse("--set changes keys of a config: give CONFIG before it")
    if stored:
        from .. import api

        findings = api.health(subject)
        print("\n".join(map(str, findings)))
        return UNVERIFIED if any(finding.bad for finding in findings) else DONE
    print("\n".join(_machine() if subject is None else _plan(subject, arguments.overrides)))
    return DONE


def _is_stored(path: Path) -> bool:
    """A folder, or an HDF5 file: not a configuration."""
    return path.is_dir() or (path.is_file() and path.open("rb").read(4) == b"\x89HDF")


def _plan(subject: str, overrides: list[str]) -> list[str]:
    from .. import api
    from ..pde.config import load_config

    return list(api.plan(load_config(subject, overrides)).lines())


def _machine() -> list[str]:
    versions = [f"{name} {metadata.version(name)}" for name in _LIBRARIES]
    return [
        f"bnflow {__version__} on Python {platform.python_version()}, {platform.platform()}",
        ", ".join(versions),
        "numpy backend: available",
        f"cuda backend: {_gpu()}",
        *_threads(),
    ]


def _gpu() -> str:
    """What the GPU is and what drives it, or why there is none to be used."""
    from ..kernels import probe_cuda, select
    from ..pde.config.text import size

    there, found = probe_cuda()
    if not there:
        return found
    about = select("cuda").about()
    return (
        f"{about['gpu']}, {size(int(about['gpu_bytes']))}, CUDA {about['cuda']} (the driver's "
        f"{about['cuda_of_driver']}), NVRTC {about['nvrtc']}, CuPy {about['cupy']}"
    )


def _threads() -> list[str]:
    """The BLAS libraries in use and their threads."""
    import numpy  # noqa: F401 - its BLAS is what is looked for
    from threadpoolctl import threadpool_info

    return [
        f"BLAS: {pool['internal_api']} {pool.get('version') or ''}, {pool['num_threads']} threads"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ]
