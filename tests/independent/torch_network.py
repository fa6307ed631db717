"""A batch-normalized network as one writes it with torch: raw weights, full-batch gradient descent.

    f(x) = (1/N) sum_j a_j sigma(BatchNorm(w_j . x)),   loss = mean of (f - y)^2 / 2

    python torch_network.py START.npz END.npz

START holds inputs x (rows, d), targets y (rows,), weights w (N, d) and a (N,), the activation's
name, the step dt and the number of steps between saves. A learning rate of N dt makes a step of dt
in gradient-flow time. END gets risk (saves,) and f (saves, rows). It knows nothing of bnflow.
"""

import sys

import numpy as np
import torch

start = np.load(sys.argv[1])
x, y = torch.from_numpy(start["x"]), torch.from_numpy(start["y"])
neurons, inputs = start["w"].shape
dt, steps = float(start["dt"]), [int(count) for count in start["steps"]]
sigma = {"relu": torch.relu, "tanh": torch.tanh}[str(start["activation"])]
torch.set_num_threads(1)

hidden = torch.nn.Linear(inputs, neurons, bias=False, dtype=torch.float64)
norm = torch.nn.BatchNorm1d(neurons, eps=1e-12, affine=False, momentum=None, dtype=torch.float64)
outer = torch.nn.Linear(neurons, 1, bias=False, dtype=torch.float64)
hidden.weight.data = torch.from_numpy(start["w"])
outer.weight.data = torch.from_numpy(start["a"])[None]
optimizer = torch.optim.SGD([hidden.weight, outer.weight], lr=neurons * dt)


def network() -> torch.Tensor:
    return outer(sigma(norm(hidden(x))))[:, 0] / neurons


risk, f = [], []
for count in [0, *steps]:
    for _ in range(count):
        optimizer.zero_grad()
        (0.5 * (network() - y) ** 2).mean().backward()
        optimizer.step()
    with torch.no_grad():
        f.append(network().numpy())
    risk.append(0.5 * np.mean((f[-1] - start["y"]) ** 2))
np.savez(sys.argv[2], risk=risk, f=f)
