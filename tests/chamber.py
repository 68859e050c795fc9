"""The supervisor before a real board on which every other agent can speak.

Each turn also rebuilds a second supervisor from the whole journal in one inbox and demands the
same drafts of it, so every test that uses the chamber tests recovery as well.
"""

from typing import Any, TypeVar

from agents.agent import Inbox, Outbox
from agents.requests import Wake
from agents.supervisor import SupervisorAgent
from blackboard.access import Access, Declaration, declare
from blackboard.board import Board
from blackboard.entry import Draft, Entry, Post
from blackboard.facts import (
    AnyFact,
    Bar,
    Decision,
    Fact,
    Timeframe,
    TrailingStop,
    VolatilityForecast,
    Vote,
)
from blackboard.journal import MemoryJournal
from blackboard.reading import Filter
from config.agents import AgentsSection, SupervisorSection
from config.settings import Settings
from config.system import TradingSection
from tests.builders import T0_NS, a_coverage, a_quote, a_reconciled, a_spec

OTHERS = ("data", "technical", "lstm_vol", "sentiment", "portfolio", "risk", "execution", "learner")
M15 = Timeframe.M15
PATIENT = AgentsSection(supervisor=SupervisorSection(decision_deadline_ms=3000))
SETTINGS = Settings(trading=TradingSection(atr_multiplier=1.5), agents=PATIENT)
"""Stops 1.5 ranges away: 30 pips where the range is 20, as the tests of the supervisor count; and
three seconds of process time for a round."""
TURNS_MAX = 20
"""Turns after which a supervisor that still finds something to post counts as never at rest."""

F = TypeVar("F", bound=Fact)


def a_bar(scope: str = "EURUSD", **changes: Any) -> Bar:
    """Return a quiet bar at 1.1."""
    fields: dict[str, Any] = {
        "timeframe": M15,
        "open": 1.1,
        "high": 1.101,
        "low": 1.099,
        "close": 1.1,
        "tick_volume": 100,
        "spread_points": 10,
        "source": "terminal",
    }
    return Bar(scope=scope, **{**fields, **changes})


def a_vote(
    voter: str = "technical.trend", p: float = 0.6, scope: str = "EURUSD", **changes: Any
) -> Vote:
    """Return an opinion with barriers 20 pips away."""
    fields: dict[str, Any] = {
        "timeframe": M15,
        "abstains": False,
        "reason": "",
        "horizon_bars": 32,
        "reference_price": 1.1,
        "barrier_distance": 0.002,
        "model": "rules",
    }
    return Vote(scope=scope, voter=voter, probability_up=p, **{**fields, **changes})


def a_forecast(bars: int = 4, scope: str = "EURUSD", **changes: Any) -> VolatilityForecast:
    """Return the forecast of a usual hour."""
    fields: dict[str, Any] = {
        "timeframe": M15,
        "sigma_frac": 0.001,
        "sigma_low_frac": 0.0005,
        "sigma_high_frac": 0.002,
        "vol_ratio": 1.0,
        "vol_ratio_limit": 2.0,
        "vetoes_reversal": False,
        "atr_scale": 1.0,
        "abstains": False,
        "reason": "",
        "model": "har",
    }
    return VolatilityForecast(scope=scope, horizon_bars=bars, **{**fields, **changes})


def a_stop(scope: str = "EURUSD", **changes: Any) -> TrailingStop:
    """Return chandelier levels 30 pips from the market and an average true range of 20 pips."""
    fields: dict[str, Any] = {
        "timeframe": M15,
        "long_stop_price": 1.097,
        "short_stop_price": 1.103,
        "atr": 0.002,
    }
    return TrailingStop(scope=scope, **{**fields, **changes})


