"""What a broker calls its symbols, which of them can be traded, and what we call them.

Inside, a symbol has its canonical name: the two currencies, such as EURUSD. A broker may say
EURUSD.m, mEURUSD or EURUSD_i, and have several of them side by side. Its names are used at the
terminal's edge only, and translated here; a name that the settings give is never doubted.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from blackboard.errors import ConfigError, TerminalUnavailable
from config.settings import AUTO_SYMBOLS, Settings
from runtime.terminals import constants as mt5
from runtime.terminals.port import Terminal
from runtime.terminals.structures import SymbolInfo

FX_CALC_MODES: Final = frozenset(
    {mt5.SYMBOL_CALC_MODE_FOREX, mt5.SYMBOL_CALC_MODE_FOREX_NO_LEVERAGE}
)

MOST_TRADED: Final = ("USD", "EUR", "JPY", "GBP", "AUD", "CAD", "CHF", "NZD", "SEK", "NOK", "SGD")
"""Currencies by turnover. Source: BIS, Triennial Central Bank Survey 2022, without those whose
markets are controlled."""

_CURRENCY: Final = re.compile("[A-Z]{3}")


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """The symbols of a terminal that will be traded, and those that will not."""

    found: tuple[tuple[str, str], ...]
    """Pairs of canonical name and the broker's, in the order of trading."""
    skipped: tuple[tuple[str, str], ...]
    """Pairs of name and reason."""


class SymbolNames:
    """Translates between our names and a broker's; what it has found it keeps until forgotten.

    Several threads may ask: each finds the same names, and none keeps hold of what is kept here.
    Whatever the broker has beside our symbols, such as what a person trades by hand, keeps its
    name.
    """

    def __init__(self, settings: Settings) -> None:
        self._symbols = settings.symbols
        self._given = dict(settings.terminal.symbol_names)
        self._found: dict[str, str] = {}

    def learn(self, terminal: Terminal) -> None:
        """Look for the names of all symbols that are traded; what is known is not asked again."""
        for symbol in self._symbols:
            self.offered_name(terminal, symbol)

    def terminal_name(self, terminal: Terminal, symbol: str) -> str:
        """Return the broker's name of a symbol, the canonical one where there is no other."""
        return self.offered_name(terminal, symbol) or symbol

    def offered_name(self, terminal: Terminal, symbol: str) -> str:
        """Return the broker's name of a symbol, empty where it offers none."""
        known = self._given.get(symbol) or self._found.get(symbol)
        if known is None:
            known = self._found[symbol] = found_name(terminal, symbol)
        return known

    def canonical(self, name: str) -> str:
        """Return our name of what the broker calls `name`."""
        for symbol, known in (*self._given.items(), *tuple(self._found.items())):
            if known == name:
                return symbol
        return name

    def forget(self) -> None:
        """Look for every name anew when it is next asked for: the broker may have renamed it."""
        self._found.clear()


def found_name(terminal: Terminal, symbol: str) -> str:
    """Return the broker's name of a symbol: its own if it can be traded, else the best variant.

    Empty where the broker offers none.
    """
    info = terminal.symbol_info(symbol)
    if info is None:
        code, text = terminal.last_error()
        if code != mt5.RES_E_NOT_FOUND:
            raise TerminalUnavailable(f"symbol {symbol}: {code} {text}")
    elif info.trade_mode == mt5.SYMBOL_TRADE_MODE_FULL:
        return symbol
    variants = [
        each
        for each in _offered(terminal)
        if canonical_name(each) == symbol and not refusal_of(each)
    ]
    if variants:
        return min(variants, key=_order_of_variant).name
    return symbol if info is not None else ""


def canonical_name(info: SymbolInfo) -> str:
    """Return a symbol's canonical name, empty where its name does not show its currencies.

    A prefix and a suffix may stand around them and one sign between: ``m.EUR/USD_i``.
    """
    base, profit = info.currency_base.upper(), info.currency_profit.upper()
    if base == profit or not (_CURRENCY.fullmatch(base) and _CURRENCY.fullmatch(profit)):
        return ""
    is_shown = re.search(f"{base}[^A-Z0-9]?{profit}", info.name.upper())
    return base + profit if is_shown else ""


def refusal_of(info: SymbolInfo) -> str:
    """Return why a symbol cannot be traded, empty if it can."""
    if info.trade_mode != mt5.SYMBOL_TRADE_MODE_FULL:
        return f"trade mode must be FULL (4), was {info.trade_mode}"
    return ""


