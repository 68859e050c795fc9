"""The learner before a board: settlement, weights, calibration, verdicts, statistics."""

import numpy as np
import pytest

from agents.learner import LearnerAgent
from agents.scores import age
from agents.scores.scorecard import Scorecard
from agents.voters import weighing_terms
from blackboard.entry import Draft
from blackboard.facts import (
    AccountSnapshot,
    Bar,
    Calibration,
    CandidateTrained,
    ComponentScores,
    DriftDetected,
    GateReport,
    RetrainRequested,
    Timeframe,
    TradeClosed,
    TradeStatistics,
    TrainingSkipped,
    TrialRecorded,
    Vote,
    VoterWeights,
)
from blackboard.facts.decision import Side
from blackboard.facts.execution import Origin
from blackboard.facts.opinion import ComponentScore
from config.settings import Settings
from models.learning.scoring import brier
from models.learning.weighing import judge, unjudged
from models.market.bars import BAR_DTYPE, BarArray
from models.market.sessions import HOUR_NS, bar_open_ns, next_bar_close_ns
from tests.random_bars import M15_NS, SUNDAY_OPEN_NS, random_bars
from tests.stage import Stage, bar_drafts, vote_draft

SYMBOL = "EURUSD"
TREND, REVERSION, NEWS = "technical.trend", "technical.reversion", "sentiment"
MODELS, MODELS_AT = "technical.learned", frozenset({2})
GRID_ROWS = 16


def a_stage(**modes: str) -> Stage:
    """Return the learner of one symbol before an empty board, other agents in the given modes."""
    agents = {name: {"enabled": mode} for name, mode in modes.items()}
    learner = {"calibration_outcomes_min": 20, **agents.pop("learner", {})}
    settings = Settings.model_validate(
        {"symbols": (SYMBOL,), "agents": {"learner": learner, **agents}}
    )
    return Stage(lambda: LearnerAgent(settings))


def flat_bars(*closes: float) -> BarArray:
    """Return bars that reach from the last close to the next one."""
    bars = np.zeros(len(closes), dtype=BAR_DTYPE)
    close_ns, last = SUNDAY_OPEN_NS, closes[0]
    for row, close in enumerate(closes):
        close_ns = next_bar_close_ns(close_ns, M15_NS)
        bars[row] = (close_ns, last, max(last, close), min(last, close), close, 1, 1)
        last = close
    return bars


def play(stage: Stage, bars: BarArray, votes: dict[int, list[Draft]]) -> int:
    """Post the bars one by one, each with the votes on its close, and let the learner follow."""
    now_ns = 0
    for row in range(len(bars)):
        now_ns = int(bars["close_ns"][row])
        stage.post("data", now_ns, *bar_drafts({SYMBOL: bars}, row))
        stage.turn(now_ns)
        for draft in votes.get(row, []):
            author = "sentiment" if draft.ordinal == NEWS else "technical"
            stage.post(author, now_ns, draft)
        stage.turn(now_ns)
    return now_ns


def weights_of(fact: VoterWeights) -> dict[str, float]:
    """Return the weights by voter."""
    return {each.scope: each.weight for each in fact.weights}


def test_the_first_close_brings_equal_weights() -> None:
    """Rules and news begin with four fifths of a quarter, models with nothing."""
    stage = a_stage()

    now_ns = play(stage, flat_bars(1.1), {})

    (entry,) = stage.entries(VoterWeights)
    expected = {TREND: 0.2, REVERSION: 0.2, MODELS: 0.0, NEWS: 0.2, "constant": 0.4}  # 0.8 of 1 / 4
    assert weights_of(entry.fact) == pytest.approx(expected)
    assert not any(each.is_proven or each.outcomes for each in entry.fact.weights)
    assert (entry.ts_event_ns, entry.fact.effective_from_ns) == (now_ns, now_ns + M15_NS)


