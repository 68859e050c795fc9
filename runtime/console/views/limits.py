"""Breakers and limits: how near each is, and what was breached last."""

from collections.abc import Iterator
from typing import Any

from runtime.console.present import Present


def limits(present: Present) -> dict[str, Any]:
    """Return the page: a row a limit with value, bound, and the share of it that is used."""
    return {
        "rows": [
            {
                "key": f"agents.risk.{name}",
                "words": words,
                "value": value,
                "limit": limit,
                "used_frac": None if value is None else max(0.0, value) / limit,
                "unit": unit,
            }
            for name, words, value, limit, unit in _rows(present)
        ],
        "breaches": [
            {
                "at_ns": at_ns,
                "limit": breach.limit,
                "value": breach.value,
                "threshold": breach.threshold,
                "consequence": breach.consequence,
            }
            for at_ns, breach in sorted(present.breaches.values(), key=lambda one: -one[0])
        ],
    }


def _rows(present: Present) -> Iterator[tuple[str, str, float | None, float, str]]:
    risk = present.settings.agents.risk
    picture, day = present.picture, present.day
    equity = picture.account.equity if picture.account else None
    drawdown = picture.mark.drawdown_frac if picture.mark else None
    yield "drawdown_reducing", "drawdown, entries end", drawdown, risk.drawdown_reducing, "frac"
    yield "drawdown_halted", "drawdown, all ends", drawdown, risk.drawdown_halted, "frac"
    lost = lost_week = None
    if equity is not None and day is not None:
        lost = 1.0 - equity / day.start_equity
        lost_week = 1.0 - equity / day.week_start_equity
    yield "daily_loss_max", "lost since the trading day began", lost, risk.daily_loss_max, "frac"
    yield "weekly_loss_max", "lost since the week began", lost_week, risk.weekly_loss_max, "frac"
    exposure = picture.exposure
    heat = exposure.heat_frac if exposure else None
    yield "heat_max", "at risk at all open stops", heat, risk.heat_max, "frac"
    margin = None
    if picture.account is not None and picture.account.equity > 0.0:
        margin = picture.account.margin / picture.account.equity
    yield "margin_use_max", "equity bound as margin", margin, risk.margin_use_max, "frac"
    open_positions = float(len(picture.positions))
    yield "positions_max", "open positions", open_positions, float(risk.positions_max), "count"
    entries = float(day.entries) if day else None
    yield (
        "entries_per_day_max",
        "entries this trading day",
        entries,
        float(risk.entries_per_day_max),
        "count",
    )
    losses = float(day.consecutive_losses) if day else None
    yield (
        "consecutive_losses_max",
        "losses in a row",
        losses,
        float(risk.consecutive_losses_max),
        "count",
    )
