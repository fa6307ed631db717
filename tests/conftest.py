"""Options of the test run: `pytest --slow` runs the full verification too."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests that take minutes, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="takes minutes: pytest --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)
