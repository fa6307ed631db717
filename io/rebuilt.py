"""A run made ready to compute again: its problem and grid, with the rows that it was made of.

Rows of a file are read again and must be the same; what only Python can give (arrays, functions)
is known to the runs that `bnflow.solve` has returned, not to a folder that was opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kernels.errors import InputError
from ..pde.config.data import FileData
from ..pde.config.target import FileTarget
from ..pde.given import Given, from_python
from ..pde.session import Session
from .datafile import read_table

if TYPE_CHECKING:
    from .run import Run


def session_of(run: Run) -> Session:
    """The session of a run on a grid, in 64 bits; InputError where its rows are not to be had."""
    given = run.given
    if given is None or (isinstance(run.config.data, FileData) and given.table is None):
        given = _given(run)
    return Session.prepare(run.config.replace(**{"run.dtype": "float64"}), given)


def _given(run: Run) -> Given:
    config = run.config
    if needed := from_python(run.settings):
        raise InputError(
            f"this run was opened, and only Python can give its {', '.join(needed)}: "
            "take the run that bnflow.solve returns"
        )
    if not isinstance(config.data, FileData):
        return Given()
    assert config.data_path is not None
    table = read_table(config.data_path, config.data, isinstance(config.target, FileTarget))
    if table.digest != run.provenance.get("data_digest"):
        raise InputError(f"{config.data_path} has changed since the run was made: restore it")
    return Given(table)
