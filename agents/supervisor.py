"""The SupervisorAgent: closes decision rounds, keeps the trading state, cares for open positions.

The parts it is made of fold the board's entries, each for its own question: `Rounds` who has
answered, `Arbiter` what decisions are measured by, `Holdings` what was asked for and is held,
`Restrictions` the trading state, `Summaries` and `Digests` what people are told.
`act` asks them what is missing on the board. A symbol and close that has its Decision is done: the
intents that belong to it were in the same post, so none of them is derived again from what is known
later.
"""

from typing import Final

from agents.agent import Agent, Outbox
from agents.requests import Wake
from agents.rounds.arbiter import ENTRY_STATES, Arbiter, Standing
from agents.rounds.attempts import Attempts
from agents.rounds.care import Care
from agents.rounds.closings import Closings
from agents.rounds.digests import Digests
from agents.rounds.drawdown_path import DRAWDOWN
from agents.rounds.entry import entry_draft
from agents.rounds.holdings import Holdings
from agents.rounds.past import RECENT
from agents.rounds.restrictions import IDENTITY, UNFIT, Restrictions, change, strictest
from agents.rounds.round import Awaited, Round, Rounds
from agents.rounds.summaries import Summaries, is_news
from agents.rounds.withdrawals import Withdrawals
from agents.voters import LEARNED, VOTERS, live_voters
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    FOREVER_NS,
    AccountSnapshot,
    AgentHealth,
    AmendIntent,
    Bar,
    CalendarCoverage,
    Calibration,
    CancelIntent,
    DayStatistics,
    Decision,
    DriftDetected,
    EntryBlackout,
    EquityMark,
    ExitIntent,
    Fact,
    FeedStatus,
    Fill,
    GateReport,
    LimitBreached,
    ModelFailed,
    ModelPromoted,
    ModelRolledBack,
    OperatorCommand,
    OrderIntent,
    OrderOutcome,
    ParametersChanged,
    PortfolioBudget,
    PositionChanged,
    Quote,
    Reconciled,
    RetrainRequested,
    RiskRefused,
    Summary,
    SymbolSpec,
    TradeClosed,
    TradingStateChanged,
    TrailingStop,
    TrainingSkipped,
    TrialRecorded,
    VolatilityForecast,
    Vote,
    VoterWeights,
)
from blackboard.facts.control import Command, TradingState
from blackboard.facts.decision import Action, Side
from config.agent import Mode
from config.settings import Settings
from models.market.sessions import MINUTE_NS

ROUND_AGE_MAX_BARS = 2
"""Age in bars beyond which a round is not decided any more: its prices are history."""

ADVISERS: Final[dict[type[Fact], str]] = {
    TrailingStop: "technical",
    VolatilityForecast: "lstm_vol",
    EntryBlackout: "sentiment",
    CalendarCoverage: "sentiment",
    PortfolioBudget: "portfolio",
}
"""Advice by its adviser: that of one in shadow, or of one switched off since, weighs nothing."""

RETRAIN_ALL = "all"
"""Scope of a request for candidates of every model."""


