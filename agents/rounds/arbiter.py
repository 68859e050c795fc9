"""The arbiter: from one symbol's answers at one close to its Decision.

Folds what decisions are measured by (weights, calibrations, parameters, specifications, blackouts)
and translates between facts and the compiled arithmetic of `models.decision.arbitration`. Of the
volatility forecasts the first configured horizon counts, for the veto and for the stop's scale.
Where an enabled forecaster said nothing, a decision led by the reversal voter counts as vetoed:
absence must not permit what a forecast might forbid.
"""

from collections import deque
from math import inf
from typing import Final

import msgspec
import numpy as np

from agents.known import InForce, Known, known
from agents.rounds.parameters import Parameters, confluence_of, rr_ratio_of
from agents.rounds.round import Round
from agents.voters import CONSTANT, first_weights, is_heard, live_voters
from blackboard.entry import Entry
from blackboard.facts import (
    CalendarCoverage,
    Calibration,
    Decision,
    EntryBlackout,
    ParametersChanged,
    Quote,
    SymbolSpec,
    VolatilityForecast,
    Vote,
    VoterWeights,
)
from blackboard.facts.control import TradingState
from blackboard.facts.decision import Action, Gate, Side, VoterShare
from blackboard.facts.learning import VoterWeight
from blackboard.facts.news import Coverage
from config.agent import Mode
from config.settings import Settings
from models.decision import arbitration
from models.decision.arbitration import GATES, Ballot, Circumstances, Ruling, Terms
from models.decision.jump import is_event_ahead
from models.market.sessions import DAY_NS, MINUTE_NS

REVERSAL_VOTER: Final = "technical.reversion"
"""The voter who bets on a reversal, which a storm vetoes."""

BLACKOUTS_MAX: Final = 512
"""Latest blackouts kept of one symbol."""

ENTRY_STATES: Final = frozenset({TradingState.ACTIVE, TradingState.SAFE})
"""States in which positions may be opened."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How the system itself stands towards an entry in one symbol."""

    state: TradingState
    blocks_buy: str = ""
    """What forbids a buy, empty if nothing does."""
    blocks_sell: str = ""
    causes: tuple[int, ...] = ()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a position would be opened, and what that costs."""

    bid: float
    ask: float
    stop_distance: float
    target_distance: float
    cost_r: float
    causes: tuple[int, ...]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A Decision with what its intents need."""

    decision: Decision
    side: Side | None
    """Side the votes speak for, whether or not a gate blocked it; None without a lean."""
    plan: Plan | None
    """None where quote, specification or average true range is missing, or no distance follows."""
    causes: tuple[int, ...]


