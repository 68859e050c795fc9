"""The simulated broker's records as the structures that a terminal shows, in server time."""

from typing import Any, Final

from models.decision.booking import CURRENCY_DIGITS
from models.market.sessions import SECOND_NS
from runtime.terminals import constants as mt5
from runtime.terminals.server_time import ServerClock
from runtime.terminals.simulated.conditions import Conditions
from runtime.terminals.simulated.day import Extremes
from runtime.terminals.simulated.ledger import Deal, Order, Position
from runtime.terminals.simulated.prices import Quote
from runtime.terminals.simulated.source import SymbolTraits
from runtime.terminals.structures import (
    AccountInfo,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
)

COMPANY: Final = "Quorum"
SERVER: Final = "Quorum-Simulated"
LOGIN: Final = 1_000_001
BUILD: Final = 5836
VERSION: Final = (500, BUILD, "25 Feb 2019")
_BLANK_SYMBOL: Final = SymbolInfo(*(type_() for type_ in SymbolInfo.__annotations__.values()))


def tick_of(quote: Quote, clock: ServerClock) -> Tick:
    """Return a quote as a tick of bid and ask."""
    return Tick(
        time=clock.to_server_s(quote.made_ns),
        bid=quote.bid,
        ask=quote.ask,
        last=0.0,
        volume=0,
        time_msc=clock.to_server_msc(quote.made_ns),
        flags=mt5.TICK_FLAG_BID | mt5.TICK_FLAG_ASK,
        volume_real=0.0,
    )


NO_TICK: Final = Tick(
    time=0, bid=0.0, ask=0.0, last=0.0, volume=0, time_msc=0, flags=0, volume_real=0.0
)
"""What a terminal may show for a symbol that has never had a tick."""


def position_of(
    position: Position, price: float, profit: float, clock: ServerClock
) -> TradePosition:
    """Return an open position with its current price and profit."""
    return TradePosition(
        ticket=position.ticket,
        time=clock.to_server_s(position.opened_ns),
        time_msc=clock.to_server_msc(position.opened_ns),
        time_update=clock.to_server_s(position.updated_ns),
        time_update_msc=clock.to_server_msc(position.updated_ns),
        type=position.type,
        magic=position.magic,
        identifier=position.identifier,
        reason=position.reason,
        volume=position.volume,
        price_open=position.price_open,
        sl=position.sl,
        tp=position.tp,
        price_current=price,
        swap=position.swap,
        profit=profit,
        symbol=position.symbol,
        comment=position.comment,
        external_id="",
    )


def order_of(order: Order, price: float, clock: ServerClock) -> TradeOrder:
    """Return an order beside the price that its symbol has, or had when the order ended."""
    return TradeOrder(
        ticket=order.ticket,
        time_setup=clock.to_server_s(order.setup_ns),
        time_setup_msc=clock.to_server_msc(order.setup_ns),
        time_done=0 if order.is_working else clock.to_server_s(order.done_ns),
        time_done_msc=0 if order.is_working else clock.to_server_msc(order.done_ns),
        time_expiration=clock.to_server_s(order.expires_ns) if order.expires_ns else 0,
        type=order.type,
        type_time=order.type_time,
        type_filling=order.type_filling,
        state=order.state,
        magic=order.magic,
        position_id=order.position,
        position_by_id=order.position_by,
        reason=order.reason,
        volume_initial=order.volume,
        volume_current=order.volume_left,
        price_open=order.price,
        sl=order.sl,
        tp=order.tp,
        price_current=price,
        price_stoplimit=order.price_stoplimit,
        symbol=order.symbol,
        comment=order.comment,
        external_id="",
    )


def deal_of(deal: Deal, clock: ServerClock) -> TradeDeal:
    """Return a deal of the history."""
    return TradeDeal(
        ticket=deal.ticket,
        order=deal.order,
        time=clock.to_server_s(deal.made_ns),
        time_msc=clock.to_server_msc(deal.made_ns),
        type=deal.type,
        entry=deal.entry,
        magic=deal.magic,
        position_id=deal.position,
        reason=deal.reason,
        volume=deal.volume,
        price=deal.price,
        commission=deal.commission,
        swap=deal.swap,
        profit=deal.profit,
        fee=deal.fee,
        symbol=deal.symbol,
        comment=deal.comment,
        external_id="",
    )


