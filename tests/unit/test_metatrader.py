"""What the real terminal's side promises: one account, and every id sent once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.orders.outcomes import verdict_on
from blackboard.facts.execution import Outcome
from runtime.terminals import constants as mt5
from runtime.terminals.connecting import connecting, connects_still
from runtime.terminals.metatrader import RECONNECT_PAUSE_S, MetaTraderTerminal
from runtime.terminals.port import Refusal, SendAnswer, TerminalRefused
from runtime.terminals.simulated import views
from runtime.terminals.structures import AccountInfo, OrderSendResult, SymbolInfo, TradeRequest
from tests.contract.terminals import a_market
from tests.fake_metatrader import PASSWORD, FakeMetaTrader5, a_real_terminal
from tests.scripted_market import HandClock, a_terminal

BUY = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0, "sl": 1.09, "magic": 7}


@pytest.fixture
def package() -> FakeMetaTrader5:
    """Give the package over a simulated terminal, five minutes after its market's start."""
    clock = HandClock()
    behind = a_terminal(a_market(), clock)
    clock.minute(5)
    return FakeMetaTrader5(behind)


@pytest.fixture
def terminal(package: FakeMetaTrader5, tmp_path: Path) -> Iterator[MetaTraderTerminal]:
    """Give a connected terminal on a demo account."""
    made = a_real_terminal(package, tmp_path, stop_file=tmp_path / "STOP")
    assert made.initialize(), made.last_error()
    yield made
    made.close()


def send(
    terminal: MetaTraderTerminal, request_id: str = "one", epoch: int = 1, **changed: Any
) -> SendAnswer:
    """Send a purchase under an id."""
    return terminal.order_send(BUY | changed, request_id=request_id, epoch=epoch)


def refusal_of(answer: SendAnswer) -> TerminalRefused:
    """Return the refusal that an answer must be."""
    assert isinstance(answer, TerminalRefused), answer
    return answer


# Reading.


def test_answers_come_in_our_own_structures(terminal: MetaTraderTerminal) -> None:
    """Whatever types the package has, its answers are ours, nested request included."""
    assert type(terminal.account_info()) is AccountInfo
    assert type(terminal.symbol_info("EURUSD")) is SymbolInfo
    check = terminal.order_check(BUY)
    assert check is not None
    assert check.retcode == 0
    assert type(check.request) is TradeRequest
    assert terminal.symbols_get("*USD*") is not None
    rates = terminal.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 3)
    assert rates is not None
    assert len(rates) == 3


def test_arguments_that_were_not_given_are_not_passed(
    package: FakeMetaTrader5, terminal: MetaTraderTerminal
) -> None:
    """A ticket of 0 or an empty symbol would select nothing in the package."""
    assert isinstance(send(terminal), OrderSendResult)

    positions = terminal.positions_get()
    assert positions is not None
    assert [one.magic for one in positions] == [7]
    assert terminal.orders_get() == ()
    deals = terminal.history_deals_get(0, 2_000_000_000)
    assert deals is not None
    assert len(deals) == 2  # the deposit and the entry
    assert terminal.history_deals_get(position=positions[0].ticket) == deals[1:]


def test_none_without_an_error_is_still_a_failure(
    package: FakeMetaTrader5, terminal: MetaTraderTerminal
) -> None:
    """The package may answer None and say Success; that is nobody's empty book."""
    package.failures["positions_get"] = (1, "Success")

    assert terminal.positions_get() is None
    assert terminal.last_error()[0] == mt5.RES_E_FAIL


# Connecting.


def test_the_connection_is_made_once_and_told_to_everybody(
    package: FakeMetaTrader5, terminal: MetaTraderTerminal
) -> None:
    """A second caller does not cut off the first by connecting anew."""
    assert terminal.initialize()
    assert terminal.initialize(login=views.LOGIN, server=views.SERVER)

    assert package.calls.count("initialize") == 1


def test_a_program_that_has_ended_is_started_again(
    package: FakeMetaTrader5, terminal: MetaTraderTerminal
) -> None:
    """The next caller who connects gets a new connection."""
    package.behind.shutdown()
    assert terminal.account_info() is None
    assert terminal.last_error()[0] == -10004

    assert terminal.initialize()
    assert terminal.account_info() is not None


