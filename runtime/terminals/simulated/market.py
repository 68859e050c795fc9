"""Which market the settings ask for: recorded bars if they name a path, else the synthetic one."""

from pathlib import Path

from config.settings import Settings
from runtime.feeds.calendar import CalendarFile
from runtime.terminals.simulated.source import MarketSource
from runtime.terminals.simulated.synthetic import SyntheticMarket


def open_market(settings: Settings) -> MarketSource:
    """Return the market of the settings; raises ConfigError with all that is wrong with it."""
    section = settings.market.history
    if not section.path:
        return SyntheticMarket(settings.symbols, settings.market.synthetic)
    # Only recorded bars need pyarrow.
    from runtime.terminals.simulated.history import HistoryMarket

    calendar_file = settings.agents.sentiment.calendar_file
    return HistoryMarket(
        Path(section.path),
        settings.symbols,
        timeframe=settings.timeframe,
        start=section.start,
        end=section.end,
        server_zone=settings.terminal.server_zone,
        anchor_weeks=settings.anchor_weeks,
        calendar=CalendarFile(Path(calendar_file)) if calendar_file else None,
    )
