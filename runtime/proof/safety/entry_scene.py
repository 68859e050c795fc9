"""An account, a market and a council in order, in which a case asks for an entry.

The moment is Wednesday 2025-03-05 12:00 UTC. Quotes stand at 1.10000 to 1.10010 in every symbol,
worth one unit of the account's currency, so that 0.1 of a price is a whole lot's 10,000.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.agent import Agent
from agents.risk import RiskAgent
from agents.supervisor import SupervisorAgent
from blackboard.facts import (
    ACCOUNT,
    MARKET,
    AccountSnapshot,
    Bar,
    CalendarCoverage,
    FeedStatus,
    OrderIntent,
    OrderOutcome,
    PositionChanged,
    Quote,
    Reconciled,
    RiskApproved,
    RiskRefused,
    SymbolSpec,
    TradeClosed,
    TradingStateChanged,
)
from blackboard.facts.control import TradingState
from blackboard.facts.decision import Side
from blackboard.facts.execution import Origin, Outcome, Purpose
from blackboard.facts.market import FeedState, Timeframe
from blackboard.facts.news import Coverage
from config.settings import Settings
from models.market.sessions import MINUTE_NS
from runtime.proof.safety.scene import Answer, Scene

NOON_NS = 1_741_176_000_000_000_000
"""2025-03-05 12:00 UTC."""

EQUITY = 10_000.0
BID, POINT = 1.1, 0.00001
SPREAD_POINTS = 10
CONTRACT = 100_000.0
SYMBOLS = ("EURUSD", "GBPUSD", "AUDNZD")
"""The one that is entered, one that is held beside it, and one that is no major."""


class EntryScene(Scene):
    """Everything permits an entry, until the case's story changes it."""

    def __init__(self, settings: Settings, kinds: Sequence[type[Agent]] = (RiskAgent,)) -> None:
        super().__init__(settings, kinds, NOON_NS)
        self.account: dict[str, Any] = {"balance": EQUITY, "equity": EQUITY}
        self.spread_points = SPREAD_POINTS
        self._asked = 0
        self._latest: dict[str, Any] = {}
        self.say(*(a_spec(symbol) for symbol in SYMBOLS))
        self.quote_all()
        self.say(a_coverage(), a_reconciled())
        if SupervisorAgent not in kinds:  # who posts the state where it is there
            self.say(a_state())
        self.read_account()

    def quote_all(self) -> None:
        """Quote every symbol now, at the scene's spread in the one that is entered."""
        self.say(*(a_feed(symbol) for symbol in SYMBOLS))
        self.say(a_quote(SYMBOLS[0], self.spread_points), *(a_quote(s) for s in SYMBOLS[1:]))
        self.settle()

    def read_account(self, **changes: Any) -> None:
        """Let the terminal tell the account as it is now; a change stays."""
        self.account |= changes
        self.say(a_snapshot(**self.account))
        self.settle()

    def at(self, now_ns: int, **changes: Any) -> None:
        """Move on to an instant, with quotes and a reading of the account as it is by then."""
        self.now_ns = now_ns
        self.account |= changes
        self.quote_all()
        self.read_account()

    def ask(self, symbol: str = SYMBOLS[0], **changes: Any) -> Answer:
        """Ask for an entry now; return what the RiskAgent said."""
        verdict = self.verdict(symbol, **changes)
        order = f"{changes.get('side', Side.BUY)} {symbol}"
        if isinstance(verdict, RiskApproved):
            return Answer(f"{order} {verdict.lots:.2f} lots", "")
        return Answer(f"{order}, {verdict.value:.6g} against {verdict.limit:.6g}", verdict.reason)

    def ask_again(self) -> Answer:
        """Ask for the latest entry once more."""
        return self.ask(**self._latest)

    def verdict(self, symbol: str = SYMBOLS[0], **changes: Any) -> RiskApproved | RiskRefused:
        """Ask for an entry now; return the fact that answers it."""
        self._latest = {"symbol": symbol, **changes}
        self._asked += 1
        self.read_account()
        intent = an_intent(symbol, self.now_ns, f"proof-{self._asked}", **changes)
        self.say(intent)
        self.settle()
        answers = [*self.facts(RiskApproved), *self.facts(RiskRefused)]
        (answer,) = [
            fact
            for fact in answers
            if isinstance(fact, RiskApproved | RiskRefused) and fact.intent_id == intent.intent_id
        ]
        return answer

    def hold(self, risk_frac: float, symbol: str = SYMBOLS[1], **changes: Any) -> None:
        """Hold a position opened by hand, a lot with this share of the first equity at stake."""
        stop = BID - risk_frac * EQUITY / CONTRACT
        self.say(a_position(symbol, stop_price=stop, **changes))
        self.settle()

    def settle_order(
        self,
        answered: RiskApproved | RiskRefused,
        outcome: Outcome,
        price: float = 0.0,
    ) -> None:
        """Say what became of an entry at the broker; what was not approved has no outcome."""
        if isinstance(answered, RiskApproved):
            self.say(an_outcome(answered, outcome, price))
            self.settle()


