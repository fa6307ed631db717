"""The networks, data and curves that the Fisher studies have in common.

As in Wei, Stokes and Schwab, arXiv 1903.02606: ReLU, sigma_w^2 = 2, sigma_b^2 = 0.5, beta = 0; a
fully connected network of four affine maps, or three convolutions of 3 x 3 taps and stride 2 with a
fully connected head; ten outputs. gamma is the scale before every ReLU, without BN too.

| kind | normalization | derivative |
|---|---|---|
| plain | none | |
| frozen | by the batch | statistics held constant, as the paper's theory takes them |
| full | by the batch | through the statistics, as training goes |

Widths, channels and image sides are settings; their defaults are below the paper's.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from ...kernels.errors import InputError
from ...pde.config.text import listed, nearest
from ..fisher import (
    Architecture,
    Images,
    RandomNet,
    convolutional,
    dense,
    digits,
    fisher_theory,
    images_from,
)
from ..layers import LayerSpec, count
from .study import Pieces, Settings

Array = NDArray[np.float64]

NETWORKS = {"dense": "fully connected", "conv": "convolutional"}
KINDS = {"plain": "no BN", "frozen": "BN, statistics constant", "full": "BN"}
DIGITS = "digits"
HIDDEN, OUTPUTS = 3, 10
SIGMA_W, SIGMA_B = np.sqrt(2.0), np.sqrt(0.5)

CURVES = {
    "paper": "paper's formula",
    "finite": "finite sample",
    "centred": "finite sample, c1 (centred variance)",
    "full": "finite sample, c2 (full derivative)",
    "both": "finite sample, c1 and c2",
}
CURVES_OF = {
    "plain": ("paper", "finite"),
    "frozen": ("paper", "finite", "centred"),
    "full": ("paper", "finite", "full", "both"),
}  # the last is what a network of that kind should follow


def refuse(settings: Settings, gammas: int = 2) -> None:
    """Raise InputError for networks that cannot be made, and unless so many gammas ascend."""
    for name in settings["networks"]:
        if name not in NETWORKS:
            hint = nearest(name, NETWORKS)
            raise InputError(f'network "{name}" must be {listed(NETWORKS)}{hint}')
        architecture(name, settings)
    given = settings["gammas"]
    if len(given) < gammas or not (np.diff(given) > 0.0).all() or given[0] <= 0.0:
        raise InputError(
            f"gammas = {given} must ascend from above 0, {gammas} at least; give [0.5, 1.0]"
        )


def architecture(name: str, settings: Settings) -> Architecture:
    """The network of that name: "dense" by side and width, "conv" by side and channels."""
    if name == "conv":
        return convolutional(settings["side"], [1, *settings["channels"]], OUTPUTS)
    return dense([settings["side"] ** 2, *[settings["width"]] * HIDDEN, OUTPUTS])


def layer(kind: str, gamma: float) -> LayerSpec:
    """With BN or without."""
    on = kind != "plain"
    return LayerSpec(recenter=on, rescale=on, gamma=gamma, sigma_w=SIGMA_W, sigma_b=SIGMA_B)


def network(built: Architecture, kind: str, gamma: float, theta: Array, x: Array) -> RandomNet:
    """Of that kind; constants are those at theta on x."""
    net = RandomNet(built, layer(kind, gamma))
    return net.frozen(theta, x) if kind == "frozen" else net


def drawn(built: Architecture, rng: np.random.Generator) -> Array:
    """Parameters of a random network, of any kind."""
    return RandomNet(built, layer("plain", 1.0)).draw(rng)


def theory(built: Architecture, kind: str, gamma: float, samples: int) -> dict[str, float]:
    """The eigenvalue on every curve of that kind, by name."""
    spec = layer(kind, gamma)
    corrections: dict[str, dict[str, str]] = {
        "finite": {},
        "centred": {"variance": "centred"},
        "full": {"statistics": "full"},
        "both": {"variance": "centred", "statistics": "full"},
    }
    found = {"paper": fisher_theory(built, spec).bound}
    for name in CURVES_OF[kind][1:]:
        options = corrections[name]
        found[name] = fisher_theory(built, spec, samples=samples, **options).quotient  # type: ignore[arg-type]
    return found


def seeds(settings: Settings) -> range:
    """The random networks of a study, two at least, since intervals need them."""
    return range(count("nets", settings["nets"], 2))


def images(settings: Settings) -> Images:
    """The images of a study: "digits", or the path of a .npz file with square ones of that side."""
    name, side = settings["images"], settings["side"]
    found = digits(side) if name == DIGITS else images_from(name)
    if found.x.shape[1] != side:
        seen = found.x.shape[1]
        raise InputError(f"the images of {name} are {seen} x {seen}; give side = {seen}")
    if found.targets.shape[1] != OUTPUTS:
        raise InputError(f"{name} has {found.targets.shape[1]} classes; give images of {OUTPUTS}")
    return found


def checksum(found: Images) -> int:
    """Of images and labels, so that pieces of a study can be told to have seen the same."""
    return zlib.crc32(found.labels.tobytes(), zlib.crc32(np.ascontiguousarray(found.x).tobytes()))


def refuse_other_images(settings: Settings, found: Pieces) -> None:
    """Raise InputError where pieces of one study saw different images."""
    if len({int(piece["checksum"].values) for piece in found.values()}) > 1:
        raise InputError(
            f"the images of {settings['images']} changed between two pieces of this study; "
            "choose another --out"
        )