def test_weights_follow_the_votes_that_were_settled() -> None:
    """One right and one wrong vote on a rising bar move the weights by the rule of Hedge."""
    stage = a_stage()
    bars = flat_bars(1.1, 1.1011, *[1.1011] * GRID_ROWS)
    close_ns = int(bars["close_ns"][0])
    votes = {
        0: [
            vote_draft(SYMBOL, close_ns, 0.6, voter=TREND),
            vote_draft(SYMBOL, close_ns, 0.3, voter=REVERSION),
            vote_draft(SYMBOL, close_ns, 0.9, voter=NEWS, abstains=True),
        ]
    }

    play(stage, bars, votes)

    terms = weighing_terms(Settings())
    # The barrier is 1.101; the models are the third, and have said nothing.
    excess = (brier(0.6, 1.0) - 0.25, brier(0.3, 1.0) - 0.25, None, None)
    expected = judge(unjudged(4, terms, MODELS_AT), excess, (1.0,) * 4, terms).weights
    entry = stage.entries(VoterWeights)[-1]
    assert tuple(weights_of(entry.fact).values()) == pytest.approx(expected)
    assert bar_open_ns(entry.ts_event_ns, 4 * HOUR_NS) == entry.ts_event_ns
    records = {each.scope: each for each in entry.fact.weights}
    assert records[TREND].outcomes == 1
    assert records[TREND].brier == pytest.approx(0.16)
    assert records[TREND].skill == pytest.approx(0.36)  # 1 - 0.16 / 0.25
    assert records[NEWS].outcomes == 0


def test_an_outcome_counts_for_its_time_and_its_weight_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of two right votes a day apart the record keeps the later one, the weights follow both."""
    monkeypatch.setattr(age, "KEPT_CLOSES", 32)
    stage = a_stage()
    rising = [1.1, *[1.1011] * 80, *[1.1022] * GRID_ROWS]
    bars = flat_bars(*rising)
    votes = {
        row: [vote_draft(SYMBOL, int(bars["close_ns"][row]), 0.6, reference=rising[row])]
        for row in (0, 80)
    }

    play(stage, bars, votes)

    terms, expected = weighing_terms(Settings()), unjudged(4, weighing_terms(Settings()), MODELS_AT)
    for _ in votes:
        expected = judge(expected, (brier(0.6, 1.0) - 0.25, *[None] * 3), (1.0,) * 4, terms)
    last = stage.facts(VoterWeights)[-1]
    assert tuple(weights_of(last).values()) == pytest.approx(expected.weights)
    assert last.weights[0].outcomes == 1


def test_a_vote_that_is_open_too_long_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A barrier that is touched after that decides nothing."""
    monkeypatch.setattr(age, "OPEN_CLOSES", 8)
    monkeypatch.setattr(age, "PAUSE_NS", 0)
    stage = a_stage()
    bars = flat_bars(*[1.1] * 20, *[1.1011] * GRID_ROWS)
    vote = vote_draft(SYMBOL, int(bars["close_ns"][0]), 0.6, horizon_bars=64)

    play(stage, bars, {0: [vote]})

    assert stage.facts(VoterWeights)[-1].weights[0].outcomes == 0


def test_a_voter_that_is_let_in_later_joins_at_its_first_outcome() -> None:
    """Until then the others share the weight; what they had earned stays between them."""
    stage, later = a_stage(sentiment="shadow"), a_stage()
    bars = flat_bars(1.1, *[1.1011] * 40, *[1.1022] * GRID_ROWS)
    first = vote_draft(SYMBOL, int(bars["close_ns"][0]), 0.6)
    play(stage, bars[:40], {0: [first]})
    before = weights_of(stage.facts(VoterWeights)[-1])
    second = vote_draft(SYMBOL, int(bars["close_ns"][40]), 0.6, voter=NEWS, reference=1.1011)

    stage.make = later.make
    stage.rebuild(int(bars["close_ns"][39]))
    play(stage, bars[40:], {0: [second]})

    after = weights_of(stage.facts(VoterWeights)[-1])
    assert (before[NEWS], after[MODELS]) == (0.0, 0.0)
    assert after[NEWS] > 0.2
    assert after[TREND] / after[REVERSION] == pytest.approx(before[TREND] / before[REVERSION])
    assert sum(after.values()) == pytest.approx(1.0)


