"""The tear sheet of a run: one HTML file for people, one JSON file with the same numbers."""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from models.learning.returns import under_water_frac
from runtime.book import write_atomically
from runtime.reports.baselines import Baselines
from runtime.reports.charts import (
    Chart,
    equity_chart,
    excursion_chart,
    hours_chart,
    r_chart,
    trades_chart,
    water_chart,
)
from runtime.reports.figures import Figures, figures_of, paid_out
from runtime.reports.page import page_of
from runtime.reports.record import ChangedSetting, ClosedTrade, RunIdentity, RunRecord
from runtime.reports.stress import StressTable
from runtime.reports.verdict import verdict_text
from runtime.terminals.simulated.source import MarketSource

PAGE, NUMBERS = "tear_sheet.html", "tear_sheet.json"


class BaselineEnd(msgspec.Struct, frozen=True, kw_only=True):
    """What a baseline came to."""

    name: str
    return_frac: float
    drawdown_frac: float
    low_frac: float
    """5 % quantile of the return over the random runs; the return itself where there is one run."""
    high_frac: float
    runs: int


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page shows, as numbers."""

    identity: RunIdentity
    verdict: str
    figures: Figures
    baselines: tuple[BaselineEnd, ...]
    blocked_by: dict[str, int]
    refusals: dict[str, int]
    decisions: int
    intents: int
    approved: int
    open_positions: int
    accounting_gap: float
    changed: tuple[ChangedSetting, ...]
    stress: StressTable | None
    trades: tuple[ClosedTrade, ...]


class Written(NamedTuple):
    """Where a tear sheet lies."""

    page: Path
    numbers: Path


def sheet_of(
    record: RunRecord, baselines: Baselines | None, stress: StressTable | None = None
) -> Sheet:
    """Return every number of a run's tear sheet."""
    figures = figures_of(record)
    return Sheet(
        identity=record.identity,
        verdict=verdict_text(record, figures, baselines),
        figures=figures,
        baselines=_ends(baselines),
        blocked_by=record.blocked_by,
        refusals=record.refusals,
        decisions=record.decisions,
        intents=record.intents,
        approved=record.approved,
        open_positions=record.open_positions,
        accounting_gap=record.accounting_gap,
        changed=record.changed,
        stress=stress,
        trades=record.trades,
    )


def write_tear_sheet(
    folder: Path,
    record: RunRecord,
    source: MarketSource | None,
    baselines: Baselines | None,
    stress: StressTable | None = None,
) -> Written:
    """Write page and numbers into a folder, which is made; return where they lie.

    Parameters
    ----------
    source : MarketSource or None
        Market of the run, for the candles; the page has none without it.
    baselines, stress
        What the run is held against; left out where None.
    """
    sheet = sheet_of(record, baselines, stress)
    charts = charts_of(record, sheet.figures, source, baselines)
    written = Written(folder / PAGE, folder / NUMBERS)
    folder.mkdir(parents=True, exist_ok=True)
    page = page_of(record, sheet.figures, baselines, charts, stress)
    write_atomically(written.page, page.encode())
    write_atomically(written.numbers, msgspec.json.format(msgspec.json.encode(sheet)))
    return written


def charts_of(
    record: RunRecord,
    figures: Figures,
    source: MarketSource | None,
    baselines: Baselines | None,
) -> dict[str, Chart]:
    """Return the charts of a page by their names."""
    _, equity = paid_out(record.equity)
    charts: dict[str, Chart] = {
        "equity": equity_chart(record, baselines),
        "water": water_chart(record, under_water_frac(equity)),
        "r": r_chart(record.trades),
        "excursions": excursion_chart(record.trades),
        "hours": hours_chart(figures.by["hour"]),
    }
    if source is not None:
        for symbol in record.identity.symbols:
            charts[f"trades {symbol}"] = trades_chart(source, record, symbol)
    return charts


def _ends(baselines: Baselines | None) -> tuple[BaselineEnd, ...]:
    if baselines is None:
        return ()
    ends = [_end(baselines.no_trade), _end(baselines.held)]
    if baselines.random is not None:
        ends.append(_band_end(baselines.random))
    return tuple(ends)


def _end(curve: Any) -> BaselineEnd:
    import numpy as np

    from models.learning.returns import deepest_fall

    total = curve.equity[-1] / curve.equity[0] - 1.0
    return BaselineEnd(
        name=curve.name,
        return_frac=total,
        drawdown_frac=deepest_fall(np.array(curve.equity)).depth_frac,
        low_frac=total,
        high_frac=total,
        runs=1,
    )


def _band_end(band: Any) -> BaselineEnd:
    import numpy as np

    from runtime.reports.baselines import BAND

    low, middle, high = np.percentile(band.final_returns, (BAND[0], 50.0, BAND[1]))
    return BaselineEnd(
        name=band.name,
        return_frac=float(middle),
        drawdown_frac=float(np.median(band.final_drawdowns)),
        low_frac=float(low),
        high_frac=float(high),
        runs=band.runs,
    )
