"""Terminals for the contract: direct, over HTTP, through the adapter, and a real demo account."""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runtime.terminals.remote import RemoteTerminal
from runtime.terminals.server import TerminalServer
from tests.contract.covers import PORTABLE_WAYS, SIMULATED_WAYS, table
from tests.contract.demo_account import bench_on_demo, bench_on_stand_in
from tests.contract.terminals import TOKEN, Bench, Lab, MakeLab, a_market
from tests.scripted_market import HandClock, ScriptedMarket, a_terminal, settings_of


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test of a terminal once for each way of reaching one."""
    if "way" not in metafunc.fixturenames:
        return
    if metafunc.config.getoption("--terminal") == "real":
        metafunc.parametrize("way", [pytest.param("real", marks=pytest.mark.metatrader)])
    else:
        is_portable = "bench" in metafunc.fixturenames
        metafunc.parametrize("way", PORTABLE_WAYS if is_portable else SIMULATED_WAYS)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the count of contract tests where it was asked for."""
    if terminalreporter.config.getoption("--contract-table"):
        terminalreporter.section("terminal contract")
        terminalreporter.write_line(table())


class Behind:
    """What stands behind the one server of all tests: the terminal of the test that runs."""

    def __init__(self) -> None:
        self.terminal: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.terminal, name)


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[str, Behind]]:
    """Give the address of a terminal server; starting one costs more than most tests."""
    behind = Behind()
    server = TerminalServer(behind, "127.0.0.1", 0, TOKEN)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{server.port}", behind
    behind.terminal = a_terminal(a_market(), HandClock())  # to be closed with the server
    server.stop()
    thread.join()


@pytest.fixture
def make_lab(way: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeLab]:
    """Give what makes a connected simulated terminal, five minutes after its market's start."""
    if way == "real":
        pytest.skip("needs injected conditions or virtual time, which no real terminal has")
    clients: list[RemoteTerminal] = []

    def make(market: ScriptedMarket | None = None, **terminal: Any) -> Lab:
        clock, stop_file = HandClock(), tmp_path / "STOP"
        behind = a_terminal(market or a_market(), clock, stop_file=stop_file, **terminal)
        clock.minute(5)
        lab_of = partial(Lab, symbol="EURUSD", behind=behind, clock=clock, stop_file=stop_file)
        if way == "direct":
            return lab_of(terminal=behind)
        url, server = request.getfixturevalue("served")
        server.terminal = behind
        clients.append(RemoteTerminal(url, TOKEN, settings_of().terminal))
        return lab_of(terminal=clients[-1])

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """Give a simulated terminal over the still market of `a_market`."""
    return make_lab()


@pytest.fixture
def package(request: pytest.FixtureRequest) -> Any:
    """Give the package itself, where the contract runs on a real terminal."""
    if request.config.getoption("--terminal") != "real":
        pytest.skip("needs --terminal real")
    return pytest.importorskip(
        "MetaTrader5",
        reason="the package MetaTrader5 is not installed: it exists for Windows alone",
    )


@pytest.fixture
def bench(way: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Give any terminal: what holds for it holds for all of them."""
    if way in SIMULATED_WAYS:
        yield request.getfixturevalue("lab")
    elif way == "adapter":
        with bench_on_stand_in(tmp_path) as found:
            yield found
    else:
        with bench_on_demo(request.getfixturevalue("package"), tmp_path) as found:
            yield found
