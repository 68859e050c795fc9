"""Risk budgets, and the agent that posts them."""

import numpy as np
import pytest
from scipy.optimize import OptimizeResult

from agents.agent import Outbox
from agents.portfolio import PortfolioAgent
from agents.requests import Unanswered
from blackboard.entry import Draft
from blackboard.facts import AnyFact, Decision, PortfolioBudget, Timeframe
from blackboard.facts.decision import Action, Side
from config.agents import AgentsSection, PortfolioSection
from config.settings import Settings
from models.decision.portfolio import (
    ChosenMethod,
    Infeasible,
    aligned_returns,
    budget_symbols,
    erc_weights,
    inverse_volatility_weights,
    least_variance_weights,
    shrunk_gains,
    standardise,
)
from models.market.bars import BarArray
from models.market.sessions import HOUR_NS, bar_open_ns
from tests.builders import a_position
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


@pytest.mark.parametrize(
    ("covariance", "expected"),
    [
        (np.diag([1.0, 4.0]), [0.8, 0.2]),  # in proportion to 1 / variance
        (np.array([[1.0, 0.9], [0.9, 4.0]]), [0.96875, 0.03125]),  # (4 - 0.9) / (1 + 4 - 1.8)
        (np.array([[1.0, 1.5], [1.5, 4.0]]), [1.0, 0.0]),  # the second could only add
        (np.array([[1.0, -0.5], [-0.5, 1.0]]), [0.5, 0.5]),
    ],
)
def test_minimum_variance_by_hand(covariance: np.ndarray, expected: list[float]) -> None:
    """Two assets, with what a hedge and a boundary make of them."""
    weights = least_variance_weights(covariance, np.ones(2))

    assert not isinstance(weights, Infeasible)
    assert weights == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("gains", "weight_max", "expected"),
    [
        ([3.0, 2.0, 1.0], 1.0, [1 / 2, 1 / 3, 1 / 6]),  # uncorrelated: in proportion to the gain
        ([3.0, 2.0, 1.0], 0.35, [0.35, 0.35, 0.30]),  # the bound leaves nothing else
        ([3.0, 2.0, -1.0], 1.0, [0.6, 0.4, 0.0]),  # a loss is not held
        ([300.0, 200.0, 100.0], 1.0, [1 / 2, 1 / 3, 1 / 6]),  # the unit does not matter
        ([3.0, 2.0, 1.0], 0.1, [1 / 3, 1 / 3, 1 / 3]),  # below 1/n nothing sums to 1
    ],
)
def test_max_sharpe_by_hand(gains: list[float], weight_max: float, expected: list[float]) -> None:
    """Three uncorrelated assets of one variance."""
    weights = least_variance_weights(np.eye(3), np.array(gains), weight_max)

    assert not isinstance(weights, Infeasible)
    assert weights == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("gains", "reason"),
    [
        ([-0.1, 0.0, -0.2], "no gain is above zero"),
        ([0.0, 0.0, 0.0], "no gain is above zero"),
        ([np.nan, 1.0, 1.0], "no gain is above zero"),
    ],
)
def test_what_gains_nothing_is_named(gains: list[float], reason: str) -> None:
    """Without a gain max-Sharpe has no solution, which is an answer and not an exception."""
    assert least_variance_weights(np.eye(3), np.array(gains), 0.35) == Infeasible(reason)
    singular = np.array([[1.0, 1.0], [1.0, 1.0]])
    assert least_variance_weights(singular, np.ones(2)) == Infeasible("the covariance is singular")


def test_a_bound_can_leave_no_gain() -> None:
    """One gain of 1 with at most 0.35 of the weight does not pay for three losses of 1."""
    gains = np.array([1.0, -1.0, -1.0, -1.0])

    assert not isinstance(least_variance_weights(np.eye(4), gains), Infeasible)
    assert least_variance_weights(np.eye(4), gains, 0.35) == Infeasible("no gain is above zero")


def test_gains_are_shrunk_to_their_average() -> None:
    """A quarter of the distance from the average of 0.2 is left."""
    assert shrunk_gains(np.array([0.4, 0.2, 0.0])) == pytest.approx([0.25, 0.2, 0.15])


