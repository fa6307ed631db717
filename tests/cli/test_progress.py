"""Progress: one live line on a terminal, plain lines elsewhere, nothing when quiet."""

import io
from typing import Any

import pytest

from bnflow.cli.progress import Live, Plain, Silent, pieces, progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def steps(shown: Silent, count: int = 50) -> None:
    shown.start("circle", 0.0, 5.0)
    for k in range(1, count + 1):
        shown.step(5.0 * k / count, k, 0.1, 0.25, 1e-4)
    shown.saved(5.0)
    shown.finish()


def test_the_stream_chooses() -> None:
    assert type(progress(quiet=True, stream=Terminal())) is Silent
    assert type(progress(quiet=False, stream=Terminal())) is Live
    assert type(progress(quiet=False, stream=io.StringIO())) is Plain


def test_plain_lines_are_few_and_carry_every_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(0.25 * k for k in range(1000))
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    stream = io.StringIO()
    steps(Plain(stream))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "circle"
    assert lines[1] == "t 0.8  step 8  dt 1.0e-01  risk 2.500e-01  defect 1.0e-04  left 00:10"
    assert len(lines) == 1 + 50 // 8 + 1  # one every two seconds of a quarter each
    assert lines[-1].endswith("saved")


def test_a_resumed_run_judges_the_time_left_by_its_own_pace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = iter([0.0, 4.0])
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    stream = io.StringIO()
    shown = Plain(stream)
    shown.start("", 4.0, 5.0)
    shown.step(4.5, 1, 0.5, 0.1, 0.0)  # half of what is left took four seconds
    assert stream.getvalue().rstrip().endswith("left 00:04")


def test_the_live_line_is_rewritten_and_taken_away() -> None:
    stream = Terminal()
    steps(Live(stream))
    text = stream.getvalue()
    assert text.startswith("circle\n")
    assert text.count("\n") == 1
    assert text.endswith("\r")


@pytest.mark.parametrize("kind", [Live, Plain])
def test_finishing_without_a_start_or_twice_is_harmless(kind: Any) -> None:
    shown = kind(Terminal())
    shown.finish()
    shown.finish()
    assert shown.reached == 0.0


def study(stream: io.StringIO, *, quiet: bool = False) -> str:
    """What is shown of a study of four pieces."""
    shown = pieces(quiet=quiet, stream=stream)
    for done in range(4):
        shown.piece("gram-width", f"piece-{done}", done, 4)
    shown.finish()
    return stream.getvalue()


def test_pieces_are_a_line_every_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(100.0 + 0.9 * k for k in range(100))
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    told = study(io.StringIO()).splitlines()
    assert told == ["gram-width  0/4  piece-0", "gram-width  3/4  piece-3"]


def test_pieces_on_a_terminal_are_one_live_line_that_goes() -> None:
    shown = study(Terminal())
    assert "gram-width  3/4 |" in shown
    assert "piece-3" in shown
    assert "\n" not in shown
    assert shown.rstrip(" ").endswith("\r")


def test_no_pieces_are_shown_when_quiet() -> None:
    assert study(Terminal(), quiet=True) == ""
