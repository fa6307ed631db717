"""All studies, by name and by group."""

from __future__ import annotations

from ...kernels.errors import InputError
from ...pde.config.text import listed, nearest
from . import ablations, fisher, gram
from .study import Study

STUDIES: dict[str, Study] = {
    study.name: study for study in (*gram.STUDIES, *fisher.STUDIES, *ablations.STUDIES)
}
GROUPS = tuple(dict.fromkeys(study.group for study in STUDIES.values()))


def find_study(name: str) -> Study:
    """The study of that name. Raises InputError where there is none."""
    if name not in STUDIES:
        hint = nearest(name, STUDIES) or f"; there are {', '.join(STUDIES)}"
        raise InputError(f"{name} is no study{hint} (see bnflow study list)")
    return STUDIES[name]


def group(name: str) -> list[Study]:
    """The studies of a group. Raises InputError where there is none."""
    found = [study for study in STUDIES.values() if study.group == name]
    if not found:
        raise InputError(f"{name} is no group of studies; give {listed(GROUPS)}")
    return found
