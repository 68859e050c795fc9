"""What brokers call their symbols, which of them are traded, and what we call them."""

from typing import Any

import pytest

from blackboard.errors import ConfigError, TerminalUnavailable
from config.settings import AUTO_SYMBOLS, Settings
from runtime.terminals import constants as mt5
from runtime.terminals.arguments import CallFailed
from runtime.terminals.symbols import SymbolNames, canonical_name, discover, resolve_symbols
from tests.hand_terminal import HandTerminal, an_info
from tests.scripted_market import HandClock, ScriptedMarket, a_terminal, traits


def settings_for(symbols: tuple[str, ...] = AUTO_SYMBOLS, **terminal: Any) -> Settings:
    """Return settings that trade some symbols."""
    return Settings.model_validate({"symbols": symbols, "terminal": terminal})


@pytest.mark.parametrize(
    "name", ["EURUSD", "EURUSD.m", "mEURUSD", "EURUSD_i", "EURUSD.pro", "EUR/USD", "eurusd#"]
)
def test_prefixes_suffixes_and_signs_stand_around_the_currencies(name: str) -> None:
    """Whatever a broker adds, the two currencies are the name."""
    assert canonical_name(an_info(name, "EURUSD")) == "EURUSD"


@pytest.mark.parametrize(
    ("name", "base", "profit"),
    [
        ("Euro", "EUR", "USD"),  # does not show its currencies
        ("USDEUR", "EUR", "USD"),  # shows them the other way round
        ("US500", "USD", "USD"),
        ("AAPL", "US", "USD"),
    ],
)
def test_what_does_not_show_two_currencies_has_no_canonical_name(
    name: str, base: str, profit: str
) -> None:
    """Money is not risked on a guess of what a name means."""
    assert canonical_name(an_info(name, currency_base=base, currency_profit=profit)) == ""


def test_auto_takes_what_can_be_traded_and_says_why_it_skips_the_rest() -> None:
    """Trade mode FULL, calculation FOREX, one name a symbol; selected in the terminal."""
    terminal = HandTerminal(
        an_info("GBPUSD.m", "GBPUSD", select=False, visible=False),
        an_info("EURUSD.m", "EURUSD"),
        an_info("USDTRY.m", "USDTRY", trade_mode=mt5.SYMBOL_TRADE_MODE_CLOSEONLY),
        an_info("XAUUSD.m", "XAUUSD", trade_calc_mode=2),
        an_info("NZDUSD.m", "NZDUSD", custom=True),
        an_info("AAPL", currency_base="USD", currency_profit="USD", trade_calc_mode=4),
    )

    discovery = discover(terminal, settings_for())

    assert discovery.found == (("EURUSD", "EURUSD.m"), ("GBPUSD", "GBPUSD.m"))
    assert dict(discovery.skipped) == {
        "USDTRY.m": "trade mode must be FULL (4), was 3",
        "XAUUSD.m": "calculation mode must be FOREX (0 or 5), was 2",
        "NZDUSD.m": "it is a custom symbol, which no broker trades",
    }
    assert terminal.infos["GBPUSD.m"].select


def test_of_several_names_the_plain_then_the_selected_then_the_shortest_is_taken() -> None:
    """The same name at every start, in whatever order the terminal lists them."""
    plain = HandTerminal(an_info("EURUSD.m", "EURUSD"), an_info("EURUSD", select=False))
    chosen = HandTerminal(
        an_info("EURUSD.m", "EURUSD", select=False), an_info("EURUSD.pro", "EURUSD")
    )
    alike = HandTerminal(an_info("EURUSD.pro", "EURUSD"), an_info("EURUSD.m", "EURUSD"))

    assert discover(plain, settings_for()).found == (("EURUSD", "EURUSD"),)
    assert discover(chosen, settings_for()).found == (("EURUSD", "EURUSD.pro"),)
    found = discover(alike, settings_for())
    assert found.found == (("EURUSD", "EURUSD.m"),)
    assert found.skipped == (("EURUSD.pro", "EURUSD.m is traded instead"),)


def test_auto_takes_the_most_traded_currencies_first_up_to_its_bound() -> None:
    """A broker with sixty pairs does not make a council of sixty symbols."""
    names = ["USDSGD", "NZDUSD", "EURUSD", "USDJPY", "EURJPY", "AUDNZD"]
    terminal = HandTerminal(*(an_info(name) for name in names))

    discovery = discover(terminal, settings_for(symbols_auto_max=3))

    assert [symbol for symbol, _ in discovery.found] == ["EURUSD", "USDJPY", "EURJPY"]
    assert dict(discovery.skipped) == dict.fromkeys(
        ("NZDUSD", "AUDNZD", "USDSGD"), "beyond terminal.symbols_auto_max (3)"
    )


