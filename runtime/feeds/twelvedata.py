"""Twelve Data: closed bars of several symbols in one request, and rates of two currencies.

``time_series`` answers one symbol with ``{"meta", "values", "status"}`` and several with such an
object under each symbol; ``exchange_rate`` likewise with ``{"symbol", "rate", "timestamp"}``
(twelvedata.com/docs). Times are asked for in UTC, oldest first; a value's time is its bar's open.
An error comes with status 200 and ``{"code", "message", "status": "error"}``, for the whole answer
or in the place of one symbol's. Each symbol counts as one request.

A forming bar is cut off by its close, and a symbol whose answer is in another form is unanswered:
a bar is never guessed at.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
import numpy as np

from agents.requests import BarsRead, ReadBars, Unanswered
from blackboard.facts.market import Timeframe
from models.market.bars import BAR_DTYPE, BarArray
from models.market.sessions import SECOND_NS
from runtime.bar_formats.text_table import day_ns, minute_ns, second_ns
from runtime.feeds.answers import Refusal, Refused, refusal_of_status
from runtime.feeds.feed_client import FeedCall, FeedClient
from runtime.feeds.json_answers import decode_json
from runtime.terminals.conversion import Price

SOURCE: Final = "twelvedata"
"""Named as the source of whatever is read here."""
INTERVALS: Final = {
    Timeframe.M1: "1min",
    Timeframe.M5: "5min",
    Timeframe.M15: "15min",
    Timeframe.M30: "30min",
    Timeframe.H1: "1h",
}
"""Timeframes whose bars begin where a terminal's do; longer ones follow the server's day."""
BARS_MAX: Final = 5_000
"""Most bars that one request is answered with."""

_PRICES: Final = ("open", "high", "low", "close")


class _Value(msgspec.Struct):
    datetime: str
    open: str
    high: str
    low: str
    close: str


class _Series(msgspec.Struct):
    values: list[_Value] = []
    status: str = ""
    code: int = 0


class _Rate(msgspec.Struct):
    rate: float = 0.0
    timestamp: int = 0
    status: str = ""
    code: int = 0


_Objects = dict[str, msgspec.Raw]


class TwelveData:
    """Asks Twelve Data; every failure is an answer of its kind."""

    def __init__(self, client: FeedClient, json_depth_max: int) -> None:
        self._client = client
        self._depth_max = json_depth_max
        self.refused: Refused | None = None
        """Why the latest request was not answered, None if it was."""

    def bars(self, requests: Sequence[ReadBars], now_ns: int) -> list[BarsRead | Unanswered]:
        """Answer requests for closed bars, those of one span and timeframe together."""
        answers: dict[ReadBars, BarsRead | Unanswered] = {}
        spans: dict[tuple[Timeframe, int, int], list[ReadBars]] = {}
        for each in requests:
            spans.setdefault((each.timeframe, each.from_ns, each.until_ns), []).append(each)
        for alike in spans.values():
            answers |= self._alike(alike, now_ns)
        return [answers[each] for each in requests]

    def price(self, symbol: str, now_ns: int) -> Price | None:
        """Return a rate of two currencies such as EURUSD and when it was made, None without one."""
        call = FeedCall(
            url=f"{self._client.url}/exchange_rate", parameters=(("symbol", _slashed(symbol)),)
        )
        answer = self._client.get(call, now_ns)
        if isinstance(answer, Refused):
            return None
        rate = decode_json(answer, _Rate, self._depth_max)
        if isinstance(rate, Refused) or not (rate.rate > 0.0 and np.isfinite(rate.rate)):
            return None
        if not 0 < rate.timestamp * SECOND_NS <= now_ns:
            return None
        self._client.keep(call, answer)
        return Price(rate.rate, rate.timestamp * SECOND_NS)

    def _alike(
        self, requests: list[ReadBars], now_ns: int
    ) -> Mapping[ReadBars, BarsRead | Unanswered]:
        refused = _unanswerable(requests[0])
        objects = None if refused else self._objects(requests, now_ns)
        if isinstance(objects, Refused):
            refused = objects.reason
        if refused or objects is None or isinstance(objects, Refused):
            return {each: Unanswered(request=each, reason=refused) for each in requests}
        return {each: _read(each, objects.get(_slashed(each.symbol))) for each in requests}

    def _objects(self, requests: list[ReadBars], now_ns: int) -> _Objects | Refused:
        """Return the answer to each symbol; the answer to one comes without its name."""
        names = [_slashed(each.symbol) for each in requests]
        first = requests[0]
        call = FeedCall(
            url=f"{self._client.url}/time_series",
            parameters=(
                ("symbol", ",".join(names)),
                ("interval", INTERVALS[first.timeframe]),
                ("start_date", _utc(first.from_ns)),
                ("end_date", _utc(first.until_ns)),
                ("timezone", "UTC"),
                ("order", "ASC"),
                ("outputsize", str(BARS_MAX)),
            ),
            cost=len(names),
        )
        answer = self._client.get(call, now_ns)
        self.refused = answer if isinstance(answer, Refused) else None
        if isinstance(answer, Refused):
            return answer
        objects = decode_json(answer, _Objects, self._depth_max)
        if isinstance(objects, Refused):
            return objects
        if "status" not in objects and "code" not in objects:
            return objects
        if len(names) == 1 and "values" in objects:
            return {names[0]: msgspec.Raw(answer.body)}
        return _refused(msgspec.Raw(answer.body))


def _unanswerable(request: ReadBars) -> str:
    if request.timeframe not in INTERVALS:
        return f"{SOURCE} begins bars of {request.timeframe} at other hours than a terminal"
    count = (request.until_ns - request.from_ns) // request.timeframe.length_ns
    return f"{SOURCE} gives at most {BARS_MAX} bars, asked for {count}" * (count > BARS_MAX)


def _refused(raw: msgspec.Raw) -> Refused:
    try:
        code = msgspec.json.decode(raw, type=_Series).code
    except msgspec.MsgspecError:
        code = 0
    # Only the code is told: the message is the feed's, and may repeat the key.
    refusal = refusal_of_status(code) or Refusal.MALFORMED
    return Refused(refusal=refusal, detail=str(code) if refusal is Refusal.OTHER_STATUS else "")


def _read(request: ReadBars, raw: msgspec.Raw | None) -> BarsRead | Unanswered:
    if raw is None:
        return Unanswered(request=request, reason="the answer leaves it out")
    try:
        series = msgspec.json.decode(raw, type=_Series)
        if series.status != "ok":
            return Unanswered(request=request, reason=_refused(raw).reason)
        bars = _bars(series.values, request)
    except (msgspec.MsgspecError, ValueError):
        return Unanswered(request=request, reason=Refusal.MALFORMED.value)
    return BarsRead(request=request, bars=bars, source=SOURCE)


def _bars(values: list[_Value], request: ReadBars) -> BarArray:
    bars = np.zeros(len(values), dtype=BAR_DTYPE)
    bars["close_ns"] = [_open_ns(each.datetime) for each in values]
    bars["close_ns"] += request.timeframe.length_ns
    for name in _PRICES:
        bars[name] = [float(getattr(each, name)) for each in values]
    opens_ns = bars["close_ns"] - request.timeframe.length_ns
    is_asked = (opens_ns >= request.from_ns) & (bars["close_ns"] <= request.until_ns)
    # Oldest first was asked for; whoever answers newest first all the same means no disorder.
    is_turned = len(bars) > 1 and bool((np.diff(bars["close_ns"]) < 0).all())
    kept: BarArray = bars[is_asked]
    return kept[::-1] if is_turned else kept


def _open_ns(text: str) -> int:
    day, _, clock = text.partition(" ")
    return day_ns(day) + (minute_ns(clock[:5]) + second_ns(clock[5:]) if clock else 0)


def _slashed(symbol: str) -> str:
    return f"{symbol[:3]}/{symbol[3:]}"


def _utc(ts_ns: int) -> str:
    return f"{datetime.fromtimestamp(ts_ns // SECOND_NS, UTC):%Y-%m-%d %H:%M:%S}"
