"""After an event: nothing is entered while its market is not itself again.

A blackout of fixed width ends while spreads are still wide and prices still jump. At each close in
the time after it, market and texts are asked anew: a spread far above that of its hour, a forecast
of volatility above its limit, or texts that speak strongly for or against the event's currency bar
entries until the next close. Nothing here ends a blackout, and no text ever shortens one.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from agents.limits.view import MarketView
from agents.news.bulletin import GLOBAL
from agents.news.state import KnownEvent, News, event_key
from blackboard.entry import Draft, Entry
from blackboard.facts import EntryBlackout, SentimentScore, VolatilityForecast
from blackboard.facts.news import Impact
from config.agent import Mode
from config.settings import Settings
from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, next_bar_close_ns

FORECAST_AGE_NS_MAX: Final = 4 * DAY_NS
"""Age beyond which a forecast says nothing of today's market: a weekend and a holiday."""


class _Found(NamedTuple):
    reason: str
    causes: tuple[int | str, ...]


class _Storm(NamedTuple):
    close_ns: int
    seq: int
    is_above: bool


class Aftermath:
    """Folds what tells whether a market is calm, and drafts what bars entries until it is."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._section = settings.agents.sentiment
        width_min = max(self._section.blackout_high_min, self._section.blackout_medium_min)
        self._reach_ns = max(
            (width_min + self._section.blackout_extension_max_min) * MINUTE_NS,
            int(self._section.news_time_buffer_hours * HOUR_NS),
        )
        self._market = MarketView(settings)
        self._hears_forecasts = settings.mode("lstm_vol") is Mode.ENABLED
        self._storms: dict[str, list[_Storm]] = {}
        """Latest two forecasts of a symbol."""

    def see(self, entry: Entry) -> None:
        """Fold quotes, specifications and forecasts."""
        self._market.see(entry)
        match entry.fact:
            case VolatilityForecast() as forecast if self._hears_forecasts:
                if forecast.horizon_bars == self._settings.agents.lstm_vol.horizons_bars[0]:
                    is_storm = not forecast.abstains and forecast.vetoes_reversal
                    latest = self._storms.setdefault(forecast.scope, [])
                    latest.append(_Storm(entry.ts_event_ns, entry.seq, is_storm))
                    del latest[:-2]
            case _:
                pass

    def drafts(
        self,
        close_ns: int,
        news: News,
        widths_ns: Mapping[Impact, int],
        scores: Mapping[str, Draft],
    ) -> Iterator[Draft]:
        """Yield one blackout for each symbol that must wait until the next close.

        Parameters
        ----------
        close_ns
            The close at which it is asked.
        news
            Events as they are known then.
        widths_ns
            How long the fixed blackout lasts after an event of each impact; 0 has none.
        scores
            The close's scores by currency, as they are about to be posted.
        """
        past = [
            event
            for event in news.events.values()
            if close_ns - self._reach_ns <= event.fact.scheduled_ns < close_ns
            and widths_ns[event.fact.impact] > 0
        ]
        past.sort(key=lambda event: event_key(event.fact))
        for symbol in self._settings.symbols if past else ():
            concerned = (symbol[:3], symbol[3:6], GLOBAL)
            found = (
                self._extension(symbol, event, widths_ns[event.fact.impact], close_ns, scores)
                for event in past
                if event.fact.scope in concerned
            )
            draft = next((each for each in found if each is not None), None)
            if draft is not None:
                yield draft

    def _extension(
        self,
        symbol: str,
        event: KnownEvent,
        width_ns: int,
        close_ns: int,
        scores: Mapping[str, Draft],
    ) -> Draft | None:
        end_ns = event.fact.scheduled_ns + width_ns
        if end_ns >= close_ns:
            return None  # its own blackout still holds
        market_ns = end_ns + self._section.blackout_extension_max_min * MINUTE_NS
        score_ns = event.fact.scheduled_ns + int(self._section.news_time_buffer_hours * HOUR_NS)
        found = self._restless(symbol, close_ns) if close_ns <= market_ns else None
        last_ns = market_ns
        if found is None and close_ns <= score_ns:
            found, last_ns = self._spoken(scores.get(event.fact.scope)), score_ns
        if found is None:
            return None
        next_ns = next_bar_close_ns(close_ns, self._settings.timeframe.length_ns)
        blackout = EntryBlackout(
            scope=symbol,
            valid_until_ns=max(close_ns, min(next_ns - SECOND_NS, last_ns)),
            from_ns=close_ns,
            impact=event.fact.impact,
            currency=event.fact.scope,
            event=event.fact.title,
            extends=found.reason,
        )
        causes = (event.cause, *found.causes)
        return Draft(fact=blackout, ts_event_ns=close_ns, ordinal="aftermath", causes=causes)

    def _restless(self, symbol: str, close_ns: int) -> _Found | None:
        """Return what of a market is not as usual: its spread now, its forecast a close before.

        The forecast of this close may still be on its way, and nobody waits for it.
        """
        quote = self._market.quotes.get(symbol)
        if quote is not None and symbol in self._market.specs:
            samples_min = self._settings.agents.risk.spread_samples_min
            usual = self._market.usual_spread_points(symbol, samples_min)
            times = self._market.spread_points(symbol) / usual if usual > 0.0 else 0.0
            if times >= self._section.blackout_spread_median_max:  # NaN is no finding
                return _Found("spread", (quote.seq,))
        oldest_ns = close_ns - FORECAST_AGE_NS_MAX
        storms = self._storms.get(symbol, [])
        earlier = [each for each in storms if oldest_ns <= each.close_ns < close_ns]
        if earlier and earlier[-1].is_above:
            return _Found("volatility", (earlier[-1].seq,))
        return None

    def _spoken(self, score: Draft | None) -> _Found | None:
        """Return texts that speak strongly of a currency; one side of it must wait, so both do."""
        if score is None or not isinstance(score.fact, SentimentScore):
            return None
        is_heard = score.fact.weight >= self._section.score_weight_min
        is_strong = abs(score.fact.score) >= self._section.blackout_score_min
        return _Found("texts", (score.slot,)) if is_heard and is_strong else None
