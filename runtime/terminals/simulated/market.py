"""Which market the settings ask for: recorded bars if they name a path, else the synthetic one."""

from pathlib import Path

import msgspec

from config.settings import Settings
from runtime.feeds.calendar import CalendarFile
from runtime.terminals.simulated.source import MarketSource
from runtime.terminals.simulated.synthetic import SyntheticMarket


class OpenedMarket(msgspec.Struct, frozen=True, kw_only=True):
    """A market, what it is made of, and what its operator must know."""

    source: MarketSource
    provenance: dict[str, str]
    """For the run manifest: kind, path or seed, content hash."""
    notes: tuple[str, ...] = ()


def open_market(settings: Settings) -> OpenedMarket:
    """Return the market of the settings; raises ConfigError with all that is wrong with it."""
    return _history(settings) if settings.market.history.path else _synthetic(settings)


def _synthetic(settings: Settings) -> OpenedMarket:
    section = settings.market.synthetic
    return OpenedMarket(
        source=SyntheticMarket(settings.symbols, section),
        provenance={"kind": "synthetic", "seed": str(section.seed), "start": section.start},
    )


def _history(settings: Settings) -> OpenedMarket:
    # Only recorded bars need pyarrow.
    from runtime.terminals.simulated.history import HistoryMarket

    section = settings.market.history
    calendar_file = settings.agents.sentiment.calendar_file
    source = HistoryMarket(
        Path(section.path),
        settings.symbols,
        timeframe=settings.timeframe,
        start=section.start,
        end=section.end,
        server_zone=settings.terminal.server_zone,
        anchor_weeks=settings.anchor_weeks,
        calendar=CalendarFile(Path(calendar_file)) if calendar_file else None,
    )
    return OpenedMarket(
        source=source,
        provenance={"kind": "history", "path": section.path, "sha256": source.data_hash},
        notes=tuple(source.notes),
    )
