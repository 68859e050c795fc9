"""The rule voter: trend and reversion ensembles over several timeframes, and chandelier levels.

It opens a window for each symbol when a trading week begins, fits on the history what the rules
were worth, and votes at every close of the week, an abstention included.
"""

from collections import deque
from collections.abc import Iterator
from itertools import takewhile
from typing import ClassVar, Final, NamedTuple

from agents.agent import FORTNIGHT, Agent, Outbox
from agents.bars.history import SymbolWindow, Windows
from agents.bars.strength import VOTER, CurrencyVoter
from agents.feature_shift import DailyShift
from agents.learned_voter import VOTER as LEARNED
from agents.learned_voter import Learned, LearnedVoter
from agents.path_voter import VOTER as PATH
from agents.path_voter import Asked, PathVoter, Waiting
from agents.requests import Reply
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    FOREVER_NS,
    Bar,
    BarHistory,
    ComponentScores,
    FeatureShift,
    GateReport,
    ModelFailed,
    ModelPromoted,
    ModelRolledBack,
    Timeframe,
    TrailingStop,
    Vote,
)
from blackboard.facts.opinion import PROBABILITY_MAX, PROBABILITY_MIN, ComponentScore, Evidence
from config.agents import TechnicalSection
from config.settings import Settings
from models.market.bars import BarArray, Window
from models.market.indicators import IndicatorPeriods
from models.market.sample_bars import sample_bars
from models.market.sessions import DAY_NS
from models.opinion.rules import Opinion, RuleSettings, WeekRules
from models.opinion.signals import Family

LIVE_BARS: Final = 2
"""Bars that a vote stays valid; a close that is older than this is no longer answered."""
WARM_UP_BARS: Final = 600
"""More than the indicators' own warm-up."""
CLOSES_KEPT_MAX: Final = 1000
"""Closes of a symbol that are remembered until they are answered."""


class _Close(NamedTuple):
    # A close of one symbol, and the entry that told of it.
    close_ns: int
    seq: int


class _Served(NamedTuple):
    # A week's rules with the history that they stand on: its entry, and whether it could be read.
    origin: tuple[int, bool]
    rules: WeekRules


