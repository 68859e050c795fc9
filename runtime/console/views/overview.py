"""The first page: state, money, positions, open risk by currency, what happened last."""

from itertools import islice
from typing import Any

from blackboard.facts import PositionChanged
from blackboard.facts.control import Restriction
from blackboard.facts.market import FeedState
from runtime.console.present import Present, SymbolPast

LINES_SHOWN = 40


def overview(present: Present) -> dict[str, Any]:
    """Return the page; money in account currency, fractions 0..1, instants in nanoseconds UTC."""
    picture, status = present.picture, present.status
    account, mark, exposure = picture.account, picture.mark, picture.exposure
    equity = account.equity if account else 0.0
    positions = [_position(present, position) for position in picture.positions.values()]
    return {
        "marker": status.marker if status else "",
        "book": status.book if status else "",
        "host": status.host if status else "",
        "dashboard_url": status.dashboard_url if status else "",
        "now_ns": picture.now_ns,
        "state": picture.state.state.value if picture.state else "STARTING",
        "state_reason": picture.state.reason if picture.state else "nothing was said yet",
        "restrictions": [
            _restriction(one) for one in (picture.state.restrictions if picture.state else ())
        ],
        "equity": account.equity if account else None,
        "balance": account.balance if account else None,
        "margin": account.margin if account else None,
        "currency": account.currency if account else "",
        "drawdown_frac": mark.drawdown_frac if mark else None,
        "high_water_mark": mark.high_water_mark if mark else None,
        "heat_frac": exposure.heat_frac if exposure else None,
        "reserved_frac": exposure.reserved_frac if exposure else None,
        "trades": picture.trades,
        "pnl": picture.pnl,
        "decided": picture.decided,
        "intents": picture.intents,
        "positions": positions,
        "currencies": _currencies(present, positions, equity),
        "curve": _curve(present),
        "locks": _locks(present),
        "feeds": [
            {"scope": name, "state": past.feed.state.value, "reason": past.feed.reason}
            for name, past in sorted(present.symbols.items())
            if past.feed is not None and past.feed.state is FeedState.STALE
        ],
        "calendar": {
            "state": present.coverage.state.value if present.coverage else "unknown",
            "reason": present.coverage.reason if present.coverage else "nothing was said yet",
            "source": present.coverage.source if present.coverage else "",
        },
        "lines": [
            {"seq": seq, "text": text} for seq, text in islice(reversed(present.lines), LINES_SHOWN)
        ],
    }


def _curve(present: Present) -> dict[str, Any]:
    return {
        "at_ns": [point.at_ns for point in present.curve],
        "equity": [point.equity for point in present.curve],
        "drawdown_frac": [point.drawdown_frac for point in present.curve],
    }


def _locks(present: Present) -> list[dict[str, Any]]:
    return [
        {
            "scope": lock.scope,
            "side": lock.side.value,
            "reason": lock.reason,
            "until_ns": lock.valid_until_ns,
        }
        for lock in present.picture.open_locks
    ]


def _restriction(one: Restriction) -> dict[str, Any]:
    return {
        "cause": one.scope,
        "state": "PROBATION" if one.is_probation else one.state.value,
        "since_ns": one.since_ns,
        "evidence": one.evidence,
        "way_out": one.way_out,
        "until_ns": one.cooldown_until_ns,
    }


def _position(present: Present, position: PositionChanged) -> dict[str, Any]:
    past = present.symbols.get(position.scope, SymbolPast())
    price = _closing_price(past, position)
    pip = past.spec.pip if past.spec else 0.0
    sign = position.side.sign
    stop_pips = target_pips = None
    if price and pip:
        if position.stop_price:
            stop_pips = (price - position.stop_price) * sign / pip
        if position.target_price:
            target_pips = (position.target_price - price) * sign / pip
    return {
        "ticket": position.ticket,
        "symbol": position.scope,
        "side": position.side.value,
        "lots": position.lots,
        "open_price": position.open_price,
        "stop_price": position.stop_price,
        "target_price": position.target_price,
        "price": price,
        "to_stop_pips": stop_pips,
        "to_target_pips": target_pips,
        "floating": _money(past, position, (price - position.open_price) * sign if price else None),
        "at_stop": _money(past, position, _loss_at_stop(position)),
        "opened_ns": position.opened_ns,
        "origin": position.origin.value,
        "digits": past.spec.digits if past.spec else 5,
    }


def _closing_price(past: SymbolPast, position: PositionChanged) -> float:
    """Return what the position would be closed at now, 0 where no price is known."""
    if past.quote is None:
        return 0.0
    return past.quote.bid if position.side.sign > 0 else past.quote.ask


def _loss_at_stop(position: PositionChanged) -> float | None:
    if not position.stop_price:
        return None
    return (position.stop_price - position.open_price) * position.side.sign


def _money(past: SymbolPast, position: PositionChanged, distance: float | None) -> float | None:
    """Return a distance of price in account currency, costs aside; None where it is not known."""
    if distance is None or past.spec is None or past.quote is None:
        return None
    return distance * position.lots * past.spec.contract_size * past.quote.account_per_quote


def _currencies(
    present: Present, positions: list[dict[str, Any]], equity: float
) -> list[dict[str, Any]]:
    """Return the net risk at open stops by currency, as signed shares of equity."""
    net: dict[str, float] = {}
    for one in positions:
        spec = present.symbols[one["symbol"]].spec if one["symbol"] in present.symbols else None
        if spec is None or one["at_stop"] is None or equity <= 0.0:
            continue
        share = max(0.0, -one["at_stop"]) / equity * (1 if one["side"] == "BUY" else -1)
        net[spec.currency_base] = net.get(spec.currency_base, 0.0) + share
        net[spec.currency_profit] = net.get(spec.currency_profit, 0.0) - share
    return [{"currency": name, "risk_frac": share} for name, share in sorted(net.items())]
