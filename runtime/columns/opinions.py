"""Opinions as columns: what the decision of each close could know, folded from a journal.

A close is taken when time moves on, so its row holds what was posted up to then and is in force at
the close, and nothing later. The folds are the agents' own.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.known import InForce, known
from agents.limits.view import AdviceView, MarketView
from agents.rounds.arbiter import BLACKOUTS_MAX
from agents.rounds.parameters import confluence_of
from agents.rounds.restrictions import MODEL_PREFIX, STATE_OF_AGENT
from agents.rounds.round import Round, Rounds
from agents.supervisor import ADVISERS
from agents.voters import CONSTANT, LEARNED, first_weights, live_voters
from blackboard.entry import Entry
from blackboard.facts import (
    Calibration,
    EntryBlackout,
    ParametersChanged,
    SymbolSpec,
    TradingStateChanged,
    VoterWeights,
)
from blackboard.facts.learning import VoterWeight
from blackboard.facts.market import FeedState
from blackboard.facts.news import Coverage
from config.agent import Mode
from config.settings import Settings
from models.decision.jump import is_event_ahead, sigma_from_range
from models.decision.simulated.columns import (
    CLOSE_DTYPE,
    COVERED,
    NOT_CONFIGURED,
    UNKNOWN,
    VIEW_DTYPE,
    VOTE_DTYPE,
    VOTER_DTYPE,
)
from runtime.columns.calendar import bar_number, hours_of

COVERAGES: Final = {
    Coverage.COVERED: COVERED,
    Coverage.UNKNOWN: UNKNOWN,
    Coverage.NOT_CONFIGURED: NOT_CONFIGURED,
}

IMPOSED: Final = frozenset(
    {"identity", "high_water_mark", "terminal", "flatten", "pause", "reconciliation"}
    | {f"agent.{name}" for name in STATE_OF_AGENT}
)
"""Causes of restrictions that the simulator takes as they were, with those of models that failed;
the others it finds itself."""

Row = tuple[Any, ...]
"""What `Opinions` has of one close."""


class Opinions(NamedTuple):
    """The columns of `models.decision.simulated.columns.World` that a journal fills."""

    closes: NDArray[np.void]
    views: NDArray[np.void]
    votes: NDArray[np.void]
    voters: NDArray[np.void]
    correlation: NDArray[np.float64]


class OpinionReader:
    """Folds entries in their order and gives a row for every close that had a bar."""

    def __init__(self, settings: Settings) -> None:
        self.symbols = tuple(sorted(settings.symbols))
        self.voters = live_voters(settings)
        self._settings = settings
        self._first_weights = first_weights(settings)
        self._rounds = Rounds(settings.timeframe)
        self._market = MarketView(settings)
        self._advice = AdviceView(settings)
        self._weights: InForce[VoterWeights] = InForce()
        self._parameters: InForce[ParametersChanged] = InForce()
        self._calibrations: dict[str, InForce[Calibration]] = {}
        self._blackouts: dict[str, deque[EntryBlackout]] = {}
        self._imposed = 0
        self._taken_ns = 0
        self.specs: dict[str, SymbolSpec] = {}

    def columns(self, entries: Iterable[Entry]) -> Opinions:
        """Return the columns of a whole journal."""
        rows = list(self._rows(entries))
        symbols, voters = len(self.symbols), len(self.voters)
        opinions = Opinions(
            np.zeros(len(rows), CLOSE_DTYPE),
            np.zeros((len(rows), symbols), VIEW_DTYPE),
            np.zeros((len(rows), symbols, voters), VOTE_DTYPE),
            np.zeros((len(rows), voters), VOTER_DTYPE),
            np.full((len(rows), symbols, symbols), np.nan),
        )
        for place, row in enumerate(rows):
            for column, values in zip(opinions, row, strict=True):
                column[place] = values
        return opinions

    def _rows(self, entries: Iterable[Entry]) -> Iterator[Row]:
        now_ns = 0
        for entry in entries:
            if entry.now_ns > now_ns:
                yield from self._take(now_ns)
                now_ns = entry.now_ns
            self._see(entry)
        yield from self._take(now_ns)

    def _see(self, entry: Entry) -> None:
        adviser = ADVISERS.get(type(entry.fact))
        is_heard = adviser is None or self._settings.mode(adviser) is Mode.ENABLED
        for view in (self._market, self._advice, *((self._rounds,) if is_heard else ())):
            view.see(entry)
        match entry.fact:
            case VoterWeights() as weights:
                self._weights.add(weights.effective_from_ns, known(weights, entry))
            case ParametersChanged() as parameters:
                self._parameters.add(parameters.effective_from_ns, known(parameters, entry))
            case Calibration() as calibration:
                kept = self._calibrations.setdefault(calibration.scope, InForce())
                kept.add(calibration.effective_from_ns, known(calibration, entry))
            case TradingStateChanged() as changed:
                imposed = (one for one in changed.restrictions if _is_imposed(one.scope))
                self._imposed = max((one.state.strictness for one in imposed), default=0)
            case EntryBlackout() as blackout if is_heard:
                latest = self._blackouts.setdefault(blackout.scope, deque(maxlen=BLACKOUTS_MAX))
                latest.append(blackout)
            case SymbolSpec() as spec:
                self.specs.setdefault(spec.scope, spec)
            case _:
                pass

    def _take(self, now_ns: int) -> Iterator[Row]:
        for place in self._rounds:
            if self._taken_ns < place.close_ns <= now_ns and place.bars:
                self._taken_ns = place.close_ns
                yield self._row(place, now_ns)

    def _row(self, place: Round, now_ns: int) -> Row:
        close_ns = place.close_ns
        weights = self._weights.at(close_ns)
        records = {} if weights is None else {each.scope: each for each in weights.fact.weights}
        return (
            self._close(close_ns, records),
            [self._view(place, symbol) for symbol in self.symbols],
            [self._votes(place, symbol, now_ns) for symbol in self.symbols],
            [self._voter(voter, close_ns, records) for voter in self.voters],
            [self._correlations(symbol, close_ns) for symbol in self.symbols],
        )

    def _weight(self, records: dict[str, VoterWeight], voter: str) -> float:
        # Who has no record yet weighs what everybody weighed at the beginning.
        return records[voter].weight if voter in records else self._first_weights[voter]

    def _close(self, close_ns: int, records: dict[str, VoterWeight]) -> tuple[float, ...]:
        parameters, sized = self._parameters.at(close_ns), self._advice.parameters(close_ns)
        learned = None if parameters is None else parameters.fact
        return (
            close_ns,
            bar_number(close_ns, self._settings.timeframe.length_ns),
            self._weight(records, CONSTANT),
            np.nan if learned is None else learned.min_confidence,
            np.nan if learned is None else learned.min_rr_ratio,
            np.nan if learned is None else learned.atr_multiplier,
            np.nan if sized is None else sized.fact.risk_frac,
            np.nan if learned is None else learned.target_atr_multiplier,
            np.nan if learned is None else learned.confluence_min,
            COVERAGES[self._advice.coverage(close_ns)],
            self._imposed,
            *hours_of(close_ns),
        )

    def _voter(
        self, voter: str, close_ns: int, records: dict[str, VoterWeight]
    ) -> tuple[float, ...]:
        kept = self._calibrations.get(voter)
        found = None if kept is None else kept.at(close_ns)
        return (
            self._weight(records, voter),
            voter in records and records[voter].is_proven,
            voter in LEARNED,
            np.nan if found is None else found.fact.intercept,
            np.nan if found is None else found.fact.slope,
        )

    def _votes(
        self, place: Round, symbol: str, now_ns: int
    ) -> list[tuple[float, bool, bool, float]]:
        found = [place.votes.get((symbol, voter)) for voter in self.voters]
        votes = [
            None if one is None or one.fact.valid_until_ns < now_ns else one.fact for one in found
        ]
        return [
            (0.5, False, True, 1.0)
            if one is None
            else (one.probability_up, True, one.abstains, confluence_of(one))
            for one in votes
        ]

    def _view(self, place: Round, symbol: str) -> tuple[float, ...]:
        quote, feed = self._market.quotes.get(symbol), self._market.feeds.get(symbol)
        budget = self._advice.budget(symbol, place.close_ns)
        return (
            symbol in place.bars,
            *self._storm(place, symbol),
            *self._levels(place, symbol),
            self._sigma_frac(place, symbol),
            1.0 if budget is None else budget.fact.multiplier,
            self._advice.blackout(symbol, place.close_ns) is not None,
            self._is_event_ahead(place.close_ns, symbol),
            self._advice.lean(symbol, place.close_ns),
            self._advice.event_hours(symbol, place.close_ns),
            feed is not None and feed.fact.state is FeedState.LIVE,
            -1 if quote is None else quote.ts_ns,
            0 if quote is None else quote.fact.valid_until_ns,
            0.0 if quote is None else quote.fact.bid,
            0.0 if quote is None else quote.fact.ask,
            0.0 if quote is None else quote.fact.account_per_quote,
            np.nan if quote is None else self._usual_spread(symbol),
        )

    def _storm(self, place: Round, symbol: str) -> tuple[float, ...]:
        found = place.forecasts.get((symbol, self._settings.agents.lstm_vol.horizons_bars[0]))
        if found is None:
            return (False, False, 0.0, 0.0, 1.0, False)
        storm = found.fact
        scale = 1.0 if storm.abstains else storm.atr_scale
        limits = storm.vol_ratio, storm.vol_ratio_limit
        return (True, storm.vetoes_reversal, *limits, scale, not storm.abstains)

    def _levels(self, place: Round, symbol: str) -> tuple[float, ...]:
        found = place.stops.get(symbol)
        if found is None:
            return (False, 0.0, 0.0, 0.0, 0.0)
        stop = found.fact
        return (True, stop.atr, stop.long_stop_price, stop.short_stop_price, stop.multiplier)

    def _sigma_frac(self, place: Round, symbol: str) -> float:
        """Return the forecast's deviation, or, where it abstains, what the range stands for."""
        horizon_bars = self._settings.agents.lstm_vol.horizons_bars[0]
        forecast, stop = place.forecasts.get((symbol, horizon_bars)), place.stops.get(symbol)
        if forecast is not None and not forecast.fact.abstains:
            return forecast.fact.sigma_frac
        if stop is None or symbol not in place.bars:
            return 0.0
        price = place.bars[symbol].fact.close
        return float(sigma_from_range(stop.fact.atr, price, horizon_bars))

    def _is_event_ahead(self, close_ns: int, symbol: str) -> bool:
        length_ns = self._settings.timeframe.length_ns
        return any(
            is_event_ahead(close_ns, each.from_ns, each.valid_until_ns, length_ns)
            for each in self._blackouts.get(symbol, ())
            if each.valid_until_ns > close_ns and not each.extends
        )

    def _usual_spread(self, symbol: str) -> float:
        samples_min = self._settings.agents.risk.spread_samples_min
        return self._market.usual_spread_points(symbol, samples_min)

    def _correlations(self, symbol: str, close_ns: int) -> list[float]:
        return [
            1.0 if other == symbol else self._advice.correlation(symbol, other, close_ns)
            for other in self.symbols
        ]


def _is_imposed(cause: str) -> bool:
    return cause in IMPOSED or cause.startswith(MODEL_PREFIX)