def test_what_a_voter_weighed_that_has_left_goes_to_the_others() -> None:
    """In proportion, so that their parts are one whole again."""
    stage, later = a_stage(), a_stage(sentiment="shadow")
    bars = flat_bars(1.1, *[1.1011] * 40, *[1.1022] * GRID_ROWS)
    close_ns = bars["close_ns"]
    play(stage, bars[:40], {0: [vote_draft(SYMBOL, int(close_ns[0]), 0.6)]})
    before = {each.scope: each.hedged for each in stage.facts(VoterWeights)[-1].weights}

    stage.make = later.make
    stage.rebuild(int(close_ns[39]))
    second = vote_draft(SYMBOL, int(close_ns[40]), 0.6, voter=REVERSION, reference=1.1011)
    play(stage, bars[40:], {0: [second]})

    after = {each.scope: each.hedged for each in stage.facts(VoterWeights)[-1].weights}
    assert before[NEWS] > 0.0 == after[NEWS]
    assert sum(before.values()) == pytest.approx(1.0)
    assert sum(after.values()) == pytest.approx(1.0)


def test_nothing_is_published_while_nothing_is_settled() -> None:
    """Grid closes without a new outcome repeat no weights."""
    stage = a_stage()

    play(stage, flat_bars(*[1.1] * 40), {})

    assert len(stage.facts(VoterWeights)) == 1


def test_a_horizon_counts_bars_and_ends_with_the_sign() -> None:
    """Three bars without a touch: the third close is above the reference, so the vote was right."""
    stage = a_stage()
    bars = flat_bars(1.1, 1.0999, 1.0998, 1.1001, *[1.0999] * GRID_ROWS)
    vote = vote_draft(SYMBOL, int(bars["close_ns"][0]), 0.6, horizon_bars=3)

    play(stage, bars, {0: [vote]})

    records = {each.scope: each for each in stage.facts(VoterWeights)[-1].weights}
    assert records[TREND].brier == pytest.approx(0.16)


def test_a_vote_is_scored_as_it_served() -> None:
    """A calibration in force at the close of the vote changes what it is judged by."""
    scorecard = Scorecard(Settings(symbols=(SYMBOL,)))
    stage = a_stage()
    bars = flat_bars(1.1, 1.1, 1.1011)
    first_ns, second_ns, last_ns = (int(ns) for ns in bars["close_ns"])
    calibration = Calibration(
        scope=TREND, intercept=0.0, slope=0.0, outcomes=99, effective_from_ns=second_ns
    )

    stage.post("data", first_ns, *bar_drafts({SYMBOL: bars}, 0))
    stage.post("supervisor", first_ns, Draft(fact=calibration, ts_event_ns=first_ns))
    stage.post("technical", first_ns, vote_draft(SYMBOL, first_ns, 0.6))
    stage.post("data", second_ns, *bar_drafts({SYMBOL: bars}, 1))
    stage.post("technical", second_ns, vote_draft(SYMBOL, second_ns, 0.6))
    stage.post("data", last_ns, *bar_drafts({SYMBOL: bars}, 2))
    for row in range(1, stage.board.head + 1):
        entry = stage.board.entry(row)
        match entry.fact:
            case Bar() as bar:
                scorecard.see_bar(entry, bar)
            case Vote() as vote:
                scorecard.see_vote(entry, vote)
            case Calibration() as fact:
                scorecard.see_calibration(entry, fact)
            case _:
                pass

    served = [outcome.served_up for outcome in scorecard.outcomes()[TREND]]
    assert served == pytest.approx([0.6, 0.5])
    assert [outcome.probability_up for outcome in scorecard.outcomes()[TREND]] == [0.6, 0.6]


