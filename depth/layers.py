"""One layer of a random network: random weights, then what batch normalization and phi do to a row.

    z = W h + b,   W_ij ~ N(0, sigma_w^2/n),   b ~ N(0, sigma_b^2)
    RC   z <- z - mean(z)                                            (recenter)
    RS   z <- z / sqrt(mean(z^2) + eps), after RC                    (rescale)
    NL   h = phi(gamma z + beta)

Means are over the batch, so a row z in R^B, one neuron on all B inputs, is normalised by itself.
RS without RC divides by the root of the second moment; the variant "std" divides by that of the
centred one, without centring. The three parts are those of Nachum, Bondaschi, Gastpar, Khina,
arXiv 2412.02843; together they are batch normalization, at RC and RS off the plain network.

| symbol | name | shape | meaning |
|---|---|---|---|
| B | batch | | inputs |
| n | width | | neurons of a layer |
| G | gram | (B, B) | H^T H / n, after the activation |
| S | `covariance` | (B, B) | sigma_w^2 G + sigma_b^2 11^T, of a row z given G |

Not here: how layers follow each other (`gram`, `ensemble`, `fisher`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..kernels.errors import InputError
from ..pde.config.text import listed, shown
from ..pde.network.activations import Activation, Spec, activation

Array = NDArray[np.float64]
Variant = Literal["rms", "std"]

VARIANTS = ("rms", "std")
LARGEST = 1e100  # of the numbers of a layer, whose squares are taken; and 1/LARGEST the least scale
_ROUNDING = 1e-10  # of a Gram matrix: asymmetry and negative eigenvalues, relative to its largest


@dataclass(frozen=True)
class LayerSpec:
    """What a layer does; the defaults are full batch normalization before a ReLU.

    activation : phi, by name, description or object, as in `network.activation`
    gamma, beta : scale (> 0) and shift before phi, the same for every neuron
    eps : beside the variance in RS
    sigma_w, sigma_b : standard deviations of sqrt(n) W_ij and of the biases
    variant : "rms" or "std", what RS without RC divides by

    Raises InputError for numbers out of range and for unknown names.
    """

    activation: Spec = "relu"
    recenter: bool = True
    rescale: bool = True
    gamma: float = 1.0
    beta: float = 0.0
    eps: float = 0.0
    sigma_w: float = 1.0
    sigma_b: float = 0.0
    variant: Variant = "rms"

    def __post_init__(self) -> None:
        """Refuse what is out of range; make the activation."""
        for name in ("recenter", "rescale"):
            if not isinstance(value := getattr(self, name), bool | np.bool_):
                raise InputError(f"{name} = {shown(value)} must be True or False")
        _refuse_outside("gamma", self.gamma, positive=True)
        _refuse_outside("sigma_w", self.sigma_w, positive=True)
        _refuse_outside("sigma_b", self.sigma_b)
        _refuse_outside("eps", self.eps)
        if not (is_number(self.beta) and abs(self.beta) <= LARGEST):
            raise InputError(
                f"beta = {shown(self.beta)} must be finite, up to {LARGEST:g}; "
                "give a number, 0 for no shift"
            )
        if self.variant not in VARIANTS:
            raise InputError(f'variant = "{self.variant}" must be {listed(VARIANTS)}; give "rms"')
        object.__setattr__(self, "_phi", activation(self.activation))

    @property
    def phi(self) -> Activation:
        """The activation as an object."""
        found: Activation = self.__dict__["_phi"]
        return found

    @property
    def centred_scale(self) -> bool:
        """Whether RS divides by a centred deviation."""
        return self.recenter or self.variant == "std"

    def covariance(self, gram: Array) -> Array:
        """(.., B, B): S of the rows before RC, given G (.., B, B)."""
        s: Array = self.sigma_w**2 * gram + self.sigma_b**2
        return s

    def normalised(self, z: Array) -> Array:
        """RC and RS of rows z (.., B), over the last axis; arrays of any backend."""
        if self.recenter:
            z = z - _mean(z)
        if not self.rescale:
            return z
        inner = z - _mean(z) if self.centred_scale and not self.recenter else z
        square = np.einsum("...b,...b->...", inner, inner) / z.shape[-1] + self.eps
        scaled: Array = z * (1.0 / np.sqrt(square))[..., None]
        return scaled

    def rows(self, z: Array) -> Array:
        """h = phi(gamma z + beta) of the normalised rows (.., B)."""
        return self.phi.value(self.gamma * self.normalised(z) + self.beta)


def _mean(z: Array) -> Array:
    """(.., 1): over the last axis, as a product, which is many times faster on short rows."""
    mean: Array = z @ np.full_like(z, 1.0 / z.shape[-1], shape=(z.shape[-1], 1))
    return mean


def is_number(value: object) -> bool:
    """Whether it is a real number; a truth value is none."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _refuse_outside(name: str, value: float, positive: bool = False) -> None:
    allowed = "a number > 0" if positive else "0 or a number > 0"
    inside = is_number(value) and (value > 0.0 if positive else value >= 0.0)
    if inside:
        inside = (1.0 / LARGEST if positive else 0.0) <= value <= LARGEST
        allowed += f" of ordinary size, up to {LARGEST:g}"
    if not inside:
        cure = f"{name} = {1 if positive else 0}"
        raise InputError(f"{name} = {shown(value)} must be {allowed}; give {cure}")


