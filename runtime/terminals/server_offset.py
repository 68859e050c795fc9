"""Which clock a broker's server keeps: found from its bars, proven by its ticks.

A terminal shows its server's wall time and never says which zone that is. Two things tell it. The
market's week begins and ends at 17:00 New York, so a zone fits where no bar of the past falls into
a weekend. And a tick that is newer than the one seen a few minutes before was made in between, so
the server's clock lies within minutes of ours plus the offset, and offsets are whole half hours.

A tick that stands still proves nothing, however fresh it looks: at weekends a server's clock shows
Friday evening. Servers change their offset while the market is closed, never within a week; what
looks like a change within a week is a clock of ours or theirs that was set, and then prices cannot
be dated until both agree again.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from blackboard.errors import TerminalUnavailable
from models.market.sessions import HOUR_NS, MINUTE_NS, is_open, week_open_ns
from runtime.terminals.server_time import AUTO_ZONE, MARKET_ZONE, ServerClock, fixed_zone

QUANTUM_NS: Final = 30 * MINUTE_NS
"""Servers differ from UTC by whole half hours."""
SKEW_NS: Final = MINUTE_NS
"""How far our clock may be wrong, and a tick late, without harm."""
PROOF_SPAN_NS: Final = QUANTUM_NS - 3 * MINUTE_NS - 2 * SKEW_NS
"""Two looks further apart leave more than one offset possible."""

EDGE_GAP_NS: Final = 36 * HOUR_NS
"""A gap between two bars that is a weekend, not a holiday."""
MISFITS_PER_EDGE_MAX: Final = 0.1
"""Weekends of a zone that fits may have a stray bar now and then; a wrong zone has one in each."""

ZONES: Final = (
    MARKET_ZONE,
    "Europe/Athens",
    "UTC",
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
)
"""Zones that servers keep, the most usual first; after them every fixed offset."""
FIXED_ZONES: Final = tuple(fixed_zone(QUANTUM_NS * count) for count in range(-24, 29))


class NotDated(TerminalUnavailable):
    """The server's times cannot be told now; asking again at the same instant changes nothing."""


