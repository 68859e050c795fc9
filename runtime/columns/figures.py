"""The settings' figures as the simulator takes them, and what it does not know."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from agents.rounds.arbiter import REVERSAL_VOTER
from blackboard.errors import ConfigError
from config.agent import Mode
from config.settings import Settings
from models.decision.simulated.columns import FIGURES_DTYPE
from models.market.sessions import HOUR_NS, MINUTE_NS


def figures_of(settings: Settings, voters: tuple[str, ...]) -> NDArray[np.void]:
    """Return the figures; ConfigError names every setting that the simulator has no rule for."""
    problems = [*_unknown(settings)]
    if problems:
        raise ConfigError("\n".join(problems))
    values = {**_of_decisions(settings, voters), **_of_risk(settings), **_of_exits(settings)}
    figures = np.zeros(1, FIGURES_DTYPE)
    for name in FIGURES_DTYPE.names or ():
        figures[name] = values[name]
    return figures


def _of_decisions(settings: Settings, voters: tuple[str, ...]) -> dict[str, float]:
    trading, terminal, supervisor = settings.trading, settings.terminal, settings.agents.supervisor
    return {
        "length_ns": settings.timeframe.length_ns,
        "deposit": terminal.deposit,
        "leverage": float(terminal.leverage),
        "commission_per_lot": terminal.commission_per_lot,
        "stop_out_percent": terminal.stop_out_percent,
        "quorum": supervisor.quorum,
        "families_min": trading.families_min,
        "margin_r": trading.expected_value_margin_r,
        "min_confidence": trading.min_confidence,
        "min_rr_ratio": trading.min_rr_ratio,
        "atr_multiplier": trading.atr_multiplier,
        "risk_frac": trading.risk_frac,
        "target_atr_multiplier": trading.target_atr_multiplier,
        "confluence_min": trading.confluence_min,
        "reversal_voter": voters.index(REVERSAL_VOTER) if REVERSAL_VOTER in voters else -1,
        "is_forecast_awaited": settings.mode("lstm_vol") is Mode.ENABLED,
        "friday_flat": supervisor.friday_flat,
        "news_risk_hours": settings.agents.sentiment.news_risk_hours,
        "cooldown_ns": supervisor.cooldown_hours * HOUR_NS,
        "probation_ns": supervisor.probation_hours * HOUR_NS,
    }


def _of_risk(settings: Settings) -> dict[str, float]:
    risk = settings.agents.risk
    return {
        "risk_frac_min": risk.risk_frac_min,
        "risk_frac_max": risk.risk_frac_max,
        "heat_max": risk.heat_max,
        "correlation_max": risk.correlation_max,
        "daily_loss_max": risk.daily_loss_max,
        "weekly_loss_max": risk.weekly_loss_max,
        "drawdown_reducing": risk.drawdown_reducing,
        "drawdown_halted": risk.drawdown_halted,
        "drawdown_sizing": risk.drawdown_sizing,
        "margin_use_max": risk.margin_use_max,
        "spread_pips_max": risk.spread_pips_max,
        "spread_majors_pips_max": risk.spread_majors_pips_max,
        "spread_median_max": risk.spread_median_max,
        "correlated_heat_max": risk.correlated_heat_max,
        "currency_risk_max": risk.currency_risk_max,
        "slipped_heat_max": risk.slipped_heat_max,
        "slip_factor": risk.slip_factor,
        "shares_same_bets": risk.correlation_mode == "share",
        "has_leverage_profile": risk.leverage_profile != "none",
        "slippage_pips_max": risk.slippage_pips_max,
        "slippage_cooldown_ns": risk.slippage_cooldown_min * MINUTE_NS,
        "stop_side_cooldown_ns": risk.stop_side_cooldown_min * MINUTE_NS,
        "entries_per_hour_max": risk.entries_per_hour_max,
        "week_open_rest_min": risk.week_open_rest_min,
        "rollover_min": risk.rollover_min,
        "positions_max": risk.positions_max,
        "positions_per_symbol_max": risk.positions_per_symbol_max,
        "entries_per_day_max": risk.entries_per_day_max,
        "consecutive_losses_max": risk.consecutive_losses_max,
        "losses_cooldown_ns": risk.losses_cooldown_min * MINUTE_NS,
        "entry_cooldown_ns": risk.entry_cooldown_min * MINUTE_NS,
        "stop_cooldown_ns": risk.stop_cooldown_min * MINUTE_NS,
        "leverage_max": risk.leverage_max,
        "quote_age_max_min": risk.quote_age_max_min,
        "friday_flat_min": risk.friday_flat_min,
    }


def _of_exits(settings: Settings) -> dict[str, float]:
    entries, exits = settings.trading.entries, settings.trading.exits
    return {
        "rests": entries.style == "adaptive",
        "calm_vol_ratio_max": entries.calm_vol_ratio_max,
        "limit_atr": entries.limit_atr,
        "limit_bars": entries.limit_bars,
        "break_even_r": exits.break_even_r,
        "trail_from_r": exits.trail_from_r,
        "trail_multiplier": settings.agents.technical.chandelier_multiplier,
        "hold_bars_max": exits.hold_bars_max,
        "jump_sigmas": exits.jump_sigmas,
        "closes_before_jump": exits.before_jump == "close",
        "lock_atr": exits.lock_atr,
    }


def _unknown(settings: Settings) -> Iterator[str]:
    """Yield the settings under which council or broker do what the simulator does not."""
    terminal, snapshot = settings.terminal, settings.agents.execution.snapshot_timeframe
    if terminal.kind != "simulated":
        yield f"terminal.kind must be simulated, was {terminal.kind}: a real broker fills otherwise"
    if settings.timeframe.length_ns % snapshot.length_ns:
        yield (
            f"agents.execution.snapshot_timeframe must divide {settings.timeframe}, was "
            f"{snapshot}: an intent would wait for a reading of the account"
        )
    if settings.trading.exits.before_jump == "reduce":
        yield "trading.exits.before_jump must be tighten or close, was reduce: no part is closed"
    if terminal.freeze_level_points:
        yield f"terminal.freeze_level_points must be 0, was {terminal.freeze_level_points}"
    if terminal.positions_max < len(settings.symbols):
        yield (
            f"terminal.positions_max must be at least {len(settings.symbols)}, the symbols, "
            f"was {terminal.positions_max}"
        )


def overridden(settings: Settings, overrides: Mapping[str, object]) -> Settings:
    """Return settings with other values under dotted keys; ConfigError if they are wrong."""
    if not overrides:
        return settings
    values = settings.model_dump(mode="json")
    for key, value in overrides.items():
        *path, last = key.split(".")
        section: object = values
        for name in path:
            section = section.get(name) if isinstance(section, dict) else None
        if not isinstance(section, dict) or last not in section:
            raise ConfigError(f"there is no setting {key}")
        section[last] = value
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(str(each["msg"]) for each in error.errors())) from error
