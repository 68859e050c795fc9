"""The simulated broker, put together: one account, its rules, its desk, and its own doings."""

from pathlib import Path
from typing import Final

from config.system import TerminalSection
from runtime.terminals import constants as mt5
from runtime.terminals.gate import LastGate
from runtime.terminals.server_time import ServerClock
from runtime.terminals.simulated.account import Account
from runtime.terminals.simulated.conditions import Conditions
from runtime.terminals.simulated.desk import Desk
from runtime.terminals.simulated.execution import Execution
from runtime.terminals.simulated.expirations import Expirations
from runtime.terminals.simulated.ledger import Ledger
from runtime.terminals.simulated.prices import Prices
from runtime.terminals.simulated.rules import Rules
from runtime.terminals.simulated.stepping import Stepping
from runtime.terminals.simulated.trades import Trades
from runtime.terminals.simulated.valuation import Valuation
from runtime.terminals.simulated.working_orders import WorkingOrders

MARGIN_MODES: Final = {
    "netting": mt5.ACCOUNT_MARGIN_MODE_RETAIL_NETTING,
    "exchange": mt5.ACCOUNT_MARGIN_MODE_EXCHANGE,
    "hedging": mt5.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING,
}
EXECUTIONS: Final = {
    "request": mt5.SYMBOL_TRADE_EXECUTION_REQUEST,
    "instant": mt5.SYMBOL_TRADE_EXECUTION_INSTANT,
    "market": mt5.SYMBOL_TRADE_EXECUTION_MARKET,
    "exchange": mt5.SYMBOL_TRADE_EXECUTION_EXCHANGE,
}


def conditions_of(own: TerminalSection) -> Conditions:
    """Return the conditions with which a broker opens."""
    return Conditions(
        positions_max=own.positions_max,
        limit_orders=own.working_orders_max,
        requests_per_s_max=own.broker_requests_per_s_max,
        margin_call_percent=own.margin_call_percent,
        stop_out_percent=own.stop_out_percent,
        stops_level_points=own.stops_level_points,
        freeze_level_points=own.freeze_level_points,
        execution=EXECUTIONS[own.execution],
        is_fifo=own.fifo_close,
        is_hedge_prohibited=own.hedge_prohibited,
    )


class Broker:
    """The parts of a broker over one ledger.

    Raises
    ------
    LedgerUnavailable
        If the ledger cannot be read, or cannot take the deposit.
    """

    def __init__(
        self,
        own: TerminalSection,
        conditions: Conditions,
        ledger: Ledger,
        prices: Prices,
        clock: ServerClock,
        *,
        opened_ns: int,
        stop_file: Path | None,
    ) -> None:
        self.margin_mode = MARGIN_MODES[own.margin_mode]
        self.account = Account(ledger, opened_ns=opened_ns, deposit=own.deposit)
        self.valuation = Valuation(
            self.account,
            prices,
            leverage=own.leverage,
            commission_per_lot=own.commission_per_lot,
        )
        is_hedging = self.margin_mode == mt5.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING
        trades = Trades(self.account, prices, self.valuation, is_hedging=is_hedging)
        rules = Rules(conditions, self.account, prices, self.valuation, trades, Expirations(clock))
        execution = Execution(
            conditions, self.account, prices, trades, WorkingOrders(self.account), rules
        )
        self.stepping = Stepping(conditions, self.account, prices, clock, execution)
        gate = LastGate(ledger, stop_file)
        self.desk = Desk(self.account, rules, execution, ledger, gate)
