"""The terminal of a simulation as a process of its own, with the broker's ledger behind it.

Inside stands the production's simulated terminal; the ledger outlives it, as the broker outlives
every terminal. Beside each request that arrives stands in the history what really became of it,
whatever its sender is told.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from blackboard.facts import Timeframe
from config.settings import Settings
from models.market.sessions import SECOND_NS
from runtime.simulation.history import BrokerRequest, BrokerState, HeldPosition, TrueBar
from runtime.simulation.recorder import Recorder
from runtime.terminals import constants as mt5
from runtime.terminals.arguments import CallFailed
from runtime.terminals.calling import SUCCESS
from runtime.terminals.gate import STOP_FILE_NAME
from runtime.terminals.port import TerminalRefused
from runtime.terminals.prices import TIMEFRAMES
from runtime.terminals.server_time import ServerClock
from runtime.terminals.simulated.ledger import Change, Deal, MemoryLedger, Position
from runtime.terminals.simulated.source import MarketSource
from runtime.terminals.simulated.terminal import SimulatedTerminal
from runtime.terminals.structures import OrderSendResult
from runtime.terminals.withdrawal import WithdrawalWatch

_SIDES: Final = {
    mt5.ORDER_TYPE_BUY: "BUY",
    mt5.ORDER_TYPE_SELL: "SELL",
    mt5.ORDER_TYPE_BUY_LIMIT: "BUY",
    mt5.ORDER_TYPE_SELL_LIMIT: "SELL",
}


class RecordingLedger(MemoryLedger):
    """The broker's book, which also says that it has changed."""

    def __init__(self) -> None:
        super().__init__()
        self.changes = 0
        """Commits so far that moved a position or booked a deal."""
        self.changed_ns = 0
        """Market time of the latest of them."""

    def commit(self, change: Change) -> None:
        """Take a change, whole."""
        super().commit(change)
        if change.positions or change.deals:
            self.changes += 1
            self.changed_ns = change.standing.now_ns

    def all_deals(self) -> tuple[Deal, ...]:
        """Return every deal there ever was, by ticket."""
        return tuple(self.deals_between(0, 2**62))


