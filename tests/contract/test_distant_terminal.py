"""A cluster without a terminal of its own: whom it believes, and how it closes in an emergency."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blackboard.errors import ConfigError, TerminalUnavailable
from config.settings import Settings
from config.system import TerminalSection
from runtime.book import Book
from runtime.clock import ScaledClock
from runtime.emergency import flatten_at_terminal
from runtime.run_plan import RunPlan
from runtime.terminal_process import DistantTerminal, distant_token, terminal_of
from runtime.terminals.remote import RemoteTerminal
from runtime.terminals.server import TerminalServer
from runtime.terminals.simulated import views
from runtime.terminals.structures import OrderSendResult
from tests.contract.terminals import TOKEN, a_market
from tests.fake_metatrader import FakeMetaTrader5, a_real_terminal
from tests.scripted_market import HandClock, a_terminal

REAL: dict[str, object] = {"trade_mode": 2}


@pytest.fixture
def package() -> FakeMetaTrader5:
    """Give the package over a demo account, five minutes after its market's start."""
    clock = HandClock()
    behind = a_terminal(a_market(), clock)
    clock.minute(5)
    return FakeMetaTrader5(behind)


@pytest.fixture
def url(package: FakeMetaTrader5, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the address of a terminal process; `param` changes its account."""
    package.account = getattr(request, "param", {})
    terminal = a_real_terminal(package, tmp_path, is_real=bool(package.account))
    assert terminal.initialize()
    server = TerminalServer(terminal, "127.0.0.1", 0, TOKEN)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()
    thread.join()


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERMINAL_TOKEN", TOKEN)


def a_plan(folder: Path, url: str, *, typed: int = 0) -> RunPlan:
    """Return the plan of a cluster, live if a number was typed, else paper."""
    settings: dict[str, Any] = {
        "profile": "live" if typed else "paper",
        "speed": 1.0,
        "terminal": {"kind": "metatrader", "url": url, "real_account": bool(typed)},
    }
    folder.mkdir(mode=0o700, exist_ok=True)
    return RunPlan(
        run_id="one",
        folder=str(folder),
        settings_json=Settings.model_validate(settings).model_dump_json(),
        clock=ScaledClock(wall_anchor_ns=0, market_anchor_ns=0, speed=1.0),
        is_virtual=False,
        is_paced=True,
        start_ns=0,
        real_account=typed,
    )


def test_a_demo_account_elsewhere_is_used(url: str, tmp_path: Path) -> None:
    """The token of the environment reaches the book, where every agent finds it."""
    distant = terminal_of(a_plan(tmp_path / "book", url))

    assert isinstance(distant, DistantTerminal)
    distant.await_answer()
    assert distant.url == url
    assert distant.pid == 0
    assert Book(tmp_path / "book").terminal_token.read_text("ascii") == TOKEN


@pytest.mark.parametrize("url", [REAL], indirect=True)
def test_real_account_guard_a_real_account_elsewhere_needs_a_confirmation_here(
    url: str, tmp_path: Path
) -> None:
    """That somebody confirmed it there does not make this start one of real money."""
    with pytest.raises(ConfigError, match=r"terminal\.real_account is false, and the account"):
        terminal_of(a_plan(tmp_path / "book", url)).await_answer()


@pytest.mark.parametrize("url", [REAL], indirect=True)
def test_real_account_guard_the_number_is_that_of_the_account_elsewhere(
    url: str, tmp_path: Path
) -> None:
    """The typed number is held against the account itself, and the right one passes."""
    with pytest.raises(ConfigError, match="must be the number of the account at"):
        terminal_of(a_plan(tmp_path / "book", url, typed=42)).await_answer()

    terminal_of(a_plan(tmp_path / "book", url, typed=views.LOGIN)).await_answer()


def test_real_account_guard_a_live_start_does_not_take_a_demo_account(
    url: str, tmp_path: Path
) -> None:
    """What says LIVE over a demo account would mislead."""
    with pytest.raises(ConfigError, match="is a demo one"):
        terminal_of(a_plan(tmp_path / "book", url, typed=views.LOGIN)).await_answer()


def test_f28_an_emergency_closes_at_the_terminal_elsewhere(
    url: str, package: FakeMetaTrader5, tmp_path: Path
) -> None:
    """Without a council, a status or a process of our own, the plan says where to close."""
    plan = a_plan(tmp_path / "book", url)
    terminal_of(plan)
    plan.write()
    request = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}
    opened = package.behind.initialize() and package.behind.order_send(
        request, request_id="by hand", epoch=0
    )
    assert isinstance(opened, OrderSendResult)

    assert flatten_at_terminal(plan.book) == 1
    assert package.behind.positions_total() == 0


def test_f28_an_emergency_says_when_nobody_answers(tmp_path: Path) -> None:
    """A terminal that is away is named, and nothing is started in its place."""
    plan = a_plan(tmp_path / "book", "http://127.0.0.1:9")
    terminal_of(plan)
    plan.write()

    with pytest.raises(OSError, match=r"nobody answers at http://127\.0\.0\.1:9"):
        flatten_at_terminal(plan.book)


@pytest.mark.parametrize("token", ["", "short", "with a blank in it, and long"])
def test_f43_a_bad_token_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """Without a good token nothing is asked of another machine."""
    monkeypatch.setenv("TERMINAL_TOKEN", token)
    monkeypatch.chdir(tmp_path)
    settings = a_plan(tmp_path / "book", "http://127.0.0.1:9").settings

    with pytest.raises(ConfigError, match=r"terminal\.url needs the token"):
        distant_token(settings)


def test_f43_the_token_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment goes first, then the file; one that cannot be read is named."""
    monkeypatch.delenv("TERMINAL_TOKEN")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "token"
    settings = a_plan(tmp_path / "book", "http://127.0.0.1:9").settings
    terminal = settings.terminal.model_copy(update={"token_file": str(path)})
    settings = settings.model_copy(update={"terminal": terminal})

    with pytest.raises(ConfigError, match=r"terminal\.token_file .* cannot be read"):
        distant_token(settings)
    path.write_text(f"{TOKEN}-of-the-file\n", encoding="ascii")
    assert distant_token(settings) == f"{TOKEN}-of-the-file"
    monkeypatch.setenv("TERMINAL_TOKEN", TOKEN)
    assert distant_token(settings) == TOKEN


def test_f5_an_order_whose_sender_has_given_up_does_not_leave(
    url: str, package: FakeMetaTrader5
) -> None:
    """It waited behind a call that blocked; its sender has long called it unknown."""
    impatient = TerminalSection(read_timeout_s=0.3, send_timeout_s=0.3)
    reader, sender = (RemoteTerminal(url, TOKEN, impatient) for _ in range(2))
    assert sender.initialize()
    package.hangs.add("symbols_total")
    with pytest.raises(TerminalUnavailable):
        reader.symbols_total()

    with pytest.raises(TerminalUnavailable):
        sender.order_send(
            {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}, request_id="one", epoch=1
        )
    package.hangs.clear()
    package.released.set()
    patient = RemoteTerminal(url, TOKEN, TerminalSection())
    assert patient.positions_get() == ()
    assert patient.symbols_total() is not None
    assert package.sent == []
    for client in (reader, sender, patient):
        client.close()
