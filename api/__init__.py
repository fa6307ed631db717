"""Solve and open: the one place where the equation and its storage meet.

run = bnflow.solve("config.toml", out="runs/first")     # on disk; the same call continues it
run = bnflow.solve({"network": {"activation": "erf"}})  # in memory
run = bnflow.solve(data=(x, y))                         # one's own rows
run = bnflow.solve(data=x, target=lambda x: x[:, 0] ** 2)
run = bnflow.open("runs/first")
run = bnflow.resume("runs/first", until=20.0)
bnflow.compare("runs/first", "runs/second").summary()   # how far apart two runs of one problem are
bnflow.converge("config.toml").summary()   # observed orders and error bars, from coarser grids
bnflow.sweep("config.toml", "runs/sweep", grid={"network.gain": [1, 2]}, seeds=8).summary()
bnflow.verify("quick").passed              # known answers, on this machine
bnflow.study("gram-width", quick=True)     # a claim about depth, and the verdict on it
"""

from .checks import study, verify
from .inputs import Source
from .runs import dry_run, health, open, pack, plan, resume, solve
from .series import compare, converge, sweep

__all__ = [
    "Source",
    "compare",
    "converge",
    "dry_run",
    "health",
    "open",
    "pack",
    "plan",
    "resume",
    "solve",
    "study",
    "sweep",
    "verify",
]
