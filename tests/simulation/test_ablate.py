"""Ablation: what is taken away is gone, and everything else stands as it was recorded."""

import numpy as np
import pytest

from models.decision.simulated.columns import NOT_CONFIGURED
from runtime.columns import simulate_columns
from runtime.proof.ablate import WITHOUT, compared
from runtime.proof.trades import Trade, first_difference, simulated_trades
from tests.decided_run import columns
from tests.simulation.test_simulator import simulated

pytestmark = pytest.mark.timeout(1800)  # the first to come compiles the simulator


def a_trade(**changes: object) -> Trade:
    """Return a trade that won ten."""
    values: dict[str, object] = {
        "symbol": "EURUSD",
        "side": "BUY",
        "lots": 0.1,
        "opened_ns": 1,
        "closed_ns": 2,
        "open_price": 1.1,
        "close_price": 1.101,
        "stop_price": 1.099,
        "target_price": 1.103,
        "profit": 10.7,
        "swap": 0.0,
        "commission": -0.7,
        "pnl": 10.0,
        "r_multiple": 1.0,
        "reason": "stop",
    }
    return Trade(**{**values, **changes})  # type: ignore[arg-type]


def test_trades_are_told_apart_by_their_entry() -> None:
    """One lost, one gained, one that ends otherwise; the difference is what the agent brought."""
    kept, lost = a_trade(), a_trade(opened_ns=5, pnl=-4.0)
    ended, gained = a_trade(pnl=3.0), a_trade(symbol="USDJPY", pnl=-1.0)

    found = compared("run", "learner", [kept, lost], [ended, gained])

    assert (found.trades, found.trades_without) == (2, 2)
    assert found.lost == (lost,)
    assert found.gained == (gained,)
    assert [(pair.recorded, pair.without) for pair in found.changed] == [(kept, ended)]
    assert found.pnl_difference == 4.0  # 10 − 4 against 3 − 1


def test_the_first_difference_names_what_differs() -> None:
    """Field, recorded and simulated value; or the numbers of trades."""
    assert first_difference([a_trade()], [a_trade()]) == ""
    assert "pnl was 10.0, simulated 9.99" in first_difference([a_trade()], [a_trade(pnl=9.99)])
    assert "has 1 closed trades, the simulation 0" in first_difference([a_trade()], [])


@pytest.mark.parametrize("agent", ["technical", "sentiment"])
def test_a_voter_who_is_gone_neither_answers_nor_weighs(agent: str) -> None:
    """Its votes are no answers; those of the others stand."""
    known, left = columns(), WITHOUT[agent](columns())

    for place, voter in enumerate(known.voters):
        is_gone = voter.startswith(agent)
        was = known.votes["answers"][:, :, place]
        assert (left.votes["answers"][:, :, place] == (was & (not is_gone))).all()


def test_what_advisers_said_is_gone() -> None:
    """No blackout, half risk; no forecast; equal budgets; equal weights."""
    without_news = WITHOUT["sentiment"](columns())
    assert not without_news.views["is_blackout"].any()
    assert not without_news.views["lean"].any()
    assert np.isinf(without_news.views["event_hours"]).all()
    assert (without_news.closes["coverage"] == NOT_CONFIGURED).all()
    without_texts = WITHOUT["sentiment_vote"](columns())
    # By their bytes, in which an unknown figure equals itself: the calendar stays.
    assert without_texts.views.tobytes() == columns().views.tobytes()
    without_storms = WITHOUT["lstm_vol"](columns())
    assert not without_storms.views["has_forecast"].any()
    assert (without_storms.views["atr_scale"] == 1.0).all()
    without_budgets = WITHOUT["portfolio"](columns())
    assert (without_budgets.views["multiplier"] == 1.0).all()
    assert np.isnan(
        without_budgets.correlation[:, ~np.eye(len(columns().symbols), dtype=bool)]
    ).all()
    without_record = WITHOUT["learner"](columns())
    assert (without_record.voters_at["weight"] == without_record.voters_at["weight"][0]).all()
    assert np.isnan(without_record.voters_at["slope"]).all()


def test_without_the_technical_votes_nothing_is_entered() -> None:
    """The quorum fails, and the columns of the run stay as they were."""
    run = simulate_columns(WITHOUT["technical"](columns()), columns().settings)

    assert simulated_trades(run) == []
    assert simulated_trades(simulate_columns(columns(), columns().settings)) == simulated_trades(
        simulated()
    )
