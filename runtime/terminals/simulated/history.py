"""Recorded bars as a market: checked whole, and served as steps.

M1 is the stepping timeframe. Where some symbol has no M1 file, the finest timeframe that all
symbols have is taken, and `notes` says so: each bar is then one step, which stands at its *last*
minute, so that nothing of a bar can be seen before it has closed, and bars of any longer timeframe
still hold the right ones. Bars outside the FX week are left out.

Where a file has no spread, the usual one of the symbol and hour is taken, wider around the events
of a calendar if there is one.
"""

import hashlib
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.requests import CalendarEvent
from blackboard.errors import ConfigError
from blackboard.facts.market import Timeframe
from models.market.sessions import (
    DAY_NS,
    MINUTE_NS,
    next_week_open_ns,
    week_close_ns,
    week_open_ns,
    weeks_before_ns,
)
from runtime.bar_formats.source_clock import Clocks
from runtime.feeds.calendar import CalendarFile
from runtime.instants import end_of_ns, iso, start_of_ns
from runtime.terminals.server_time import AUTO_ZONE, MARKET_ZONE, ServerClock
from runtime.terminals.simulated.bar_files import BarsFile, price_problems, within_week
from runtime.terminals.simulated.bar_folder import BarFolder, each, open_folder, refuse
from runtime.terminals.simulated.source import MINUTE_DTYPE, MinuteArray, SymbolTraits
from runtime.terminals.simulated.spreads import release_widening, usual_spread_points
from runtime.terminals.simulated.traits import traits_of

UNEVEN_END_NS: Final = 2 * DAY_NS
"""Difference between the ends of two symbols' data from which it is noted."""


