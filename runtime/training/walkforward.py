"""A walk-forward search from settings to verdict: columns, windows, gates, files."""

from pathlib import Path
from typing import NamedTuple

import msgspec

from blackboard.errors import ConfigError
from config.settings import Settings
from models.learning.candidate import Candidate, Untrained
from models.learning.walkforward import SearchTerms, candidate_of
from models.market.sessions import WEEK_NS
from runtime.book import write_atomically
from runtime.clock import process_s
from runtime.columns.figures import overridden
from runtime.columns.rules import rule_columns
from runtime.model_store import ModelStore
from runtime.source_hash import code_hash
from runtime.terminals.simulated.market import open_market
from runtime.terminals.simulated.source import ENDLESS_NS, MarketSource
from runtime.training.bars_market import BarsMarket
from runtime.training.lesson import Lesson, tell_nobody
from runtime.training.search import (
    AXES,
    Advance,
    Found,
    search,
    start_cores,
    static_values,
    trials_of,
)
from runtime.training.search_picture import draw
from runtime.training.search_report import SearchReport, report_of
from runtime.training.session import present

FOLDER = "walkforward"
SEED = 1
"""Of the sampler, and of the judges' bootstrap."""


class Searched(NamedTuple):
    """A search on one market."""

    found: Found
    candidate: Candidate | Untrained
    symbols: tuple[str, ...]
    search_s: float


def train_walkforward(lesson: Lesson) -> Candidate | Untrained:
    """Return the winner of a search on the bars of a lesson."""
    bars = {symbol: each for symbol, each in lesson.bars.items() if len(each)}
    if not bars:
        return Untrained("symbols with bars", 0, 1)
    settings = overridden(lesson.settings, {"symbols": list(bars)})
    market = BarsMarket(bars, settings.timeframe.length_ns)
    start_ns = market.start_ns + settings.anchor_weeks * WEEK_NS
    if start_ns >= market.end_ns:
        weeks = (market.end_ns - market.start_ns) // WEEK_NS
        return Untrained("weeks", weeks, settings.anchor_weeks + 1)
    return _searched(market, settings, (start_ns, market.end_ns), 1, lesson.advance).candidate


def found_by(
    settings: Settings,
    jobs: int,
    out: Path | None,
    store: ModelStore,
    advance: Advance = tell_nobody,
) -> tuple[SearchReport, Path, str]:
    """Search, judge and write; return the figures, the folder, and the version if it passed.

    Raises
    ------
    ConfigError
        If the market is too short for two windows, or has no end.
    """
    source = open_market(settings).source
    if source.end_ns == ENDLESS_NS:
        raise ConfigError("walkforward needs --history: the synthetic market has no end to search")
    folder = out or settings.home.absolute() / FOLDER
    if jobs > 1:
        start_cores(settings, folder / "ray")
    span = source.start_ns, source.end_ns
    searched = _searched(source, settings, span, jobs, advance)
    result = searched.candidate
    if isinstance(result, Untrained):
        cut = settings.agents.learner.walkforward
        raise ConfigError(
            f"walkforward needs {result.need} {result.reason}, has {result.have}: the first takes "
            f"agents.learner.walkforward.in_days + out_days, {cut.in_days} + {cut.out_days} days, "
            f"each further one step_days, {cut.step_days}; give more history, or cut it shorter"
        )
    lesson = Lesson(bars={}, settings=settings, seed=SEED)
    graduation = present(result, lesson, store, now_ns=source.end_ns, is_refresh=False)
    report = report_of(
        searched.found, result, graduation, searched.symbols, searched.search_s, jobs
    )
    _write(folder, result, report)
    draw(searched.found.judged, folder / "out_of_sample.html")
    manifest = graduation.manifest
    return report, folder, manifest.version if manifest and graduation.has_passed else ""


def _searched(
    source: MarketSource, settings: Settings, span: tuple[int, int], jobs: int, advance: Advance
) -> Searched:
    columns, _ = rule_columns(source, settings, *span)
    section = settings.agents.learner.walkforward
    terms = SearchTerms(section.in_days, section.out_days, section.step_days, section.trades_min)
    began_s = process_s()
    trials = trials_of(columns, AXES, terms, section.sampled_trials, SEED)
    found = search(columns, trials, AXES, terms, jobs, advance)
    search_s = process_s() - began_s
    candidate = candidate_of(
        found.judged, static_values(settings), columns.content_hash, code_hash()
    )
    return Searched(found, candidate, columns.symbols, search_s)


def _write(folder: Path, candidate: Candidate, report: SearchReport) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in candidate.files.items():
        write_atomically(folder / name, content)
    write_atomically(folder / "report.json", msgspec.json.encode(report))