def test_a_given_name_is_never_doubted() -> None:
    """The operator's name goes before the plain one, in both ways of choosing symbols."""
    terminal = HandTerminal(an_info("EURUSD"), an_info("EURUSD.pro", "EURUSD"))
    given = {"EURUSD": "EURUSD.pro"}

    named = discover(terminal, settings_for(("EURUSD",), symbol_names=given))
    detected = discover(terminal, settings_for(symbol_names=given))

    assert named.found == detected.found == (("EURUSD", "EURUSD.pro"),)


def test_named_symbols_are_found_under_the_brokers_names() -> None:
    """A list of symbols needs no map where their currencies say which is which."""
    terminal = HandTerminal(
        an_info("EURUSD", trade_mode=mt5.SYMBOL_TRADE_MODE_DISABLED),
        an_info("EURUSD.m", "EURUSD"),
        an_info("mUSDJPY", "USDJPY"),
    )

    discovery = discover(terminal, settings_for(("USDJPY", "EURUSD", "GBPUSD")))

    assert discovery.found == (("USDJPY", "mUSDJPY"), ("EURUSD", "EURUSD.m"))
    assert discovery.skipped == (("GBPUSD", "the terminal does not know it: Terminal: Not found"),)


def test_resolved_settings_hold_symbols_and_names() -> None:
    """Auto becomes a list and a map, which every process of the run then shares."""
    terminal = HandTerminal(an_info("EURUSD.m", "EURUSD"), an_info("USDJPY"))

    resolved = resolve_symbols(terminal, settings_for())

    assert resolved.symbols == ("EURUSD", "USDJPY")
    assert resolved.terminal.symbol_names == {"EURUSD": "EURUSD.m"}
    again = Settings.model_validate_json(resolved.model_dump_json())
    assert resolve_symbols(terminal, again) == resolved


def test_a_named_symbol_that_is_away_stays() -> None:
    """Its feed is stale until it comes; only where nothing can be traded the start is refused."""
    terminal = HandTerminal(an_info("EURUSD"))

    assert resolve_symbols(terminal, settings_for(("EURUSD", "GBPUSD"))).symbols == (
        "EURUSD",
        "GBPUSD",
    )
    with pytest.raises(ConfigError, match="GBPUSD: the terminal does not know it"):
        resolve_symbols(terminal, settings_for(("GBPUSD",)))


def test_a_terminal_that_cannot_tell_is_no_terminal_without_symbols() -> None:
    """A failed listing is repeated by the caller, never read as an empty market."""
    terminal = HandTerminal(an_info("EURUSD"))

    def away(*_: object) -> None:
        raise CallFailed(mt5.RES_E_INTERNAL_FAIL_SEND)

    terminal.answers["symbols_get"] = away
    with pytest.raises(TerminalUnavailable, match="-10001"):
        discover(terminal, settings_for())


def test_f27_a_symbol_that_cannot_be_selected_is_skipped() -> None:
    """F27: without being selected it has no ticks."""
    terminal = HandTerminal(an_info("EURUSD", select=False))

    def refuse(*_: object) -> None:
        raise CallFailed(mt5.RES_E_FAIL)

    terminal.answers["symbol_select"] = refuse
    assert discover(terminal, settings_for(("EURUSD",))).skipped == (
        ("EURUSD", "EURUSD cannot be selected: Terminal: Call failed"),
    )


def test_f27_names_are_kept_until_they_are_forgotten() -> None:
    """F27: a symbol that was renamed is found again once somebody notices."""
    terminal = HandTerminal(an_info("EURUSD.m", "EURUSD"))
    names = SymbolNames(settings_for(("EURUSD",)))
    assert names.terminal_name(terminal, "EURUSD") == "EURUSD.m"
    terminal.infos = {"EURUSD.x": an_info("EURUSD.x", "EURUSD")}

    assert names.terminal_name(terminal, "EURUSD") == "EURUSD.m"
    names.forget()

    assert names.terminal_name(terminal, "EURUSD") == "EURUSD.x"
    assert names.canonical("EURUSD.x") == "EURUSD"
    assert names.canonical("XAUUSD.x") == "XAUUSD.x"  # a person's trade keeps its name


def test_the_simulated_terminal_is_discovered_as_any_other() -> None:
    """Its names are ours."""
    market = ScriptedMarket(traits("USDJPY", digits=3), traits("EURUSD"))

    discovery = discover(a_terminal(market, HandClock()), settings_for())

    assert discovery.found == (("EURUSD", "EURUSD"), ("USDJPY", "USDJPY"))
    assert discovery.skipped == ()


def test_settings_refuse_what_cannot_be_meant() -> None:
    """Auto stands alone, and two symbols have two names."""
    with pytest.raises(ValueError, match="auto alone"):
        settings_for(("auto", "EURUSD"))
    with pytest.raises(ValueError, match=r"terminal\.symbol_names"):
        settings_for(symbol_names={"EURUSD": "X", "USDJPY": "X"})
    text = settings_for(symbol_names="EURUSD:EURUSD.m, USDJPY:mUSDJPY")
    assert text.terminal.symbol_names == {"EURUSD": "EURUSD.m", "USDJPY": "mUSDJPY"}
