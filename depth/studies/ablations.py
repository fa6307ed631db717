"""The studies of the parts of batch normalization."""

from __future__ import annotations

from . import (
    ablations_components,
    ablations_geometry,
    ablations_outlier,
    ablations_phase,
    ablations_stability,
)

STUDIES = (
    ablations_components.STUDY,
    ablations_geometry.STUDY,
    ablations_phase.STUDY,
    ablations_stability.STUDY,
    ablations_outlier.STUDY,
)
