"""bnflow: how batch-normalized networks of infinite width train. The public names, loaded late."""

TYPE_CHECKING = False  # checkers take it for True; importing typing is most of the import time

__version__ = "0.1.0"  # the only place; setup.cfg reads it from here without importing

if TYPE_CHECKING:  # what editors and type checkers read
    from . import depth as depth
    from .api import compare as compare
    from .api import converge as converge
    from .api import open as open
    from .api import resume as resume
    from .api import solve as solve
    from .api import study as study
    from .api import sweep as sweep
    from .api import verify as verify
    from .io.comparison import Comparison as Comparison
    from .io.convergence import Convergence as Convergence
    from .io.run import Run as Run
    from .io.study import StudyResult as StudyResult
    from .kernels.errors import InputError as InputError
    from .kernels.errors import Notice as Notice
    from .kernels.errors import NumericalFailure as NumericalFailure
    from .pde.config import Config as Config
    from .pde.config import load_config as load_config
    from .pde.geometry.metric import BatchNormMetric as BatchNormMetric
    from .pde.network.custom import custom_activation as custom_activation
    from .pde.network.dual import dual_kernel as dual_kernel
    from .pde.problem import Problem as Problem
else:  # what runs; tests/test_facade.py holds the two equal
    from importlib import import_module

    _HOMES = {
        "compare": ".api",
        "converge": ".api",
        "open": ".api",
        "resume": ".api",
        "solve": ".api",
        "study": ".api",
        "sweep": ".api",
        "verify": ".api",
        "Comparison": ".io.comparison",
        "Convergence": ".io.convergence",
        "Run": ".io.run",
        "StudyResult": ".io.study",
        "InputError": ".kernels.errors",
        "Notice": ".kernels.errors",
        "NumericalFailure": ".kernels.errors",
        "Config": ".pde.config",
        "load_config": ".pde.config",
        "BatchNormMetric": ".pde.geometry.metric",
        "custom_activation": ".pde.network.custom",
        "dual_kernel": ".pde.network.dual",
        "Problem": ".pde.problem",
    }
    _ROOMS = ("depth",)  # public as a whole
    __all__ = ["__version__", *_HOMES, *_ROOMS]

    def __getattr__(name):
        if name in _ROOMS:
            return import_module(f".{name}", __name__)
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(_HOMES[name], __name__), name)
        globals()[name] = found  # the next access does not come here
        return found

    def __dir__():
        return __all__
