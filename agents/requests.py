"""What an agent may ask of the world, and what it gets back. All of it is plain values.

A request is handed on after the agent's drafts are acknowledged. The reply arrives in a later
inbox; no answer within the deadline is a reply too (`Unanswered`). A *standing* request (`Wake`,
`AwaitBroker`) replaces the agent's earlier one of the same type; every other request is answered
once. Reads may be repeated by the host within its budget; a `SendOrder` never is.
"""

import msgspec

from blackboard.facts import SymbolSpec, Timeframe
from blackboard.facts.decision import Side
from blackboard.facts.execution import Purpose
from blackboard.facts.news import Coverage, Impact, Medium
from models.market.bars import BarArray


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all requests."""

    needs: str = ""
    """Slot of the draft which this agent's post must have *created* for the request to run."""


class Wake(Request, frozen=True, kw_only=True):
    """Standing: tell me when the market time is `at_ns`."""

    at_ns: int


class AwaitBroker(Request, frozen=True, kw_only=True):
    """Standing: tell me when anything changes at the broker, at the latest at `until_ns`."""

    until_ns: int


class ReadSymbols(Request, frozen=True, kw_only=True):
    """Which symbols the terminal trades, and their specifications."""

    symbols: tuple[str, ...]
    """Canonical names."""


class ReadBars(Request, frozen=True, kw_only=True):
    """Closed bars of a symbol, opened at `from_ns` or later and closed at `until_ns` or earlier."""

    symbol: str
    timeframe: Timeframe
    from_ns: int
    until_ns: int


class ReadQuotes(Request, frozen=True, kw_only=True):
    """Current bid and ask of several symbols."""

    symbols: tuple[str, ...]


class ReadSecondPrices(Request, frozen=True, kw_only=True):
    """The same closed bars from another source than the terminal."""

    bars: tuple[ReadBars, ...]


class ReadBroker(Request, frozen=True, kw_only=True):
    """Account, positions, working orders, and deals since `since_ns`, as one consistent answer."""

    since_ns: int


class SendOrder(Request, frozen=True, kw_only=True):
    """One request to the broker; `needs` is the slot of its OrderSubmitting, always.

    An entry opens `lots` at the market with stop and target, or rests at `limit_price` until
    `expires_ns`. An exit closes `lots` of a position. An amendment sets stop and target of a
    position; both are given, because the broker deletes whichever is 0. A cancel takes back the
    resting order `order_ticket`.
    """

    intent_id: str
    purpose: Purpose
    symbol: str
    side: Side
    lots: float
    stop_price: float
    target_price: float
    position_ticket: int
    magic: int
    comment: str
    deviation_points: int
    spec: SymbolSpec | None = None
    """What the order was made by; an entry is not sent where the terminal's terms differ."""
    limit_price: float = 0.0
    """Where an entry rests; 0 at the market."""
    expires_ns: int = 0
    """When a resting entry ends by itself, UTC."""
    order_ticket: int = 0
    """Resting order that a cancel takes back."""


class ReadCalendar(Request, frozen=True, kw_only=True):
    """Economic events scheduled from `from_ns` to `until_ns`, as known now."""

    from_ns: int
    until_ns: int


class ReadHeadlines(Request, frozen=True, kw_only=True):
    """Texts received after `after_ns`, up to now."""

    after_ns: int
    limit: int


class ReadModel(Request, frozen=True, kw_only=True):
    """The files of a stored version, every byte checked."""

    family: str
    version: str
    feature_schema: tuple[str, ...]
    """Columns that the asker can give, in their order; a model of others is refused."""


AnyRequest = (
    Wake
    | AwaitBroker
    | ReadSymbols
    | ReadBars
    | ReadQuotes
    | ReadSecondPrices
    | ReadBroker
    | SendOrder
    | ReadCalendar
    | ReadHeadlines
    | ReadModel
)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all replies."""


class Woken(Reply, frozen=True, kw_only=True):
    """The time that a `Wake` asked for has come."""

    request: Wake


class BrokerChanged(Reply, frozen=True, kw_only=True):
    """Something changed at the broker, or the time of an `AwaitBroker` has come."""

    request: AwaitBroker


class SymbolsRead(Reply, frozen=True, kw_only=True):
    """Specifications in the order asked for; what is missing is not tradable, and why."""

    specs: tuple[SymbolSpec, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    """Pairs of symbol and reason."""


class BarsRead(Reply, frozen=True, kw_only=True):
    """Bars as the source gave them, not yet validated."""

    request: ReadBars
    bars: BarArray
    source: str


class QuoteReading(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol's bid and ask."""

    symbol: str
    bid: float
    ask: float
    account_per_quote: float
    """Value in account currency of one unit of the symbol's profit currency."""
    tick_ns: int
    """When the tick was made, UTC."""
    rate_source: str = ""
    """Who told `account_per_quote`; empty where prices of the terminal did."""
    rate_ns: int = 0
    """When that rate was made, UTC; 0 where the terminal told it."""


class QuotesRead(Reply, frozen=True, kw_only=True):
    """Quotes of those symbols that have one."""

    quotes: tuple[QuoteReading, ...]
    source: str
    specs: tuple[SymbolSpec, ...] = ()
    """Specifications of all symbols asked for, as the terminal has them now."""
    unvalued: tuple[tuple[str, str], ...] = ()
    """Symbols left out because nothing values their profit currency, and why."""


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """What one unit of a symbol's profit currency is worth in the account's."""

    symbol: str
    account_per_quote: float
    source: str
    made_ns: int


