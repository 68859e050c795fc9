"""Paper trading: real prices, a simulated account, and nothing that reaches the broker."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blackboard.errors import TerminalUnavailable
from config.settings import Settings
from models.market.sessions import MINUTE_NS
from runtime.terminals import constants as mt5
from runtime.terminals.metatrader import MetaTraderTerminal
from runtime.terminals.paper import LAG_NS, PaperTerminal, open_paper
from runtime.terminals.simulated.ledger import MemoryLedger
from runtime.terminals.structures import OrderSendResult
from tests.fake_metatrader import FakeMetaTrader5, a_real_terminal
from tests.scripted_market import START_NS, HandClock, ScriptedMarket, a_terminal, traits

BUY = {"action": 1, "symbol": "EURUSD.m", "volume": 0.1, "type": 0, "sl": 1.095, "magic": 7}


class Stage:
    """A real terminal behind the package, paper over it, and the clock of both."""

    def __init__(self, folder: Path, market: ScriptedMarket | None = None) -> None:
        self.hand = HandClock()
        self.process_s = 0.0
        self.hand.minute(5)
        self.package = FakeMetaTrader5(a_terminal(market or a_market(), self.hand))
        self.real: MetaTraderTerminal = a_real_terminal(self.package, folder)
        assert self.real.initialize()
        self.ledger = MemoryLedger()
        self.paper = self.opened()

    def opened(self) -> PaperTerminal:
        """Open the paper terminal on its ledger."""
        settings = Settings.model_validate(
            {
                "profile": "paper",
                "speed": 1.0,
                "symbols": ("EURUSD",),
                "terminal": {"kind": "metatrader", "commission_per_lot": 0.0},
            }
        )
        paper = open_paper(
            self.real, self.ledger, settings, lambda: self.hand.now_ns + LAG_NS, clock_s=self.tick
        )
        assert paper.initialize(), paper.last_error()
        assert paper.symbol_select("EURUSD.m", True)
        return paper

    def tick(self) -> float:
        """Return process time, a second later with each look."""
        self.process_s += 1.0
        return self.process_s


def named(name: str, **terms: Any) -> Any:
    """Return the terms of a symbol whose name has a suffix."""
    plain = traits(name[:6], **terms)
    return type(plain)(**{f: getattr(plain, f) for f in plain.__struct_fields__} | {"name": name})


def a_market() -> ScriptedMarket:
    """Return EURUSD.m: 1.1000 up to minute 10, then a fall to 1.0940, with one pip spread."""
    market = ScriptedMarket(named("EURUSD.m"), named("USDJPY.m", digits=3))
    before = [(m, 1.1, 1.1005, 1.0995, 1.1, 10) for m in range(-120, 10)]
    after = [(m, 1.0945, 1.0946, 1.094, 1.0945, 10) for m in range(10, 60)]
    market.write("EURUSD.m", before + after)
    return market


def test_orders_fill_at_the_real_quote_and_none_leaves(tmp_path: Path) -> None:
    """A purchase gets the real ask; the broker's door sees nothing."""
    stage = Stage(tmp_path)
    result = stage.paper.order_send(BUY, request_id="one", epoch=1)

    assert isinstance(result, OrderSendResult)
    assert result.retcode == mt5.TRADE_RETCODE_DONE
    assert result.price == 1.1001  # bid 1.1000 and ten points
    assert stage.package.sent == []
    assert stage.package.behind.positions_total() == 0
    account = stage.paper.account_info()
    assert account is not None
    assert account.balance == 10_000.0
    assert account.profit == pytest.approx(-1.0)  # one pip on 0.1 lots


def test_a_stop_is_hit_by_the_minute_that_the_market_made(tmp_path: Path) -> None:
    """Minutes are acted on when their bars are final, and a gap fills at their open."""
    stage = Stage(tmp_path)
    assert isinstance(stage.paper.order_send(BUY, request_id="one", epoch=1), OrderSendResult)

    stage.hand.minute(10)
    assert len(stage.paper.positions_get() or ()) == 1  # the minute of the fall still runs
    stage.hand.minute(11)
    assert stage.paper.positions_get() == ()
    deals = stage.paper.history_deals_get(0.0, 2e9)
    assert deals is not None
    assert deals[-1].price == 1.0945  # opened below the stop at 1.095
    assert deals[-1].profit == pytest.approx(-56.0)  # (1.0945 - 1.1001) * 10 000
    assert stage.package.sent == []


