"""One symbol: candles with trades, decisions, votes, blackouts and the forecast's band."""

from typing import Any

from blackboard.facts import Decision
from blackboard.facts.decision import Action
from runtime.console.present import Present, SymbolPast
from runtime.console.views.council import decision_data


def symbol_page(present: Present, name: str) -> dict[str, Any] | None:
    """Return the page of a symbol, None for one that nobody has spoken of."""
    past = present.symbols.get(name)
    if past is None:
        return None
    bars = [bar for _, bar in past.bars]
    first_ns = past.bars[0][0] if past.bars else 0
    return {
        "symbol": name,
        "digits": past.spec.digits if past.spec else 5,
        "timeframe": present.settings.timeframe.value,
        "bid": past.quote.bid if past.quote else None,
        "ask": past.quote.ask if past.quote else None,
        "feed": past.feed.state.value if past.feed else "",
        "bars": {
            "close_ns": [close_ns for close_ns, _ in past.bars],
            "open": [bar.open for bar in bars],
            "high": [bar.high for bar in bars],
            "low": [bar.low for bar in bars],
            "close": [bar.close for bar in bars],
        },
        "band": _band(past),
        "votes": {
            voter: [
                [close_ns, vote.probability_up]
                for close_ns, vote in votes
                if not vote.abstains and close_ns >= first_ns
            ]
            for voter, votes in sorted(past.votes.items())
        },
        "decisions": _decisions(past, first_ns),
        "blackouts": [
            {
                "from_ns": one.from_ns,
                "until_ns": one.valid_until_ns,
                "event": one.event,
                "impact": one.impact.value,
            }
            for one in past.blackouts
            if one.valid_until_ns >= first_ns
        ],
        "trades": _trades(present, past, name),
    }


def _band(past: SymbolPast) -> dict[str, Any]:
    """Return the close, one expected move up and down by the nearest horizon, at each forecast."""
    closes = {close_ns: bar.close for close_ns, bar in past.bars}
    told = [
        (close_ns, forecast)
        for close_ns, forecast in past.forecasts
        if close_ns in closes and not forecast.abstains
    ]
    return {
        "close_ns": [close_ns for close_ns, _ in told],
        "low": [closes[close_ns] * (1.0 - forecast.sigma_frac) for close_ns, forecast in told],
        "high": [closes[close_ns] * (1.0 + forecast.sigma_frac) for close_ns, forecast in told],
        "model": told[-1][1].model if told else "",
        "horizon_bars": told[-1][1].horizon_bars if told else 0,
    }


def _decisions(past: SymbolPast, first_ns: int) -> list[dict[str, Any]]:
    shown = []
    for entry in past.decisions:
        if entry.ts_event_ns < first_ns or not isinstance(entry.fact, Decision):
            continue
        told = decision_data(entry.fact)
        if entry.fact.action is Action.HOLD:
            del told["shares"], told["gates"]
        shown.append({"seq": entry.seq, "close_ns": entry.ts_event_ns, **told})
    return shown


def _trades(present: Present, past: SymbolPast, name: str) -> list[dict[str, Any]]:
    closed = [
        {
            "ticket": trade.ticket,
            "side": trade.side.value,
            "opened_ns": trade.opened_ns,
            "open_price": trade.open_price,
            "closed_ns": closed_ns,
            "close_price": trade.close_price,
            "pnl": trade.pnl,
            "r_multiple": trade.r_multiple,
            "reason": trade.reason,
        }
        for closed_ns, trade in past.closed
    ]
    still_open = [
        {
            "ticket": position.ticket,
            "side": position.side.value,
            "opened_ns": position.opened_ns,
            "open_price": position.open_price,
            "stop_price": position.stop_price,
            "target_price": position.target_price,
        }
        for position in present.picture.positions.values()
        if position.scope == name
    ]
    return closed + still_open
