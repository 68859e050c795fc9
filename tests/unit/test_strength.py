"""Ranks of currencies and the voter that speaks for them."""

import math

import numpy as np
import pytest

from agents.agent import Inbox
from agents.requests import BarsRead, ReadBars
from agents.technical import TechnicalAgent
from agents.voters import live_voters
from blackboard.facts import Vote
from config.settings import Settings
from models.market.bars import BarArray, Window
from models.opinion.strength import StrengthWindow, score_of_drifts, smoothed_drift
from runtime.proof.lookahead.council import _entries
from runtime.proof.lookahead.futures import moments
from tests.random_bars import random_bars

VOTER = "technical.currency_strength"


def test_drift_by_hand() -> None:
    """Period 1 keeps only the last change; period 3 halves the old each time."""
    close = np.array([100.0, 110.0, 99.0, 99.0])

    assert smoothed_drift(close, 1)[1:].tolist() == [1.0, -1.0, 0.0]
    # changes 0.1, -0.1, 0: mean 0.05, -0.025, -0.0125; size 0.05, 0.075, 0.0375
    assert smoothed_drift(close, 3)[3] == pytest.approx(-0.0125 / 0.0375)
    assert np.isnan(smoothed_drift(close, 3)[:3]).all()


def test_scores_are_differences_of_ranks() -> None:
    """EUR above GBP above USD above JPY: four currencies, so a rank is a third."""
    drifts = {"EURUSD": 0.6, "GBPUSD": 0.4, "USDJPY": 0.9}

    # EUR 0.6, GBP 0.4, USD (-0.6 - 0.4 + 0.9) / 3 = -0.033, JPY -0.9: ranks 3, 2, 1, 0
    assert score_of_drifts(drifts, "EURUSD") == pytest.approx(2 / 3)
    assert score_of_drifts(drifts, "GBPUSD") == pytest.approx(1 / 3)
    assert score_of_drifts(drifts, "USDJPY") == pytest.approx(1 / 3)


def test_equals_share_their_rank() -> None:
    """Where nothing moves nobody is stronger."""
    drifts = dict.fromkeys(("EURUSD", "GBPUSD", "EURGBP"), 0.0)

    assert score_of_drifts(drifts, "EURGBP") == 0.0


@pytest.mark.parametrize(
    "drifts",
    [
        {"EURUSD": 0.6, "GBPUSD": 0.4},
        {"EURUSD": 0.6, "GBPUSD": 0.4, "USDJPY": math.nan},
        {"GBPUSD": 0.6, "AUDUSD": 0.4, "USDJPY": 0.1},
    ],
)
def test_below_three_symbols_there_is_no_rank(drifts: dict[str, float]) -> None:
    """Two symbols, a third in its warm-up, or a symbol that has no bar itself."""
    assert math.isnan(score_of_drifts(drifts, "EURUSD"))


def test_no_strength_sees_the_future() -> None:
    """Scores up to a row are bit-identical with later bars, with none, and with others."""
    bars = {s: random_bars(400, seed) for seed, s in enumerate(("EURUSD", "GBPUSD", "USDJPY"))}

    def scores(change: float, count: int) -> list[float]:
        altered: dict[str, BarArray] = {}
        for symbol, rows in bars.items():
            altered[symbol] = rows[:count].copy()
            altered[symbol]["close"][300:] *= change
        windows = {symbol: Window(rows) for symbol, rows in altered.items()}
        return list(map(float, StrengthWindow(20).scores(windows, "EURUSD", 300)))

    alone = scores(1.0, 300)
    assert np.array_equal(alone, scores(1.0, 400), equal_nan=True)
    assert np.array_equal(alone, scores(1.02, 400), equal_nan=True)
    assert np.isfinite(alone[20:]).all()


def voted(symbols: tuple[str, ...]) -> dict[str, Vote]:
    """Return the optional voter's votes at one close of the synthetic market."""
    settings = Settings.model_validate(
        {"symbols": symbols, "agents": {"technical": {"currency_strength": True}}}
    )
    (moment,) = moments(settings, 1, seed=2)
    agent = TechnicalAgent(settings)
    asked = agent.step(moment.close_ns, Inbox(tuple(_entries(settings, moment, moment.bars))))
    replies = tuple(
        BarsRead(
            request=request,
            bars=moment.bars[request.symbol],
            source="test",
        )
        for request in asked.requests
        if isinstance(request, ReadBars)
    )
    drafts = agent.step(moment.close_ns, Inbox((), replies)).drafts
    votes = [draft.fact for draft in drafts if isinstance(draft.fact, Vote)]
    return {vote.scope: vote for vote in votes if vote.voter == VOTER}


def test_the_voter_answers_for_every_symbol() -> None:
    """With three symbols each has a rank behind its vote, whether or not it may speak."""
    votes = voted(("EURUSD", "GBPUSD", "USDJPY"))

    assert set(votes) == {"EURUSD", "GBPUSD", "USDJPY"}
    assert all([each.name for each in vote.evidence] == ["rank"] for vote in votes.values())


def test_the_voter_abstains_below_three_symbols() -> None:
    """Two symbols are no ranking; the vote is an abstention with its reason."""
    votes = voted(("EURUSD", "USDJPY"))

    assert all(vote.abstains and vote.reason for vote in votes.values())
    assert not any(vote.evidence for vote in votes.values())


def test_the_voter_is_off_by_default() -> None:
    """It votes, and is waited for, only where the operator wants it."""
    on = Settings.model_validate({"agents": {"technical": {"currency_strength": True}}})

    assert VOTER not in live_voters(Settings())
    assert VOTER in live_voters(on)