def test_votes_that_cannot_be_judged_are_left_out() -> None:
    """Someone else's voter, another symbol and a vote after the next bar count for nothing."""
    stage = a_stage()
    bars = flat_bars(1.1, 1.1, 1.1011, *[1.1011] * GRID_ROWS)
    first_ns, second_ns = (int(ns) for ns in bars["close_ns"][:2])
    votes = {
        0: [vote_draft("GBPUSD", first_ns, 0.6)],
        1: [vote_draft(SYMBOL, first_ns, 0.6)],
    }
    stage.post("data", first_ns, *bar_drafts({SYMBOL: bars}, 0))
    stage.post("sentiment", first_ns, vote_draft(SYMBOL, first_ns, 0.6, voter=TREND))

    play(stage, bars, votes)

    assert second_ns > first_ns
    assert all(each.outcomes == 0 for each in stage.facts(VoterWeights)[-1].weights)


def test_a_shadow_voter_is_scored_and_weighs_nothing() -> None:
    """Its record is published with weight 0, and the others share all of it."""
    stage = a_stage(sentiment="shadow")
    bars = flat_bars(1.1, 1.1011, *[1.1011] * GRID_ROWS)
    vote = vote_draft(SYMBOL, int(bars["close_ns"][0]), 0.9, voter=NEWS)

    play(stage, bars, {0: [vote]})

    records = {each.scope: each for each in stage.facts(VoterWeights)[-1].weights}
    assert (records[NEWS].weight, records[NEWS].outcomes) == (0.0, 1)
    assert records[TREND].weight == pytest.approx(0.8 / 3.0)


def test_a_shadow_learner_judges_and_changes_nothing() -> None:
    """It publishes records with the weights of the beginning and no calibration."""
    stage = a_stage(learner="shadow")
    stage_bars, votes = overconfident_votes(200)

    play(stage, stage_bars, votes)

    last = stage.facts(VoterWeights)[-1]
    assert sorted(weights_of(last).values()) == pytest.approx([0.0, 0.2, 0.2, 0.2, 0.4])
    assert any(each.outcomes for each in last.weights)
    assert stage.facts(Calibration) == []


def overconfident_votes(rows: int, seed: int = 0) -> tuple[BarArray, dict[int, list[Draft]]]:
    """Return bars and votes that claim far more than they know."""
    bars = random_bars(rows, seed)
    claims = np.random.default_rng(seed).uniform(0.05, 0.95, rows)
    votes = {
        row: [
            vote_draft(
                SYMBOL,
                int(bars["close_ns"][row]),
                float(claims[row]),
                reference=float(bars["close"][row]),
                distance=4e-4,
            )
        ]
        for row in range(rows)
    }
    return bars, votes


def test_an_overconfident_voter_is_calibrated_towards_a_half() -> None:
    """With enough outcomes its slope falls well below 1."""
    stage = a_stage()

    play(stage, *overconfident_votes(200))

    last = stage.facts(Calibration)[-1]
    assert last.scope == TREND
    assert last.slope < 0.4
    assert last.effective_from_ns > 0


def test_weights_sum_to_one_and_the_noise_loses() -> None:
    """Votes that claim much and know nothing lose weight to the constant expert."""
    stage = a_stage()

    play(stage, *overconfident_votes(400))

    weights = weights_of(stage.facts(VoterWeights)[-1])
    assert sum(weights.values()) == pytest.approx(1.0, abs=1e-12)
    assert weights[TREND] < 0.25 < weights["constant"]


@pytest.mark.parametrize("rows", [1, 37, 170])
def test_a_rebuilt_learner_says_the_same(rows: int) -> None:
    """Killed at any close, it goes on to the last bit and repeats nothing."""
    steady, killed = a_stage(), a_stage()
    bars, votes = overconfident_votes(200)
    for stage in (steady, killed):
        play(stage, bars[:rows], votes)

    outbox_drafts = killed.rebuild(int(bars["close_ns"][rows - 1])).drafts
    for stage in (steady, killed):
        play(stage, bars[rows:], {row - rows: drafts for row, drafts in votes.items()})

    assert outbox_drafts == []
    for kind in (VoterWeights, Calibration):
        assert steady.facts(kind) == killed.facts(kind)