class Broker:
    """The terminal process, alive or dead, and the ledger behind it."""

    def __init__(
        self,
        source: MarketSource,
        settings: Settings,
        now_ns: Callable[[], int],
        recorder: Recorder,
        journal_head: Callable[[], int],
    ) -> None:
        self.ledger = RecordingLedger()
        self.stop_file = Path(settings.home) / STOP_FILE_NAME
        self.is_running = False
        self.hangs = False
        """Whether it answers nothing until it is restarted."""
        self.instance = 0
        """Counts the starts of the terminal process."""
        self._source = source
        self._settings = settings
        self._now_ns = now_ns
        self._recorder = recorder
        self._journal_head = journal_head
        self._terminal: SimulatedTerminal | None = None
        self._recorded_changes = 0
        self.start()

    @property
    def terminal(self) -> SimulatedTerminal:
        """The terminal itself, for what happens at the broker without us."""
        assert self._terminal is not None, "the terminal is made when the broker starts"
        return self._terminal

    def start(self) -> None:
        """Start the terminal process; what it knows, it knows from the ledger."""
        conditions = None if self._terminal is None else self._terminal.conditions
        terminal = SimulatedTerminal(
            self._source, self.ledger, self._settings, self._now_ns, stop_file=self.stop_file
        )
        terminal.initialize()
        if conditions is not None:
            # The broker's mood does not change because a terminal is started anew.
            for name in conditions.__struct_fields__:
                setattr(terminal.conditions, name, getattr(conditions, name))
        self._terminal = terminal
        self._watch = WithdrawalWatch(
            terminal, self.stop_file, self._settings.agents.execution.strategy_magic
        )
        self.is_running, self.hangs = True, False
        self.instance += 1

    def kill(self) -> None:
        """End the terminal process."""
        self.is_running = False

    def call(self, function: str, *arguments: object, **named: object) -> Any:
        """Call a function of the terminal; CallFailed with its last error where it answers so."""
        terminal = self.terminal
        self._watch.look()
        result = getattr(terminal, function)(*arguments, **named)
        error = terminal.last_error()
        self.note_changes()
        if error != SUCCESS:
            raise CallFailed(*error)
        return result

    def send(
        self,
        request: Mapping[str, Any],
        request_id: str,
        epoch: int,
        *,
        was_delivered: bool = True,
        is_emergency: bool = False,
    ) -> OrderSendResult | TerminalRefused | None:
        """Let a request arrive at the broker; None stands with the terminal's last error."""
        terminal = self.terminal
        is_repetition = self.ledger.answered(request_id) is not None
        symbol = str(request.get("symbol", ""))
        terminal.account_info()  # lives up to now, so that only the request changes anything below
        self.note_changes()
        held = self._held(int(request.get("position", 0)))
        before = self.ledger.changes
        answer = terminal.order_send(request, request_id=request_id, epoch=epoch)
        error = terminal.last_error()
        result = answer if isinstance(answer, OrderSendResult) else None
        bid, ask, rate = self.price(symbol)
        side = _SIDES.get(int(request.get("type", -1)), "")
        has_side = request.get("action") in (mt5.TRADE_ACTION_DEAL, mt5.TRADE_ACTION_PENDING)
        self._recorder.requests.append(
            BrokerRequest(
                at_ns=self._now_ns(),
                request_id=request_id,
                epoch=epoch,
                action=int(request.get("action", 0)),
                symbol=symbol,
                side=side if has_side else "",
                lots=float(request.get("volume", 0.0)),
                stop_price=float(request.get("sl", 0.0)),
                target_price=float(request.get("tp", 0.0)),
                position_ticket=int(request.get("position", 0)),
                magic=int(request.get("magic", 0)),
                comment=str(request.get("comment", "")),
                is_executed=self.ledger.changes > before and not is_repetition,
                retcode=result.retcode if result else 0,
                refusal=answer.refusal.value if isinstance(answer, TerminalRefused) else "",
                order_ticket=result.order if result else 0,
                deal_ticket=result.deal if result else 0,
                filled_lots=result.volume if result else 0.0,
                fill_price=result.price if result else 0.0,
                was_delivered=was_delivered,
                is_repetition=is_repetition,
                journal_head=self._journal_head(),
                bid=bid,
                ask=ask,
                account_per_quote=rate,
                is_emergency=is_emergency,
                held=held,
            )
        )
        self.note_changes()
        terminal.error = error
        return answer

    def sent(
        self, request: Mapping[str, Any], request_id: str, epoch: int, *, is_emergency: bool = False
    ) -> OrderSendResult | TerminalRefused:
        """Let a request arrive, and answer truly; CallFailed for None."""
        answer = self.send(request, request_id, epoch, is_emergency=is_emergency)
        error = self.terminal.last_error()
        if answer is None or error != SUCCESS:
            raise CallFailed(*error)
        return answer

    def price(self, symbol: str) -> tuple[float, float, float]:
        """Return a symbol's true bid, ask and value of its profit currency; zeros without one."""
        info = self.terminal.symbol_info(symbol) if symbol else None
        if info is None:
            return 0.0, 0.0, 0.0
        per_tick = info.trade_tick_size * info.trade_contract_size
        return info.bid, info.ask, info.trade_tick_value / per_tick if per_tick else 0.0

    def note_changes(self) -> None:
        """Write down the broker's book if it has changed."""
        if self.ledger.changes != self._recorded_changes:
            self._recorded_changes = self.ledger.changes
            self.record()

    def record(self, *, is_close: bool = False) -> None:
        """Write down the broker's book as it is."""
        terminal = self.terminal
        kept = terminal.error
        account = terminal.account_info()
        if account is None:
            # A broken terminal; the ledger is the truth all the same, floating profit unknown.
            terminal.error = kept
            return
        self._recorded_changes = self.ledger.changes
        self._recorder.states.append(
            BrokerState(
                at_ns=self._now_ns(),
                balance=account.balance,
                equity=account.equity,
                positions=tuple(map(self._shown, self.ledger.positions())),
                is_close=is_close,
            )
        )
        terminal.error = kept

    def bars(self, symbol: str, timeframe: Timeframe, count: int) -> tuple[TrueBar, ...]:
        """Return the closed bars of a symbol as the market made them, the newest `count`."""
        clock = ServerClock(self._settings.terminal.server_zone)
        rates = self.terminal.copy_rates_from_pos(symbol, TIMEFRAMES[timeframe], 1, count)
        if rates is None:
            return ()
        return tuple(
            TrueBar(
                symbol=symbol,
                close_ns=clock.to_utc_ns(int(rate["time"]) * SECOND_NS) + timeframe.length_ns,
                open=float(rate["open"]),
                high=float(rate["high"]),
                low=float(rate["low"]),
                close=float(rate["close"]),
            )
            for rate in rates
        )

    def _held(self, ticket: int) -> HeldPosition | None:
        return next(
            (self._shown(one) for one in self.ledger.positions() if one.ticket == ticket), None
        )

    def _shown(self, position: Position) -> HeldPosition:
        return HeldPosition(
            ticket=position.ticket,
            symbol=position.symbol,
            side="BUY" if position.type == mt5.POSITION_TYPE_BUY else "SELL",
            lots=position.volume,
            open_price=position.price_open,
            stop_price=position.sl,
            target_price=position.tp,
            magic=position.magic,
            opened_ns=position.opened_ns,
            account_per_quote=self.price(position.symbol)[2],
        )
