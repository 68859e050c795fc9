"""A walk-forward search from settings to verdict: columns, windows, gates, files."""

from pathlib import Path

import msgspec

from blackboard.errors import ConfigError
from config.settings import Settings
from models.learning.candidate import Candidate, Untrained
from models.learning.walkforward import SearchTerms, candidate_of
from runtime.book import write_atomically
from runtime.clock import process_s
from runtime.columns.rules import rule_columns
from runtime.source_hash import code_hash
from runtime.terminals.simulated.market import open_market
from runtime.training.judgement import judged
from runtime.training.lesson import Lesson
from runtime.training.search import AXES, Advance, search, start_cores, static_values, trials_of
from runtime.training.search_report import SearchReport, draw, report_of

FOLDER = "walkforward"
SEED = 1
"""Of the sampler, and of the judges' bootstrap."""


def found_by(
    settings: Settings, jobs: int, out: Path | None, advance: Advance
) -> tuple[SearchReport, Path]:
    """Search, judge and write; return the figures and the folder with everything.

    Raises
    ------
    ConfigError
        If the market is too short for two windows.
    """
    source = open_market(settings).source
    columns, _ = rule_columns(source, settings, source.start_ns, source.end_ns)
    section = settings.agents.learner.walkforward
    terms = SearchTerms(section.in_days, section.out_days, section.step_days, section.trades_min)
    folder = out or settings.home.absolute() / FOLDER
    if jobs > 1:
        start_cores(settings, folder / "ray")
    began_s = process_s()
    trials = trials_of(columns, AXES, terms, section.sampled_trials, SEED)
    found = search(columns, trials, AXES, terms, jobs, advance)
    search_s = process_s() - began_s
    result = candidate_of(found, static_values(settings), columns.content_hash, code_hash())
    if isinstance(result, Untrained):
        raise ConfigError(f"walkforward needs {result.need} {result.reason}, has {result.have}")
    verdict = judged(result, Lesson(bars={}, settings=settings, seed=SEED))
    report = report_of(found, result, verdict, columns.symbols, search_s, jobs)
    _write(folder, result, report)
    draw(found, folder / "out_of_sample.html")
    return report, folder


def _write(folder: Path, candidate: Candidate, report: SearchReport) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in candidate.files.items():
        write_atomically(folder / name, content)
    write_atomically(folder / "report.json", msgspec.json.encode(report))