def a_spec(symbol: str, **changes: Any) -> SymbolSpec:
    """Return a contract of 100,000 with five digits and steps of 0.01 lots."""
    fields: dict[str, Any] = {
        "terminal_name": symbol,
        "digits": 5,
        "point": POINT,
        "pip": 10.0 * POINT,
        "contract_size": CONTRACT,
        "currency_base": symbol[:3],
        "currency_profit": symbol[3:],
        "volume_min_lots": 0.01,
        "volume_max_lots": 100.0,
        "volume_step_lots": 0.01,
        "stops_level_points": 0,
        "freeze_level_points": 0,
        "filling_mask": 3,
        "trade_mode": 4,
        "swap_long_points": 0.0,
        "swap_short_points": 0.0,
    }
    return SymbolSpec(scope=symbol, **(fields | changes))


def a_quote(symbol: str, spread_points: int = SPREAD_POINTS) -> Quote:
    """Return a quote at the scene's price."""
    ask = round(BID + spread_points * POINT, 5)
    return Quote(scope=symbol, bid=BID, ask=ask, account_per_quote=1.0, source="terminal")


def a_bar(symbol: str, timeframe: Timeframe) -> Bar:
    """Return a quiet bar at the scene's price."""
    return Bar(
        scope=symbol,
        timeframe=timeframe,
        open=BID,
        high=BID + 100.0 * POINT,
        low=BID - 100.0 * POINT,
        close=BID,
        tick_volume=100,
        spread_points=SPREAD_POINTS,
        source="terminal",
    )


def a_feed(symbol: str, state: FeedState = FeedState.LIVE) -> FeedStatus:
    """Return the state of a feed."""
    return FeedStatus(scope=symbol, state=state, source="terminal", reason="", last_bar_ns=0)


def a_state(state: TradingState = TradingState.ACTIVE, **changes: Any) -> TradingStateChanged:
    """Return a trading state."""
    fields: dict[str, Any] = {"previous": TradingState.HALTED, "reason": "proof"}
    return TradingStateChanged(scope=ACCOUNT, state=state, **(fields | changes))


def a_reconciled(**changes: Any) -> Reconciled:
    """Return a comparison with the broker's book that leaves no question."""
    fields: dict[str, Any] = {
        "positions": 0,
        "adopted": 0,
        "settled": 0,
        "is_clean": True,
        "reason": "",
    }
    return Reconciled(scope=ACCOUNT, **(fields | changes))


def a_coverage(state: Coverage = Coverage.COVERED) -> CalendarCoverage:
    """Return what is known of the calendar."""
    return CalendarCoverage(scope=MARKET, state=state, source="file", reason="")


