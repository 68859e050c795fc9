"""Decisions and approvals made again, each from the facts that it names as its causes and no other.

A Decision is arbitrated anew by an `Arbiter` that has seen its causes alone. An approval's size is
worked out anew by the risk agent's own arithmetic from the recorded factors and the causes: the
price, contract and equity that it names. The trading state is the latest one before the decision.
"""

from collections.abc import Iterator, Sequence
from math import inf, nan
from typing import Final

from agents.limits.candidate import Candidate, Entries, views_of
from agents.limits.view import Seen
from agents.rounds.arbiter import Arbiter, Standing
from agents.rounds.round import Rounds
from blackboard.entry import Entry
from blackboard.facts import (
    Decision,
    OrderIntent,
    PositionChanged,
    RiskApproved,
    TradingStateChanged,
)
from blackboard.facts.control import TradingState
from blackboard.facts.decision import Side
from blackboard.facts.execution import Origin
from config.settings import Settings
from runtime.proof.checks.check import Check
from runtime.proof.checks.past import Past
from runtime.proof.divergence import first_field
from runtime.proof.recording import Recording

IN_FLIGHT: Final = "entry in flight"
SHARED: Final = "shared"
"""Factor that depends on the positions held, which are no causes of an approval."""
NO_ENTRIES: Final = Entries(of_day=0, of_hour=0)


class Decisions(Check):
    """Every Decision follows from its causes."""

    name = "decisions"

    def __init__(self, recording: Recording, past: Past) -> None:
        super().__init__()
        self._recording = recording
        self._past = past
        self._state = TradingState.HALTED

    def look(self, entry: Entry) -> Iterator[str]:
        """Yield the field in which a decision differs from the one made again."""
        match entry.fact:
            case TradingStateChanged(state=state):
                self._state = state
            case Decision() as decision:
                self.checked += 1
                settings = self._recording.start_of(entry.seq).settings
                yield from self._judge(entry, decision, settings)
            case _:
                pass

    def _judge(self, entry: Entry, decision: Decision, settings: Settings) -> Iterator[str]:
        causes = self._past.entries(entry.causes)
        again = decide_again(entry, causes, self._state, settings)
        if again is None:
            yield f"{decision.scope}: its causes name no bar of its close"
            return
        differing = first_field(decision, again)
        if differing is not None:
            field, recorded, rerun = differing
            yield f"{decision.scope}: {field} recorded {recorded}, from its causes {rerun}"


def decide_again(
    entry: Entry, causes: Sequence[Entry], state: TradingState, settings: Settings
) -> Decision | None:
    """Return the decision that follows from some entries, None if they hold no bar of its close."""
    rounds, arbiter = Rounds(settings.timeframe), Arbiter(settings)
    for cause in causes:
        rounds.see(cause)
        arbiter.see(cause)
    symbol = entry.fact.scope
    for place in rounds:
        if place.close_ns == entry.ts_event_ns and symbol in place.bars:
            standing = _standing(symbol, causes, state)
            return arbiter.decide(place, symbol, entry.now_ns, standing).decision
    return None


def _standing(symbol: str, causes: Sequence[Entry], state: TradingState) -> Standing:
    """Return what blocked the entry; a position or an intent is a cause only where it blocks."""
    facts = [cause.fact for cause in causes if cause.fact.scope == symbol]
    positions = [fact for fact in facts if isinstance(fact, PositionChanged)]
    blocks = {
        side: next(
            (
                f"external {fact.side} position"
                for fact in positions
                if fact.origin is Origin.EXTERNAL and fact.side is side.opposite
            ),
            "",
        )
        for side in (Side.BUY, Side.SELL)
    }
    if any(isinstance(fact, OrderIntent) for fact in facts):
        blocks = dict.fromkeys(blocks, IN_FLIGHT)
    own = next((fact for fact in positions if fact.origin is Origin.OWN), None)
    if own is not None:
        blocks = dict.fromkeys(blocks, f"own {own.side} position")
    return Standing(state=state, blocks_buy=blocks[Side.BUY], blocks_sell=blocks[Side.SELL])


class Sized(Candidate):
    """A candidate whose sizing chain is the recorded one."""

    recorded: tuple[tuple[str, float], ...] = ()

    @property
    def factors(self) -> tuple[tuple[str, float], ...]:
        """The recorded chain."""
        return self.recorded

    @property
    def shared_frac(self) -> float:
        """What it may risk of a budget that it shares, as recorded: no cause names the others."""
        return dict(self.recorded).get(SHARED, inf)

    @property
    def chain(self) -> tuple[tuple[str, float], ...]:
        """The chain as the causes give it, without what depends on the other positions."""
        plain = Candidate(self.seen, self.views, (), NO_ENTRIES, self.now_ns)
        return plain.factors


class Approvals(Check):
    """Every approval has the size that its factors and causes give, within its budget."""

    name = "approvals"

    def __init__(self, recording: Recording, past: Past) -> None:
        super().__init__()
        self._recording = recording
        self._past = past

    def look(self, entry: Entry) -> Iterator[str]:
        """Yield the figure in which an approval differs from the one worked out again."""
        if not isinstance(entry.fact, RiskApproved):
            return
        self.checked += 1
        approved = entry.fact
        causes = self._past.entries(entry.causes)
        settings = self._recording.start_of(entry.seq).settings
        case = size_again(entry, approved, causes, settings)
        if case is None:
            yield f"{approved.intent_id}: its causes lack the intent, or what sizes it"
            return
        own = tuple(factor for factor in case.recorded if factor[0] != SHARED)
        if own != case.chain:
            name, value = next((each for each in own if each not in case.chain), ("count", nan))
            again_frac = dict(case.chain).get(name)
            told = f"factor {name} recorded {value}, from its causes {again_frac}"
            yield f"{approved.intent_id}: {told}"
            return
        budget = case.mark.equity * case.budget_frac
        if not approved.risk_account <= budget:
            yield (
                f"{approved.intent_id}: risk_account {approved.risk_account:g} is above its "
                f"budget of {budget:g}"
            )
        pairs = (
            ("side", approved.side, case.intent.side),
            ("lots", approved.lots, case.size.lots),
            ("risk_frac", approved.risk_frac, case.size.risk_frac),
            ("risk_account", approved.risk_account, case.size.risk_account),
        )
        for field, recorded, again in pairs:
            if recorded != again:
                yield f"{approved.intent_id}: {field} recorded {recorded}, from its causes {again}"
                return


def size_again(
    entry: Entry, approved: RiskApproved, causes: Sequence[Entry], settings: Settings
) -> Sized | None:
    """Return the candidate of an approval as its causes tell it, None where they lack a part."""
    views = views_of(settings)
    intent: Seen[OrderIntent] | None = None
    for cause in causes:
        for view in (views.market, views.advice, views.control, views.account):
            view.see(cause)
        if isinstance(cause.fact, OrderIntent) and cause.fact.intent_id == approved.intent_id:
            intent = Seen(cause.fact, cause)
    symbol = approved.scope
    is_priced = symbol in views.market.quotes and symbol in views.market.specs
    if intent is None or views.account.mark is None or not is_priced:
        return None
    case = Sized(intent, views, (), NO_ENTRIES, entry.now_ns)
    case.recorded = tuple((factor.name, factor.value) for factor in approved.factors)
    return case