class TechnicalAgent(Agent):
    """Posts the rules' and the models' votes for every symbol and close, and levels for stops.

    Once a trading day it tells what the components behind the votes have been worth.
    """

    name = "technical"
    posts = (Vote, TrailingStop, ComponentScores, FeatureShift, ModelFailed)
    reads = (Bar, BarHistory, GateReport, ModelPromoted, ModelRolledBack)
    recent: ClassVar = dict.fromkeys(
        (Bar, BarHistory, Vote, TrailingStop, ComponentScores, FeatureShift), FORTNIGHT
    )

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._rule_settings = rule_settings(settings.timeframe, settings.agents.technical)
        self._windows = Windows(settings)
        self._learned = LearnedVoter(settings, self._rule_settings)
        section = settings.agents.technical
        self._currencies = (
            CurrencyVoter(section.currency_strength_period, settings.timeframe.value)
            if section.currency_strength
            else None
        )
        self._paths = PathVoter(settings) if section.forecaster_folder else None
        self._shift = DailyShift()
        self._served: dict[str, _Served] = {}
        self._answered_ns: dict[str, int] = {}
        self._closes: dict[str, deque[_Close]] = {
            symbol: deque(maxlen=CLOSES_KEPT_MAX) for symbol in settings.symbols
        }

    def warm_up(self) -> None:
        """Fit the rules on bars of no market, and carry them on by one."""
        bars = warm_up_sample(self.settings.timeframe.length_ns)
        window = Window(bars[:-1])
        rules = WeekRules(bars[:-1], self._rule_settings)
        window.extend(bars[-1:])
        rules.follow(window)
        rules.trailing_levels(len(bars) - 1)

    def see(self, entry: Entry) -> None:
        """Follow windows and promotions, and note which closes wait for an answer."""
        fact = entry.fact
        if not isinstance(fact, Bar):
            self._learned.see(entry)
        self._shift.see(entry)
        if isinstance(fact, Vote):
            if entry.author == self.name:
                # The votes of a close stand in one post: one of them tells of the others.
                self._answered_ns[fact.scope] = entry.ts_event_ns
                if self._paths is not None:
                    self._paths.see(entry, fact)
            return
        self._windows.see(entry)
        window = self._windows.by_symbol.get(fact.scope)
        if window is not None and window.bar_seq == entry.seq:  # it was a bar, and taken
            self._closes[fact.scope].append(_Close(entry.ts_event_ns, entry.seq))
            if self._paths is not None:
                self._paths.note(fact.scope, entry.ts_event_ns, entry.seq)

    def hear(self, reply: Reply) -> None:
        """Take a history, or a model."""
        self._learned.hear(reply)
        self._windows.hear(reply)
        if self._paths is not None:
            self._paths.hear(reply)

    def act(self, now_ns: int, outbox: Outbox) -> None:
        """Answer every close that is still live and whose window is complete."""
        self._windows.ask(outbox)
        self._learned.act(outbox)
        for window in self._windows.by_symbol.values():
            closes = self._waiting(window.symbol, now_ns)
            if closes and window.is_complete:
                rules = self._serve(window)
                for close in takewhile(lambda each: self._learned.is_ready(each.close_ns), closes):
                    outbox.drafts += self._drafts(window, rules, close)
        if self._paths is not None:
            self._paths.act(outbox)
            for waiting in self._paths.due(self._oldest_ns(now_ns)):
                outbox.drafts += self._path_drafts(self._paths, waiting)
        windows = self._windows.by_symbol
        close_ns = self._shift.due_ns(windows.values())
        if close_ns and self._learned.serves(close_ns):
            rules_of = {symbol: self._serve(window) for symbol, window in windows.items()}
            causes = tuple(window.bar_seq for window in windows.values())
            outbox.drafts += self._learned.shifts(rules_of, close_ns, causes)

    def _oldest_ns(self, now_ns: int) -> int:
        return now_ns - LIVE_BARS * self.settings.timeframe.length_ns

    def _path_drafts(self, paths: PathVoter, waiting: tuple[Waiting, ...]) -> Iterator[Draft]:
        found = {}
        for close in waiting:
            window = self._windows.by_symbol[close.symbol]
            rules = self._serve(window) if window.is_complete else None
            if rules is not None and rules.row_of(close.close_ns) >= 0:
                found[close] = Asked(close.symbol, close.close_ns, window, rules)
        opinions = paths.opinions(list(found.values()))
        for close, asked in found.items():
            valid_until_ns = close.close_ns + LIVE_BARS * asked.window.timeframe.length_ns
            said = Learned(opinions[close.symbol], paths.model, ())
            vote = self._vote(asked.window, PATH, asked.rules, said, valid_until_ns)
            causes = (close.seq, asked.window.history_seq)
            yield self._draft(vote, close.close_ns, causes, ordinal=vote.voter)

    def _waiting(self, symbol: str, now_ns: int) -> list[_Close]:
        closes = self._closes[symbol]
        oldest_ns = self._oldest_ns(now_ns)
        while closes and closes[0].close_ns <= self._answered_ns.get(symbol, 0):
            closes.popleft()
        return [close for close in closes if close.close_ns >= oldest_ns]

    def _serve(self, window: SymbolWindow) -> WeekRules:
        origin = (window.history_seq, window.has_history)
        served = self._served.get(window.symbol)
        if served is None or served.origin != origin:
            history = window.bars.bars()[: window.history_rows]
            served = _Served(origin, WeekRules(history, self._rule_settings))
            self._served[window.symbol] = served
        served.rules.follow(window.bars)
        return served.rules

    def _drafts(self, window: SymbolWindow, rules: WeekRules, close: _Close) -> Iterator[Draft]:
        row = rules.row_of(close.close_ns)
        if row < 0:
            return  # of an older week, whose window is gone
        valid_until_ns = close.close_ns + LIVE_BARS * window.timeframe.length_ns
        causes = (close.seq, window.history_seq)
        for family, said in self._said(window, rules, close.close_ns, row):
            vote = self._vote(window, family, rules, said, valid_until_ns)
            yield self._draft(vote, close.close_ns, (*causes, *said.causes), ordinal=vote.voter)
        scores = rules.component_scores(row)
        if scores:
            record = ComponentScores(
                scope=window.symbol,
                valid_until_ns=FOREVER_NS,
                timeframe=window.timeframe,
                components=tuple(
                    ComponentScore(
                        scope=score.timeframe,
                        voter=f"{self.name}.{score.family}",
                        name=score.name,
                        day_edge=score.day.edge,
                        day_outcomes=score.day.outcomes,
                        month_edge=score.month.edge,
                        month_outcomes=score.month.outcomes,
                        weight=score.weight,
                    )
                    for score in scores
                ),
            )
            yield self._draft(record, close.close_ns, causes)
        levels = rules.trailing_levels(row)
        if levels.atr > 0.0 and levels.long_stop > 0.0:
            stop = TrailingStop(
                scope=window.symbol,
                valid_until_ns=valid_until_ns,
                timeframe=window.timeframe,
                long_stop_price=levels.long_stop,
                short_stop_price=levels.short_stop,
                atr=levels.atr,
                multiplier=self.settings.agents.technical.chandelier_multiplier,
            )
            yield self._draft(stop, close.close_ns, causes)

    def _said(
        self, window: SymbolWindow, rules: WeekRules, close_ns: int, row: int
    ) -> Iterator[tuple[str, Learned]]:
        for family in Family:
            yield family, Learned(rules.opinion(family, row), rules.model(family), ())
        yield LEARNED, self._learned.opinion(window.symbol, rules, close_ns)
        if self._currencies is not None:
            windows = self._windows.by_symbol
            said = self._currencies.opinion(windows, window.symbol, rules, close_ns)
            yield VOTER, Learned(*said, ())

    def _vote(
        self,
        window: SymbolWindow,
        family: str,
        rules: WeekRules,
        said: Learned,
        valid_until_ns: int,
    ) -> Vote:
        opinion = said.opinion
        failure = "" if window.has_history else window.failure
        return Vote(
            scope=window.symbol,
            valid_until_ns=valid_until_ns,
            voter=f"{self.name}.{family}",
            timeframe=self.settings.timeframe,
            probability_up=min(max(opinion.probability_up, PROBABILITY_MIN), PROBABILITY_MAX),
            abstains=opinion.abstains,
            reason=f"no history: {failure}" if failure else opinion.reason,
            horizon_bars=rules.settings.horizon_bars,
            reference_price=opinion.reference_price,
            barrier_distance=opinion.barrier_distance,
            model=said.model,
            heard=said.heard,
            evidence=_evidence(opinion),
            agreement=opinion.agreement,
            confluence=opinion.confluence,
        )

    def _draft(
        self,
        fact: Vote | TrailingStop | ComponentScores,
        close_ns: int,
        causes: tuple[int, ...],
        ordinal: str = "",
    ) -> Draft:
        return Draft(
            fact=fact,
            ts_event_ns=close_ns,
            timeframe=self.settings.timeframe.value,
            ordinal=ordinal,
            causes=causes,
        )


