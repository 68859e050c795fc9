"""Runs of the council over a market, in this process and at full speed."""

from pathlib import Path
from typing import Any

from config.loading import LoadedSettings
from config.settings import Settings
from runtime.book import Book
from runtime.council_run import run_council
from runtime.preparation import StartOptions, prepare


def run_to_its_end(settings: Settings) -> Book:
    """Run the agents of the settings over their market and return the run's folder."""
    options = StartOptions(speed="max", in_process=True)
    start = prepare(LoadedSettings(settings=settings, origins={}), options)
    run_council(start, options, lambda done, word: None)
    return start.plan.book


def over_history(
    home: Path, bars: Path, symbols: list[str], start: str, end: str, other: dict[str, Any]
) -> Settings:
    """Return settings over recorded bars."""
    market = {"market": {"history": {"path": str(bars), "start": start, "end": end}}}
    return Settings.model_validate({"home": str(home), "symbols": symbols, **market, **other})
