"""Which network: a chain of affine maps, fully connected or convolutional, written as one thing.

Every output place p of a layer sees `taps` places of its input, the same weights at every place:

    z(p) = W [h(seen(p, 1)), .., h(seen(p, taps))] + b,     W_ij ~ N(0, sigma_w^2 / fan_in)

A fully connected layer has one place that sees one; a convolution's places see a filter's window;
the head of a convolutional network has one place that sees them all. Padding is circular, so that
every place is alike, as the theory of Wei, Stokes and Schwab (arXiv 1903.02606, section 3) takes
them to be; "zero" pads with zeros (its edges deviate), "valid" keeps windows inside the image.

    h : (n, places, channels), z : (n, places of the layer, outputs)
    W : (outputs, fan_in), fan_in = taps x inputs, the tap varying slowest; b : (outputs,)

No pooling, no skip connections, square images and filters only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...kernels.errors import InputError
from ...pde.config.text import listed, nearest
from ..layers import count

Array = NDArray[np.float64]
Places = NDArray[np.intp]
Padding = Literal["circular", "zero", "valid"]


@dataclass(frozen=True, eq=False)
class Affine:
    """One affine map.

    inputs, outputs : channels
    places_in : places of its input
    seen : (places, taps) int - places of the input; `places_in` itself is a place of zeros
    """

    inputs: int
    outputs: int
    places_in: int
    seen: Places

    @property
    def places(self) -> int:
        """Of its output."""
        return len(self.seen)

    @property
    def fan_in(self) -> int:
        """Numbers that one output sees."""
        return int(self.seen.shape[1]) * self.inputs

    @property
    def size(self) -> int:
        """Number of its weights and biases."""
        return self.outputs * (self.fan_in + 1)

    @cached_property
    def _whole(self) -> bool:
        """Whether one place sees all, in order: nothing to gather."""
        return self.places == 1 and np.array_equal(self.seen[0], np.arange(self.places_in))

    @cached_property
    def _padded(self) -> bool:
        return bool((self.seen == self.places_in).any())

    def patches(self, h: Array) -> Array:
        """What each place sees. (n, places_in, inputs) -> (n places, fan_in)."""
        if self._padded:
            h = np.pad(h, ((0, 0), (0, 1), (0, 0)))
        seen = h if self._whole else h[:, self.seen]
        return seen.reshape(-1, self.fan_in)

    def gathered(self, patches: Array) -> Array:
        """The adjoint of `patches`. (n places, fan_in) -> (n, places_in, inputs)."""
        if self._whole:
            return patches.reshape(-1, self.places_in, self.inputs)
        taps = patches.reshape(-1, self.places, self.seen.shape[1], self.inputs)
        total = np.zeros((len(taps), self.places_in + 1, self.inputs))
        for tap, places in enumerate(self.seen.T):  # a tap meets a place of the image at most once
            total[:, places] += taps[:, :, tap]
        return total[:, :-1]


@dataclass(frozen=True, eq=False)
class Architecture:
    """Affine maps in order; between two of them stands the layer of a `LayerSpec`."""

    layers: tuple[Affine, ...]

    @property
    def depth(self) -> int:
        """L, the number of affine maps."""
        return len(self.layers)

    @property
    def outputs(self) -> int:
        """Of the network."""
        return self.layers[-1].outputs

    @property
    def inputs(self) -> int:
        """Numbers in one datum."""
        return self.layers[0].places_in * self.layers[0].inputs

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(layer.size for layer in self.layers)

    def arranged(self, x: ArrayLike) -> Array:
        """Data of any shape (n, ..) with the right count, as (n, places, channels)."""
        x = np.asarray(x, float)
        first = self.layers[0]
        if x.ndim < 2 or not len(x) or x[0].size != self.inputs:
            raise InputError(
                f"data of shape {x.shape}: the network takes (n, {self.inputs}), channels last"
            )
        if not np.isfinite(x).all():
            raise InputError("data have an entry that is not finite; leave out its row")
        return x.reshape(len(x), first.places_in, first.inputs)

    def split(self, theta: Array) -> Iterator[tuple[Affine, Array, Array]]:
        """Layer, weights (outputs, fan_in) and biases (outputs,), as views of flat parameters."""
        start = 0
        for layer in self.layers:
            middle, end = start + layer.outputs * layer.fan_in, start + layer.size
            yield layer, theta[start:middle].reshape(layer.outputs, -1), theta[middle:end]
            start = end


def dense(widths: Sequence[int]) -> Architecture:
    """A fully connected network: inputs, hidden widths, outputs.

    >>> dense([784, 1000, 1000, 1000, 10]).size
    2797010
    """
    if len(widths) < 2:
        raise InputError(f"widths = {list(widths)} must name inputs, hidden widths and outputs")
    widths = [count("a width", width) for width in widths]
    one = np.zeros((1, 1), np.intp)
    return Architecture(tuple(Affine(m, n, 1, one) for m, n in pairwise(widths)))


def convolutional(
    side: int,
    channels: Sequence[int],
    outputs: int,
    *,
    taps: int = 3,
    stride: int = 2,
    padding: Padding = "circular",
) -> Architecture:
    """Convolutions of taps x taps on square images, then a fully connected head.

    side : of the image
    channels : of the image and of every convolution
    stride : of every convolution

    >>> [layer.fan_in for layer in convolutional(28, [1, 30, 60, 90], 10).layers]
    [9, 270, 540, 1440]
    """
    channels = [count("a number of channels", each) for each in channels]
    if not channels:
        raise InputError("channels = [] must name those of the image and of every convolution")
    side, outputs = count("side", side), count("outputs", outputs)
    taps, stride = count("taps", taps), count("stride", stride)
    if padding not in get_args(Padding):
        guess = nearest(padding, get_args(Padding))
        raise InputError(f'padding = "{padding}" must be {listed(get_args(Padding))}{guess}')
    layers = []
    for before, after in pairwise(channels):
        if taps > side:
            raise InputError(f"taps = {taps} on an image of {side}: use fewer or smaller strides")
        seen = _windows(side, taps, stride, padding)
        layers.append(Affine(before, after, side * side, seen))
        side = int(np.sqrt(len(seen)))
    head = np.arange(side * side)[None]
    return Architecture((*layers, Affine(channels[-1], outputs, side * side, head)))


def _windows(side: int, taps: int, stride: int, padding: Padding) -> Places:
    """(places, taps^2): the places of a side x side image that each window covers."""
    starts = np.arange(0, side - taps + 1 if padding == "valid" else side, stride)
    line = starts[:, None] + np.arange(taps) - (0 if padding == "valid" else (taps - 1) // 2)
    inside = (line >= 0) & (line < side)
    line %= side
    place = line[:, None, :, None] * side + line[None, :, None, :]
    if padding == "zero":
        place = np.where(inside[:, None, :, None] & inside[None, :, None, :], place, side * side)
    return place.reshape(len(line) ** 2, taps * taps)
