"""The error against depth: scaled plateaus with BN above, growing relative errors without below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ....depth.studies.gram_depth import exact_relative, piece_name
from ..style import DASHES, GREY, blank, canvas, legend, shades

if TYPE_CHECKING:
    from ...study import StudyResult


def figure(result: StudyResult) -> Figure:
    """A column an activation."""
    activations, plain = result.settings["activations"], result.settings["plain"]
    names = list(dict.fromkeys([*activations, *plain]))
    picture = canvas(3.3 * len(names) + 0.5, 6.4)
    axes = picture.subplots(2, len(names), sharex=True, squeeze=False)
    for (upper, lower), name in zip(axes.T, names, strict=True):
        for ax, draw, having, what in (
            (upper, plateau, activations, "BN"),
            (lower, growth, plain, "no BN"),
        ):
            if name not in having:
                blank(ax, f"{name}, {what}: not computed")
                upper.tick_params(labelbottom=True)
                continue
            draw(ax, result, name)
            ax.set_title(f"{name}, {what}")
    axes[0, 0].set_ylabel(r"$\sqrt{n}\;(E\|G_\ell - T^\ell(G_0)\|^2)^{1/2}$")
    axes[1, 0].set_ylabel("relative error; thin: median")
    for ax in axes[-1]:
        ax.set_xlabel(r"depth $\ell$")
    return picture


def plateau(ax: Axes, result: StudyResult, activation: str) -> None:
    """Widths fall on one curve, which ends at the prediction and stays below the bound."""
    widths = result.settings["widths"]
    for k, colour in enumerate(shades(len(widths))):
        piece = result.pieces[piece_name(activation, True, widths[k])]
        height = np.sqrt(widths[k] * (piece["error"].values ** 2).mean(axis=1))
        style: dict[str, Any] = {"color": colour, "linestyle": DASHES[k % len(DASHES)]}
        ax.plot(piece["depth"].values, height, label=f"$n = {widths[k]}$", **style)
    theory = {
        name: float(each.values)
        for name, each in result.pieces[piece_name(activation, True, "theory")].items()
    }
    predicted = np.sqrt(theory["constant"])
    ax.axhline(
        predicted, color="black", linewidth=0.8, label=rf"$\sqrt{{tr\,\Sigma}} = {predicted:.2f}$"
    )
    bound = rf"bound, $C = {max(1.0, theory['factor']):.2g}$"
    ax.axhline(theory["bound"], color=GREY, linewidth=1.4, linestyle=":", label=bound)
    ax.set(xscale="log", yscale="log", ylim=(0.1 * predicted, 2.0 * theory["bound"]))
    legend(ax, loc="lower right", fontsize=7)


def growth(ax: Axes, result: StudyResult, activation: str) -> None:
    """Root mean square and, thin, median; for linear layers the exact law of the first."""
    widths = result.settings["widths"]
    for k, colour in enumerate(shades(len(widths))):
        piece = result.pieces[piece_name(activation, False, widths[k])]
        depth, error = piece["depth"].values, piece["error"].values
        style: dict[str, Any] = {"color": colour, "linestyle": DASHES[k % len(DASHES)]}
        ax.plot(depth, np.sqrt((error**2).mean(axis=1)), label=f"$n = {widths[k]}$", **style)
        ax.plot(depth, np.median(error, axis=1), linewidth=0.6, **style)
        if activation == "linear":
            near = depth <= widths[k]
            law = exact_relative(result.settings, widths[k], depth[near])
            told = r"exact law, $\ell \leq n$" if k == 0 else None
            ax.plot(depth[near], law, color="black", linewidth=0.8, label=told)
    guide = np.array([1.0, widths[-1]])
    reach = 0.5 * np.sqrt(guide / widths[-1])
    ax.plot(guide, reach, color=GREY, linestyle="-.", linewidth=0.8, label=r"$\propto \sqrt{\ell}$")
    ax.set(xscale="log", yscale="log")
    legend(ax, loc="upper left", fontsize=7)
