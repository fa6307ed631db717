"""Options of the test run: `pytest --slow` runs the full verification too."""

import signal
from collections.abc import Iterator
from importlib.util import find_spec

import pytest


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Runs stop at SIGINT, also where the shell that began the tests ignores it (`pytest .. &`)."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests that take minutes, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="takes minutes: pytest --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud that an independent check did not take place."""
    skipped = terminalreporter.stats.get("skipped", [])
    if any("browser" in report.keywords for report in skipped):
        line = "NOT CHECKED in a browser, which is absent: install chromium, then pytest -m browser"
        terminalreporter.write_line(line, yellow=True, bold=True)
    for line in sorted({str(r.longrepr[2]) for r in skipped if "NOT CHECKED" in str(r.longrepr)}):
        terminalreporter.write_line(line.removeprefix("Skipped: "), yellow=True, bold=True)
    if find_spec("torch") is None and any("torch" in report.keywords for report in skipped):
        line = "NOT CHECKED beside torch, which is absent: pip install torch, then pytest -m torch"
        terminalreporter.write_line(line, yellow=True, bold=True)