def discover(terminal: Terminal, settings: Settings) -> Discovery:
    """Return which symbols of a connected terminal will be traded, and select them there.

    Raises
    ------
    TerminalUnavailable
        If the terminal could not tell.
    """
    if settings.symbols == AUTO_SYMBOLS:
        wanted, skipped = _detected(terminal, settings)
    else:
        names = SymbolNames(settings)
        wanted = [(each, names.terminal_name(terminal, each)) for each in settings.symbols]
        skipped = []
    found = []
    for symbol, name in wanted:
        reason = selected(terminal, name)[1]
        if reason:
            skipped.append((symbol, reason))
        else:
            found.append((symbol, name))
    return Discovery(found=tuple(found), skipped=tuple(skipped))


def resolve_symbols(terminal: Terminal, settings: Settings) -> Settings:
    """Return settings that name what will be traded, and what the broker calls it.

    Symbols that the operator named stay, also those that are away now: their feeds are stale until
    they come. Raises ConfigError if there is nothing to trade at all.
    """
    discovery = discover(terminal, settings)
    if not discovery.found:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in discovery.skipped)
        raise ConfigError(f"symbols must be tradable at the terminal, none was: {reasons}")
    renamed = {symbol: name for symbol, name in discovery.found if symbol != name}
    known = settings.terminal.symbol_names | renamed
    found = tuple(symbol for symbol, _ in discovery.found)
    return settings.model_copy(
        update={
            "symbols": found if settings.symbols == AUTO_SYMBOLS else settings.symbols,
            "terminal": settings.terminal.model_copy(update={"symbol_names": known}),
        }
    )


def selected(terminal: Terminal, name: str) -> tuple[SymbolInfo | None, str]:
    """Select a symbol and return it, or why it cannot be traded.

    A symbol that is not selected has no ticks, or stale ones.

    Raises
    ------
    TerminalUnavailable
        If the terminal could not tell.
    """
    is_shown = terminal.symbol_select(name, True)
    failed = terminal.last_error()
    info = terminal.symbol_info(name)
    if info is None:
        code, text = terminal.last_error()
        if code != mt5.RES_E_NOT_FOUND:
            raise TerminalUnavailable(f"symbol {name}: {code} {text}")
        return None, f"the terminal does not know it: {text}"
    if not is_shown and not info.select:
        return info, f"{name} cannot be selected: {failed[1]}"
    return info, refusal_of(info)


def _detected(
    terminal: Terminal, settings: Settings
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return what `symbols: auto` trades by both names, and what it skips and why."""
    wanted: dict[str, str] = {}
    skipped: list[tuple[str, str]] = []
    given = {name: symbol for symbol, name in settings.terminal.symbol_names.items()}
    for info in sorted(_offered(terminal), key=_order_of_variant):
        symbol = given.get(info.name) or canonical_name(info)
        reason = _refusal_of_detected(info)
        if not symbol:
            continue
        if reason:
            skipped.append((info.name, reason))
        elif settings.terminal.symbol_names.get(symbol, info.name) != info.name:
            skipped.append((info.name, f"terminal.symbol_names names another for {symbol}"))
        elif symbol in wanted:
            skipped.append((info.name, f"{wanted[symbol]} is traded instead"))
        else:
            wanted[symbol] = info.name
    chosen = sorted(wanted, key=_order_of_symbol)
    room = settings.terminal.symbols_auto_max
    skipped += [
        (wanted[each], f"beyond terminal.symbols_auto_max ({room})") for each in chosen[room:]
    ]
    return [(each, wanted[each]) for each in chosen[:room]], skipped


def _offered(terminal: Terminal) -> tuple[SymbolInfo, ...]:
    infos = terminal.symbols_get()
    if infos is None or isinstance(infos, bool):
        code, text = terminal.last_error()
        raise TerminalUnavailable(f"symbols: {code} {text}")
    return infos


def _refusal_of_detected(info: SymbolInfo) -> str:
    if info.trade_calc_mode not in FX_CALC_MODES:
        return f"calculation mode must be FOREX (0 or 5), was {info.trade_calc_mode}"
    if info.custom:
        return "it is a custom symbol, which no broker trades"
    return refusal_of(info)


def _order_of_variant(info: SymbolInfo) -> tuple[bool, bool, int, str]:
    """Order names of one symbol: the plain one, those a person has selected, shorter ones."""
    return (info.name != canonical_name(info), not info.select, len(info.name), info.name)


def _order_of_symbol(symbol: str) -> tuple[int, int, str]:
    ranks = sorted(_ranks(symbol), reverse=True)
    return (ranks[0], ranks[1], symbol)


def _ranks(symbol: str) -> Iterator[int]:
    for currency in (symbol[:3], symbol[3:]):
        known: Iterable[str] = MOST_TRADED
        yield next((rank for rank, each in enumerate(known) if each == currency), len(MOST_TRADED))