def request(stage: Stage, now_ns: int, scope: str) -> None:
    """Ask for a retraining and give the learner two turns."""
    fact = RetrainRequested(scope=scope, reason="drawdown", evidence="test")
    stage.post("supervisor", now_ns, Draft(fact=fact, ts_event_ns=now_ns))
    stage.turn(now_ns)
    stage.turn(now_ns)


@pytest.mark.parametrize(
    ("scope", "gate", "have", "need"),
    [("all", "outcomes_min", 0, 20), ("technical.learned", "unknown_model", 0, 1)],
)
def test_what_cannot_be_trained_is_answered_all_the_same(
    scope: str, gate: str, have: int, need: int
) -> None:
    """The reason and one verdict are posted, so that a breach finds its way out."""
    stage = a_stage()
    now_ns = play(stage, flat_bars(1.1, 1.1), {})

    request(stage, now_ns, scope)

    (skipped,) = stage.facts(TrainingSkipped)
    (report,) = stage.facts(GateReport)
    assert (skipped.have, skipped.need) == (have, need)
    assert (report.is_promoted, report.failed_gate, report.scope) == (False, gate, scope)


def test_a_better_candidate_is_promoted_once() -> None:
    """Trial, candidate, calibration and one verdict; a rebuilt learner adds nothing."""
    stage = a_stage()
    bars, votes = overconfident_votes(400)
    now_ns = play(stage, bars[:1], votes)
    # The rest comes while the learner is away, so that no refresh is in force at the request.
    for row in range(1, 400):
        now_ns = int(bars["close_ns"][row])
        stage.post("data", now_ns, *bar_drafts({SYMBOL: bars}, row))
        stage.post("technical", now_ns, *votes[row])

    request(stage, now_ns, "calibration")
    rebuilt = stage.rebuild(now_ns)

    (report,) = stage.facts(GateReport)
    (trial,) = stage.facts(TrialRecorded)
    (candidate,) = stage.facts(CandidateTrained)
    promoted = [e.fact for e in stage.entries(Calibration) if e.key.endswith("/retraining")]
    assert (report.is_promoted, report.failed_gate) == (True, "")
    assert TREND in report.detail
    assert candidate.version in trial.trial_id
    assert [each.scope for each in promoted] == [TREND]
    assert promoted[0].effective_from_ns == now_ns + M15_NS
    assert rebuilt.drafts == []


def test_a_candidate_that_is_no_better_is_refused_by_name() -> None:
    """After the refresh has calibrated the voter, the same again is no improvement."""
    stage = a_stage()
    now_ns = play(stage, *overconfident_votes(400))

    request(stage, now_ns, "all")

    (report,) = stage.facts(GateReport)
    assert (report.is_promoted, report.failed_gate) == (False, "forecast")


def a_trade(ticket: int, pnl: float, r_multiple: float, origin: Origin = Origin.OWN) -> TradeClosed:
    """Return a closed trade."""
    return TradeClosed(
        scope=SYMBOL,
        ticket=ticket,
        intent_id="",
        side=Side.BUY,
        lots=0.1,
        open_price=1.1,
        close_price=1.1,
        opened_ns=0,
        profit=pnl,
        swap=0.0,
        commission=0.0,
        fee=0.0,
        pnl=pnl,
        r_multiple=r_multiple,
        reason="stop",
        origin=origin,
    )


def close_trade(stage: Stage, now_ns: int, trade: TradeClosed) -> None:
    """Post a closed trade and let the learner follow."""
    stage.post(
        "execution", now_ns, Draft(fact=trade, ts_event_ns=now_ns, ordinal=str(trade.ticket))
    )
    stage.turn(now_ns)