class ServerTime:
    """What is known of a server's clock; not thread-safe.

    A zone that is named is believed until the ticks prove another offset; then nothing can be
    dated, which is an error of the settings or of a clock, and a person must look. With `auto` the
    zone is found, and found again where the first ticks of a week disprove it.
    """

    def __init__(self, zone: str) -> None:
        self.clock = ServerClock(zone)
        self.doubt = ""
        """What contradicts the zone, empty while nothing does."""
        self._is_auto = zone == AUTO_ZONE
        self._is_found = not self._is_auto
        self._looks: dict[str, tuple[int, int]] = {}
        """By symbol: the latest tick in the server's time, and when it was looked at."""
        self._suspected_ns: int | None = None
        self._proven_ns: int | None = None
        self._proven_week_ns = 0

    @property
    def lacks_zone(self) -> bool:
        """Whether the zone is still to be found, by `find`."""
        return not self._is_found

    def wants_proof(self, now_ns: int) -> bool:
        """Whether nothing of this trading week can be dated before its ticks are looked at."""
        return self._is_auto and not self.is_proven(now_ns)

    def is_proven(self, now_ns: int) -> bool:
        """Whether ticks of this trading week have shown the offset."""
        return self._proven_week_ns == week_open_ns(now_ns)

    def observe(self, ticks_ns: Mapping[str, int], now_ns: int) -> None:
        """Take a look at the latest ticks by symbol, in the server's time, at an instant of ours.

        In order of time; a symbol that is looked at for the first time proves nothing yet.
        """
        lows_ns, highs_ns = [], []
        for name, tick_ns in ticks_ns.items():
            last_ns, looked_ns = self._looks.get(name, (tick_ns, now_ns))
            self._looks[name] = (tick_ns, now_ns)
            if tick_ns > last_ns and 0 < now_ns - looked_ns <= PROOF_SPAN_NS:
                lows_ns.append(tick_ns - now_ns - SKEW_NS)
                highs_ns.append(tick_ns - looked_ns + SKEW_NS)
        if lows_ns and is_open(now_ns):  # what comes while the market is closed was made before
            offset_ns = _offset_between(max(lows_ns), min(highs_ns))
            if offset_ns is not None:
                self._judge(offset_ns, now_ns)

    def _judge(self, offset_ns: int, now_ns: int) -> None:
        if self._is_found and offset_ns == self.clock.offset_ns(now_ns):
            self.doubt = ""
        elif self._suspected_ns != offset_ns:
            # A tick that was delivered late looks like another offset once, not twice alike.
            self._suspected_ns = offset_ns
            return
        elif self._is_auto and not self.is_proven(now_ns):
            self._is_found = False  # what was found before, if anything, no longer holds
        else:
            self.doubt = (
                f"the server's clock is at {fixed_zone(offset_ns)}, and {self.clock.zone} is at "
                f"{fixed_zone(self.clock.offset_ns(now_ns))} now: terminal.server_zone or a clock "
                "is wrong"
            )
            return
        self._suspected_ns = None
        self._proven_ns, self._proven_week_ns = offset_ns, week_open_ns(now_ns)

    def find(self, opens_ns: Sequence[int], now_ns: int) -> None:
        """Find the zone that fits bars of the past and, where there is one, the proven offset.

        Parameters
        ----------
        opens_ns : sequence of int
            Opens of hourly bars in the server's time, oldest first; a year of them also tells the
            dates on which the server changes its clock.
        now_ns : int
            The present.

        Raises
        ------
        NotDated
            If no zone fits.
        """
        proven_ns = self._proven_ns if self.is_proven(now_ns) else None
        zone = fitting_zone(opens_ns, now_ns, proven_ns)
        if zone is None:
            raise NotDated("no zone fits the server's bars and ticks: set terminal.server_zone")
        self.clock = ServerClock(zone)
        self._is_found = True
        self.doubt = ""

    def require_dated(self, now_ns: int) -> None:
        """Raise NotDated where prices cannot be dated now."""
        self.require_undoubted()
        if self.wants_proof(now_ns):
            raise NotDated("no tick of this week has shown the server's clock yet")

    def require_undoubted(self) -> None:
        """Raise NotDated where the clock is known to be another one than the zone says."""
        if self.doubt:
            raise NotDated(self.doubt)


def _offset_between(low_ns: int, high_ns: int) -> int | None:
    """Return the one whole half hour in an interval, None if there is none or several."""
    first_ns = -(-low_ns // QUANTUM_NS) * QUANTUM_NS
    return first_ns if first_ns <= high_ns < first_ns + QUANTUM_NS else None


def fitting_zone(opens_ns: Sequence[int], now_ns: int, proven_ns: int | None) -> str | None:
    """Return the zone under which the fewest bars fall into a weekend, None if none is good enough.

    Of zones that fit alike the first of `ZONES` is taken; they differ at other times of the year,
    and the first week in which it matters disproves the wrong one.
    """
    edges_ns = [
        edge_ns
        for closed_ns, opened_ns in pairwise(opens_ns)
        if opened_ns - closed_ns >= EDGE_GAP_NS
        for edge_ns in (closed_ns + HOUR_NS - 1, opened_ns)  # the last hour's whole length
    ]
    if not edges_ns:
        return None
    best, fewest = None, MISFITS_PER_EDGE_MAX * len(edges_ns)
    for zone in (*ZONES, *FIXED_ZONES):
        clock = ServerClock(zone)
        if proven_ns is not None and clock.offset_ns(now_ns) != proven_ns:
            continue
        misfits = sum(not is_open(clock.to_utc_ns(edge_ns)) for edge_ns in edges_ns)
        if misfits < fewest:
            best, fewest = zone, misfits
    return best
