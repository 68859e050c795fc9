"""What ticks a terminal gives: few, in order, the same each time, and never from the future."""

from datetime import UTC, datetime

import numpy as np
import pytest

from runtime.terminals import constants as mt5
from runtime.terminals.simulated import ticks as simulated_ticks
from runtime.terminals.structures import TICKS_DTYPE
from tests.contract.covers import covers
from tests.contract.terminals import START_SERVER_S, Bench, Lab, MakeLab
from tests.scripted_market import ScriptedMarket, traits

ALL = mt5.COPY_TICKS_ALL


def a_moving_market() -> ScriptedMarket:
    """Return a rising minute with both extremes, a falling one with its low, and a still one."""
    return ScriptedMarket(traits("EURUSD")).write(
        "EURUSD",
        [
            (0, 1.1, 1.102, 1.099, 1.101, 10),
            (1, 1.101, 1.101, 1.095, 1.1, 20),
            (2, 1.1, 1.1, 1.1, 1.1, 10),
            (9, 1.1, 1.2, 1.0, 1.15, 10),
        ],
    )


@covers("copy_ticks_range")
def test_a_minute_is_told_by_its_open_extremes_and_close(make_lab: MakeLab) -> None:
    """A rising minute goes down first; an extreme that is the open or the close is no tick."""
    lab = make_lab(a_moving_market())

    ticks = lab.terminal.copy_ticks_range("EURUSD", START_SERVER_S, START_SERVER_S + 179, ALL)

    assert ticks is not None
    assert ticks.dtype == TICKS_DTYPE
    assert [int(one) - START_SERVER_S for one in ticks["time"]] == [
        0, 20, 40, 59, 60, 100, 119, 120, 179,
    ]  # fmt: skip
    assert ticks["bid"].tolist() == [1.1, 1.099, 1.102, 1.101, 1.101, 1.095, 1.1, 1.1, 1.1]
    assert ticks["ask"][[0, 4, 5]].tolist() == [1.1001, 1.1012, 1.0952]
    assert np.array_equal(ticks["time_msc"], ticks["time"] * 1000)
    assert set(ticks["flags"].tolist()) == {6}
    assert not ticks["last"].any()


@covers("copy_ticks_from")
def test_the_latest_tick_is_the_quote_and_nothing_is_from_the_future(make_lab: MakeLab) -> None:
    """The running minute has made its open only."""
    lab = make_lab(a_moving_market())
    lab.clock.minute(9)
    ticks = lab.terminal.copy_ticks_from("EURUSD", START_SERVER_S, 1_000, ALL)
    tick = lab.terminal.symbol_info_tick("EURUSD")
    lab.clock.now_ns += 59 * 10**9
    late = lab.terminal.copy_ticks_from("EURUSD", START_SERVER_S, 1_000, ALL)

    assert tick is not None
    assert ticks is not None
    assert late is not None
    assert ticks[-1].item() == tuple(tick)
    assert len(late) == len(ticks) == 10


@covers("copy_ticks_from")
def test_a_count_goes_onward_from_its_moment(make_lab: MakeLab) -> None:
    """The first ticks from the moment on, itself included; none beyond the last."""
    lab = make_lab(a_moving_market())

    def seconds(after: int, count: int) -> list[int]:
        ticks = lab.terminal.copy_ticks_from("EURUSD", START_SERVER_S + after, count, ALL)
        assert ticks is not None
        return [int(one) - START_SERVER_S for one in ticks["time"]]

    assert seconds(20, 3) == [20, 40, 59]
    assert seconds(21, 1) == [40]
    assert seconds(-(10**9), 2) == [0, 20]
    assert seconds(120, 9) == [120, 179]
    assert seconds(180, 9) == []
    assert seconds(10**6, 1) == []


