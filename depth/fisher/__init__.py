"""Fisher information of random networks, and the largest learning rate that it allows.

`architecture` says which networks; `theory` what order parameters predict for them; `network` and
`spectrum` measure it at finite width; `stability` finds where `training` really becomes unstable.
Source: Wei, Stokes and Schwab, arXiv 1903.02606; what is derived here is marked in `theory`.
"""

from .architecture import Architecture, convolutional, dense
from .images import Images, digits, images_from
from .linearization import Linearization
from .network import RandomNet
from .spectrum import ConstantDirection
from .stability import Threshold, critical_step, explosion_step, grows
from .theory import FisherTheory, data_moments, fisher_theory, max_learning_rate
from .training import Descent, descend

__all__ = [
    "Architecture",
    "ConstantDirection",
    "Descent",
    "FisherTheory",
    "Images",
    "Linearization",
    "RandomNet",
    "Threshold",
    "convolutional",
    "critical_step",
    "data_moments",
    "dense",
    "descend",
    "digits",
    "explosion_step",
    "fisher_theory",
    "grows",
    "images_from",
    "max_learning_rate",
]