class SupervisorAgent(Agent):
    """Arbitrates votes into intents, trips and lifts restrictions, reports to the operator."""

    name = "supervisor"
    posts = (
        Decision,
        OrderIntent,
        ExitIntent,
        AmendIntent,
        CancelIntent,
        TradingStateChanged,
        RetrainRequested,
        DayStatistics,
        Summary,
    )
    reads = (
        Bar,
        Quote,
        SymbolSpec,
        Vote,
        VolatilityForecast,
        TrailingStop,
        PortfolioBudget,
        EntryBlackout,
        CalendarCoverage,
        VoterWeights,
        Calibration,
        ParametersChanged,
        DriftDetected,
        RiskRefused,
        LimitBreached,
        EquityMark,
        AccountSnapshot,
        OrderOutcome,
        Fill,
        PositionChanged,
        TradeClosed,
        Reconciled,
        AgentHealth,
        OperatorCommand,
        GateReport,
        ModelFailed,
        ModelPromoted,
        ModelRolledBack,
        TrainingSkipped,
        TrialRecorded,
        FeedStatus,
    )
    recent = RECENT
    unhurried = (Bar, Quote)

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._voters = live_voters(settings)
        self._rounds = Rounds(settings.timeframe)
        self._arbiter = Arbiter(settings)
        self._holdings = Holdings()
        self._restrictions = Restrictions(settings)
        self._attempts = Attempts(settings, self._arbiter, self._holdings)
        self._withdrawals = Withdrawals(settings, self._arbiter, self._holdings)
        self._summaries = Summaries(settings)
        self._digests = Digests(settings)
        self._closings = Closings(settings, self._holdings)
        self._care = Care(
            settings, self._arbiter, self._holdings, self._restrictions, self._closings
        )
        self._health: dict[str, AgentHealth] = {}
        self._retrainings: dict[str, Draft] = {}
        self._state: TradingStateChanged | None = None
        self._changes = 0
        self._is_reconciled = settings.mode("execution") is not Mode.ENABLED
        self._wake_ns = 0

    def see(self, entry: Entry) -> None:
        """Fold one entry into every part, and into what concerns all of them."""
        adviser = ADVISERS.get(type(entry.fact))
        if adviser is not None and self.settings.mode(adviser) is not Mode.ENABLED:
            return
        for part in (
            self._rounds,
            self._arbiter,
            self._holdings,
            self._restrictions,
            self._closings,
            self._care,
            self._summaries,
            self._digests,
        ):
            part.see(entry)
        match entry.fact:
            case AgentHealth() as report:
                self._health[report.scope] = report
            case TradingStateChanged() as changed:
                self._state = changed
                self._changes += 1
            case Reconciled(is_clean=True):
                self._is_reconciled = True
            case OperatorCommand() as order:
                self._obey(order, entry)
            case RetrainRequested():
                self._retrainings.pop(entry.key.removeprefix(f"{self.name}/"), None)
            case _:
                pass

    def act(self, now_ns: int, outbox: Outbox) -> None:
        """Post what is missing: exits of a flatten first, then the state, rounds, care, texts."""
        state = TradingState.HALTED
        if self._is_started:
            state = strictest(self._restrictions.at(now_ns))
        may_act = self._may_act(now_ns)
        outbox.drafts += self._care.flattenings(now_ns) if may_act else []
        outbox.drafts += self._closings.due(now_ns) if may_act else []
        if self._is_started:
            outbox.drafts += self._state_changes(now_ns)
        awaited = self._awaited()
        for place in self._rounds:
            if self._is_due(place, awaited, now_ns):
                outbox.drafts += self._close(place, now_ns, state)
        outbox.drafts += self._care.repairs(state, now_ns) if may_act else []
        outbox.drafts += self._withdrawals.due(state, now_ns) if may_act else []
        outbox.drafts += self._attempts.due(now_ns) if may_act and state in ENTRY_STATES else []
        outbox.drafts += self._retrainings.values()
        outbox.drafts += self._retraining_of_drawdown()
        weights = self._arbiter.weights(now_ns)
        told = self._digests.due(now_ns, state.value, weights.fact if weights else None)
        outbox.drafts += self._summaries.due(now_ns)
        outbox.drafts += [draft for draft in told if is_news(draft, now_ns)]
        self._ask_to_be_woken(now_ns, outbox)

    @property
    def _is_started(self) -> bool:
        return self._state is not None or self._is_reconciled

    def _may_act(self, now_ns: int) -> bool:
        """Whether anything at all may leave: not in shadow, not before the start, not if mistaken.

        After an identity mismatch nobody knows whose account an order would reach.
        """
        is_enabled = self.settings.mode(self.name) is Mode.ENABLED
        mistaken = self._restrictions.is_open(IDENTITY, now_ns)
        return is_enabled and self._is_started and not mistaken

    def _obey(self, order: OperatorCommand, entry: Entry) -> None:
        if order.command is Command.RETRAIN:
            request = RetrainRequested(
                scope=order.argument or RETRAIN_ALL,
                reason="operator",
                evidence=f"asked by {order.origin}",
            )
            draft = Draft(
                fact=request,
                ts_event_ns=entry.ts_event_ns,
                ordinal="operator",
                causes=(entry.seq,),
            )
            self._retrainings[draft.slot] = draft
        elif unmet := self._closings.unmet(order):
            self._summaries.note(entry, *unmet)

    def _state_changes(self, now_ns: int) -> list[Draft]:
        changed = change(self._restrictions.at(now_ns), self._state)
        if changed is None:
            return []
        # Counted, because several changes may fall on one instant; dated by its cause, so that
        # asking again before the answer is read fills the same slot.
        return [
            Draft(
                fact=changed,
                ts_event_ns=self._restrictions.changed_ns(now_ns) or now_ns,
                ordinal=str(self._changes + 1),
                causes=self._restrictions.causes(),
            )
        ]

    def _retraining_of_drawdown(self) -> list[Draft]:
        path = self._restrictions.drawdown
        if path is None or path.is_requested:
            return []
        request = RetrainRequested(scope=RETRAIN_ALL, reason=DRAWDOWN, evidence=path.evidence)
        return [
            Draft(
                fact=request,
                ts_event_ns=path.breach_ns,
                ordinal=DRAWDOWN,
                causes=(path.breach_seq,),
            )
        ]

    def _is_fit(self, agent: str) -> bool:
        report = self._health.get(agent)
        is_enabled = self.settings.mode(agent) is Mode.ENABLED
        return is_enabled and (
            report is None or (report.health not in UNFIT and report.mode == Mode.ENABLED.value)
        )

    def _awaited(self) -> Awaited:
        horizons = self.settings.agents.lstm_vol.horizons_bars
        # The models' votes stand in one post with the rules', so they need not be waited for.
        awaited = (voter for voter in self._voters if voter not in LEARNED)
        return Awaited(
            voters=tuple(voter for voter in awaited if self._is_fit(VOTERS[voter])),
            horizons_bars=horizons if self._is_fit("lstm_vol") else (),
            stop=self._is_fit("technical"),
        )

    @property
    def _deadline_ns(self) -> int:
        # Process time does not scale with the simulated market's speed; the step sees market time.
        settings = self.settings
        speed = settings.speed if settings.terminal.kind == "simulated" else 1.0
        deadline_ns = int(settings.agents.supervisor.decision_deadline_ms * 1e6 * speed)
        return min(deadline_ns, settings.timeframe.length_ns)

    def _is_due(self, place: Round, awaited: Awaited, now_ns: int) -> bool:
        age_ns = now_ns - place.close_ns
        if not place.open_symbols() or age_ns > ROUND_AGE_MAX_BARS * self._length_ns:
            return False
        return place.is_complete(awaited) or now_ns > place.begun_ns + self._deadline_ns

    @property
    def _quote_age_ns(self) -> int:
        return self.settings.agents.risk.quote_age_max_min * MINUTE_NS

    @property
    def _length_ns(self) -> int:
        return self.settings.timeframe.length_ns

    def _close(self, place: Round, now_ns: int, state: TradingState) -> list[Draft]:
        """Decide every open symbol of a round, with all the intents that follow from it."""
        verdicts = [
            self._arbiter.decide(place, symbol, now_ns, self._standing(symbol, state, now_ns))
            for symbol in place.open_symbols()
        ]
        decisions = [
            self._draft(verdict.decision, place.close_ns, "", verdict.causes)
            for verdict in verdicts
        ]
        if not self._may_act(now_ns):
            return decisions
        entries = [
            (verdict, decision.slot)
            for verdict, decision in zip(verdicts, decisions, strict=True)
            if verdict.decision.action is not Action.HOLD
            and now_ns < place.close_ns + self._length_ns
        ]
        entries.sort(key=lambda each: (-each[0].decision.expected_value_r, each[0].decision.scope))
        return [
            *decisions,
            *(
                entry_draft(self.settings, self._arbiter, place, verdict, slot)
                for verdict, slot in entries
            ),
            *(
                draft
                for verdict, decision in zip(verdicts, decisions, strict=True)
                for draft in (
                    *self._care.tend(place, verdict, decision.slot, state, now_ns),
                    *self._withdrawals.tend(place, verdict, decision.slot, state, now_ns),
                )
            ),
        ]

    def _standing(self, symbol: str, state: TradingState, now_ns: int) -> Standing:
        buy, buy_seq = self._holdings.blocker(symbol, Side.BUY, now_ns)
        sell, sell_seq = self._holdings.blocker(symbol, Side.SELL, now_ns)
        return Standing(state=state, blocks_buy=buy, blocks_sell=sell, causes=(buy_seq, sell_seq))

    def _draft(
        self,
        fact: Decision,
        close_ns: int,
        ordinal: str,
        causes: tuple[int | str, ...],
    ) -> Draft:
        return Draft(
            fact=fact,
            ts_event_ns=close_ns,
            timeframe=self.settings.timeframe.value,
            ordinal=ordinal,
            causes=causes,
        )

    def _ask_to_be_woken(self, now_ns: int, outbox: Outbox) -> None:
        deadlines = [
            place.begun_ns + self._deadline_ns + 1
            for place in self._rounds
            if place.open_symbols() and place.has_answers()
        ]
        instants = [
            *deadlines,
            self._restrictions.next_change_ns(now_ns),
            self._care.next_ns(),
            self._withdrawals.next_ns(now_ns),
            self._digests.next_ns(now_ns),
        ]
        at_ns = min((each for each in instants if each > now_ns), default=FOREVER_NS)
        if at_ns not in {FOREVER_NS, self._wake_ns}:
            self._wake_ns = at_ns
            outbox.requests.append(Wake(at_ns=at_ns))