class Chamber:
    """A board, the supervisor under test, and a market time that the test moves."""

    def __init__(self, settings: Settings | None = None, *, start: bool = True) -> None:
        self.settings = settings or SETTINGS
        self.agent = SupervisorAgent(self.settings)
        every = declare(AnyFact.__args__, AnyFact.__args__)
        declared: dict[str, Declaration] = dict.fromkeys(OTHERS, every)
        declared["supervisor"] = SupervisorAgent.declaration()
        self.board = Board(Access(declared), MemoryJournal())
        self.epochs = {name: self.board.join(name).epoch for name in (*declared, "driver")}
        self.wanted = Filter(kinds=SupervisorAgent.declaration().reads, author="supervisor")
        self.now_ns = T0_NS
        self.wake_ns = 0
        self._cursor = 0
        if start:
            self.say("execution", a_reconciled(), ts_ns=T0_NS - 1)
            self.say("data", a_spec(), a_spec("GBPUSD"), ts_ns=T0_NS - 1)
            self.say("sentiment", a_coverage(), ts_ns=T0_NS - 1)
            self.settle()

    def say(self, author: str, *facts: AnyFact, ts_ns: int | None = None) -> list[int]:
        """Let somebody post, at the market time unless said otherwise; return the seqs."""
        drafts = tuple(
            Draft(
                fact=fact,
                ts_event_ns=self.now_ns if ts_ns is None else ts_ns,
                ordinal=str(self.board.head + place),
            )
            for place, fact in enumerate(facts)
        )
        return self._post(author, drafts)

    def turn(self) -> Outbox:
        """Let the supervisor take one turn, and check that a rebuilt one wants the same."""
        outbox = self.agent.step(self.now_ns, Inbox(entries=self._entries(self._cursor)))
        rebuilt = SupervisorAgent(self.settings)
        again = rebuilt.step(self.now_ns, Inbox(entries=self._entries(0)))
        assert again.drafts == outbox.drafts
        self._cursor = self.board.head
        for request in outbox.requests:
            assert isinstance(request, Wake)
            assert request.at_ns > self.now_ns
            self.wake_ns = request.at_ns
        self._post("supervisor", tuple(outbox.drafts))
        return outbox

    def settle(self) -> list[AnyFact]:
        """Take turns until nothing more is wanted; return what was posted."""
        before = self.board.head
        for _ in range(TURNS_MAX):
            if not self.turn().drafts:
                break
        else:
            raise AssertionError("the supervisor never comes to rest")
        return [
            item.entry.fact
            for item in self.board.read(before)[1]
            if item.entry.author == "supervisor"
        ]

    def at(self, now_ns: int) -> list[AnyFact]:
        """Move the time, and let the supervisor come to rest."""
        self.now_ns = now_ns
        return self.settle()

    def hear_close(
        self,
        *symbols: str,
        trend: float = 0.6,
        reversion: float = 0.55,
        sentiment: float | None = None,
        forecast: dict[str, Any] | None = None,
        stop: dict[str, Any] | None = None,
    ) -> None:
        """Say everything that belongs to one close, without a turn of the supervisor."""
        for symbol in symbols or ("EURUSD",):
            self.say("data", a_bar(symbol), a_quote(symbol))
            self.say("technical", *self.technical(symbol, trend, reversion, stop))
            self.say("lstm_vol", *(a_forecast(b, symbol, **(forecast or {})) for b in (4, 16)))
            self.say("sentiment", self.sentiment(symbol, sentiment))

    def technical(
        self, symbol: str, trend: float, reversion: float, stop: dict[str, Any] | None = None
    ) -> tuple[AnyFact, ...]:
        """Return what the TechnicalAgent says at a close."""
        return (
            a_vote("technical.trend", trend, symbol),
            a_vote("technical.reversion", reversion, symbol),
            a_stop(symbol, **(stop or {})),
        )

    def sentiment(self, symbol: str, p: float | None) -> Vote:
        """Return the sentiment's vote; None abstains."""
        return a_vote("sentiment", 0.5 if p is None else p, symbol, abstains=p is None)

    def all(self, kind: type[F]) -> list[F]:
        """Return all facts of a kind on the board, oldest first."""
        return [entry.fact for entry in self.entries(kind)]  # type: ignore[misc]

    def entries(self, kind: type[Fact]) -> list[Entry]:
        """Return all entries of a kind on the board, oldest first."""
        return self.board.history(kind, limit=100_000)

    def last(self, kind: type[F]) -> F:
        """Return the newest fact of a kind."""
        return self.all(kind)[-1]

    def decision(self) -> Decision:
        """Return the newest Decision."""
        return self.last(Decision)

    def _entries(self, after: int) -> tuple[Entry, ...]:
        return tuple(item.entry for item in self.board.read(after, self.wanted)[1])

    def _post(self, author: str, drafts: tuple[Draft, ...]) -> list[int]:
        post = Post(
            author=author,
            epoch=self.epochs[author],
            drafts=drafts,
            read_to=self._cursor,
            now_ns=self.now_ns,
        )
        return [ack.seq for ack in self.board.post(post, self.now_ns)]