def count(name: str, value: object, least: int = 1) -> int:
    """A width, depth or number of nets. Raises InputError unless it is an integer >= least."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name} = {value} must be an integer >= {least}; give {name} = {least}")
    return int(value)


def generator(rng: object) -> np.random.Generator:
    """What draws. Raises InputError for a seed, or a generator of another kind."""
    if not isinstance(rng, np.random.Generator):
        raise InputError(f"rng = {shown(rng)} must be a generator; give np.random.default_rng(0)")
    return rng


def checked_gram(spec: LayerSpec, gram: ArrayLike) -> Array:
    """The Gram matrix (B, B) as floats, symmetric.

    Raises InputError where it is no Gram matrix, or where this layer divides by zero on it.
    """
    g = _numbers(gram)
    if g.ndim != 2 or g.shape[0] != g.shape[1] or not g.size:
        raise InputError(f"a Gram matrix of shape {g.shape} must be (B, B); give H.T @ H / n")
    if not np.isfinite(g).all():
        raise InputError("the Gram matrix has an entry that is not finite; give finite inputs")
    g, largest = 0.5 * (g + g.T), max(np.abs(g).max(), np.finfo(float).tiny)
    if np.abs(g - _numbers(gram)).max() > _ROUNDING * largest:
        raise InputError("the Gram matrix is not symmetric; give H.T @ H / n")
    lowest = float(np.linalg.eigvalsh(g)[0])
    if lowest < -_ROUNDING * len(g) * largest:
        raise InputError(f"the Gram matrix has the eigenvalue {lowest:.3g} < 0; give H.T @ H / n")
    refuse_batch(spec, len(g))
    if spec.rescale and spec.eps == 0.0:
        _refuse_vanishing(spec, g, largest)
    return np.asarray(g)


def _numbers(values: ArrayLike) -> Array:
    try:
        if not np.iscomplexobj(values):
            return np.asarray(values, float)
    except (ValueError, TypeError):
        pass
    raise InputError("a Gram matrix must be (B, B) real numbers; give H.T @ H / n")


def checked_grams(grams: ArrayLike, least: int = 1) -> Array:
    """Gram matrices (.., B, B) as floats, B >= least, of which only the shape is looked at.

    Raises InputError where that is another one.
    """
    g = _numbers(grams)
    if g.ndim < 2 or g.shape[-1] != g.shape[-2] or g.shape[-1] < least:
        raise InputError(
            f"Gram matrices of shape {g.shape} must be (.., B, B) with {least} inputs at least"
        )
    return g


def cosines(grams: Array) -> Array:
    """(.., B, B): G_ij/sqrt(G_ii G_jj); a zero input has 0."""
    norms = np.sqrt(np.maximum(np.diagonal(grams, axis1=-2, axis2=-1), np.finfo(float).tiny))
    return np.asarray(grams / (norms[..., :, None] * norms[..., None, :]))


def refuse_batch(spec: LayerSpec, batch: int) -> None:
    """Raise InputError for a batch too small to be centred."""
    if (spec.recenter or (spec.rescale and spec.centred_scale)) and batch < 2:
        raise InputError(
            f"a batch of {batch} less its mean is zero; give 2 inputs at least, or recenter = False"
        )


def _refuse_vanishing(spec: LayerSpec, gram: Array, largest: float) -> None:
    s = centred(spec.covariance(gram)) if spec.centred_scale else spec.covariance(gram)
    if np.trace(s) <= _ROUNDING * (spec.sigma_w**2 * largest + spec.sigma_b**2):
        what = "no variation over the batch" if spec.centred_scale else "nothing but zeros"
        raise InputError(
            f"the Gram matrix is singular: it has {what}, which rescaling divides by; "
            "give other inputs, or eps > 0"
        )


def centred(s: Array) -> Array:
    """(.., B, B): P S P with P = I - 11^T/B."""
    s = s - s.mean(axis=-1, keepdims=True)
    return np.asarray(s - s.mean(axis=-2, keepdims=True))
