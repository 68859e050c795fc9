"""One intent beside everything that bears on it, and the size that it may have.

Values are worked out when a rule asks for them, once: most intents are refused before their size
matters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, nan
from typing import NamedTuple

from agents.limits.account import AccountView
from agents.limits.locks import LockView
from agents.limits.reservations import Commitment, OrderView, notional_of, reserved
from agents.limits.view import AdviceView, ControlView, MarketView, Seen
from blackboard.facts import EquityMark, OrderIntent, PortfolioBudget, Quote, SymbolSpec
from blackboard.facts.control import TradingState
from blackboard.facts.news import Coverage
from config.agents import RiskSection
from config.settings import Settings
from models.decision import sizing
from models.decision.exposure import share_of_equity, signed_correlation


class Size(NamedTuple):
    """What may be sent, and what it puts at stake."""

    lots: float
    risk_frac: float
    risk_account: float
    notional: float
    factors: tuple[tuple[str, float], ...]


class Entries(NamedTuple):
    """How many intents were approved before this one, those on their way to the board included."""

    of_day: int
    of_hour: int


class SameBet(NamedTuple):
    """Something open whose profits move with those of the candidate, above the limit."""

    held: Commitment
    signed_correlation: float


@dataclass(frozen=True)
class Views:
    """Everything the RiskAgent knows."""

    settings: Settings
    market: MarketView
    advice: AdviceView
    control: ControlView
    account: AccountView
    orders: OrderView
    locks: LockView


def views_of(settings: Settings) -> Views:
    """Return the views of an agent that has seen nothing yet."""
    account, market = AccountView(settings.agents.risk), MarketView(settings)
    return Views(
        settings=settings,
        market=market,
        advice=AdviceView(settings),
        control=ControlView(),
        account=account,
        orders=OrderView(),
        locks=LockView(settings.agents.risk, market, account),
    )


class Candidate:
    """One intent beside everything that bears on it at this moment."""

    def __init__(
        self,
        seen: Seen[OrderIntent],
        views: Views,
        commitments: Sequence[Commitment],
        entries: Entries,
        now_ns: int,
    ) -> None:
        self.seen = seen
        self.intent = seen.fact
        self.symbol = seen.fact.scope
        self.views = views
        self.limits: RiskSection = views.settings.agents.risk
        self.commitments = commitments
        self.entries = entries
        self.now_ns = now_ns

    @property
    def mark(self) -> EquityMark:
        """The account as last marked; the first rule makes sure that there is one."""
        mark = self.views.account.mark
        assert mark is not None
        return mark.fact

    @property
    def quote(self) -> Quote:
        """The symbol's price; a rule before its first use makes sure that there is one."""
        return self.views.market.quotes[self.symbol].fact

    @property
    def spec(self) -> SymbolSpec:
        """The symbol's contract; a rule before its first use makes sure that there is one."""
        return self.views.market.specs[self.symbol].fact

    @property
    def valid_until_ns(self) -> int:
        """When an order of it may leave last: an intent lives as long as a bar, at the most.

        It is the supervisor's word, and a word that nobody renews must not bind for longer.
        """
        length_ns = self.views.settings.timeframe.length_ns
        return min(self.intent.valid_until_ns, self.seen.ts_ns + length_ns)

    @cached_property
    def budget(self) -> Seen[PortfolioBudget] | None:
        """The symbol's budget in force."""
        return self.views.advice.budget(self.symbol, self.seen.ts_ns)

    def correlation(self, symbol: str, other: str) -> float:
        """Return the correlation of two symbols as the latest budgets in force say; NaN if none."""
        if symbol == other:
            return 1.0
        return self.views.advice.correlation(symbol, other, self.seen.ts_ns)

    @cached_property
    def same_bets(self) -> tuple[SameBet, ...]:
        """What is open in other symbols and is the same bet; an unknown correlation makes none.

        Heat with correlations (`correlated_heat_max`) counts the unknown ones as 1 already.
        """
        found = []
        for held in self.commitments:
            if held.symbol != self.symbol:
                known = self.correlation(self.symbol, held.symbol)
                signed = float(signed_correlation(self.intent.side.sign, held.side, known))
                if signed > self.limits.correlation_max:
                    found.append(SameBet(held, signed))
        return tuple(found)

    @property
    def shared_frac(self) -> float:
        """What the entry may risk of the budgets of the same bets, where it shares them at all."""
        if self.limits.correlation_mode == "refuse":
            return inf
        return min(
            (
                float(sizing.shared_budget_frac(one.held.entry_frac, one.held.risk_frac))
                for one in self.same_bets
            ),
            default=inf,
        )

    @cached_property
    def kelly_frac(self) -> float:
        """Kelly fraction that the expected value implies; 0 or less means no edge."""
        reward_risk = self.intent.target_distance / self.intent.stop_distance
        if not 0.0 < reward_risk < inf:
            return nan
        probability = sizing.target_probability(self.intent.expected_value_r, reward_risk)
        return float(sizing.kelly_frac(probability, reward_risk))

    @cached_property
    def factors(self) -> tuple[tuple[str, float], ...]:
        """The sizing chain, factor by factor."""
        views = self.views
        drawdown = views.account.sizing_drawdown_frac(views.control)
        coverage = views.advice.coverage(self.now_ns)
        state = views.control.state
        is_half = state is not None and state.fact.halves_risk
        is_safe = state is not None and state.fact.state is TradingState.SAFE
        base = views.advice.base_risk_frac(self.seen.ts_ns, is_safe=is_safe)
        news = sizing.news_factor(
            coverage is Coverage.NOT_CONFIGURED,
            -self.intent.side.sign * views.advice.lean(self.symbol, self.seen.ts_ns),
            views.advice.event_hours(self.symbol, self.seen.ts_ns),
            views.settings.agents.sentiment.news_risk_hours,
        )
        shared = (("shared", self.shared_frac),) if self.shared_frac < inf else ()
        return (
            ("base", base),
            ("drawdown", sizing.drawdown_factor(drawdown, self.limits.drawdown_sizing)),
            ("portfolio", 1.0 if self.budget is None else self.budget.fact.multiplier),
            ("confidence", sizing.confidence_factor(base, self.kelly_frac)),
            ("news", float(news)),
            ("state", sizing.HALF if is_half else 1.0),
            *shared,
        )

    @cached_property
    def budget_frac(self) -> float:
        """Share of equity that may be lost at the stop."""
        chain = dict(self.factors)
        budget_frac = sizing.risk_budget_frac(
            chain["base"],
            chain["drawdown"],
            chain["portfolio"],
            chain["confidence"],
            chain["news"],
            chain["state"],
            self.limits.risk_frac_min,
            self.limits.risk_frac_max,
        )
        return min(float(budget_frac), self.shared_frac)

    @cached_property
    def loss_per_lot(self) -> float:
        """What one lot loses at the stop, costs included, in account currency."""
        quote = self.quote
        loss = sizing.loss_per_lot(
            self.intent.stop_distance,
            quote.ask - quote.bid,
            self.spec.contract_size,
            quote.account_per_quote,
            self.views.settings.terminal.commission_per_lot,
        )
        return float(loss) if loss > 0.0 else nan

    @property
    def figures(self) -> tuple[tuple[str, float], ...]:
        """Everything that a size is made of, by name; a rule makes sure that it is finite."""
        return (
            ("equity", self.mark.equity),
            ("expected_value_r", self.intent.expected_value_r),
            ("kelly_frac", self.kelly_frac),
            ("risk_frac", self.budget_frac),
            ("loss_per_lot", self.loss_per_lot),
        )

    @cached_property
    def size(self) -> Size:
        """The lots whose loss at the stop, costs included, is within the budget; perhaps 0."""
        equity, spec, loss = self.mark.equity, self.spec, self.loss_per_lot
        lots = sizing.lots_at_risk(
            equity,
            self.budget_frac,
            loss,
            spec.volume_step_lots,
            spec.volume_min_lots,
            spec.volume_max_lots,
        )
        return Size(
            lots=lots,
            # The quotient may exceed the budget by the last bit of a float.
            risk_frac=min(share_of_equity(lots * loss, equity), self.budget_frac),
            risk_account=lots * loss,
            notional=notional_of(self.symbol, lots, self.views.market),
            factors=self.factors,
        )

    @cached_property
    def stake(self) -> Commitment:
        """What an approval would put at stake."""
        size, side = self.size, self.intent.side.sign
        return reserved(self.symbol, side, size.risk_frac, size.lots, self.views.market)

    @property
    def stakes(self) -> tuple[Commitment, ...]:
        """Everything that would be at stake with it."""
        return (*self.commitments, self.stake)
