"""What a strategy does in markets that were made worse on purpose, beside the market as it was."""

import msgspec

from runtime.reports.figures import Figures
from runtime.reports.record import RunRecord


class StressCase(msgspec.Struct, frozen=True, kw_only=True):
    """One market and what became of the account in it."""

    name: str
    about: str
    trades: int
    return_frac: float
    drawdown_frac: float
    worst_r: float
    breakers: tuple[str, ...]
    """States that a safety rule led to, with its reason."""
    exceeded: tuple[str, ...]
    """Limits that were found exceeded; empty means that all held."""


class StressTable(msgspec.Struct, frozen=True, kw_only=True):
    """The market as it was, then the worse ones."""

    cases: tuple[StressCase, ...]


def case_of(
    name: str, about: str, record: RunRecord, figures: Figures, exceeded: tuple[str, ...]
) -> StressCase:
    """Return what a run under stress came to."""
    tripped = {
        f"{one.state} ({one.reason})": None
        for one in record.states
        if one.state != "ACTIVE" and one.reason != "start"
    }
    return StressCase(
        name=name,
        about=about,
        trades=figures.trades,
        return_frac=figures.total_return_frac,
        drawdown_frac=figures.drawdown.depth_frac,
        worst_r=figures.worst_r,
        breakers=tuple(tripped),
        exceeded=exceeded,
    )
