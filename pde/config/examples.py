"""The packaged examples: config files that come with the package, with the data that they read."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

DEFAULT = "circle-teacher"


def folder() -> Path:
    """Return the folder of the packaged examples."""
    return Path(str(files(__name__.partition(".")[0]))) / "examples"


def names() -> list[str]:
    """Return the names of the packaged examples, as `bnflow run NAME` takes them."""
    return sorted(path.stem for path in folder().glob("*.toml"))


def path(name: str) -> Path:
    """Return the config file of an example."""
    return folder() / f"{name}.toml"


def summary(name: str) -> str:
    """Return the comment in an example's first line."""
    return path(name).read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")


def parts(name: str) -> list[Path]:
    """Return the config file of an example and the data file that it reads, if any."""
    text = path(name).read_text(encoding="utf-8")
    data = tomllib.loads(text).get("data", {}).get("path")
    return [path(name), *([folder() / data] if data else [])]
