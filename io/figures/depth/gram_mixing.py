"""Mixing from several starts, the mean of finite networks, and the stationary autocorrelation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ....depth.outlier import CONFIDENCE
from ....depth.studies.gram_mixing import LABELS, STARTS, autocorrelation
from ....pde.frame import Array
from ..style import DASHES, GREY, SERIES, canvas, legend

if TYPE_CHECKING:
    from ...study import StudyResult

LEAST = 1e-13  # relative distances that are drawn


def figure(result: StudyResult) -> Figure:
    """A column a layer."""
    picture = canvas(3.3 * len(LABELS) + 0.5, 6.4)
    axes = picture.subplots(2, len(LABELS), sharey="row")
    for (upper, lower), (name, title) in zip(axes.T, LABELS.items(), strict=True):
        mixing(upper, result, name)
        correlation(lower, result, name)
        upper.set_title(title)
    axes[0, 0].set_ylabel(r"$\|\cdot - G_*\|/\|G_*\|$")
    axes[1, 0].set_ylabel("stationary autocorrelation")
    return picture


def mixing(ax: Axes, result: StudyResult, name: str) -> None:
    """Infinite width from every start; the mean over networks down to its noise."""
    ideal, seen = result.pieces[f"{name}-ideal"], result.pieces[f"{name}-mean"]
    layers, rate = ideal["layer"].values, float(ideal["rate"].values)
    for k, (start, path) in enumerate(zip(STARTS, ideal["distance"].values, strict=True)):
        told = rf"$T^\ell(G_0)$, {start}"
        ax.plot(layers, _above(path), color=SERIES[k], linestyle=DASHES[k], label=told)
    seen_at, away = seen["layer"].values, seen["distance"].values
    ax.plot(seen_at, away, "ko", markersize=2.5, label="mean of networks, random")
    guide = 3.0 * rate**layers
    told = rf"$\kappa^\ell$, $\kappa = {rate:.3f}$"
    ax.plot(layers, _above(guide), color=GREY, linewidth=0.8, label=told)
    width, nets = result.settings["width"], result.settings["nets"]
    noise = np.sqrt(float(ideal["constant"].values) / (width * nets))
    noise /= float(ideal["size"].values)
    ax.axhline(noise, color="black", linewidth=0.8, linestyle=":", label="noise of the mean")
    ax.set(yscale="log", xlabel=r"layer $\ell$", ylim=(LEAST, 10))
    legend(ax, loc="lower left", fontsize=7)


def correlation(ax: Axes, result: StudyResult, name: str) -> None:
    """Deep networks, with 95 %, beside the prediction."""
    ideal = result.pieces[f"{name}-ideal"]
    value, error = autocorrelation(result.pieces[f"{name}-stationary"])
    lag, rate = ideal["lag"].values, float(ideal["rate"].values)
    ax.plot(lag, ideal["correlation"].values, color=SERIES[0], label=r"tr $J^k\Sigma$/tr $\Sigma$")
    ax.plot(lag, rate**lag, color=GREY, linewidth=0.8, linestyle="--", label=r"$\kappa^k$")
    told = f"networks of width {result.settings['width']}"
    ax.errorbar(
        lag,
        value,
        CONFIDENCE * error,
        fmt="ko",
        markersize=3.5,
        capsize=2,
        linewidth=0.8,
        label=told,
    )
    ax.set(xlabel="lag $k$")
    legend(ax)


def _above(values: Array) -> Array:
    return np.asarray(np.where(values > LEAST, values, np.nan))