def test_no_caller_can_choose_another_account(
    package: FakeMetaTrader5, terminal: MetaTraderTerminal
) -> None:
    """Login and server are those of the process; a wish for others never reaches the package."""
    before = len(package.calls)

    assert terminal.login(42, "secret", "Other") is False
    assert terminal.last_error()[0] == mt5.RES_E_AUTH_FAILED
    assert terminal.initialize(login=42) is False
    assert len(package.calls) == before
    assert terminal.login(views.LOGIN)


def test_failed_connections_rest_between_tries(package: FakeMetaTrader5, tmp_path: Path) -> None:
    """Each try may freeze the process for its whole timeout, so callers share one."""
    now_s = [0.0]
    terminal = a_real_terminal(package, tmp_path, clock_s=lambda: now_s[0])
    package.failures["initialize"] = (-10003, "IPC initialize failed, MetaTrader 5 x64 not found")

    assert [terminal.initialize() for _ in range(3)] == [False] * 3
    assert terminal.last_error()[0] == -10003
    assert package.calls.count("initialize") == 1
    del package.failures["initialize"]
    now_s[0] = RECONNECT_PAUSE_S
    assert terminal.initialize()
    terminal.close()


def test_f5_a_process_that_connects_says_so(package: FakeMetaTrader5, tmp_path: Path) -> None:
    """While it connects there is a note that is believed until its time is over, not longer."""
    note = tmp_path / "state" / "connecting"
    seen: list[bool] = []
    terminal = a_real_terminal(package, tmp_path, note=note)
    original = package.behind.initialize

    def looked(*arguments: Any, **named: Any) -> bool:
        seen.append(connects_still(note))
        return original(*arguments, **named)

    package.behind.initialize = looked  # type: ignore[method-assign]

    assert terminal.initialize()
    assert seen == [True]
    assert not note.exists()
    with connecting(note, timeout_s=-1.0):
        assert not connects_still(note)
    terminal.close()


# Sending.


def test_f1_an_id_runs_once(package: FakeMetaTrader5, terminal: MetaTraderTerminal) -> None:
    """A repetition gets the recorded answer, and the broker sees one request."""
    first = send(terminal)
    assert isinstance(first, OrderSendResult)

    assert send(terminal) == first
    assert len(package.sent) == 1
    assert package.sent[0]["magic"] == 7
    reused = refusal_of(send(terminal, volume=0.2))
    assert reused.refusal is Refusal.REUSED_ID
    assert len(package.sent) == 1


def test_f1_a_recorded_answer_outlives_the_process(
    package: FakeMetaTrader5, tmp_path: Path
) -> None:
    """A new process on the same record answers what the old one was told."""
    old = a_real_terminal(package, tmp_path)
    assert old.initialize()
    first = send(old)
    old.close()

    new = a_real_terminal(package, tmp_path)
    assert new.initialize()
    assert send(new) == first
    assert len(package.sent) == 1
    new.close()


class KilledError(BaseException):
    """Ends a call as kill -9 does: nothing after it runs."""


@pytest.mark.parametrize("has_run", [False, True])
def test_f5_an_id_whose_process_died_is_unknown_and_never_sent_again(
    package: FakeMetaTrader5, tmp_path: Path, *, has_run: bool
) -> None:
    """Killed before or after the broker took it: the id answers -10005, which is UNKNOWN."""
    old = a_real_terminal(package, tmp_path)
    assert old.initialize()

    def die() -> None:
        if has_run:
            package.behind.order_send(BUY, request_id="the broker's own", epoch=0)
        raise KilledError

    package.on_send = die
    with pytest.raises(KilledError):
        send(old)
    old.close()
    package.on_send = lambda: None
    new = a_real_terminal(package, tmp_path)
    assert new.initialize()

    assert send(new) is None
    code, _ = new.last_error()
    assert code == -10005
    assert verdict_on(code, has_result=False).outcome is Outcome.UNKNOWN
    assert len(package.sent) == 1
    assert len(new.positions_get() or ()) == has_run
    new.close()


