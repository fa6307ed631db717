"""Activations given as Python functions.

A configuration is text and cannot hold a function. What it holds is the function's source, and a
fingerprint of its values at fixed points; the functions themselves are remembered here, by their
fingerprint, for as long as Python runs. So a run with such an activation goes on, and predicts,
wherever the same function has been given again, and nowhere else.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...kernels.errors import InputError
from ...kernels.reference.activations import symmetrised

if TYPE_CHECKING:
    from .activations import Activation

Array = NDArray[np.float64]

PROBES = np.linspace(-4.9, 5.0, 100)  # where a function is checked and its fingerprint taken
_STEP = 1e-5
_AGREEMENT = 1e-5  # of the given slope with central differences, which err by 1e-10 or so

_KNOWN: dict[str, Activation] = {}


def custom_activation(
    value: Callable[[Array], ArrayLike],
    slope: Callable[[Array], ArrayLike],
    *,
    kinks: ArrayLike = (),
    name: str = "custom",
) -> Activation:
    """An activation from a function and its derivative, for `network={"activation": ...}`.

    value, slope : elementwise on NumPy arrays of any shape; value is continuous
    kinks : where the slope jumps; it is there the limit from the left

    Raises InputError where the two do not fit each other.

    >>> swish = custom_activation(
    ...     lambda z: z / (1 + np.exp(-z)),
    ...     lambda z: (1 + np.exp(-z) * (1 + z)) / (1 + np.exp(-z)) ** 2,
    ... )
    """
    from .activations import Activation, Part

    at = tuple(sorted(float(kink) for kink in np.atleast_1d(np.asarray(kinks, float))))
    sigma, derivative = _elementwise(value, name), _elementwise(slope, name)
    _refuse_wrong_slope(sigma, derivative, at, name)
    fingerprint = _fingerprint(sigma, derivative, at)
    label = f"{name}-{fingerprint}"
    parts = tuple(
        Part(symmetrised(label, sigma, derivative, parity), 1.0, parity) for parity in (+1, -1)
    )
    spec = {
        "kind": "custom",
        "name": name,
        "fingerprint": fingerprint,
        "kinks": list(at),
        "source": "\n".join(dict.fromkeys((_source(value), _source(slope)))),
    }
    made = Activation(name, 0.0, 0.0, parts, kinks=at, spec=spec)
    _KNOWN[fingerprint] = made
    return made


def recalled(spec: Mapping[str, Any]) -> Activation:
    """The activation that a configuration describes. Raises InputError where it is not known."""
    found = _KNOWN.get(str(spec.get("fingerprint")))
    if found is None:
        raise InputError(
            f'the activation "{spec.get("name", "custom")}" is a Python function, so the run goes '
            "on from Python only: make the same bnflow.custom_activation first"
        )
    return found


def _elementwise(function: Callable[[Array], ArrayLike], name: str) -> Callable[[Array], Array]:
    """The function on float arrays, checked once at the probes."""
    if not callable(function):
        raise InputError(f"activation {name}: value and slope must be functions of a NumPy array")

    def checked(z: Array) -> Array:
        return np.asarray(function(z), float)

    try:
        at_probes = checked(PROBES)
    except (ValueError, TypeError) as error:
        detail = " ".join(str(error).split())[:100]
        raise InputError(
            f"activation {name}: it fails on an array ({detail}); give functions that work "
            "elementwise, as np.tanh or np.where(z > 0, z, 0)"
        ) from None
    if at_probes.shape != PROBES.shape:
        raise InputError(
            f"activation {name}: an array of shape {PROBES.shape} gave one of {at_probes.shape}; "
            "give functions that work elementwise, as np.tanh"
        )
    if not np.isfinite(at_probes).all():
        z = PROBES[~np.isfinite(at_probes)][0]
        raise InputError(f"activation {name} is not finite at z = {z:g}; give finite functions")
    return checked


def _refuse_wrong_slope(
    sigma: Callable[[Array], Array],
    derivative: Callable[[Array], Array],
    kinks: tuple[float, ...],
    name: str,
) -> None:
    apart = np.abs(PROBES[:, None] - np.asarray(kinks)).min(axis=1, initial=np.inf)
    z = PROBES[apart > 2 * _STEP]
    differences = (sigma(z + _STEP) - sigma(z - _STEP)) / (2 * _STEP)
    error = np.abs(differences - derivative(z))
    scale = 1.0 + np.abs(differences) + np.abs(sigma(z))
    worst = int(np.argmax(error / scale))
    if error[worst] > _AGREEMENT * scale[worst]:
        raise InputError(
            f"activation {name}: its slope at z = {z[worst]:g} is {derivative(z)[worst]:g}, but "
            f"differences of its value give {differences[worst]:g}; correct it, or name its kinks"
        )


def _fingerprint(
    sigma: Callable[[Array], Array],
    derivative: Callable[[Array], Array],
    kinks: tuple[float, ...],
) -> str:
    numbers = np.concatenate([sigma(PROBES), derivative(PROBES), kinks])
    text = " ".join(f"{number + 0.0:.8e}" for number in numbers)  # + 0.0: no negative zero
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _source(function: Callable[..., Any]) -> str:
    try:
        return inspect.getsource(function).strip()
    except (OSError, TypeError):
        return repr(getattr(function, "__name__", function))
