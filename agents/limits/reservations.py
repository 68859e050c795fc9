"""What is at stake or may come to be: intents, approvals, submissions and positions.

Heat belongs to an approval from the moment it is given until its outcome is settled and, if it was
filled, the position is known; from there on it belongs to the position. An intent is counted once.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from agents.limits.view import MarketView, Seen
from blackboard.entry import Entry
from blackboard.facts import (
    AccountSnapshot,
    OrderIntent,
    OrderOutcome,
    OrderSubmitting,
    PositionChanged,
    RiskApproved,
    RiskRefused,
    TradeClosed,
)
from blackboard.facts.execution import Outcome
from models.decision.exposure import (
    UNKNOWN_RISK_FRAC,
    Holding,
    loss_at_stop,
    notional,
    share_of_equity,
)

JUDGED_MAX: Final = 1024
"""Latest intents with a verdict; an older one that is said again has expired long ago."""

_FILLED = frozenset({Outcome.FILLED, Outcome.PARTIAL})


@dataclass(frozen=True, slots=True)
class Commitment:
    """What one position, or one approval that may become one, puts at stake."""

    symbol: str
    side: int
    """+1 long, −1 short."""
    risk_frac: float
    """Share of equity lost at the stop, 0 once it locks in a profit."""
    stop_frac: float
    """The same, negative where the stop locks in a profit."""
    entry_frac: float
    """Share of equity that was at risk at the entry."""
    notional: float
    """In account currency, without sign; 0 where the contract is unknown."""
    is_reserved: bool
    """Whether it is an approval without a position that is known."""


@dataclass(slots=True)
class Approval:
    """An approval whose heat is still reserved."""

    seen: Seen[RiskApproved]
    is_submitted: bool = False
    is_filled: bool = False
    has_position: bool = False

    @property
    def is_done(self) -> bool:
        """Whether the position has taken over the heat."""
        return self.is_filled and self.has_position

    def may_lead_to_order(self, now_ns: int) -> bool:
        """Whether an order of it is out or can still go out; an expired one is never sent."""
        return self.is_submitted or self.seen.is_valid(now_ns)


@dataclass(frozen=True, slots=True)
class Position:
    """An open position, with the risk that was approved for it (0 if none is known)."""

    seen: Seen[PositionChanged]
    approved_frac: float


class OrderView:
    """Every intent from the wish to the closed position.

    Bounded: an intent leaves with its verdict, an approval with its settled outcome or its expiry,
    a submission with its outcome (and a frozen symbol takes no further entry), a position when it
    is closed.
    """

    def __init__(self) -> None:
        self.intents: dict[str, Seen[OrderIntent]] = {}
        self.positions: dict[int, Position] = {}
        self._approvals: dict[str, Approval] = {}
        self._unsettled: dict[str, str] = {}
        self._judged: deque[str] = deque(maxlen=JUDGED_MAX)
        self._is_netting = False

    def see(self, entry: Entry) -> None:
        """Fold one entry into the view."""
        match entry.fact:
            case OrderIntent() as intent:
                self._want(Seen(intent, entry))
            case RiskApproved() as approved:
                self._judge(approved.intent_id)
                self._reserve(Seen(approved, entry))
            case RiskRefused() as refused:
                self._judge(refused.intent_id)
            case OrderSubmitting() as submitting:
                self._submit(submitting)
            case OrderOutcome() as outcome:
                self._settle(outcome)
            case PositionChanged() as position:
                self._move(Seen(position, entry))
            case TradeClosed() as closed:
                self.positions.pop(closed.ticket, None)
                self._approvals.pop(closed.intent_id, None)
            case AccountSnapshot() as snapshot:
                self._is_netting = snapshot.is_netting
            case _:
                pass

    def unsettled_intent(self, symbol: str) -> str:
        """Return the first intent of a symbol whose fate at the broker is open, or nothing."""
        return next((i for i, where in self._unsettled.items() if where == symbol), "")

    def commitments(self, now_ns: int, market: MarketView, equity: float) -> tuple[Commitment, ...]:
        """Return everything at stake: positions by ticket, then approvals in their order."""
        approvals = [a for a in self._approvals.values() if a.may_lead_to_order(now_ns)]
        held = {approval.seen.fact.intent_id for approval in approvals}
        positions = [
            _of_position(position, market, equity)
            for _, position in sorted(self.positions.items())
            if position.seen.fact.intent_id not in held
        ]
        return (*positions, *(_of_approval(a.seen.fact, market) for a in approvals))

    def _want(self, seen: Seen[OrderIntent]) -> None:
        # Under one id there is one intent, the first: what is said again is not judged again.
        if seen.fact.intent_id not in self._judged:
            self.intents.setdefault(seen.fact.intent_id, seen)

    def _judge(self, intent_id: str) -> None:
        self.intents.pop(intent_id, None)
        self._judged.append(intent_id)

    def _reserve(self, seen: Seen[RiskApproved]) -> None:
        for intent_id, old in list(self._approvals.items()):
            if not old.may_lead_to_order(seen.entry.now_ns):
                del self._approvals[intent_id]
        self._approvals[seen.fact.intent_id] = Approval(seen)

    def _submit(self, submitting: OrderSubmitting) -> None:
        self._unsettled[submitting.intent_id] = submitting.scope
        if submitting.intent_id in self._approvals:
            self._approvals[submitting.intent_id].is_submitted = True

    def _settle(self, outcome: OrderOutcome) -> None:
        if outcome.outcome is Outcome.UNKNOWN:
            # Again, where it was accepted before: nobody can say any more what became of it.
            self._unsettled[outcome.intent_id] = outcome.scope
        else:
            self._unsettled.pop(outcome.intent_id, None)
        approval = self._approvals.get(outcome.intent_id)
        if approval is None or not outcome.outcome.is_settled:
            return
        approval.is_filled = outcome.outcome in _FILLED
        if approval.is_done or not approval.is_filled:
            del self._approvals[outcome.intent_id]

    def _move(self, seen: Seen[PositionChanged]) -> None:
        fact = seen.fact
        approval = self._approvals.get(fact.intent_id)
        known = self.positions.pop(fact.ticket, None)
        if fact.lots > 0.0:
            before = 0.0 if known is None else known.approved_frac
            approved = before if approval is None else approval.seen.fact.risk_frac
            self.positions[fact.ticket] = Position(seen, approved)
        if approval is not None:
            approval.has_position = True
            if approval.is_done:
                del self._approvals[fact.intent_id]
        if self._is_netting:
            self._release_merged(fact.scope)

    def _release_merged(self, symbol: str) -> None:
        # A symbol has one position: what was filled has become part of it, whoever opened it.
        merged = [
            intent_id
            for intent_id, approval in self._approvals.items()
            if approval.is_filled and approval.seen.fact.scope == symbol
        ]
        for intent_id in merged:
            del self._approvals[intent_id]


def holdings(commitments: Iterable[Commitment], market: MarketView) -> list[Holding]:
    """Return the currencies behind what is at stake, where the contract is known."""
    return [
        Holding(
            market.specs[held.symbol].fact.currency_base,
            market.specs[held.symbol].fact.currency_profit,
            held.side,
            held.notional,
        )
        for held in commitments
        if held.symbol in market.specs
    ]


def notional_of(symbol: str, lots: float, market: MarketView) -> float:
    """Return the value of a size in account currency, 0 where the contract is unknown."""
    contract = market.contract(symbol)
    if contract is None:
        return 0.0
    spec, quote = contract
    middle = (quote.bid + quote.ask) / 2.0
    return float(notional(lots, middle, spec.contract_size, quote.account_per_quote))


def reserved(
    symbol: str, side: int, risk_frac: float, lots: float, market: MarketView
) -> Commitment:
    """Return what an approval puts at stake until its position is known."""
    return Commitment(
        symbol=symbol,
        side=side,
        risk_frac=risk_frac,
        stop_frac=risk_frac,
        entry_frac=risk_frac,
        notional=notional_of(symbol, lots, market),
        is_reserved=True,
    )


def _of_position(position: Position, market: MarketView, equity: float) -> Commitment:
    fact = position.seen.fact
    stop_frac = _stop_frac(position, market, equity)
    risk_frac = max(0.0, stop_frac)
    return Commitment(
        symbol=fact.scope,
        side=fact.side.sign,
        risk_frac=risk_frac,
        stop_frac=stop_frac,
        entry_frac=position.approved_frac or risk_frac,
        notional=notional_of(fact.scope, fact.lots, market),
        is_reserved=False,
    )


def _stop_frac(position: Position, market: MarketView, equity: float) -> float:
    fact = position.seen.fact
    contract = market.contract(fact.scope)
    if contract is None or fact.stop_price == 0.0:
        return position.approved_frac or UNKNOWN_RISK_FRAC
    spec, quote = contract
    loss = loss_at_stop(
        fact.side.sign,
        fact.open_price,
        fact.stop_price,
        fact.lots,
        spec.contract_size,
        quote.account_per_quote,
    )
    return float(share_of_equity(loss, equity))


def _of_approval(approved: RiskApproved, market: MarketView) -> Commitment:
    side = approved.side.sign
    return reserved(approved.scope, side, approved.risk_frac, approved.lots, market)