def test_bars_are_those_of_the_real_terminal(tmp_path: Path) -> None:
    """Closed minutes come through to the last figure, the running one shows the quote."""
    stage = Stage(tmp_path)
    stage.hand.minute(12)

    own = stage.paper.copy_rates_from_pos("EURUSD.m", mt5.TIMEFRAME_M1, 1, 20)
    real = stage.real.copy_rates_from_pos("EURUSD.m", mt5.TIMEFRAME_M1, 1, 20)
    assert own is not None
    assert real is not None
    assert own.tobytes() == real.tobytes()
    tick = stage.paper.symbol_info_tick("EURUSD.m")
    assert tick is not None
    assert (tick.bid, tick.ask) == (1.0945, 1.0946)


def test_a_market_without_new_ticks_shows_its_last_close(tmp_path: Path) -> None:
    """After the last minute the quote is as old as the market made it, never fresh."""
    stage = Stage(tmp_path)
    stage.hand.minute(90)

    tick = stage.paper.symbol_info_tick("EURUSD.m")
    real = stage.real.symbol_info_tick("EURUSD.m")
    assert tick is not None
    assert real is not None
    assert tick.time == real.time
    server_s = (START_NS + 90 * MINUTE_NS) // 10**9 + 7200
    assert server_s - tick.time > 1800


@pytest.mark.parametrize("function", ["symbol_info_tick", "copy_rates_range"])
def test_f21_without_real_prices_nothing_is_done(tmp_path: Path, function: str) -> None:
    """A silent terminal refuses the order definitively and leaves the account as it was."""
    stage = Stage(tmp_path)
    stage.package.failures[function] = (-10005, "IPC timeout")
    stage.hand.minute(7)

    assert stage.paper.order_send(BUY, request_id="one", epoch=1) is None
    stage.package.failures.clear()
    assert stage.paper.positions_get() == ()
    result = stage.paper.order_send(BUY, request_id="one", epoch=1)
    assert isinstance(result, OrderSendResult)


def test_the_account_goes_on_after_a_restart(tmp_path: Path) -> None:
    """What was missed in between is lived through from the real terminal's history."""
    stage = Stage(tmp_path)
    assert isinstance(stage.paper.order_send(BUY, request_id="one", epoch=1), OrderSendResult)
    stage.hand.minute(30)
    stage.paper = stage.opened()

    assert stage.paper.positions_get() == ()
    account = stage.paper.account_info()
    assert account is not None
    assert account.balance == pytest.approx(9_944.0)


def test_a_terminal_without_the_symbols_is_named(tmp_path: Path) -> None:
    """No symbol at all ends the start with the reason of each."""
    market = ScriptedMarket(named("AUDNZD.m"))

    with pytest.raises(TerminalUnavailable, match="no symbol can be traded: EURUSD"):
        Stage(tmp_path, market)


def test_profit_in_another_currency_is_valued_by_the_market(tmp_path: Path) -> None:
    """Symbols that only value are read too, under the names that the broker gives them."""
    make: Callable[[int], Any] = lambda m: (m, 150.0, 150.0, 150.0, 150.0, 10)  # noqa: E731
    market = ScriptedMarket(named("EURJPY.m", digits=3), named("USDJPY.m", digits=3))
    market.write("EURJPY.m", [(m, 165.0, 165.0, 165.0, 165.0, 20) for m in range(-120, 60)])
    market.write("USDJPY.m", [make(m) for m in range(-120, 60)])
    hand = HandClock()
    hand.minute(5)
    real = a_real_terminal(FakeMetaTrader5(a_terminal(market, hand)), tmp_path)
    assert real.initialize()
    settings = Settings.model_validate(
        {
            "profile": "paper",
            "speed": 1.0,
            "symbols": ("EURJPY",),
            "terminal": {"kind": "metatrader"},
        }
    )
    paper = open_paper(real, MemoryLedger(), settings, lambda: hand.now_ns + LAG_NS)
    assert paper.initialize()

    profit = paper.order_calc_profit(mt5.ORDER_TYPE_BUY, "EURJPY.m", 0.1, 165.0, 165.15)
    assert profit == pytest.approx(10.0)  # 0.15 * 10 000 yen at 150 a dollar


def test_a_minute_that_ends_while_quotes_are_read_waits_for_the_next_look(tmp_path: Path) -> None:
    """What was read decides what time it is, so no minute is acted on before its bar is final."""
    stage = Stage(tmp_path)
    assert isinstance(stage.paper.order_send(BUY, request_id="one", epoch=1), OrderSendResult)
    stage.hand.now_ns = START_NS + 11 * MINUTE_NS - 1
    later = [START_NS + 11 * MINUTE_NS - 1, START_NS + 11 * MINUTE_NS + 1]
    stage.paper._real_clock = lambda: later.pop(0) + LAG_NS

    assert len(stage.paper.positions_get() or ()) == 1
    stage.hand.now_ns = START_NS + 11 * MINUTE_NS + 1
    assert stage.paper.positions_get() == ()