def test_a_solver_that_fails_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its flag is asked, and what it gives is held against the constraints."""
    failed = OptimizeResult(success=False, message="gave up", x=np.ones(3))
    monkeypatch.setattr("scipy.optimize.minimize", lambda *_, **__: failed)
    assert least_variance_weights(np.eye(3), np.ones(3)) == Infeasible("no solution: gave up")

    wrong = OptimizeResult(success=True, message="", x=np.array([1.0, 0.0, 0.0]))
    monkeypatch.setattr("scipy.optimize.minimize", lambda *_, **__: wrong)
    assert least_variance_weights(np.eye(3), np.ones(3), 0.35) == Infeasible(
        "no solution within its constraints"
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


def test_sides_turn_the_correlation() -> None:
    """Two that rise together are one bet when both are held, and a hedge when one is sold short."""
    rng = np.random.default_rng(0)
    common = rng.normal(0.0, 1e-4, 900)
    returns = np.column_stack(
        (common + rng.normal(0.0, 2e-5, 900), common, rng.normal(0.0, 1e-4, 900))
    )

    together = budget_symbols(returns, "erc", [1, 1, 1])
    hedged = budget_symbols(returns, "erc", [1, -1, 1])

    assert together.multipliers[2] > 1.0 > together.multipliers[0]
    assert hedged.multipliers[0] > 1.0 > hedged.multipliers[2]
    assert together.correlation[0, 1] == hedged.correlation[0, 1] > 0.9
    assert budget_symbols(returns, "erc", [-1, -1, -1]).multipliers == together.multipliers


def test_max_sharpe_without_an_expected_value_is_equal_with_its_reason() -> None:
    """Nobody says what anything earns, or everything loses: one share each."""
    returns = np.random.default_rng(0).normal(0.0, 1e-4, (500, 3))

    for expected_r in (None, [-0.1, -0.2, -0.3]):
        budgets = budget_symbols(returns, "max_sharpe", None, expected_r)
        assert (budgets.method, budgets.reason) == ("equal", "no gain is above zero")
        assert budgets.multipliers == (1.0, 1.0, 1.0)

    found = budget_symbols(returns, "max_sharpe", None, [0.3, 0.0, 0.0])
    assert found.method == "max_sharpe"
    assert found.multipliers[0] > found.multipliers[1]


def test_minimum_variance_avoids_what_adds_to_the_rest() -> None:
    """Two of one bet share what a third that stands alone gets."""
    rng = np.random.default_rng(0)
    common = rng.normal(0.0, 1e-4, 900)
    noise = rng.normal(0.0, 3e-5, (900, 2))
    returns = np.column_stack(
        (common + noise[:, 0], common + noise[:, 1], rng.normal(0.0, 1e-4, 900))
    )

    budgets = budget_symbols(returns, "minimum_variance")

    assert budgets.method == "minimum_variance"
    assert budgets.multipliers[2] > 1.0 > max(budgets.multipliers[:2])


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


def budgets_after(
    market: dict[str, BarArray], *drafts: Draft, method: ChosenMethod = "erc"
) -> dict[str, PortfolioBudget]:
    """Return the budgets of the first close of a week, after what was said a bar before it."""
    settings = Settings(
        symbols=SYMBOLS, agents=AgentsSection(portfolio=PortfolioSection(method=method))
    )
    stage = Stage(lambda: PortfolioAgent(settings))
    for draft in drafts:
        author = "supervisor" if isinstance(draft.fact, Decision) else "execution"
        stage.post(author, draft.ts_event_ns, draft)
    now_ns, asked = begin_week(stage, market)
    replies = history_replies(read_bars(asked), market)
    stage.turn(now_ns, replies)
    assert stage.rebuild(now_ns, replies).drafts == []
    return {fact.scope: fact for fact in stage.facts(PortfolioBudget)}


def twins() -> dict[str, BarArray]:
    """Return a market in which GBPUSD moves as EURUSD does, with noise of its own."""
    market = a_market()
    noise = random_bars(4 * WEEK_BARS, 9)["close"]
    market["GBPUSD"] = market["EURUSD"].copy()
    for name in ("open", "high", "low", "close"):
        market["GBPUSD"][name] = market["EURUSD"][name] * (noise / noise[0]) ** 0.3
    return market


def a_decision(symbol: str, p: float, value_r: float = 0.1) -> Decision:
    """Return a decision to hold that leans to a side."""
    return Decision(
        scope=symbol,
        timeframe=Timeframe.M15,
        action=Action.HOLD,
        probability_up=p,
        confidence=max(p, 1.0 - p),
        expected_value_r=value_r,
        blocked_by="families",
        gates=(),
        shares=(),
    )


def said(market: dict[str, BarArray], fact: AnyFact, bars_before: int = 1) -> Draft:
    """Return a fact of some bars before the first close of the third week."""
    ts_ns = int(market["EURUSD"]["close_ns"][2 * WEEK_BARS - bars_before])
    return Draft(fact=fact, ts_event_ns=ts_ns, ordinal=str(bars_before))


def test_an_open_short_turns_the_budgets() -> None:
    """Long in one twin and short in the other is a hedge, so both get more than the loner."""
    market = twins()
    short = a_position("GBPUSD", side=Side.SELL, stop_price=1.2)
    plain = budgets_after(market)
    turned = budgets_after(market, said(market, short))
    closed = budgets_after(
        market, said(market, short, 2), said(market, a_position("GBPUSD", lots=0.0))
    )

    assert plain["GBPUSD"].multiplier < 1.0 < turned["GBPUSD"].multiplier
    assert closed == plain
    assert turned["EURUSD"].correlations == plain["EURUSD"].correlations


def test_without_a_position_the_decision_gives_the_side() -> None:
    """A decision that leans down turns the correlation; an open position outweighs it."""
    market = twins()
    leaning = said(market, a_decision("GBPUSD", 0.45))
    turned = budgets_after(market, leaning)
    held = budgets_after(market, leaning, said(market, a_position("GBPUSD")))

    assert turned["GBPUSD"].multiplier > 1.0 > held["GBPUSD"].multiplier


def test_max_sharpe_takes_its_expected_values_from_decisions() -> None:
    """The one of which something is expected gets more; where it is held the other way, nothing."""
    market = a_market()
    decisions = [
        said(market, a_decision("EURUSD", 0.6, value_r=0.3)),
        said(market, a_decision("GBPUSD", 0.55, value_r=0.0)),
    ]
    found = budgets_after(market, *decisions, method="max_sharpe")
    against = said(market, a_position("EURUSD", side=Side.SELL, stop_price=1.2))
    held = budgets_after(market, *decisions, against, method="max_sharpe")

    assert found["EURUSD"].method == "max_sharpe"
    assert found["EURUSD"].multiplier > 1.0
    assert (held["EURUSD"].method, held["EURUSD"].reason) == ("equal", "no gain is above zero")


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
