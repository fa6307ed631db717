"""`bnflow bench`: how fast the kernels are on this machine, beside what it allows."""

from __future__ import annotations

import argparse

from . import DONE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from ..benchmarks import kernels

    kernels.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print, group after group."""
    from ..benchmarks import kernels

    kernels.run(arguments)
    return DONE