class SecondPricesRead(Reply, frozen=True, kw_only=True):
    """What the second source has of each request, in their order."""

    request: ReadSecondPrices
    source: str
    bars: tuple["BarsRead | Unanswered", ...]
    worths: tuple[Worth, ...]
    """Of those symbols whose profit currency could be valued."""


class BrokerAccount(msgspec.Struct, frozen=True, kw_only=True):
    """The account as the broker has it."""

    login: int
    server: str
    currency: str
    trade_mode: int
    margin_mode: int
    balance: float
    equity: float
    margin: float
    margin_free: float
    leverage: int
    fifo_close: bool = False
    """Whether positions of a symbol must be closed in the order in which they were opened."""
    credit: float = 0.0
    """What the broker lends: part of the equity, not of the balance."""


class BrokerPosition(msgspec.Struct, frozen=True, kw_only=True):
    """One open position."""

    ticket: int
    """The identifier that its deals name, which stays for its life."""
    symbol: str
    side: Side
    lots: float
    open_price: float
    stop_price: float
    target_price: float
    opened_ns: int
    magic: int
    comment: str
    profit: float
    swap: float
    broker_ticket: int = 0
    """How a request names it since the broker has renamed it; 0 while `ticket` does."""


class BrokerOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order that works or is kept in the history of the period asked for."""

    ticket: int
    symbol: str
    magic: int
    comment: str
    is_working: bool
    placed_ns: int
    is_dead: bool = False
    """Whether it was cancelled, rejected or has expired: what it has not filled it never will."""
    end: str = ""
    """How it ended unfilled: cancelled, rejected or expired; empty where it did not."""


class BrokerDeal(msgspec.Struct, frozen=True, kw_only=True):
    """One deal; a balance deal has no symbol and position 0."""

    ticket: int
    order_ticket: int
    position_ticket: int
    symbol: str
    side: Side
    is_entry: bool
    is_balance: bool
    lots: float
    price: float
    profit: float
    commission: float
    swap: float
    fee: float
    reason: str
    """What made it: expert, client, stop, target, stop_out, flatten, other."""
    magic: int
    comment: str
    made_ns: int
    is_reversal: bool = False
    """Whether it closed a position and opened the rest on the other side (netting accounts); then
    `is_entry` is false, and profit and swap are those of the closed part."""


class BrokerRead(Reply, frozen=True, kw_only=True):
    """The broker's side of the book; every part was read, or the reply is `Unanswered`."""

    request: ReadBroker
    read_ns: int
    account: BrokerAccount
    deposits: float
    """Sum of all deals of balance and credit ever made on the account."""
    positions: tuple[BrokerPosition, ...]
    orders: tuple[BrokerOrder, ...]
    deals: tuple[BrokerDeal, ...]
    peak_balance: float = 0.0
    """Highest that balance and credit have been over all deals, moved by what was paid in and out
    since; 0 where nobody has summed it."""
    is_explained: bool = True
    """Whether all deals together make the balance; the history has a hole otherwise."""


class SendAnswered(Reply, frozen=True, kw_only=True):
    """What came back from one send, not yet classified."""

    request: SendOrder
    has_result: bool
    """False where the terminal gave no result; `code` is then its last error."""
    code: int
    """Return code of the result, or the last error."""
    comment: str
    lots: float
    price: float
    order_ticket: int
    deal_ticket: int
    was_refused_before_send: bool = False
    """The terminal process itself refused (stop file, stale epoch, failed check): nothing left."""


class CalendarEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One scheduled release as a source gives it."""

    currency: str
    title: str
    impact: Impact
    scheduled_ns: int
    actual: str = ""
    forecast: str = ""
    previous: str = ""
    source: str = ""
    """Who says so, where an answer joins several sources; empty for the answer's own."""


class CalendarRead(Reply, frozen=True, kw_only=True):
    """Events of the period, or why there are none to rely on."""

    request: ReadCalendar
    coverage: Coverage
    events: tuple[CalendarEvent, ...]
    source: str
    reason: str


class HeadlineReading(msgspec.Struct, frozen=True, kw_only=True):
    """One text."""

    text: str
    source: str
    received_ns: int
    medium: Medium = Medium.HEADLINE
    scores: tuple[tuple[str, float], ...] = ()
    """Pairs of currency and score, one for each currency it names."""
    scorer: str = ""
    """Who gave the scores; empty where nobody did."""


class HeadlinesRead(Reply, frozen=True, kw_only=True):
    """Texts in the order received."""

    request: ReadHeadlines
    headlines: tuple[HeadlineReading, ...]
    dropped: tuple[tuple[str, int], ...] = ()
    """Pairs of reason and count: texts that were received since the last answer and are not passed
    on."""
    note: str = ""
    """What kept a source or a better scorer from its work; empty if nothing did."""


class ModelRead(Reply, frozen=True, kw_only=True):
    """A version as it was stored; one that is refused is `Unanswered`, its reason first."""

    request: ReadModel
    files: tuple[tuple[str, bytes], ...]
    """Pairs of name and content."""


class Unanswered(Reply, frozen=True, kw_only=True):
    """No answer within the deadline, or an error in its place; for a send this means unknown."""

    request: Request
    reason: str
