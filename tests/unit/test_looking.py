"""A terminal that is only looked at: what `doctor` says of symbols and account."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.requests import SendOrder, Unanswered
from blackboard.facts.decision import Side
from blackboard.facts.execution import Purpose
from config.settings import Settings
from runtime.feeds.sources import open_calendar, open_headlines
from runtime.terminal_world import TerminalWorld
from runtime.terminals.looking import looked_at
from tests.command_line import CommandLine
from tests.contract.terminals import a_market
from tests.fake_metatrader import install
from tests.scripted_market import HandClock, a_terminal

REAL = ("--set", "terminal.kind=metatrader", "--set", "profile=paper", "--set", "speed=1")


@pytest.fixture(autouse=True)
def no_package_is_left() -> Iterator[None]:
    """Let the process forget the package, or every later test would have MetaTrader 5."""
    yield
    sys.modules.pop("MetaTrader5", None)


@pytest.fixture
def quorum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Return the command line on a machine that has the package, and no credentials yet."""
    install(tmp_path / "package")
    monkeypatch.syspath_prepend(tmp_path / "package")
    return CommandLine(tmp_path / "var", monkeypatch, capsys)


def findings(quorum: CommandLine, *arguments: str) -> dict[str, dict[str, str]]:
    """Return what doctor finds, by subject."""
    return {
        found["subject"]: found for found in json.loads(quorum("doctor", "--json", *arguments).out)
    }


def test_doctor_names_the_symbols_that_will_be_traded(quorum: CommandLine) -> None:
    """On the synthetic market `auto` takes every pair it has."""
    found = findings(quorum, "--set", "symbols=auto")["symbols"]
    assert found["verdict"] == "OK"
    assert found["detail"].startswith("EURUSD, ")


def test_doctor_says_which_symbols_were_skipped_and_why(quorum: CommandLine) -> None:
    """A symbol that the terminal does not have is named with its reason."""
    names = "terminal.symbol_names={'GBPUSD': 'GBPUSD.gone'}"
    found = findings(quorum, "--set", "symbols=EURUSD,GBPUSD", "--set", names)
    assert found["symbols"]["detail"] == "EURUSD"
    assert found["symbol GBPUSD"]["verdict"] == "WARN"
    assert "does not know it" in found["symbol GBPUSD"]["detail"]


def test_doctor_fails_where_a_real_account_cannot_be_reached(quorum: CommandLine) -> None:
    """Without credentials nothing is connected, and the examination fails."""
    found = findings(quorum, *REAL)["symbols"]
    assert found["verdict"] == "FAIL"
    assert "MT5_LOGIN" in found["detail"]


def test_nothing_can_be_sent_through_a_terminal_that_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real terminal is opened with its kill switch on."""
    for name, value in install(tmp_path / "package").items():
        if name.startswith("MT5"):
            monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(tmp_path / "package")
    settings = Settings.model_validate(
        {"profile": "paper", "speed": 1.0, "terminal": {"kind": "metatrader"}}
    )
    with looked_at(settings) as terminal:
        request = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0, "type_filling": 1}
        answer = terminal.order_send(request, request_id="x", epoch=1)
    assert "exists" in getattr(answer, "text", "")


def test_p4_the_own_kill_switch_holds_before_a_distant_terminal(tmp_path: Path) -> None:
    """With `terminal.url` an entry is refused on this side too; what reduces risk still goes."""
    settings = Settings.model_validate(
        {
            "profile": "paper",
            "speed": 1.0,
            "home": tmp_path,
            "paper": {"fills": "demo"},
            "terminal": {"kind": "metatrader", "url": "http://127.0.0.1:1"},
        }
    )
    world = TerminalWorld(
        a_terminal(a_market(), HandClock()),
        settings,
        is_virtual=False,
        calendar=open_calendar(settings),
        headlines=open_headlines(settings),
    )
    (tmp_path / "STOP").touch()

    def sent(purpose: Purpose) -> str:
        order = SendOrder(
            needs="x",
            intent_id=f"intent-{purpose}",
            purpose=purpose,
            symbol="EURUSD",
            side=Side.BUY,
            lots=0.1,
            stop_price=1.0,
            target_price=2.0,
            position_ticket=0 if purpose is Purpose.ENTRY else 7,
            magic=1 << 40,
            comment="fx",
            deviation_points=10,
        )
        reply = world.perform(order, now_ns=0, epoch=1).reply
        assert not isinstance(reply, Unanswered)
        return getattr(reply, "comment", "")

    assert "STOP exists" in sent(Purpose.ENTRY)
    assert "STOP exists" not in sent(Purpose.EXIT)