def account_of(
    *,
    balance: float,
    profit: float,
    equity: float,
    margin: float,
    margin_free: float,
    level: float,
    credit: float,
    currency: str,
    leverage: int,
    margin_mode: int,
    conditions: Conditions,
) -> AccountInfo:
    """Return the account: a demo account of the simulated broker."""
    return AccountInfo(
        login=LOGIN,
        trade_mode=mt5.ACCOUNT_TRADE_MODE_DEMO,
        leverage=leverage,
        limit_orders=conditions.limit_orders,
        margin_so_mode=mt5.ACCOUNT_STOPOUT_MODE_PERCENT,
        trade_allowed=conditions.is_account_trade_allowed,
        trade_expert=conditions.is_expert_allowed,
        margin_mode=margin_mode,
        currency_digits=CURRENCY_DIGITS,
        fifo_close=conditions.is_fifo,
        balance=balance,
        credit=credit,
        profit=profit,
        equity=equity,
        margin=margin,
        margin_free=margin_free,
        margin_level=level,
        margin_so_call=conditions.margin_call_percent,
        margin_so_so=conditions.stop_out_percent,
        margin_initial=0.0,
        margin_maintenance=0.0,
        assets=0.0,
        liabilities=0.0,
        commission_blocked=0.0,
        name="Simulated account",
        server=SERVER,
        currency=currency,
        company=COMPANY,
    )


def terminal_of(conditions: Conditions, bars_max: int) -> TerminalInfo:
    """Return the terminal program; it has no folder of its own and no line to be slow on."""
    return TerminalInfo(
        community_account=False,
        community_connection=False,
        connected=conditions.is_connected,
        dlls_allowed=False,
        trade_allowed=conditions.is_terminal_trade_allowed,
        tradeapi_disabled=conditions.is_api_disabled,
        email_enabled=False,
        ftp_enabled=False,
        notifications_enabled=False,
        mqid=False,
        build=BUILD,
        maxbars=bars_max,
        codepage=0,
        ping_last=0,
        community_balance=0.0,
        retransmission=0.0,
        company=COMPANY,
        name="Quorum simulated terminal",
        language="English",
        path="",
        data_path="",
        commondata_path="",
    )


def symbol_of(
    traits: SymbolTraits,
    quote: Quote | None,
    today: Extremes | None,
    account_per_quote: float,
    *,
    is_selected: bool,
    conditions: Conditions,
    clock: ServerClock,
) -> SymbolInfo:
    """Return a symbol's properties.

    `today` are its prices since the server's midnight; without them, a quote or a rate the fields
    that need one are 0, as in a terminal. Both legs of a hedge are charged in full.
    """
    tick = NO_TICK if quote is None else tick_of(quote, clock)
    tick_value = traits.point * traits.contract_size * account_per_quote
    spread = round((tick.ask - tick.bid) / traits.point)
    known: dict[str, Any] = {
        "select": is_selected,
        "visible": is_selected,
        "time": tick.time,
        "digits": traits.digits,
        "spread": spread,
        "spread_float": True,
        "trade_calc_mode": mt5.SYMBOL_CALC_MODE_FOREX,
        "trade_mode": conditions.trade_mode(traits.name),
        "trade_stops_level": max(traits.stops_level_points, conditions.stops_level_points),
        "trade_freeze_level": max(traits.freeze_level_points, conditions.freeze_level_points),
        "trade_exemode": conditions.execution_of(traits.name),
        "swap_mode": mt5.SYMBOL_SWAP_MODE_POINTS,
        "swap_rollover3days": traits.swap_triple_day,
        "expiration_mode": conditions.expiration_mode(traits.name),
        "filling_mode": conditions.filling_mode(traits.name),
        "order_mode": conditions.order_mode(traits.name),
        "order_gtc_mode": mt5.SYMBOL_ORDERS_GTC,
        "bid": tick.bid,
        "ask": tick.ask,
        "point": traits.point,
        "trade_tick_value": tick_value,
        "trade_tick_value_profit": tick_value,
        "trade_tick_value_loss": tick_value,
        "trade_tick_size": traits.point,
        "trade_contract_size": traits.contract_size,
        "volume_min": traits.volume_min_lots,
        "volume_max": traits.volume_max_lots,
        "volume_step": traits.volume_step_lots,
        "volume_limit": conditions.volume_limit_lots,
        "swap_long": traits.swap_long_points,
        "swap_short": traits.swap_short_points,
        "margin_hedged": 2.0 * traits.contract_size,
        "currency_base": traits.currency_base,
        "currency_profit": traits.currency_profit,
        "currency_margin": traits.currency_base,
        "description": f"{traits.currency_base} against {traits.currency_profit}",
        "name": traits.name,
        "path": f"Forex\\{traits.name}",
    }
    if today is not None:
        known |= _day_of(traits, today)
    return _BLANK_SYMBOL._replace(**known)


def _day_of(traits: SymbolTraits, today: Extremes) -> dict[str, object]:
    return {
        "bidhigh": today.bid_high,
        "bidlow": today.bid_low,
        "askhigh": round(today.ask_high, traits.digits),
        "asklow": round(today.ask_low, traits.digits),
        "session_open": today.open,
        "price_change": (today.close / today.open - 1.0) * 100.0,
    }


def seconds_to_ns(epoch_s: float) -> int:
    """Return a caller's epoch in nanoseconds, exact for whole seconds."""
    whole = int(epoch_s // 1)
    return whole * SECOND_NS + round((epoch_s - whole) * SECOND_NS)
