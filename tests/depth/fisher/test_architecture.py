"""Affine maps: what a place sees, against convolutions written as loops."""

import numpy as np
import pytest

from bnflow.depth.fisher import convolutional, dense
from bnflow.depth.fisher.architecture import Architecture, Padding
from bnflow.kernels.errors import InputError

SIDE, TAPS, CHANNELS = 7, 3, 2


def looped(image: np.ndarray, stride: int, padding: Padding) -> np.ndarray:
    """Windows (places, taps, taps, channels) of one image (side, side, channels), one by one."""
    windows = []
    starts = range(0, SIDE - TAPS + 1 if padding == "valid" else SIDE, stride)
    shift = 0 if padding == "valid" else TAPS // 2
    for top in starts:
        for left in starts:
            window = np.zeros((TAPS, TAPS, image.shape[-1]))
            for i in range(TAPS):
                for j in range(TAPS):
                    row, column = top + i - shift, left + j - shift
                    if padding == "circular":
                        window[i, j] = image[row % SIDE, column % SIDE]
                    elif 0 <= row < SIDE and 0 <= column < SIDE:
                        window[i, j] = image[row, column]
            windows.append(window)
    return np.array(windows)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["circular", "zero", "valid"])
def test_a_convolution_sees_its_windows(stride: int, padding: Padding) -> None:
    layer = convolutional(SIDE, [CHANNELS, 5], 1, stride=stride, padding=padding).layers[0]
    h = np.random.default_rng(0).standard_normal((4, SIDE, SIDE, CHANNELS))
    wanted = np.array([looped(image, stride, padding) for image in h])
    seen = layer.patches(h.reshape(4, -1, CHANNELS))
    assert np.array_equal(seen, wanted.reshape(4 * layer.places, layer.fan_in))


@pytest.mark.parametrize("padding", ["circular", "zero", "valid"])
def test_gathered_is_the_adjoint_of_patches(padding: Padding) -> None:
    """<patches h, g> = <h, gathered g>, for all layers, the head too; rounding of 1e3 terms."""
    rng = np.random.default_rng(1)
    for layer in convolutional(SIDE, [CHANNELS, 3, 4], 2, padding=padding).layers:
        h = rng.standard_normal((3, layer.places_in, layer.inputs))
        g = rng.standard_normal((3 * layer.places, layer.fan_in))
        assert np.vdot(layer.patches(h), g) == pytest.approx(np.vdot(h, layer.gathered(g)), 1e-12)


def test_flat_parameters_are_dealt_out_once() -> None:
    net: Architecture = convolutional(28, [1, 30, 60, 90], 10)
    assert [layer.places for layer in net.layers] == [14**2, 7**2, 4**2, 1]
    assert net.size == sum(a * b + b for a, b in ((9, 30), (270, 60), (540, 90), (1440, 10)))
    theta = np.arange(float(net.size))
    parts = [part.ravel() for _, *parts in net.split(theta) for part in parts]
    assert np.array_equal(np.concatenate(parts), theta)
    assert all(np.shares_memory(part, theta) for part in parts)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dense([5]), r"widths = \[5\] must name inputs, hidden widths and outputs"),
        (lambda: dense([5, -3, 2]), "a width = -3 must be an integer >= 1"),
        (lambda: convolutional(8, [1, 0], 2), "a number of channels = 0 must be an integer >= 1"),
        (lambda: convolutional(8, [], 2), r"channels = \[\] must name"),
        (lambda: convolutional(8, [1, 2], 2, stride=0), "stride = 0 must be an integer >= 1"),
        (lambda: convolutional(4, [1, 2, 2], 2, stride=4), "taps = 3 on an image of 1: use fewer"),
        (lambda: convolutional(8, [1, 2], 2, padding="zeros"), "circular, .*; did you mean zero"),
        (lambda: dense([4, 2]).arranged(np.ones((3, 5))), r"data of shape \(3, 5\): .* \(n, 4\)"),
    ],
)
def test_bad_input_is_one_line(make, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        make()
    assert "\n" not in str(error.value)
