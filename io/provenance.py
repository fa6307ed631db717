"""How a result was made: versions, code, machine, seed. Stored with every run as JSON.

Nothing here asks a subprocess or the network; what cannot be known is None. The wall time is added
when the store is closed, in seconds, summed over resumed sessions.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy
import threadpoolctl

from ..kernels.errors import Notice

PACKAGE = __name__.partition(".")[0]


def collect(
    seed: int, backend: str, dtype: str, device: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The provenance of a run that starts now. device : what `Kernels.about` says of it"""
    package = sys.modules[PACKAGE]
    root = Path(str(package.__file__)).parent
    return {
        "bnflow": package.__version__,
        "git_commit": git_commit(root),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "h5py": h5py.__version__,
        "hdf5": h5py.version.hdf5_version,
        "platform": platform.platform(),
        "host": platform.node(),
        "cpu_count": os.cpu_count(),
        "blas": _blas(),
        "backend": backend,
        "device": dict(device) if device else None,
        "dtype": dtype,
        "seed": seed,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "argv": list(sys.argv),
    }


def device(made: Mapping[str, Any]) -> str:
    """The device of a provenance in words; none where that is the host, or is not known."""
    about = made.get("device") or {}
    return f"{about['gpu']}, NVRTC {about['nvrtc']}" if about else ""


def tell_other_device(made: Mapping[str, Any], about: Mapping[str, str]) -> None:
    """Give a notice where a run of that provenance goes on on another device than the last one."""
    before, now = device([made, *made.get("resumed", [])][-1]), device({"device": about})
    if before and now and before != now:
        warnings.warn(
            f"the run was on {before} and goes on on {now}: on the same device it would be bitwise "
            "as if it had never stopped, here it is to rounding",
            Notice,
            stacklevel=4,
        )


def code_digest(*folders: str, root: Path | None = None) -> str:
    """sha256 of the Python source in folders of the package, or of `root`, names included."""
    root = root or Path(str(sys.modules[PACKAGE].__file__)).parent
    total = hashlib.sha256()
    for path in sorted(path for folder in folders for path in (root / folder).rglob("*.py")):
        source = path.read_bytes()
        total.update(f"{path.relative_to(root).as_posix()} {len(source)}\n".encode() + source)
    return total.hexdigest()


def git_commit(root: Path) -> str | None:
    """The commit checked out in `root`, if `root` itself is a checkout, not a folder above it."""
    try:
        git = root / ".git"
        if git.is_file():  # a work tree
            git = root / git.read_text().partition("gitdir:")[2].strip()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref:"):
            return head
        name = head.partition(":")[2].strip()
        common = (
            git / (git / "commondir").read_text().strip() if (git / "commondir").exists() else git
        )
        return _loose(common / name) or _packed(common / "packed-refs", name)
    except OSError:
        return None


def _loose(path: Path) -> str | None:
    return path.read_text().strip() if path.is_file() else None


def _packed(path: Path, name: str) -> str | None:
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {name}")), None)


def _blas() -> list[str]:
    """The linear-algebra libraries in use, with version and threads."""
    return [
        f"{pool.get('internal_api')} {pool.get('version')}, {pool.get('num_threads')} threads"
        for pool in threadpoolctl.threadpool_info()
        if pool.get("user_api") == "blas"
    ]
