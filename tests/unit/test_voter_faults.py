"""Voters and advisers under faults of the bars they read: an abstention, never a false opinion.

A test of fault F25 has `f25` in its name.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest

from agents.agent import Agent
from agents.lstm_vol import LSTMVolAgent
from agents.requests import BarsRead
from agents.technical import TechnicalAgent
from agents.voters import LEARNED
from blackboard.facts import TrailingStop, VolatilityForecast, Vote
from config.settings import Settings
from models.market.bars import BarArray
from tests.random_bars import SUNDAY_OPEN_NS, random_bars
from tests.stage import Stage, bar_drafts, history_drafts, history_replies, read_bars

WEEK_BARS = 480
ROWS = 3 * WEEK_BARS
SETTINGS = Settings(symbols=("EURUSD",))
MARKET = {"EURUSD": random_bars(ROWS + 20, seed=5)}
AGENTS: list[type[Agent]] = [TechnicalAgent, LSTMVolAgent]

Answer = Callable[[BarArray], BarArray]


def after_a_close(agent: type[Agent], answer: Answer, bar_count: int | None = None) -> Stage:
    """Return a stage on which one close was answered by a source that a test spoils."""
    stage = Stage(lambda: agent(SETTINGS))
    now_ns = int(MARKET["EURUSD"]["close_ns"][ROWS])
    (history,) = history_drafts(MARKET, ROWS, now_ns, SUNDAY_OPEN_NS)
    if bar_count is not None:
        fields = {name: getattr(history.fact, name) for name in history.fact.__struct_fields__}
        fact = type(history.fact)(**{**fields, "bar_count": bar_count})
        history = type(history)(fact=fact, ts_event_ns=now_ns, timeframe="M15")
    stage.post("data", now_ns, history, *bar_drafts(MARKET, ROWS))
    replies = history_replies(read_bars(stage.turn(now_ns)), MARKET)
    spoiled = [BarsRead(request=r.request, bars=answer(r.bars.copy()), source="x") for r in replies]
    stage.turn(now_ns, spoiled)
    return stage


def abstentions(stage: Stage) -> list[bool]:
    """Return of each answer of the close whether it is one; no model is there to speak."""
    votes = [fact.abstains for fact in stage.facts(Vote) if fact.voter not in LEARNED]
    return votes + [fact.abstains for fact in stage.facts(VolatilityForecast)]


def shortened(bars: BarArray) -> BarArray:
    """Return the older half."""
    return bars[: ROWS // 2]


def emptied(bars: BarArray) -> BarArray:
    """Return nothing."""
    return bars[:0]


def of_nothing(bars: BarArray) -> BarArray:
    """Return bars without a single price."""
    for name in ("open", "high", "low", "close"):
        bars[name] = math.nan
    return bars


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("answer", [shortened, emptied, of_nothing])
def test_f25_a_short_read_is_an_abstention_until_the_whole_history_is_here(
    agent: type[Agent], answer: Answer
) -> None:
    """Half a history gives other columns than everybody else has: it is asked for once more."""
    stage = after_a_close(agent, answer)
    assert abstentions(stage) == [True] * 2

    now_ns = int(MARKET["EURUSD"]["close_ns"][ROWS + 1])
    stage.post("data", now_ns, *bar_drafts(MARKET, ROWS + 1))
    asked = read_bars(stage.turn(now_ns))
    stage.turn(now_ns, history_replies(asked, MARKET))
    sound = after_a_close(agent, lambda bars: bars)
    assert len(asked) == 1
    assert abstentions(stage)[2:] == abstentions(sound)


def spiked(bars: BarArray) -> BarArray:
    """Return bars of which one stands a hundred times too high."""
    for name in ("open", "high", "low", "close"):
        bars[name][700] *= 100.0
    return bars


def shaken(bars: BarArray) -> BarArray:
    """Return bars with a duplicate and two in the wrong order."""
    order = np.arange(len(bars))
    order[[100, 101]] = order[[101, 100]]
    return np.concatenate((bars[order], bars[-1:]))


def test_f24_a_spike_in_the_history_never_reaches_an_indicator() -> None:
    """What the data agent rejects its readers reject as well: the levels are those without it."""
    clean = after_a_close(TechnicalAgent, lambda bars: np.delete(bars, 700), ROWS - 1)
    host = after_a_close(TechnicalAgent, spiked, ROWS - 1)

    assert host.facts(TrailingStop) == clean.facts(TrailingStop)
    assert host.facts(Vote) == clean.facts(Vote)


@pytest.mark.parametrize("agent", AGENTS)
def test_f25_bars_in_disorder_are_left_out_and_the_rest_is_enough(agent: type[Agent]) -> None:
    """A late bar and a duplicate are rejected; with the count that data told, it is whole."""
    stage = after_a_close(agent, shaken, ROWS - 1)

    assert len(abstentions(stage)) == 2
    assert all("history" not in fact.reason for fact in stage.facts(Vote))


@pytest.mark.parametrize("agent", AGENTS)
def test_f25_a_market_that_stands_still_is_an_abstention(agent: type[Agent]) -> None:
    """Indicators of no range are no numbers, and no number is no opinion."""

    def still(bars: BarArray) -> BarArray:
        for name in ("open", "high", "low", "close"):
            bars[name] = 1.1
        return bars

    stage = after_a_close(agent, still)
    assert abstentions(stage) == [True] * 2
