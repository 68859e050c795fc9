"""Which market the settings ask for: recorded bars if they name a path, else the synthetic one."""

from pathlib import Path

import msgspec

from blackboard.errors import ConfigError
from config.settings import AUTO_SYMBOLS, Settings
from runtime.feeds.calendar import CalendarFile
from runtime.terminals.simulated.source import MarketSource
from runtime.terminals.simulated.stressed import StressedMarket
from runtime.terminals.simulated.synthetic import SyntheticMarket


class OpenedMarket(msgspec.Struct, frozen=True, kw_only=True):
    """A market, what it is made of, and what its operator must know."""

    source: MarketSource
    provenance: dict[str, str]
    """For the run manifest: kind, path or seed, content hash."""
    notes: tuple[str, ...] = ()


def open_market(settings: Settings) -> OpenedMarket:
    """Return the market of the settings; raises ConfigError with all that is wrong with it.

    With `symbols: auto` it has what the folder of recorded bars holds, or the default symbols.
    """
    market = _history(settings) if settings.market.history.path else _synthetic(settings)
    stress = settings.market.stress
    if stress.is_neutral:
        return market
    text = ", ".join(f"{name} {value:g}" for name, value in stress.model_dump().items())
    return OpenedMarket(
        source=StressedMarket(market.source, stress),
        provenance={**market.provenance, "stress": text},
        notes=(*market.notes, f"prices are made worse on purpose: {text}"),
    )


def _synthetic(settings: Settings) -> OpenedMarket:
    section = settings.market.synthetic
    return OpenedMarket(
        source=SyntheticMarket(_symbols(settings), section),
        provenance={"kind": "synthetic", "seed": str(section.seed), "start": section.start},
    )


def _history(settings: Settings) -> OpenedMarket:
    # Only recorded bars need pyarrow.
    from runtime.terminals.simulated.history import HistoryMarket

    section = settings.market.history
    calendar_file = settings.agents.sentiment.calendar_file
    source = HistoryMarket(
        Path(section.path),
        _symbols(settings),
        timeframe=settings.timeframe,
        start=section.start,
        end=section.end,
        server_zone=settings.terminal.server_zone,
        file_zone=section.zone,
        anchor_weeks=settings.anchor_weeks,
        calendar=CalendarFile(Path(calendar_file)) if calendar_file else None,
    )
    return OpenedMarket(
        source=source,
        provenance={"kind": "history", "path": section.path, "sha256": source.data_hash},
        notes=tuple(source.notes),
    )


def _symbols(settings: Settings) -> tuple[str, ...]:
    if settings.symbols != AUTO_SYMBOLS:
        return settings.symbols
    if not settings.market.history.path:
        return Settings().symbols
    from runtime.terminals.simulated.bar_folder import symbols_in

    found = symbols_in(Path(settings.market.history.path))
    if not found:
        raise ConfigError(f"market.history.path: no bars below {settings.market.history.path}")
    return found
