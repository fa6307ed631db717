"""A deep network as one writes it with torch, with autograd's derivatives of it.

    python torch_fisher.py FOLDER

Every FOLDER/*.start.npz holds images x (n, side, side, channels) or rows x (n, d), flat parameters
theta, a direction v, a covector u (n, outputs), `sizes` (channels or widths), stride, and what the
layers do: normalised ("no", "location", "shared"), frozen, gamma, beta, eps. Convolutions are of
3 x 3, padded circularly. Its *.end.npz gets f (n, outputs), jvp = J v, vjp = J^T u and the largest
eigenvalue of J J^T/n. The program knows nothing of bnflow.
"""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

torch.set_num_threads(1)


class Network:
    """tanh layers and an affine head; theta holds weights and biases in their order."""

    def __init__(self, start: dict[str, np.ndarray]) -> None:
        self.x, self.outputs = torch.from_numpy(start["x"]), start["u"].shape[1]
        self.images = self.x.ndim == 4
        self.sizes = [int(size) for size in start["sizes"]]
        self.stride, self.kind = int(start["stride"]), str(start["normalised"])
        self.frozen = bool(start["frozen"])
        self.gamma, self.beta, self.eps = (float(start[key]) for key in ("gamma", "beta", "eps"))

    def normalised(self, z: torch.Tensor) -> torch.Tensor:
        """Of (n, channels) or (n, channels, side, side)."""
        if self.kind == "no":
            return z
        rows, constants = z.flatten(1) if self.kind == "location" else z, (None, None)
        if self.frozen:
            axes = [axis for axis in range(rows.ndim) if axis != 1]
            variance, mean = torch.var_mean(rows.detach(), axes, unbiased=False)
            constants = mean, variance
        training = not self.frozen
        result = functional.batch_norm(rows, *constants, training=training, eps=self.eps)
        return result.reshape(z.shape)

    def __call__(self, theta: torch.Tensor) -> torch.Tensor:
        h, rest = self.x.permute(0, 3, 1, 2) if self.images else self.x, theta

        def taken(*shape: int) -> torch.Tensor:
            nonlocal rest
            first, rest = rest.split([int(np.prod(shape)), len(rest) - int(np.prod(shape))])
            return first.reshape(shape)

        for before, after in pairwise(self.sizes):
            if self.images:
                weight = taken(after, 3, 3, before).permute(0, 3, 1, 2)
                padded = functional.pad(h, (1, 1, 1, 1), mode="circular")
                z = functional.conv2d(padded, weight, taken(after), stride=self.stride)
            else:
                z = functional.linear(h, taken(after, before), taken(after))
            h = torch.tanh(self.gamma * self.normalised(z) + self.beta)
        if self.images:
            h = h.permute(0, 2, 3, 1).flatten(1)
        return functional.linear(h, taken(self.outputs, h.shape[1]), taken(self.outputs))


for file in sorted(Path(sys.argv[1]).glob("*.start.npz")):
    with np.load(file) as arrays:
        start = dict(arrays)
    network = Network(start)
    theta, v, u = (torch.from_numpy(start[key]) for key in ("theta", "v", "u"))
    f, along = torch.func.jvp(network, (theta,), (v,))
    (back,) = torch.func.vjp(network, theta)[1](u)
    jacobian = torch.func.jacrev(network)(theta).flatten(0, 1)
    largest = torch.linalg.matrix_norm(jacobian, 2) ** 2 / len(u)
    end = str(file).replace(".start.", ".end.")
    np.savez(end, f=f, jvp=along, vjp=back, largest=largest)
