"""Depth: batch-normalized random networks at initialization, layer by layer.

    >>> import numpy as np
    >>> from bnflow import depth
    >>> full = depth.LayerSpec("linear")
    >>> float(depth.jacobian_spectrum(full, depth.fixed_point(full, 5).gram)[0].round(9))  # 4/6
    0.666666667

Gram matrices through layers at infinite width (`gram`) and at finite width (`ensemble`), where they
settle (`fixed_points`) and how (`stability`, `noise`, `bound`), what there is without batch
normalization (`exact`), the parts of batch normalization (`components`, `outlier`), and Fisher
information (`fisher`).
"""

from .bound import all_depth_bound, row_bound
from .components import Ablation, ablate, ablation_specs, effective_rank, mean_cosine
from .ensemble import Ensemble, orthogonality_gap, simulate
from .exact import LogLaw, linear_error, one_input_error, one_input_log
from .fisher import RandomNet, convolutional, dense, fisher_theory, max_learning_rate
from .fixed_points import FixedPoint, fixed_point
from .gram import Mapped, MeanField, gram_map, mean_field
from .layers import LayerSpec
from .noise import Noise, noise_covariance
from .outlier import (
    Branch,
    Outliers,
    Share,
    cluster_gram,
    critical_batch_size,
    find_outliers,
    grouped_gram,
    outlier_branch,
    outlier_share,
)
from .stability import Jacobian, jacobian, jacobian_spectrum

__all__ = [
    "Ablation",
    "Branch",
    "Ensemble",
    "FixedPoint",
    "Jacobian",
    "LayerSpec",
    "LogLaw",
    "Mapped",
    "MeanField",
    "Noise",
    "Outliers",
    "RandomNet",
    "Share",
    "ablate",
    "ablation_specs",
    "all_depth_bound",
    "cluster_gram",
    "convolutional",
    "critical_batch_size",
    "dense",
    "effective_rank",
    "find_outliers",
    "fisher_theory",
    "fixed_point",
    "gram_map",
    "grouped_gram",
    "jacobian",
    "jacobian_spectrum",
    "linear_error",
    "max_learning_rate",
    "mean_cosine",
    "mean_field",
    "noise_covariance",
    "one_input_error",
    "one_input_log",
    "orthogonality_gap",
    "outlier_branch",
    "outlier_share",
    "row_bound",
    "simulate",
]