@covers("copy_ticks_range")
def test_flags_filter_ticks(lab: Lab) -> None:
    """Every tick of a currency is one of bid and ask; nothing is traded at an exchange."""
    span = START_SERVER_S, START_SERVER_S + 60
    every = lab.terminal.copy_ticks_range("EURUSD", *span, ALL)
    quoted = lab.terminal.copy_ticks_range("EURUSD", *span, mt5.COPY_TICKS_INFO)
    traded = lab.terminal.copy_ticks_range("EURUSD", *span, mt5.COPY_TICKS_TRADE)

    assert every is not None
    assert quoted is not None
    assert traded is not None
    assert np.array_equal(every, quoted)
    assert (len(every), len(traded)) == (5, 0)
    assert lab.terminal.last_error() == (1, "Success")


@covers("copy_ticks_from", -2)
@covers("copy_ticks_range", -2, -3)
def test_wrong_counts_and_flags_fail(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A count that is not positive and unknown flags give -2, more than memory holds -3."""
    copy = lab.terminal.copy_ticks_from
    for count, flags in ((0, ALL), (-5, ALL), (1, 0), (1, 3)):
        assert copy("EURUSD", START_SERVER_S, count, flags) is None
        assert lab.terminal.last_error() == (-2, "Terminal: Invalid params")
    monkeypatch.setattr(simulated_ticks, "TICKS_MAX", 4)
    assert copy("EURUSD", START_SERVER_S, 4, ALL) is not None
    assert lab.terminal.copy_ticks_range("EURUSD", 0, START_SERVER_S + 60, ALL) is None
    assert lab.terminal.last_error() == (-3, "Terminal: Out of memory")


@covers("copy_ticks_from", -1)
def test_ticks_are_short_while_history_syncs(lab: Lab) -> None:
    """None first, then the newest half."""
    lab.behind.conditions.syncing_reads = 2
    asked = "EURUSD", START_SERVER_S, 4, ALL

    assert lab.terminal.copy_ticks_from(*asked) is None
    assert lab.terminal.last_error()[0] == -1
    part, whole = lab.terminal.copy_ticks_from(*asked), lab.terminal.copy_ticks_from(*asked)
    assert part is not None
    assert whole is not None
    assert np.array_equal(part, whole[2:])


@covers("copy_ticks_from", -4)
@covers("copy_ticks_range", -4)
def test_ticks_of_an_unknown_symbol_are_none(bench: Bench) -> None:
    """-4, where bars would have -1."""
    assert bench.terminal.copy_ticks_from("XXXYYY", 1e9, 10, ALL) is None
    assert bench.terminal.last_error()[0] == -4
    assert bench.terminal.copy_ticks_range("XXXYYY", 1e9, 1.1e9, ALL) is None
    assert bench.terminal.last_error()[0] == -4


@covers("copy_ticks_range")
def test_a_quiet_window_is_empty_and_success(bench: Bench) -> None:
    """Nothing happened is an empty array of the right type."""
    days = datetime(1971, 1, 2, tzinfo=UTC), datetime(1971, 1, 3, tzinfo=UTC)

    ticks = bench.terminal.copy_ticks_range(bench.symbol, *days, ALL)

    assert ticks is not None
    assert bench.terminal.last_error() == (1, "Success")
    assert ticks.dtype == TICKS_DTYPE
    assert len(ticks) == 0


@covers("copy_ticks_from")
def test_ticks_come_in_order_with_bid_and_ask(bench: Bench) -> None:
    """Times rise, asks stand above bids, and no tick lies before the moment asked for."""
    latest = bench.terminal.symbol_info_tick(bench.symbol)
    assert latest is not None
    from_s = float(latest.time - 3600)

    ticks = bench.terminal.copy_ticks_from(bench.symbol, from_s, 50, mt5.COPY_TICKS_INFO)

    assert ticks is not None
    assert 0 < len(ticks) <= 50
    assert (np.diff(ticks["time_msc"]) >= 0).all()
    assert (ticks["time"] >= from_s).all()
    assert (ticks["ask"] >= ticks["bid"]).all()
