"""The rules that ask whether an entry's size fits beside what is at stake already.

They come last of all rules: only here is the size of an intent worked out.
"""

from math import inf, isfinite

import numpy as np

from agents.limits.candidate import Candidate
from agents.limits.reasons import Reason
from agents.limits.refusal import Refusal, above_limit
from models.decision.exposure import (
    correlated_heat_frac,
    esma_leverage,
    net_currency_risks,
    share_of_equity,
    slipped_frac,
)


def not_finite(case: Candidate) -> Refusal | None:
    """Refuse a figure that is no number, by its name."""
    for name, value in case.figures:
        if not isfinite(value):
            return Refusal(Reason.NOT_FINITE, 0.0, 1.0, name)
    return None


def no_edge(case: Candidate) -> Refusal | None:
    """Refuse an intent whose expected value leaves nothing to risk."""
    return None if case.kelly_frac > 0.0 else Refusal(Reason.NO_EDGE, case.kelly_frac, 0.0)


def below_minimum_lot(case: Candidate) -> Refusal | None:
    """Refuse what is smaller than the broker takes."""
    if case.size.lots > 0.0:
        return None
    return Refusal(Reason.BELOW_MINIMUM_LOT, case.size.lots, case.spec.volume_min_lots)


def heat(case: Candidate) -> Refusal | None:
    """Refuse what would raise the sum of risks at open stops above its limit."""
    heat = sum(held.risk_frac for held in case.stakes)
    return above_limit(Reason.HEAT, heat, case.limits.heat_max)


def correlated_heat(case: Candidate) -> Refusal | None:
    """Refuse the same for risks with their correlations, those unknown counted as 1."""
    stakes = case.stakes
    correlation = np.array(
        [[case.correlation(one.symbol, two.symbol) for two in stakes] for one in stakes]
    )
    sides = np.array([held.side for held in stakes])
    risks = np.array([held.risk_frac for held in stakes])
    heat = float(correlated_heat_frac(sides, risks, correlation))
    return above_limit(Reason.CORRELATED_HEAT, heat, case.limits.correlated_heat_max)


def currency_risk(case: Candidate) -> Refusal | None:
    """Refuse the same for the net risk in the currency that would have most of it."""
    specs = case.views.market.specs
    known = [held for held in case.stakes if held.symbol in specs]
    pairs = [
        (specs[held.symbol].fact.currency_base, specs[held.symbol].fact.currency_profit)
        for held in known
    ]
    names = sorted({name for pair in pairs for name in pair})
    net = net_currency_risks(
        np.array([names.index(base) for base, _ in pairs]),
        np.array([names.index(profit) for _, profit in pairs]),
        np.array([held.side for held in known]),
        np.array([held.risk_frac for held in known]),
        len(names),
    )
    # What is held in a symbol that nobody specified may be a bet on any of them.
    unknown = sum(held.risk_frac for held in case.stakes if held.symbol not in specs)
    worst = int(np.argmax(np.abs(net)))
    risk = abs(float(net[worst])) + unknown
    return above_limit(Reason.CURRENCY_RISK, risk, case.limits.currency_risk_max, names[worst])


def slipped_heat(case: Candidate) -> Refusal | None:
    """Refuse the same for what is lost if every stop is filled far beyond its price."""
    factor = case.limits.slip_factor
    cost = sum(float(slipped_frac(held.stop_frac, held.entry_frac, factor)) for held in case.stakes)
    return above_limit(Reason.SLIPPED_HEAT, cost, case.limits.slipped_heat_max)


def leverage(case: Candidate) -> Refusal | None:
    """Refuse what would raise the gross notional above its multiple of equity."""
    gross = sum(held.notional for held in case.stakes)
    # The share is bounded, which a NaN would pass through as the lower bound.
    leverage = float(share_of_equity(gross, case.mark.equity)) if isfinite(gross) else inf
    return above_limit(Reason.LEVERAGE, leverage, case.limits.leverage_max)


def leverage_profile(case: Candidate) -> Refusal | None:
    """Refuse what would need more margin than there is equity, by a regulator's table."""
    if case.limits.leverage_profile == "none":
        return None
    needed = sum(held.notional / _leverage_by_profile(case, held.symbol) for held in case.stakes)
    return above_limit(
        Reason.LEVERAGE_PROFILE, needed, case.mark.equity, case.limits.leverage_profile
    )


def _leverage_by_profile(case: Candidate, symbol: str) -> float:
    seen = case.views.market.specs.get(symbol)
    return (
        1.0 if seen is None else esma_leverage(seen.fact.currency_base, seen.fact.currency_profit)
    )


def margin(case: Candidate) -> Refusal | None:
    """Refuse what needs more margin than the broker says is free."""
    snapshot = case.views.account.snapshot
    assert snapshot is not None  # the mark was made of it
    reserved = sum(held.notional for held in case.commitments if held.is_reserved)
    needed = (case.size.notional + reserved) / max(snapshot.fact.leverage, 1)
    return above_limit(Reason.MARGIN, needed, snapshot.fact.margin_free)