class HistoryMarket:
    """Recorded bars as a `MarketSource`.

    Parameters
    ----------
    path : Path
        A folder, searched with all below it, or one file. A file belongs to a symbol by its name:
        EURUSD_M1_2018.parquet, GBPUSD_M1.csv. Several files of one symbol are joined.
    symbols : tuple of str
        Canonical names; each needs a file.
    timeframe : Timeframe
        Trading timeframe; coarser files are of no use.
    start, end : str
        As in `config.system.HistorySection`.
    server_zone : str
        Zone of an MT5 export's times, as in `config.system.TerminalSection`.
    file_zone : str
        Zone of files that do not state theirs, as in `config.system.HistorySection`.
    anchor_weeks : int
        Weeks before the start's week that are loaded.
    calendar : CalendarFile, optional
        Makes `events` answer, and spreads widen.

    Raises
    ------
    ConfigError
        If anything is wrong with range, path, files or rows, in this order; each message names
        all problems of its kind.
    """

    def __init__(
        self,
        path: Path,
        symbols: tuple[str, ...],
        *,
        timeframe: Timeframe = Timeframe.M15,
        start: str = "",
        end: str = "",
        server_zone: str = MARKET_ZONE,
        file_zone: str = AUTO_ZONE,
        anchor_weeks: int = 4,
        calendar: CalendarFile | None = None,
    ) -> None:
        self.notes: list[str] = []
        """What an operator must know of the data that were found."""
        self._calendar = calendar
        self._traits = tuple(each(symbols, traits_of, lambda _: "symbols"))
        asked = _asked(start, end)
        clocks = Clocks(ServerClock(server_zone), file_zone)
        folder = open_folder(path, symbols, timeframe, clocks)
        self.step = folder.step
        if self.step is not Timeframe.M1:
            self.notes.append(f"no M1 for every symbol: stops and fills step on {self.step} bars")
        self.notes += [
            f"{file.path.name}: {file.origin}"
            for parts in folder.files.values()
            for file in parts
            if file.origin
        ]
        data = self._common_span(folder)
        self.start_ns, self.end_ns = self._traded(asked, data, anchor_weeks)
        anchor_ns = weeks_before_ns(self.start_ns, anchor_weeks)
        if anchor_ns < week_open_ns(data.first_ns):
            self.notes.append(
                f"warm-up begins with the data, {iso(data.first_ns)}; {anchor_weeks} weeks "
                f"(anchor_weeks) before the start would be {iso(anchor_ns)}"
            )
        self._minutes = self._load(folder, anchor_ns)
        # A search in a column of rows would copy the whole column first.
        self._opens_ns = {
            symbol: np.ascontiguousarray(minutes["open_ns"])
            for symbol, minutes in self._minutes.items()
        }

    @property
    def has_calendar(self) -> bool:
        """Whether a calendar file was given."""
        return self._calendar is not None

    @property
    def data_hash(self) -> str:
        """SHA-256 over the steps of all symbols that were loaded, for the run's manifest."""
        digest = hashlib.sha256()
        for traits in self._traits:
            digest.update(traits.name.encode())
            digest.update(self._minutes[traits.name].tobytes())
        return digest.hexdigest()

    def traits(self) -> tuple[SymbolTraits, ...]:
        """Return the terms of every symbol, in the order in which they were asked for."""
        return self._traits

    def minutes(self, symbol: str, from_ns: int, until_ns: int) -> MinuteArray:
        """Return all steps with ``from_ns <= open_ns < until_ns``."""
        first, last = self._opens_ns[symbol].searchsorted((from_ns, until_ns)).tolist()
        return self._minutes[symbol][first:last]

    def events(self, from_ns: int, until_ns: int) -> tuple[CalendarEvent, ...]:
        """Return the events of the calendar file; none without one, which says nothing."""
        return () if self._calendar is None else self._calendar.events(from_ns, until_ns)

    def _common_span(self, folder: BarFolder) -> "_Span":
        spans = {
            symbol: _Span(
                int(parts[0].open_ns[0]), int(parts[-1].open_ns[-1]) + folder.step.length_ns
            )
            for symbol, parts in folder.files.items()
        }
        first_ns = max(span.first_ns for span in spans.values())
        last = min(spans, key=lambda symbol: spans[symbol].end_ns)
        common = _Span(first_ns, spans[last].end_ns)
        if first_ns >= common.end_ns:
            texts = ", ".join(f"{symbol} {span}" for symbol, span in spans.items())
            raise ConfigError(f"market.history.path: the symbols have no time in common: {texts}")
        if max(span.end_ns for span in spans.values()) - common.end_ns > UNEVEN_END_NS:
            self.notes.append(f"{last} ends first, {iso(common.end_ns)}, and the run with it")
        return common

    def _traded(self, asked: "_Asked", data: "_Span", anchor_weeks: int) -> tuple[int, int]:
        problems = []
        if asked.start_ns is not None and not _day(data.first_ns) <= asked.start_ns < data.end_ns:
            problems.append(f"market.history.start must lie in the data, {data}, was {asked.start}")
        if asked.end_ns is not None and not data.first_ns < asked.end_ns <= data.end_ns_max:
            problems.append(f"market.history.end must lie in the data, {data}, was {asked.end}")
        refuse(problems)
        end_ns = data.end_ns if asked.end_ns is None else min(asked.end_ns, data.end_ns)
        if asked.start_ns is None:
            start_ns = _start_after_warm_up(data.first_ns, end_ns, anchor_weeks)
        else:
            start_ns = max(asked.start_ns, data.first_ns)
        if start_ns >= end_ns:
            raise ConfigError(
                f"market.history: start must be before end, was {iso(start_ns)} to {iso(end_ns)}"
            )
        return start_ns, end_ns

    def _load(self, folder: BarFolder, anchor_ns: int) -> dict[str, MinuteArray]:
        pairs = [(traits, file) for traits in self._traits for file in folder.files[traits.name]]
        loaded = each(
            pairs,
            lambda pair: self._load_file(pair[0], pair[1], anchor_ns),
            lambda pair: str(pair[1].path),
        )
        minutes: dict[str, MinuteArray] = {}
        for traits in self._traits:
            parts = [
                part
                for (owner, _), part in zip(pairs, loaded, strict=True)
                if owner.name == traits.name
            ]
            minutes[traits.name] = parts[0] if len(parts) == 1 else np.concatenate(parts)
            minutes[traits.name].flags.writeable = False
        refuse(
            f"market.history: {symbol} has no bar from {iso(self.start_ns)} to {iso(self.end_ns)}"
            for symbol, steps in minutes.items()
            if not np.any(steps["open_ns"] >= self.start_ns)
        )
        return minutes

    def _load_file(self, traits: SymbolTraits, file: BarsFile, anchor_ns: int) -> MinuteArray:
        last_open_ns = self.end_ns - self.step.length_ns
        first = int(np.searchsorted(file.open_ns, anchor_ns))
        last = max(first, int(np.searchsorted(file.open_ns, last_open_ns, side="right")))
        open_ns = file.open_ns[first:last]
        columns = file.columns(first, last, traits.point)
        problems = list(price_problems(open_ns, columns.prices, first))
        if problems:
            raise ValueError("\n".join(problems))
        minutes = np.empty(last - first, dtype=MINUTE_DTYPE)
        minutes["open_ns"] = open_ns + self.step.length_ns - MINUTE_NS
        for name, values in columns.prices.items():
            minutes[name] = values.round(traits.digits)
        minutes["spread_points"] = self._spread_points(traits, open_ns, columns.spread)
        minutes["tick_volume"] = columns.tick_volume
        is_inside = within_week(open_ns)
        if is_inside.all():
            return minutes
        outside = int(np.count_nonzero(~is_inside))
        self.notes.append(f"{file.path.name}: {outside} bars outside the FX week left out")
        return minutes[is_inside]

    def _spread_points(
        self,
        traits: SymbolTraits,
        open_ns: NDArray[np.int64],
        recorded: NDArray[np.float64] | None,
    ) -> NDArray[np.float64]:
        if recorded is not None and not np.isnan(recorded).any():
            return np.maximum(np.rint(recorded / traits.point), 1.0)
        events = self.events(int(open_ns[0]), int(open_ns[-1]) + 1) if len(open_ns) else ()
        own = (traits.currency_base, traits.currency_profit)
        usual = usual_spread_points(traits.name, open_ns)
        usual *= release_widening((one for one in events if one.currency in own), open_ns)
        if recorded is not None:
            usual = np.where(np.isnan(recorded), usual, recorded / traits.point)
        return np.maximum(np.rint(usual), 1.0)