def a_snapshot(**changes: Any) -> AccountSnapshot:
    """Return an account into which the first equity was paid."""
    fields: dict[str, Any] = {
        "login": 1,
        "server": "proof",
        "currency": "USD",
        "trade_mode": 0,
        "margin_mode": 2,
        "margin": 0.0,
        "margin_free": 1e9,
        "leverage": 500,
        "deposits": EQUITY,
        "open_positions": 0,
    }
    return AccountSnapshot(scope=ACCOUNT, **(fields | changes))


def an_intent(symbol: str, now_ns: int, intent_id: str, **changes: Any) -> OrderIntent:
    """Return a wish to buy with a stop 20 pips away, a target 60 away, and an edge."""
    fields: dict[str, Any] = {
        "valid_until_ns": now_ns + MINUTE_NS,
        "timeframe": Timeframe.M15,
        "side": Side.BUY,
        "attempt": 1,
        "reference_price": BID,
        "stop_distance": 0.002,
        "target_distance": 0.006,
        "confidence": 0.6,
        "expected_value_r": 0.2,
    }
    return OrderIntent(scope=symbol, intent_id=intent_id, **(fields | changes))


def an_outcome(approved: RiskApproved, outcome: Outcome, price: float) -> OrderOutcome:
    """Return what became of an approved entry."""
    return OrderOutcome(
        scope=approved.scope,
        intent_id=approved.intent_id,
        purpose=Purpose.ENTRY,
        outcome=outcome,
        retcode=10_009,
        reason="",
        lots=approved.lots,
        price=price,
        order_ticket=1,
        deal_ticket=1,
    )


def a_position(symbol: str, **changes: Any) -> PositionChanged:
    """Return a lot long at the scene's price, opened by hand."""
    fields: dict[str, Any] = {
        "ticket": 1,
        "side": Side.BUY,
        "lots": 1.0,
        "open_price": BID,
        "stop_price": BID,
        "target_price": 0.0,
        "opened_ns": NOON_NS,
        "origin": Origin.EXTERNAL,
        "intent_id": "",
    }
    return PositionChanged(scope=symbol, **(fields | changes))


def a_trade(symbol: str, pnl: float, ticket: int, **changes: Any) -> TradeClosed:
    """Return a long trade of ours that was closed by intent."""
    fields: dict[str, Any] = {
        "intent_id": f"closed-{ticket}",
        "side": Side.BUY,
        "lots": 0.1,
        "open_price": BID,
        "close_price": BID,
        "opened_ns": NOON_NS - MINUTE_NS,
        "profit": pnl,
        "swap": 0.0,
        "commission": 0.0,
        "fee": 0.0,
        "r_multiple": -1.0,
        "reason": "expert",
        "origin": Origin.OWN,
    }
    return TradeClosed(scope=symbol, pnl=pnl, ticket=ticket, **(fields | changes))


WIDEST: Mapping[str, Any] = {
    "heat_max": 0.10,
    "correlated_heat_max": 0.10,
    "currency_risk_max": 0.10,
    "slipped_heat_max": 0.50,
    "slip_factor": 1.0,
    "correlation_max": 1.0,
    "daily_loss_max": 0.20,
    "weekly_loss_max": 0.30,
    "drawdown_reducing": 0.49,
    "drawdown_halted": 0.59,
    "drawdown_sizing": 0.49,
    "margin_use_max": 0.99,
    "spread_pips_max": 100.0,
    "spread_majors_pips_max": 100.0,
    "spread_median_max": 100.0,
    "positions_max": 100,
    "positions_per_symbol_max": 10,
    "entries_per_hour_max": 1000,
    "entries_per_day_max": 1000,
    "consecutive_losses_max": 100,
    "entry_cooldown_min": 0,
    "stop_cooldown_min": 0,
    "stop_side_cooldown_min": 0,
    "slippage_pips_max": 1000.0,
    "leverage_max": 500.0,
    "leverage_profile": "none",
    "quote_age_max_min": 1440,
    "friday_flat_min": 0,
    "week_open_rest_min": 0,
    "rollover_min": 0,
}
"""Limits that refuse nothing here: a case keeps the one it is about as it is configured, so that no
other limit can be what refuses."""
