"""Risk budgets, and the agent that posts them."""

import numpy as np
import pytest

from agents.agent import Outbox
from agents.portfolio import PortfolioAgent
from agents.requests import Unanswered
from blackboard.facts import PortfolioBudget
from config.settings import Settings
from models.decision.portfolio import (
    Infeasible,
    aligned_returns,
    budget_symbols,
    erc_weights,
    inverse_volatility_weights,
    standardise,
)
from models.market.bars import BarArray
from models.market.sessions import HOUR_NS, bar_open_ns
from tests.random_bars import M15_NS, SUNDAY_OPEN_NS, random_bars
from tests.stage import Stage, bar_drafts, history_drafts, history_replies, read_bars

SYMBOLS = ("EURUSD", "GBPUSD", "USDCHF")
WEEK_BARS = 480


def test_uncorrelated_symbols_are_weighted_by_inverse_deviation() -> None:
    """Deviations of 1 and 2 get two thirds and one third."""
    weights = erc_weights(np.diag([1.0, 4.0]))

    assert not isinstance(weights, Infeasible)
    assert weights == pytest.approx([2.0 / 3.0, 1.0 / 3.0])


def test_two_that_are_one_bet_share_what_a_third_gets() -> None:
    """Of two symbols with correlation 0.99 each gets less than the one that stands alone."""
    correlation = np.array([[1.0, 0.99, 0.0], [0.99, 1.0, 0.0], [0.0, 0.0, 1.0]])

    weights = erc_weights(correlation)

    # Equal shares: x²·1.99 = y²·1, so y = 1.41067·x and x = 1 / 3.41067.
    assert not isinstance(weights, Infeasible)
    assert weights == pytest.approx([0.29320, 0.29320, 0.41361], abs=1e-4)


def test_hedges_get_more() -> None:
    """A negative correlation lowers the risk that each carries."""
    weights = erc_weights(np.array([[1.0, -0.5, 0.0], [-0.5, 1.0, 0.0], [0.0, 0.0, 1.0]]))

    # x²·0.5 = y², so y = 0.70711·x.
    assert not isinstance(weights, Infeasible)
    assert weights == pytest.approx([0.36940, 0.36940, 0.26120], abs=1e-4)


@pytest.mark.parametrize(
    ("covariance", "reason"),
    [
        (np.array([[1.0, 1.0], [1.0, 1.0]]), "the covariance is singular"),
        (np.array([[1.0, -1.0], [-1.0, 1.0]]), "the covariance is singular"),
        (np.diag([1.0, 0.0]), "a variance is not above zero"),
        (np.diag([1.0, np.nan]), "a variance is not above zero"),
    ],
)
def test_what_has_no_optimum_is_named(covariance: np.ndarray, reason: str) -> None:
    """A singular or broken covariance is an answer, not an exception."""
    assert erc_weights(covariance) == Infeasible(reason)


def test_inverse_volatility_by_hand() -> None:
    """Root mean squares of 1 and 3 get three quarters and one quarter."""
    returns = np.array([[1.0, 3.0], [-1.0, -3.0]])

    assert inverse_volatility_weights(returns) == pytest.approx([0.75, 0.25])
    assert inverse_volatility_weights(np.zeros((2, 2))) == Infeasible(
        "a variance is not above zero"
    )


def test_returns_over_a_gap_are_left_out() -> None:
    """Only closes that all symbols have, and that follow each other by one bar, give a return."""
    first = np.array([1, 2, 3, 5, 6]) * 10
    second = np.array([1, 2, 3, 4, 5, 6]) * 10

    returns = aligned_returns(
        [first, second], [np.exp(first / 10.0), np.exp(second / 5.0)], 10, rows_max=10
    )

    assert returns == pytest.approx(np.array([[1.0, 2.0]] * 3))  # 1→2, 2→3, 5→6; 3→5 is a gap
    assert len(aligned_returns([first], [np.exp(first / 10.0)], 10, rows_max=2)) == 2


def test_standardised_returns_do_not_see_their_own_row() -> None:
    """Each return is divided by the volatility before it, and cut at six of it."""
    returns = np.full((22, 1), 2.0)
    returns[21] = 100.0

    assert standardise(returns).ravel().tolist() == [1.0, 6.0]


def test_budgets_of_two_that_move_together() -> None:
    """The pair gets less than usual and the loner more, and the correlations keep their signs."""
    rng = np.random.default_rng(0)
    common = rng.normal(0.0, 1e-4, 900)
    returns = np.column_stack(
        (common + rng.normal(0.0, 2e-5, 900), -common, rng.normal(0.0, 1e-4, 900))
    )

    together = budget_symbols(np.column_stack((returns[:, 0], common, returns[:, 2])), "erc")
    opposed = budget_symbols(returns, "erc")

    assert together.multipliers[2] > 1.0 > together.multipliers[0]
    assert opposed.correlation[0, 1] < -0.9
    assert opposed.multipliers[0] > 1.0 > opposed.multipliers[2]