def test_f2_a_lost_answer_stays_unknown(
    package: FakeMetaTrader5, terminal: MetaTraderTerminal
) -> None:
    """An order that ran and was answered with a timeout is not sent again by its id."""
    package.lost.add("order_send")
    assert send(terminal) is None
    assert terminal.last_error()[0] == -10005
    package.lost.clear()

    assert send(terminal) is None
    assert terminal.last_error()[0] == -10005
    assert len(package.sent) == 1
    assert len(terminal.positions_get() or ()) == 1


def test_f18_switched_off_trading_is_a_definite_no(
    package: FakeMetaTrader5, terminal: MetaTraderTerminal
) -> None:
    """-8 comes back as it is, and the order is NOT_SENT."""
    package.failures["order_send"] = (-8, "Auto-Trading using Python API disabled in Terminal")

    assert send(terminal) is None
    assert terminal.last_error()[0] == -8
    assert verdict_on(-8, has_result=False).outcome is Outcome.NOT_SENT


def test_f9_a_stale_epoch_does_not_leave(
    package: FakeMetaTrader5, terminal: MetaTraderTerminal, tmp_path: Path
) -> None:
    """The highest epoch is remembered over the death of the process."""
    assert isinstance(send(terminal, epoch=3), OrderSendResult)
    assert refusal_of(send(terminal, "two", epoch=2)).refusal is Refusal.STALE_EPOCH
    terminal.close()

    again = a_real_terminal(package, tmp_path)
    assert again.initialize()
    assert again.epoch_seen() == 3
    assert refusal_of(send(again, "three", epoch=2)).refusal is Refusal.STALE_EPOCH
    assert len(package.sent) == 1
    again.close()
    # the fixture closes the first one once more, which is harmless


def test_f28_the_kill_switch_lets_only_exits_leave(
    package: FakeMetaTrader5, terminal: MetaTraderTerminal, tmp_path: Path
) -> None:
    """With the file there an entry is refused and a close of the position passes."""
    entry = send(terminal)
    assert isinstance(entry, OrderSendResult)
    (tmp_path / "STOP").touch()

    assert refusal_of(send(terminal, "two")).refusal is Refusal.STOP_FILE
    closed = send(terminal, "three", type=1, position=entry.order, sl=0.0)
    assert isinstance(closed, OrderSendResult)
    assert closed.retcode == mt5.TRADE_RETCODE_DONE
    assert terminal.positions_get() == ()


@pytest.mark.parametrize("function", ["account_info", "positions_get"])
def test_nothing_leaves_while_account_or_position_cannot_be_read(
    package: FakeMetaTrader5, terminal: MetaTraderTerminal, function: str
) -> None:
    """A timeout of a reading before the send is no timeout of the send: NOT_SENT, not UNKNOWN."""
    package.failures[function] = (-10005, "IPC timeout")

    assert send(terminal, position=1_000, type=1) is None
    code, _ = terminal.last_error()
    assert verdict_on(code, has_result=False).outcome is Outcome.NOT_SENT
    assert package.sent == []


def test_nothing_leaves_that_cannot_be_noted(
    package: FakeMetaTrader5, terminal: MetaTraderTerminal
) -> None:
    """Without the record an id could be sent twice, so it is not sent at all."""
    terminal._record.close()  # as a full or vanished disk: every use fails from here

    assert send(terminal) is None
    code, _ = terminal.last_error()
    assert verdict_on(code, has_result=False).outcome is Outcome.NOT_SENT
    assert package.sent == []


# The guard of real accounts.

REAL: dict[str, object] = {"trade_mode": mt5.ACCOUNT_TRADE_MODE_REAL}
SWITCHES: dict[str, dict[str, object]] = {
    "another login": {"login": 42},
    "another server": {"server": "Quorum-Live"},
    "real instead of demo": REAL,
    "contest instead of demo": {"trade_mode": mt5.ACCOUNT_TRADE_MODE_CONTEST},
    "netting instead of hedging": {"margin_mode": mt5.ACCOUNT_MARGIN_MODE_RETAIL_NETTING},
    "another currency": {"currency": "EUR"},
}


