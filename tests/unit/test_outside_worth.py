"""A currency that no price of the terminal values: valued from outside, or traded by nobody."""

from typing import Any

import pytest

from agents.requests import QuotesRead, ReadQuotes
from config.secrets import Secrets
from config.settings import Settings
from models.market.sessions import HOUR_NS, MINUTE_NS
from runtime.feeds.lacking_keys import lacking_keys
from runtime.feeds.worth import OutsideRates
from runtime.terminals.conversion import Price
from runtime.terminals.edge import Edge
from tests.scripted_market import (
    START_NS,
    HandClock,
    ScriptedMarket,
    a_terminal,
    settings_of,
    traits,
)

NOW_NS = START_NS + 5 * MINUTE_NS
MADE_NS = NOW_NS - 20 * MINUTE_NS
STILL = [(minute, 1.1, 1.1, 1.1, 1.1, 10) for minute in range(-60, 20)]


class Rates:
    """A source that tells one rate, and notes what it was asked."""

    def __init__(self, price: Price | None) -> None:
        self._price = price
        self.asked: list[str] = []

    def price(self, symbol: str, now_ns: int) -> Price | None:
        """Return the rate, whatever is asked."""
        del now_ns
        self.asked.append(symbol)
        return self._price


def quotes(currency: str, *sources: tuple[str, Rates], symbols: str = "EURUSD") -> QuotesRead:
    """Read quotes of a simulated account in a currency, with these sources of rates."""
    names = tuple(symbols.split())
    market = ScriptedMarket(*(traits(name) for name in names))
    for name in names:
        market.write(name, STILL)
    clock = HandClock()
    clock.minute(5)
    terminal = a_terminal(market, clock, currency=currency)
    terminal.initialize()
    edge = Edge(
        settings_of(names, currency=currency),
        is_virtual=True,
        rates=OutsideRates(sources, 60),
    )
    read = edge.read(terminal, ReadQuotes(symbols=names), NOW_NS)
    assert isinstance(read, QuotesRead)
    return read


def test_a_rate_from_outside_has_its_source_and_age_on_the_quote() -> None:
    """The terminal trades no zloty, so it cannot value dollars in it."""
    source = Rates(Price(3.9, MADE_NS))

    (quote,) = quotes("PLN", ("fixer", source)).quotes

    assert (quote.account_per_quote, quote.rate_source, quote.rate_ns) == (3.9, "fixer", MADE_NS)
    assert source.asked == ["USDPLN"]


def test_with_a_price_of_the_terminal_nobody_is_asked() -> None:
    """Its rate is the one that the broker books by, and the quote is what it was."""
    source = Rates(Price(99.0, MADE_NS))

    with_source = quotes("EUR", ("fixer", source))

    assert source.asked == []
    assert with_source == quotes("EUR")
    assert (with_source.quotes[0].rate_source, with_source.quotes[0].rate_ns) == ("", 0)


@pytest.mark.parametrize(
    ("sources", "reason"),
    [
        (
            (),
            "no price of the terminal values USD in PLN; terminal.conversion_sources names nobody "
            "to ask",
        ),
        ((("fixer", Rates(None)),), "no rate of USD in PLN: fixer: none"),
        (
            (("fixer", Rates(Price(3.9, NOW_NS - 2 * HOUR_NS))),),
            "no rate of USD in PLN: fixer: 120 min old, at most 60",
        ),
    ],
)
def test_without_a_young_rate_there_is_no_quote_and_a_reason(sources: Any, reason: str) -> None:
    """A default in its place would make every size a guess."""
    read = quotes("PLN", *sources)

    assert read.quotes == ()
    assert read.unvalued == (("EURUSD", reason),)


def test_a_symbol_that_can_be_valued_is_not_held_up_by_one_that_cannot() -> None:
    """Each stands for itself."""
    read = quotes("USD", symbols="EURUSD GBPCHF")

    assert [quote.symbol for quote in read.quotes] == ["EURUSD"]
    assert [symbol for symbol, _ in read.unvalued] == ["GBPCHF"]


def a_configuration(**changes: Any) -> Settings:
    """Return settings on a real terminal, where feeds of the network may be asked."""
    return Settings.model_validate(
        {
            "profile": "paper",
            "speed": 1.0,
            "terminal": {"kind": "metatrader", **changes.pop("terminal", {})},
            "agents": changes,
        }
    )


def test_every_key_that_lacks_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is lost without it and where to get it; one that is set is not told."""
    monkeypatch.setenv("FIXER_API_KEY", "set")
    monkeypatch.delenv("TWELVEDATA_API_KEY", raising=False)
    settings = a_configuration(
        data={"second_source": "twelvedata"},
        terminal={"conversion_sources": ["twelvedata", "fixer"]},
    )

    lines = list(lacking_keys(settings, Secrets(_env_file=None)))

    assert [line.split(" (")[0] for line in lines] == [
        "TWELVEDATA_API_KEY is not set, which agents.data.second_source: twelvedata needs: the "
        "terminal is the only source of prices",
        "TWELVEDATA_API_KEY is not set, which terminal.conversion_sources: twelvedata needs: it "
        "values no currency",
    ]
    assert list(lacking_keys(Settings(), Secrets(_env_file=None))) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"agents": {"data": {"second_source": "twelvedata"}}},
            "agents.data.second_source must not name twelvedata with terminal.kind simulated",
        ),
        (
            {"terminal": {"conversion_sources": ["fixer"]}},
            "terminal.conversion_sources must not name fixer with terminal.kind simulated",
        ),
        (
            {"terminal": {"conversion_sources": "fixer,fixer"}},
            "terminal.conversion_sources must be distinct, was fixer, fixer",
        ),
        (
            {
                "agents": {"data": {"second_source": "twelvedata"}},
                "feeds": {"twelvedata": {"requests_per_min_max": 6}},
            },
            r"requests_per_min_max must be at least the number of symbols \(7\)",
        ),
    ],
)
def test_contradictions_of_prices_are_refused(changes: dict[str, Any], message: str) -> None:
    """The network knows nothing of it; a stand-in on this machine may."""
    with pytest.raises(ValueError, match=message):
        Settings.model_validate(changes)
    near = {"feeds": {"twelvedata": {"url": "http://localhost:1"}}}
    second = {"agents": {"data": {"second_source": "twelvedata"}}}
    assert Settings.model_validate(near | second).agents.data.second_source == "twelvedata"