def rule_settings(timeframe: Timeframe, section: TechnicalSection) -> RuleSettings:
    """Return what the rules need of the settings, in words that know no settings."""
    longer = {each for each in section.timeframes if each.length_ns > timeframe.length_ns}
    higher = sorted(longer, key=lambda each: each.length_ns)
    return RuleSettings(
        timeframes=tuple((each.value, each.length_ns) for each in (timeframe, *higher)),
        periods=IndicatorPeriods(
            rsi=section.rsi_period,
            macd_fast=section.macd_fast,
            macd_slow=section.macd_slow,
            macd_signal=section.macd_signal,
            atr=section.atr_period,
            adx=section.adx_period,
            bollinger=section.bollinger_period,
            bollinger_deviations=section.bollinger_deviations,
            supertrend=section.supertrend_period,
            supertrend_multiplier=section.supertrend_multiplier,
            ichimoku_tenkan=section.ichimoku_tenkan,
            ichimoku_kijun=section.ichimoku_kijun,
            ichimoku_senkou=section.ichimoku_senkou,
            chandelier=section.chandelier_period,
            chandelier_multiplier=section.chandelier_multiplier,
            donchian=section.donchian_period,
        ),
        chandelier_multiplier=section.chandelier_multiplier,
        barrier_atr=section.barrier_atr,
        horizon_bars=section.horizon_bars,
        rows_min=section.calibration_rows_min,
        ridge_rows=section.calibration_ridge,
        shrink_outcomes=section.component_shrinkage,
        weight_min=section.component_weight_min,
        skill_errors_min=section.skill_errors_min,
    )


def _evidence(opinion: Opinion) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            scope=reading.timeframe, name=reading.name, value=reading.value, weight=reading.weight
        )
        for reading in opinion.readings
    )


def warm_up_sample(length_ns: int) -> BarArray:
    """Return bars of no market among which a trading day begins, so that its night is computed."""
    return sample_bars(max(WARM_UP_BARS, DAY_NS // length_ns + 2), length_ns)