@pytest.mark.parametrize("switch", SWITCHES.values(), ids=SWITCHES)
def test_real_account_guard_f22_switched_in_mid_run(
    package: FakeMetaTrader5, terminal: MetaTraderTerminal, switch: dict[str, object]
) -> None:
    """Whatever changes about the account between two orders, the second does not leave."""
    assert isinstance(send(terminal), OrderSendResult)
    package.account = switch

    refused = refusal_of(send(terminal, "two"))
    assert refused.refusal is Refusal.IDENTITY
    assert next(iter(switch)) in refused.text
    exit_too = refusal_of(send(terminal, "three", type=1, position=1_001))
    assert exit_too.refusal is Refusal.IDENTITY
    assert len(package.sent) == 1


def test_real_account_guard_f22_the_foreign_account_is_shown(
    package: FakeMetaTrader5, terminal: MetaTraderTerminal
) -> None:
    """Readings tell the truth, so that the council sees the switch and halts."""
    package.account = {"login": 42}

    account = terminal.account_info()
    assert account is not None
    assert account.login == 42
    assert package.sent == []


def test_real_account_guard_f22_a_switch_back_is_traded_again(
    package: FakeMetaTrader5, terminal: MetaTraderTerminal
) -> None:
    """The guard judges the account of the moment; who resumes after a switch is the operator."""
    package.account = {"login": 42}
    refusal_of(send(terminal))
    package.account = {}

    assert isinstance(send(terminal), OrderSendResult)


@pytest.mark.parametrize("switch", [REAL, {"login": 42}, {"server": "Quorum-Live"}])
def test_real_account_guard_a_new_book_never_begins_on_a_wrong_account(
    package: FakeMetaTrader5, tmp_path: Path, switch: dict[str, object]
) -> None:
    """Demo configured, real found (or another login): no connection, nothing pinned or sent."""
    package.account = switch
    terminal = a_real_terminal(package, tmp_path)

    assert terminal.initialize() is False
    code, text = terminal.last_error()
    assert code == mt5.RES_E_AUTH_FAILED
    assert text.startswith("identity: ")
    assert send(terminal) is None
    assert package.sent == []
    terminal.close()


def test_real_account_guard_confirmed_real_money_is_not_sent_to_a_demo_account(
    package: FakeMetaTrader5, tmp_path: Path
) -> None:
    """The mix-up the other way round: what was confirmed as real must be real."""
    terminal = a_real_terminal(package, tmp_path, is_real=True)

    assert terminal.initialize() is False
    assert "trade_mode must be real, was demo" in terminal.last_error()[1]
    assert package.sent == []
    terminal.close()


def test_real_account_guard_a_confirmed_real_account_is_traded(
    package: FakeMetaTrader5, tmp_path: Path
) -> None:
    """With the setting and the number the real account passes, and a demo one no more."""
    package.account = REAL
    terminal = a_real_terminal(package, tmp_path, is_real=True)
    assert terminal.initialize()
    assert isinstance(send(terminal), OrderSendResult)

    package.account = {}
    assert refusal_of(send(terminal, "two")).refusal is Refusal.IDENTITY
    assert len(package.sent) == 1
    terminal.close()


def test_real_account_guard_the_book_remembers_its_account(
    package: FakeMetaTrader5, tmp_path: Path
) -> None:
    """A restarted process holds the account against what the book met first."""
    first = a_real_terminal(package, tmp_path)
    assert first.initialize()
    first.close()
    package.account = {"currency": "EUR"}

    again = a_real_terminal(package, tmp_path)
    assert again.initialize()  # shown, so that the council can see it
    assert "currency must be USD" in refusal_of(send(again)).text
    assert package.sent == []
    again.close()


def test_f41_the_password_is_in_no_text(package: FakeMetaTrader5, tmp_path: Path) -> None:
    """Neither the credentials' text nor an error of a failed login shows it."""
    package.failures["initialize"] = (-6, "Terminal: Authorization failed")
    terminal = a_real_terminal(package, tmp_path)

    assert terminal.initialize() is False
    texts = [repr(terminal._credentials), str(terminal.last_error())]
    assert not any(PASSWORD in text for text in texts)
    terminal.close()
    assert PASSWORD.encode() not in (tmp_path / "sends.sqlite").read_bytes()