def test_inverse_volatility_clips_its_multipliers() -> None:
    """Three times as volatile a symbol would get 0.25 · 2 = 0.5, the calm one 1.5."""
    rng = np.random.default_rng(0)
    returns = rng.normal(0.0, 1e-4, (500, 2)) * np.array([1.0, 5.0])

    assert budget_symbols(returns, "inverse_volatility").multipliers == (1.5, 0.5)


def a_market(weeks: int = 4) -> dict[str, BarArray]:
    """Return bars of three symbols."""
    return {symbol: random_bars(weeks * WEEK_BARS, seed) for seed, symbol in enumerate(SYMBOLS)}


def a_stage() -> Stage:
    """Return the agent before an empty board."""
    settings = Settings(symbols=SYMBOLS)
    return Stage(lambda: PortfolioAgent(settings))


def begin_week(stage: Stage, market: dict[str, BarArray]) -> tuple[int, Outbox]:
    """Post the first close of the third week; return its time and what the agent asked."""
    rows = 2 * WEEK_BARS
    now_ns = int(market["EURUSD"]["close_ns"][rows])
    histories = history_drafts(market, rows, now_ns, SUNDAY_OPEN_NS)
    stage.post("data", now_ns, *histories, *bar_drafts(market, rows))
    return now_ns, stage.turn(now_ns)


def test_budgets_come_at_the_first_close_and_then_on_the_grid() -> None:
    """Every symbol is budgeted at the first close of the week and at each H4 close."""
    stage, market = a_stage(), a_market()

    now_ns, asked = begin_week(stage, market)
    stage.turn(now_ns, history_replies(read_bars(asked), market))
    for row in range(2 * WEEK_BARS + 1, 2 * WEEK_BARS + 33):
        close_ns = int(market["EURUSD"]["close_ns"][row])
        stage.post("data", close_ns, *bar_drafts(market, row))
        stage.turn(close_ns)

    entries = stage.entries(PortfolioBudget)
    closes = [entry.ts_event_ns for entry in entries[:: len(SYMBOLS)]]
    assert len(entries) == 3 * len(SYMBOLS)
    assert closes[0] == now_ns
    assert [bar_open_ns(each, 4 * HOUR_NS) == each for each in closes] == [False, True, True]
    assert {entry.fact.effective_from_ns - entry.ts_event_ns for entry in entries} == {M15_NS}
    assert {entry.fact.method for entry in entries} == {"erc"}
    assert [pair.other for pair in entries[0].fact.correlations] == ["GBPUSD", "USDCHF"]


def test_a_rebuilt_agent_posts_nothing_twice() -> None:
    """A kill after a budget leaves one budget."""
    stage, market = a_stage(), a_market()
    now_ns, asked = begin_week(stage, market)
    replies = history_replies(read_bars(asked), market)
    stage.turn(now_ns, replies)

    outbox = stage.rebuild(now_ns, replies)

    assert outbox.drafts == []
    assert len(stage.facts(PortfolioBudget)) == len(SYMBOLS)


def test_it_waits_for_the_windows_of_all_symbols() -> None:
    """Two histories of three are no correlation matrix."""
    stage, market = a_stage(), a_market()
    now_ns, asked = begin_week(stage, market)
    replies = history_replies(read_bars(asked), market)

    early = stage.turn(now_ns, replies[:2])
    complete = stage.turn(now_ns, replies[2:])

    assert early.drafts == []
    assert len(complete.drafts) == len(SYMBOLS)


def test_a_symbol_without_history_gets_an_equal_budget_with_the_reason() -> None:
    """The others are budgeted without it."""
    stage, market = a_stage(), a_market()
    now_ns, asked = begin_week(stage, market)
    lost = next(request for request in read_bars(asked) if request.symbol == "USDCHF")
    replies = [r for r in history_replies(read_bars(asked), market) if r.request is not lost]

    stage.turn(now_ns, [*replies, Unanswered(request=lost, reason="timeout")])

    budgets = {fact.scope: fact for fact in stage.facts(PortfolioBudget)}
    assert budgets["USDCHF"].multiplier == 1.0
    assert (budgets["USDCHF"].method, budgets["USDCHF"].reason) == (
        "equal",
        "no history: timeout",
    )
    assert [pair.other for pair in budgets["EURUSD"].correlations] == ["GBPUSD"]
