"""A progress bar for Python and notebooks: `bnflow.solve(config, progress=True)`."""

from __future__ import annotations

from typing import Any


class Bar:
    """One bar from the start to the end of the run, in the terminal or the notebook."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._start = 0.0

    def start(self, problem_text: str, t: float, end: float) -> None:
        """The run begins, or goes on, at time t."""
        from tqdm.auto import tqdm

        self._start = t
        form = "{percentage:3.0f}%|{bar}| {desc} [{elapsed}<{remaining}]"
        self._bar = tqdm(total=end - t, desc=problem_text, leave=True, bar_format=form)

    def step(self, t: float, step: int, dt: float, risk: float, defect: float) -> None:
        """A step has been taken."""
        self._bar.set_description_str(f"t {t:.4g}, risk {risk:.3e}", refresh=False)
        self._bar.update(t - self._start - self._bar.n)

    def saved(self, t: float) -> None:
        """A time has been saved."""

    def finish(self) -> None:
        """The run has ended, well or not."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
