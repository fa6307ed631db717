"""The studies of Gram matrices in depth."""

from __future__ import annotations

from . import gram_depth, gram_evolution, gram_gradient, gram_mixing, gram_width

STUDIES = (
    gram_width.STUDY,
    gram_depth.STUDY,
    gram_mixing.STUDY,
    gram_gradient.STUDY,
    gram_evolution.STUDY,
)
