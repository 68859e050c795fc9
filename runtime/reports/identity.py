"""What a run was made of, and in which settings it differs from the defaults."""

from collections.abc import Iterator
from typing import Final

from config.settings import Settings
from runtime.book import Manifest
from runtime.reports.record import ChangedSetting, RunIdentity

_OF_THE_RUN: Final = frozenset(
    {
        "home",
        "book",
        "symbols",
        "market.history",
        "market.synthetic",
        "agents.learner.training.when",  # resolved at every start
    }
)
"""Settings that say what was run, where; the identity tells them by themselves."""


def identity_of(
    settings: Settings,
    manifest: Manifest,
    *,
    host: str,
    marker: str,
    span_ns: tuple[int, int],
    decisions_hash: str,
    deposit: float,
    notes: tuple[str, ...] = (),
) -> RunIdentity:
    """Return what a run was made of."""
    terminal, data = settings.terminal, manifest.data
    return RunIdentity(
        run=manifest.run_id,
        marker=marker,
        host=host,
        market=_market_text(data),
        seed=data.get("seed", ""),
        data_sha256=data.get("sha256", ""),
        symbols=tuple(settings.symbols),
        timeframe=settings.timeframe.value,
        start_ns=span_ns[0],
        end_ns=span_ns[1],
        version=manifest.version,
        code_hash=manifest.code_hash,
        settings_hash=manifest.settings_hash,
        decisions_hash=decisions_hash,
        currency=terminal.currency,
        deposit=deposit,
        leverage=float(terminal.leverage),
        commission_per_lot=terminal.commission_per_lot,
        spread_factor=terminal.spread_factor,
        notes=notes,
    )


def changed_settings(settings: Settings) -> tuple[ChangedSetting, ...]:
    """Return the settings that differ from their defaults, by dotted name."""
    usual = dict(_leaves("", Settings().model_dump(mode="json")))
    return tuple(
        ChangedSetting(name=name, value=str(value), default=str(usual.get(name, "")))
        for name, value in _leaves("", settings.model_dump(mode="json"))
        if value != usual.get(name)
        and not any(name == own or name.startswith(f"{own}.") for own in _OF_THE_RUN)
    )


def _leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    if not isinstance(value, dict):
        yield path, value
        return
    for name, inner in value.items():
        yield from _leaves(f"{path}.{name}" if path else str(name), inner)


def _market_text(data: dict[str, str]) -> str:
    match data.get("kind"):
        case "history":
            return f"recorded prices in {data.get('path', '')}"
        case "synthetic":
            return "synthetic market, prices made up from a seed"
        case kind:
            return kind or "unknown"