def test_each_closed_trade_renews_the_statistics_of_symbol_and_account() -> None:
    """Two trades of our own count, somebody else's does not."""
    stage = a_stage()
    snapshot = AccountSnapshot(
        scope="account",
        login=1,
        server="test",
        currency="USD",
        trade_mode=0,
        margin_mode=2,
        balance=1000.0,
        equity=1000.0,
        margin=0.0,
        margin_free=1000.0,
        leverage=30,
        deposits=1000.0,
        open_positions=0,
    )
    stage.post("execution", 1, Draft(fact=snapshot, ts_event_ns=1))

    close_trade(stage, 2, a_trade(1, 30.0, 1.5))
    close_trade(stage, 2, a_trade(2, -20.0, -1.0))
    close_trade(stage, 3, a_trade(3, -500.0, 0.0, Origin.EXTERNAL))
    rebuilt = stage.rebuild(3)

    assert [fact.scope for fact in stage.facts(TradeStatistics)] == [SYMBOL, "account"] * 2
    last = stage.facts(TradeStatistics)[-1]
    assert (last.trades, last.wins, last.pnl) == (2, 1, 10.0)
    assert last.profit_factor == pytest.approx(1.5)
    assert last.expectancy_r == pytest.approx(0.25)
    assert last.drawdown_frac == pytest.approx(20.0 / 1030.0)
    assert rebuilt.drafts == []


def test_a_run_of_losses_is_reported_once_a_day() -> None:
    """From the thirtieth loss on win rate and expectancy are drift, each once a trading day."""
    stage = a_stage()

    for ticket in range(1, 36):
        close_trade(stage, SUNDAY_OPEN_NS + ticket, a_trade(ticket, -10.0, -1.0))
    drifts = stage.facts(DriftDetected)
    close_trade(stage, SUNDAY_OPEN_NS + 25 * HOUR_NS, a_trade(99, -10.0, -1.0))

    found = [(drift.statistic, drift.value, drift.threshold) for drift in drifts]
    assert found == [("win_rate", 0.0, 0.4), ("expectancy", 0.0, 0.05)]
    assert len(stage.facts(DriftDetected)) == 4


def test_few_wins_that_pay_are_a_warning_only() -> None:
    """One win of 5 R in four trades is a low win rate, and no reason for new models."""
    stage = a_stage()

    for ticket in range(1, 36):
        pnl, r_multiple = (50.0, 5.0) if ticket % 4 == 0 else (-10.0, -1.0)
        close_trade(stage, SUNDAY_OPEN_NS + ticket, a_trade(ticket, pnl, r_multiple))

    assert [drift.statistic for drift in stage.facts(DriftDetected)] == ["win_rate"]


def component_draft(symbol: str, day_edge: float, night_ns: int) -> Draft:
    """Return one symbol's night: a month at an edge of 0.1, and four outcomes of a day."""
    score = ComponentScore(
        scope="H1",
        voter=TREND,
        name="supertrend",
        day_edge=day_edge,
        day_outcomes=4.0,
        month_edge=0.1,
        month_outcomes=100.0,
        weight=1.2,
    )
    fact = ComponentScores(scope=symbol, timeframe=Timeframe.M15, components=(score,))
    return Draft(fact=fact, ts_event_ns=night_ns, timeframe="M15")


@pytest.mark.parametrize(("edges", "alarms"), [((-0.7, -0.7, -0.7), 0), ((-0.9, -0.7, -0.9), 1)])
def test_a_component_far_below_its_month_is_told(edges: tuple[float, ...], alarms: int) -> None:
    """Three symbols of four outcomes: the alarm stands at 0.1 − 3 / √12 = −0.766, pooled."""
    stage = a_stage()
    night_ns = SUNDAY_OPEN_NS + M15_NS
    drafts = [component_draft(f"S{i}", edge, night_ns) for i, edge in enumerate(edges)]
    stage.post("technical", night_ns, *drafts)

    stage.turn(night_ns)
    stage.turn(night_ns)

    told = [entry.fact for entry in stage.entries(DriftDetected)]
    assert len(told) == alarms
    for fact in told:
        assert (fact.scope, fact.statistic) == ("technical.trend.supertrend.H1", "component_edge")
        assert fact.value == pytest.approx(-2.5 / 3)
        assert fact.threshold == pytest.approx(0.1 - 3.0 / 12**0.5)
