"""Spheres, axes and the metric that batch normalization induces."""

from .chart import Chart
from .metric import BatchNormMetric
from .sphere import CubedSphere
from .stations import Stations

__all__ = ["BatchNormMetric", "Chart", "CubedSphere", "Stations"]
