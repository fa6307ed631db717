"""Programs that measure, each one command: `python benchmarks/NAME.py`; `--csv FILE` keeps a table.

    kernels      cells/s, pairs/s and lines/s beside what the device allows; also `bnflow bench`
    throughput   the same of NumPy, with how a step scales
    interaction  sums along lines and over pairs, beside numba, JAX, torch, KeOps
    particles, depth, storage
    gpu          all that a machine with a GPU has to show

They run as programs, so they import one another by the package's name.
"""