class Arbiter:
    """Decides one symbol and close at a time; holds no memory of its own decisions."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._voters = live_voters(settings)
        self._first_weights = first_weights(settings)
        self._weights: InForce[VoterWeights] = InForce()
        self._parameters = Parameters(settings)
        self._calibrations: dict[str, InForce[Calibration]] = {}
        self._blackouts: dict[str, deque[Known[EntryBlackout]]] = {}
        self._coverage: Known[CalendarCoverage] | None = None
        self.specs: dict[str, Known[SymbolSpec]] = {}
        self.quotes: dict[str, Known[Quote]] = {}

    def see(self, entry: Entry) -> None:
        """Fold what decisions are measured by."""
        match entry.fact:
            case VoterWeights() as weights:
                self._weights.add(weights.effective_from_ns, known(weights, entry))
            case ParametersChanged() as parameters:
                self._parameters.add(known(parameters, entry))
            case Calibration() as calibration:
                kept = self._calibrations.setdefault(calibration.scope, InForce())
                kept.add(calibration.effective_from_ns, known(calibration, entry))
            case SymbolSpec() as spec:
                self.specs[spec.scope] = known(spec, entry)
            case Quote() as quote:
                self.quotes[quote.scope] = known(quote, entry)
            case EntryBlackout() as blackout:
                self._forbid(known(blackout, entry), entry.now_ns)
            case CalendarCoverage() as coverage:
                self._coverage = known(coverage, entry)
            case _:
                pass

    def _forbid(self, latest: Known[EntryBlackout], now_ns: int) -> None:
        # Each close looks at all of them. No close is decided a day late, so what was over then
        # forbids nothing any more.
        before = self._blackouts.get(latest.fact.scope, ())
        open_ones = (each for each in before if each.fact.valid_until_ns >= now_ns - DAY_NS)
        self._blackouts[latest.fact.scope] = deque((*open_ones, latest), maxlen=BLACKOUTS_MAX)

    def parameters(
        self, ts_ns: int, state: TradingState = TradingState.ACTIVE
    ) -> Known[ParametersChanged]:
        """Return the parameters in force at an instant; seq 0 stands for the settings."""
        return self._parameters.at(ts_ns, state)

    def weights(self, ts_ns: int) -> Known[VoterWeights] | None:
        """Return the weights in force at an instant, None before the first: all weigh the same."""
        return self._weights.at(ts_ns)

    def quote(self, place: Round, symbol: str) -> Known[Quote] | None:
        """Return the quote of the close, or the latest one if it is still fresh then."""
        at_close = place.quotes.get(symbol)
        if at_close is not None:
            return at_close
        latest = self.quotes.get(symbol)
        age_max_ns = self._settings.agents.risk.quote_age_max_min * MINUTE_NS
        if latest is None or latest.ts_event_ns < place.close_ns - age_max_ns:
            return None
        return latest

    def forecast(self, place: Round, symbol: str) -> Known[VolatilityForecast] | None:
        """Return the forecast of a close that counts, None if there is none."""
        if not self._forecasts():
            return None
        return place.forecasts.get((symbol, self._settings.agents.lstm_vol.horizons_bars[0]))

    def event_ahead(self, place: Round, symbol: str) -> Known[EntryBlackout] | None:
        """Return a blackout whose event is still to come and which begins by the next close."""
        length_ns = self._settings.timeframe.length_ns
        for blackout in self._blackouts.get(symbol, ()):
            from_ns, until_ns = blackout.fact.from_ns, blackout.fact.valid_until_ns
            # Most are over, and need no compiled call; an extension has no event ahead.
            is_past = until_ns <= place.close_ns or bool(blackout.fact.extends)
            if not is_past and is_event_ahead(place.close_ns, from_ns, until_ns, length_ns):
                return blackout
        return None

    def decide(self, place: Round, symbol: str, now_ns: int, standing: Standing) -> Verdict:
        """Decide one symbol of a round with the answers that are there and still valid."""
        votes = self._votes(place, symbol, now_ns)
        forecast = self.forecast(place, symbol)
        parameters = self.parameters(place.close_ns, standing.state)
        weights = self.weights(place.close_ns)
        calibrations = self._in_force(votes, place.close_ns)
        plan = self._plan(place, symbol, forecast, parameters.fact)
        blackout, news = self.news(symbol, place.close_ns)

        ballot = self._ballot(votes, calibrations, weights, standing.state, parameters.fact)
        storm = None if forecast is None else forecast.fact
        circumstances = Circumstances(
            reversal_voter=self._place_of(REVERSAL_VOTER),
            vetoes_reversal=storm.vetoes_reversal if storm else self._forecasts(),
            vol_ratio=storm.vol_ratio if storm else 0.0,
            vol_ratio_limit=storm.vol_ratio_limit if storm else 0.0,
            is_priced=plan is not None,
            cost_r=plan.cost_r if plan else 0.0,
            is_blackout=bool(blackout),
            blocks_buy=bool(standing.blocks_buy),
            blocks_sell=bool(standing.blocks_sell),
            permits_entries=standing.state in ENTRY_STATES,
        )
        ruling = arbitration.arbitrate(ballot, self._terms(parameters.fact), circumstances)
        side = {1: Side.BUY, -1: Side.SELL}.get(ruling.side)
        details = {
            "volatility": "" if storm or not self._forecasts() else "no forecast",
            "expected_value": _odds(ruling, plan, rr_ratio_of(parameters.fact)),
            "blackout": blackout,
            "position": standing.blocks_buy if side is Side.BUY else standing.blocks_sell,
            "trading_state": standing.state.value,
        }
        causes = [place.bars[symbol].seq, *news, *standing.causes, *(plan.causes if plan else ())]
        causes += [vote.seq for vote in votes.values()]
        causes += [calibration.seq for calibration in calibrations.values()]
        causes += [parameters.seq, weights.seq if weights else 0, forecast.seq if forecast else 0]
        return Verdict(
            decision=self._decision(symbol, ruling, ballot, details),
            side=side,
            plan=plan,
            causes=tuple(sorted({seq for seq in causes if seq > 0})),
        )

    def _forecasts(self) -> bool:
        return self._settings.mode("lstm_vol") is Mode.ENABLED

    def _place_of(self, voter: str) -> int:
        return self._voters.index(voter) if voter in self._voters else -1

    def _votes(self, place: Round, symbol: str, now_ns: int) -> dict[str, Known[Vote]]:
        found = {voter: place.votes.get((symbol, voter)) for voter in self._voters}
        return {
            voter: vote
            for voter, vote in found.items()
            if vote is not None and vote.fact.valid_until_ns >= now_ns
        }

    def _in_force(
        self, votes: dict[str, Known[Vote]], close_ns: int
    ) -> dict[str, Known[Calibration]]:
        found = {
            voter: self._calibrations[voter].at(close_ns)
            for voter in votes
            if voter in self._calibrations
        }
        return {voter: each for voter, each in found.items() if each is not None}

    def _plan(
        self,
        place: Round,
        symbol: str,
        forecast: Known[VolatilityForecast] | None,
        parameters: ParametersChanged,
    ) -> Plan | None:
        quote, spec = self.quote(place, symbol), self.specs.get(symbol)
        stop = place.stops.get(symbol)
        if quote is None or spec is None or stop is None:
            return None
        scale = 1.0
        if forecast is not None and not forecast.fact.abstains:
            scale = forecast.fact.atr_scale
        stop_distance = parameters.atr_multiplier * stop.fact.atr * scale
        target_distance = rr_ratio_of(parameters) * stop_distance
        if not (0.0 < stop_distance < inf and 0.0 < target_distance < inf):
            return None
        cost = arbitration.round_trip_cost(
            quote.fact.ask - quote.fact.bid,
            self._settings.terminal.commission_per_lot,
            spec.fact.contract_size,
            quote.fact.account_per_quote,
        )
        return Plan(
            bid=quote.fact.bid,
            ask=quote.fact.ask,
            stop_distance=stop_distance,
            target_distance=target_distance,
            cost_r=cost / stop_distance,
            causes=(quote.seq, spec.seq, stop.seq),
        )

    def news(self, symbol: str, close_ns: int) -> tuple[str, tuple[int, ...]]:
        """Return what of the news forbids an entry at an instant, empty if nothing, and causes."""
        for blackout in self._blackouts.get(symbol, ()):
            if blackout.fact.from_ns <= close_ns <= blackout.fact.valid_until_ns:
                return f"{blackout.fact.currency} {blackout.fact.event}", (blackout.seq,)
        if self._settings.mode("sentiment") is not Mode.ENABLED:
            return "", ()
        if self._coverage is None:
            return "calendar coverage not known yet", ()
        is_known = self._coverage.fact.state is not Coverage.UNKNOWN
        is_valid = self._coverage.fact.valid_until_ns >= close_ns
        why = "" if is_known and is_valid else "calendar coverage unknown"
        return why, (self._coverage.seq,)

    def _ballot(
        self,
        votes: dict[str, Known[Vote]],
        calibrations: dict[str, Known[Calibration]],
        weights: Known[VoterWeights] | None,
        state: TradingState,
        parameters: ParametersChanged,
    ) -> Ballot:
        records = {} if weights is None else {each.scope: each for each in weights.fact.weights}
        return Ballot(
            probabilities_up=np.array(
                [_probability(votes.get(each), calibrations.get(each)) for each in self._voters]
            ),
            weights=np.array([self._weight(records, each) for each in self._voters]),
            answers=np.array([each in votes for each in self._voters], dtype=np.bool_),
            abstains=np.array(
                [
                    each not in votes
                    or votes[each].fact.abstains
                    or not is_heard(each, state)
                    or confluence_of(votes[each].fact) < parameters.confluence_min
                    for each in self._voters
                ],
                dtype=np.bool_,
            ),
            is_proven=np.array(
                [
                    each in records and records[each].is_proven and is_heard(each, state)
                    for each in self._voters
                ],
                dtype=np.bool_,
            ),
            constant_weight=self._weight(records, CONSTANT),
        )

    def _weight(self, records: dict[str, VoterWeight], voter: str) -> float:
        # Who has no record yet weighs what everybody weighed at the beginning.
        return records[voter].weight if voter in records else self._first_weights[voter]

    def _terms(self, parameters: ParametersChanged) -> Terms:
        return Terms(
            quorum=self._settings.agents.supervisor.quorum,
            min_confidence=parameters.min_confidence,
            families_min=self._settings.trading.families_min,
            rr_ratio=rr_ratio_of(parameters),
            margin_r=self._settings.trading.expected_value_margin_r,
        )

    def _decision(
        self, symbol: str, ruling: Ruling, ballot: Ballot, details: dict[str, str]
    ) -> Decision:
        last = len(GATES) - 1 if ruling.blocked_by < 0 else ruling.blocked_by
        gates = tuple(
            Gate(
                scope=symbol,
                name=GATES[place],
                passed=place != ruling.blocked_by,
                value=float(ruling.values[place]),
                threshold=float(ruling.thresholds[place]),
                detail=details.get(GATES[place], ""),
            )
            for place in range(last + 1)
        )
        action = Action.BUY if ruling.side > 0 else Action.SELL
        probability_up = float(ruling.probability_up)
        return Decision(
            scope=symbol,
            timeframe=self._settings.timeframe,
            action=action if ruling.blocked_by < 0 else Action.HOLD,
            probability_up=probability_up,
            confidence=max(probability_up, 1.0 - probability_up),
            expected_value_r=float(ruling.expected_value_r),
            blocked_by="" if ruling.blocked_by < 0 else GATES[ruling.blocked_by],
            gates=gates,
            shares=self._shares(ballot),
        )

    def _shares(self, ballot: Ballot) -> tuple[VoterShare, ...]:
        weights = arbitration.shares(ballot)
        voters = [
            VoterShare(
                scope=voter,
                probability_up=float(ballot.probabilities_up[place]),
                weight=float(weights[place]),
                abstains=bool(ballot.abstains[place]),
            )
            for place, voter in enumerate(self._voters)
            if ballot.answers[place]
        ]
        constant = VoterShare(
            scope=CONSTANT, probability_up=0.5, weight=float(weights[-1]), abstains=False
        )
        return (*voters, constant)


def _probability(vote: Known[Vote] | None, calibration: Known[Calibration] | None) -> float:
    if vote is None:
        return 0.5
    if calibration is None:
        return vote.fact.probability_up
    return arbitration.calibrated(
        vote.fact.probability_up, calibration.fact.intercept, calibration.fact.slope
    )


def _odds(ruling: Ruling, plan: Plan | None, rr_ratio: float) -> str:
    if plan is None:
        return "no price: quote, specification or average true range is missing"
    confidence = max(ruling.probability_up, 1.0 - ruling.probability_up)
    hit = arbitration.target_first(confidence, rr_ratio)
    needed = arbitration.break_even(rr_ratio, plan.cost_r)
    return f"target first {hit:.3f}, break-even {needed:.3f}"