class _Span(NamedTuple):
    first_ns: int
    end_ns: int

    def __str__(self) -> str:
        return f"{iso(self.first_ns)} to {iso(self.end_ns)}"

    @property
    def end_ns_max(self) -> int:
        # A bare end date counts whole, and data that reach the weekend cover all its days.
        last_ns = self.end_ns - 1
        if self.end_ns + DAY_NS >= week_close_ns(last_ns):
            last_ns = next_week_open_ns(last_ns)
        return _day(last_ns) + DAY_NS


class _Asked(NamedTuple):
    start: str
    end: str
    start_ns: int | None
    end_ns: int | None


def _asked(start: str, end: str) -> _Asked:
    start_ns, end_ns = each(
        (("start", start, start_of_ns), ("end", end, end_of_ns)),
        lambda one: one[2](one[1]) if one[1] else None,
        lambda one: f"market.history.{one[0]}",
    )
    return _Asked(start, end, start_ns, end_ns)


def _start_after_warm_up(first_ns: int, end_ns: int, anchor_weeks: int) -> int:
    start_ns = week_open_ns(first_ns)
    for _ in range(anchor_weeks):
        start_ns = next_week_open_ns(start_ns)
    if start_ns < end_ns:
        return start_ns
    # Too little for the warm-up: some of it if there is a second week, else none.
    second_ns = next_week_open_ns(first_ns)
    return second_ns if second_ns < end_ns else first_ns


def _day(ts_ns: int) -> int:
    return ts_ns // DAY_NS * DAY_NS
