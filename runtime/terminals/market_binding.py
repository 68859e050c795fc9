"""The package's functions over symbols, bars and ticks."""

from typing import Any

from runtime.terminals.arguments import (
    GROUP_LENGTH_MAX,
    epoch_s_of,
    first_text,
    integer_of,
    symbol_of,
)
from runtime.terminals.calling import Caller, answers
from runtime.terminals.constants import RES_E_INVALID_PARAMS
from runtime.terminals.port import Moment
from runtime.terminals.structures import RatesArray, SymbolInfo, Tick, TicksArray


class MarketBinding(Caller):
    """What of `port.Terminal` shows the market."""

    @answers(failed=None)
    def symbols_total(self) -> int:
        """Return how many symbols there are."""
        answer: int = self._forward("symbols_total")
        return answer

    def symbols_get(self, /, *unnamed: str, **named: Any) -> tuple[SymbolInfo, ...] | bool | None:
        """Return the symbols that match; False for wrong arguments, None for other failures."""
        answer = self._matching_symbols(unnamed, named)
        is_ours = answer is None and self.error[0] == RES_E_INVALID_PARAMS
        return False if is_ours else answer

    @answers(failed=None)
    def _matching_symbols(
        self, unnamed: tuple[str, ...], named: dict[str, Any]
    ) -> tuple[SymbolInfo, ...]:
        group = first_text(unnamed, named, "group", GROUP_LENGTH_MAX)
        answer: tuple[SymbolInfo, ...] = self._forward("symbols_get", group or "*")
        return answer

    @answers(failed=None)
    def symbol_info(self, symbol: str, /) -> SymbolInfo:
        """Return a symbol's properties."""
        answer: SymbolInfo = self._forward("symbol_info", symbol_of(symbol))
        return answer

    @answers(failed=None)
    def symbol_info_tick(self, symbol: str, /) -> Tick:
        """Return a selected symbol's latest tick."""
        answer: Tick = self._forward("symbol_info_tick", symbol_of(symbol))
        return answer

    @answers(failed=False)
    def symbol_select(self, symbol: str, enable: bool = True, /) -> bool:
        """Show or hide a symbol."""
        return bool(self._forward("symbol_select", symbol_of(symbol), bool(enable)))

    @answers(failed=None)
    def copy_rates_from_pos(
        self, symbol: str, timeframe: int, start_pos: int, count: int, /
    ) -> RatesArray:
        """Return bars back from a position."""
        numbers = [integer_of(number) for number in (timeframe, start_pos, count)]
        answer: RatesArray = self._forward("copy_rates_from_pos", symbol_of(symbol), *numbers)
        return answer

    @answers(failed=None)
    def copy_rates_from(
        self, symbol: str, timeframe: int, date_from: Moment, count: int, /
    ) -> RatesArray:
        """Return bars back from a moment."""
        numbers = integer_of(timeframe), integer_of(count)
        answer: RatesArray = self._forward(
            "copy_rates_from", symbol_of(symbol), numbers[0], epoch_s_of(date_from), numbers[1]
        )
        return answer

    @answers(failed=None)
    def copy_rates_range(
        self, symbol: str, timeframe: int, date_from: Moment, date_to: Moment, /
    ) -> RatesArray:
        """Return the bars of a range."""
        whole = integer_of(timeframe)
        name = symbol_of(symbol)
        dates = epoch_s_of(date_from), epoch_s_of(date_to)
        answer: RatesArray = self._forward("copy_rates_range", name, whole, *dates)
        return answer

    @answers(failed=None)
    def copy_ticks_from(
        self, symbol: str, date_from: Moment, count: int, flags: int, /
    ) -> TicksArray:
        """Return ticks onward from a moment."""
        numbers = integer_of(count), integer_of(flags)
        answer: TicksArray = self._forward(
            "copy_ticks_from", symbol_of(symbol), epoch_s_of(date_from), *numbers
        )
        return answer

    @answers(failed=None)
    def copy_ticks_range(
        self, symbol: str, date_from: Moment, date_to: Moment, flags: int, /
    ) -> TicksArray:
        """Return the ticks of a range."""
        whole = integer_of(flags)
        name = symbol_of(symbol)
        dates = epoch_s_of(date_from), epoch_s_of(date_to)
        answer: TicksArray = self._forward("copy_ticks_range", name, *dates, whole)
        return answer
