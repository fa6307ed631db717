"""Real images for networks of depth: scikit-learn's digits, or arrays of a .npz file.

Inputs are prepared as the theory takes them (Wei, Stokes and Schwab, arXiv 1903.02606): mean zero
at every pixel, and variance one over all pixels together. Targets are one-hot, less their mean.

    x : (n, side, side);  labels : (n,) int;  targets : (n, classes)

No download, no colour, no other data sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import zoom

from ...kernels.errors import InputError
from ...pde.config.text import nearest
from ..layers import count, generator

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Images:
    """Standardised images with their labels, 0 to classes - 1; not every label need be there."""

    x: Array
    labels: NDArray[np.intp]
    classes: int

    @property
    def targets(self) -> Array:
        """(n, classes): one-hot labels, less the mean over the data."""
        one_hot = np.eye(self.classes)[self.labels]
        return np.asarray(one_hot - one_hot.mean(axis=0))

    def drawn(self, samples: int, rng: np.random.Generator) -> Images:
        """A subset of that size without repetition, standardised by itself."""
        if count("samples", samples, 2) > len(self.x):
            raise InputError(
                f"samples = {samples} is more than the {len(self.x)} images; give less"
            )
        chosen = generator(rng).choice(len(self.x), samples, replace=False)
        return Images(_standardised(self.x[chosen]), self.labels[chosen], self.classes)


def digits(side: int = 28) -> Images:
    """The 1,797 digits of scikit-learn, 8 x 8, bilinearly enlarged to side x side.

    Raises InputError where scikit-learn is absent.
    """
    count("side", side, 8)
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        raise InputError(
            'digits need scikit-learn: pip install "bnflow[analysis]", or give a .npz file'
        ) from None
    found = load_digits()
    enlarged = zoom(found.images, (1, side / 8, side / 8), order=1)
    return Images(_standardised(enlarged), found.target.astype(np.intp), 10)


def images_from(path: Path | str, images: str = "images", labels: str = "labels") -> Images:
    """Images (n, side, side), or flat (n, side^2), and integer labels (n,) of a .npz file.

    images, labels : names of the arrays

    Raises InputError for a file or an array that is none of that.
    """
    try:
        with np.load(Path(path), allow_pickle=False) as arrays:
            x, y = _named(arrays, path, images), _named(arrays, path, labels)
    except (OSError, ValueError, BadZipFile, AttributeError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        detail = " ".join(str(error).split())[:100]
        raise InputError(f"{path} is no readable .npz file ({detail})") from None
    known = _checked_labels(y, len(x), path)
    return Images(_standardised(_square(x, path)), known, int(known.max()) + 1)


def _named(arrays: np.lib.npyio.NpzFile, path: Path | str, name: str) -> NDArray[np.generic]:
    if name not in arrays:
        raise InputError(
            f'{path} has no array "{name}", only {", ".join(arrays)}{nearest(name, arrays)}'
        )
    return np.asarray(arrays[name])


def _square(x: NDArray[np.generic], path: Path | str) -> Array:
    side = int(np.sqrt(x[0].size)) if x.ndim > 1 and len(x) else 0
    if side * side * len(x) != x.size or len(x) < 2:
        raise InputError(f"images of shape {x.shape} in {path} must be (n, side, side), n >= 2")
    if x.dtype.kind not in "uif" or not np.isfinite(x.astype(float)).all():
        raise InputError(f"images in {path} must be finite numbers")
    return x.astype(float).reshape(-1, side, side)


def _checked_labels(y: NDArray[np.generic], images: int, path: Path | str) -> NDArray[np.intp]:
    if y.shape != (images,) or y.dtype.kind not in "ui" or int(y.min()) < 0:
        raise InputError(
            f"labels of shape {y.shape} and type {y.dtype} in {path} must be {images} integers >= 0"
        )
    return y.astype(np.intp)


def _standardised(x: ArrayLike) -> Array:
    centred = np.asarray(x, float)
    centred = centred - centred.mean(axis=0)
    scale = float(centred.std())
    if scale == 0.0:
        raise InputError("all images are the same; give different ones")
    return np.asarray(centred / scale)
