"""The independent check of deep networks: torch's own layers, and autograd through them."""

import subprocess
import sys
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from bnflow.depth.fisher import RandomNet, convolutional, dense
from bnflow.depth.layers import LayerSpec

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(find_spec("torch") is None, reason='torch is absent: pip install "torch"'),
]
PROGRAM = Path(__file__).parent / "torch_fisher.py"
ROWS, SIDE, STRIDE, OUTPUTS = 7, 8, 2, 3
SIZES = {"dense": [6, 20, 15], "convolutional": [2, 4, 5]}
NUMBERS = {"gamma": 1.3, "beta": 0.2, "eps": 0.01}
CASES = [
    *product(["dense"], ["no", "location"], [False, True]),
    *product(["convolutional"], ["no", "location", "shared"], [False, True]),
]


def made(kind: str, normalised: str) -> tuple[RandomNet, dict[str, np.ndarray]]:
    """A network, with parameters theta, data x, a direction v and a covector u."""
    normal, sizes = normalised != "no", SIZES[kind]
    spec = LayerSpec("tanh", normal, normal, sigma_w=1.4, sigma_b=0.7, **NUMBERS)
    images = kind == "convolutional"
    conv = convolutional(SIDE, SIZES["convolutional"], OUTPUTS, stride=STRIDE)
    architecture = conv if images else dense([*sizes, OUTPUTS])
    net = RandomNet(architecture, spec, "shared" if normalised == "shared" else "location")
    rng = np.random.default_rng(0)
    shape = (ROWS, SIDE, SIDE, sizes[0]) if images else (ROWS, sizes[0])
    arrays = {"theta": net.draw(rng), "v": rng.standard_normal(architecture.size)}
    arrays |= {"x": rng.standard_normal(shape), "u": rng.standard_normal((ROWS, OUTPUTS))}
    return net, arrays


@pytest.fixture(scope="module")
def differentiated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all cases, after one run of the program."""
    folder = tmp_path_factory.mktemp("torch")
    for kind, normalised, frozen in CASES:
        words = {"sizes": SIZES[kind], "normalised": normalised, "frozen": frozen}
        file = folder / f"{kind}-{normalised}-{frozen}.start.npz"
        np.savez(file, stride=STRIDE, **made(kind, normalised)[1], **words, **NUMBERS)
    subprocess.run([sys.executable, str(PROGRAM), str(folder)], check=True, timeout=600)
    return folder


@pytest.mark.parametrize(("kind", "normalised", "frozen"), CASES)
def test_values_and_derivatives_are_those_of_autograd(
    differentiated: Path, kind: str, normalised: str, frozen: bool
) -> None:
    """Rounding of sums of 1e3 terms, through a few layers; Lanczos to its own tolerance."""
    net, given = made(kind, normalised)
    theta, x = given["theta"], given["x"]
    net = net.frozen(theta, x) if frozen else net
    at = net.at(theta, x)
    with np.load(differentiated / f"{kind}-{normalised}-{frozen}.end.npz") as end:
        for name, ours in (
            ("f", at.output),
            ("jvp", at.jvp(given["v"])),
            ("vjp", at.vjp(given["u"])),
        ):
            np.testing.assert_allclose(ours, end[name], rtol=0, atol=1e-12 * np.abs(ours).max())
        largest = net.lambda_max(theta, x, tolerance=1e-10)
        assert largest == pytest.approx(float(end["largest"]), rel=1e-9)
