"""Options of the test run; pytest takes them from here whatever part of the tests is asked for.

Properties are searched without a deadline.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.redis_server import RedisProcess

# Tests that run in several processes are told a width of 80 columns, which a table that is made at
# an import would keep; each test that looks at one says how wide it shall be.
os.environ.pop("COLUMNS", None)
os.environ.pop("LINES", None)

# How long an example takes says how busy the machine is: no test may fail for it.
settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add which terminal the contract runs on, and its count of tests."""
    group = parser.getgroup("terminals")
    group.addoption(
        "--terminal",
        choices=("simulated", "real"),
        default="simulated",
        help="what the terminal's contract runs on; real is the MetaTrader 5 demo account that is "
        "logged in here, with the least volume (with -m metatrader)",
    )
    group.addoption(
        "--contract-table",
        action="store_true",
        help="print how many contract tests each function and code of the terminal has",
    )


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """Return a Redis server that tests share, each with a journal of its own."""
    server = RedisProcess(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()
