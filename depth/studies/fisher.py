"""The studies of Fisher information."""

from __future__ import annotations

from . import fisher_eigenvalue, fisher_gamma, fisher_heatmap, fisher_speed, fisher_step

STUDIES = (
    fisher_eigenvalue.STUDY,
    fisher_step.STUDY,
    fisher_heatmap.STUDY,
    fisher_gamma.STUDY,
    fisher_speed.STUDY,
)
