"""What one simulated run leaves behind for the checker: values only, recorded beside the system.

Written by the recorders of the simulation, which stand at the edges (journal, broker, client of the
board) and see what really happened; read by `runtime/simulation/checker.py`, which trusts nothing
else. All times are true simulated time, nanoseconds UTC, whatever the clocks of the system showed.
Fields with a default may be left out: the checks that need them then have nothing to look at.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

import msgspec

from blackboard.facts import AnyFact
from runtime.simulation.limits import Limits

GENESIS: Final = b"\x00" * 32
"""Hash before the first block of a journal."""


class JournalBlock(msgspec.Struct, frozen=True, kw_only=True):
    """One block as it lies in the journal when the run is over, bytes and all."""

    first_seq: int
    last_seq: int
    previous_hash: bytes
    payload: bytes
    hash: bytes


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the journal, decoded apart from the board."""

    seq: int
    author: str
    epoch: int
    key: str
    fact: AnyFact
    ts_event_ns: int
    known_at_ns: int
    """When the board had it, by the board's clock."""
    read_to: int = 0
    now_ns: int = 0
    causes: tuple[int, ...] = ()


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """A block was appended to the journal, and the append returned."""

    first_seq: int
    last_seq: int
    at_ns: int


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """A client of the board got this answer to one of its drafts."""

    at_ns: int
    author: str
    epoch: int
    slot: str
    """Key of the draft without its author: kind/scope/timeframe/time/ordinal."""
    seq: int
    created: bool


class PostRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """A client of the board got a refusal, or no answer at all, in place of acknowledgements."""

    at_ns: int
    author: str
    epoch: int
    reason: str
    is_unknown: bool = False
    """No answer: what was posted may be in the journal or not."""


class HeldPosition(msgspec.Struct, frozen=True, kw_only=True):
    """One open position in the broker's book."""

    ticket: int
    symbol: str
    side: str
    """BUY or SELL: of the order that opened it."""
    lots: float
    open_price: float
    stop_price: float
    target_price: float
    magic: int
    opened_ns: int
    account_per_quote: float = 0.0
    """True value in account currency of one unit of the symbol's profit currency."""


class BrokerRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that arrived at the broker's own `order_send`, repeated ids included."""

    at_ns: int
    request_id: str
    """Intent id; of an emergency close whatever its sender gave."""
    epoch: int
    action: int
    """The package's constant: 1 deal, 6 stop and target, others as there."""
    symbol: str
    side: str
    """BUY or SELL; empty for what has none."""
    lots: float
    stop_price: float
    target_price: float
    position_ticket: int
    """0 opens."""
    magic: int
    comment: str
    is_executed: bool
    """Whether it changed the broker's book, whatever its sender was told."""
    retcode: int
    """Return code given by the broker; 0 where the terminal's own gate refused, or it raised."""
    refusal: str = ""
    """stop_file, stale_epoch or reused_id where the gate refused; else empty."""
    order_ticket: int = 0
    deal_ticket: int = 0
    filled_lots: float = 0.0
    fill_price: float = 0.0
    was_delivered: bool = True
    """Whether its sender got the true answer."""
    is_repetition: bool = False
    """The id had been answered before: the recorded answer was given, nothing ran."""
    journal_head: int = -1
    """Last seq in the journal when it arrived; −1 where nobody looked."""
    bid: float = 0.0
    """The market's true prices when it arrived; 0 where there are none."""
    ask: float = 0.0
    account_per_quote: float = 0.0
    """True value in account currency of one unit of the symbol's profit currency."""
    held: HeldPosition | None = None
    """The position that `position_ticket` names, as it was when the request arrived."""
    is_emergency: bool = False
    """Sent by a flatten at the terminal, past the council."""


class BrokerReading(msgspec.Struct, frozen=True, kw_only=True):
    """An instance of the ExecutionAgent asked for the broker's book."""

    at_ns: int
    """When the answer was given."""
    epoch: int
    is_answered: bool
    """False where any part of it could not be read, or was answered with a lie."""


class Deal(msgspec.Struct, frozen=True, kw_only=True):
    """One booking in the broker's ledger at the end of the run."""

    ticket: int
    order_ticket: int
    position_ticket: int
    """0 for what is not a trade."""
    made_ns: int
    symbol: str
    side: str
    """BUY or SELL; empty for a deposit, a withdrawal, a credit, a correction."""
    entry: str
    """IN, OUT, INOUT or OUT_BY; empty for what is not a trade."""
    lots: float
    price: float
    profit: float
    commission: float
    swap: float
    fee: float
    magic: int
    comment: str
    reason: int = 3
    """The package's constant: 0 client, 3 expert, 4 stop, 5 target, 6 stop-out."""
    kind: int = 0
    """The package's deal type: 0 buy, 1 sell, 2 balance, 3 credit, others as there."""

    @property
    def amount(self) -> float:
        """What it adds to the balance."""
        return self.profit + self.commission + self.swap + self.fee

    @property
    def is_trade(self) -> bool:
        """Whether something was bought or sold."""
        return self.entry != ""


class BrokerState(msgspec.Struct, frozen=True, kw_only=True):
    """The broker's book: after each change of it, and at every close of the trading timeframe."""

    at_ns: int
    balance: float
    equity: float
    positions: tuple[HeldPosition, ...]
    is_close: bool = False
    """Taken at a close of the trading timeframe, before anybody acted on it."""


class InjectedFault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that really struck, not one that was merely planned."""

    family: str
    """Id in the catalogue, such as F21."""
    from_ns: int
    until_ns: int
    """Equal to `from_ns` for what strikes once; the end of the run for what was never lifted."""
    text: str
    scope: str = ""
    """Symbol or agent that it strikes, empty for all or for none in particular."""


class StopFile(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which the kill switch existed."""

    from_ns: int
    """When it was durable: the write that made it had returned."""
    until_ns: int


class Flatten(msgspec.Struct, frozen=True, kw_only=True):
    """A flatten at the terminal, past the council."""

    from_ns: int
    until_ns: int
    left_open: int
    """Positions that it reported as still open."""


class Untradable(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a symbol could not be entered at the broker: a closed session, CLOSEONLY."""

    symbol: str
    from_ns: int
    until_ns: int
    reason: str


class FeedCut(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which the system got no true new price of a symbol."""

    symbol: str
    from_ns: int
    """When the last true price was made that the system could have seen."""
    until_ns: int


class ReleaseScheduled(msgspec.Struct, frozen=True, kw_only=True):
    """A scheduled release of the true calendar."""

    at_ns: int
    currency: str
    impact: str
    """low, medium or high."""


class CalendarGap(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which no reading of the calendar could be answered truly."""

    from_ns: int
    until_ns: int


class TrueBar(msgspec.Struct, frozen=True, kw_only=True):
    """A closed bar of the trading timeframe as the market made it."""

    symbol: str
    close_ns: int
    open: float
    high: float
    low: float
    close: float


class JournalLoss(msgspec.Struct, frozen=True, kw_only=True):
    """A fault took the end of the journal: flipped bits, or a power cut before it was synced."""

    at_ns: int
    from_seq: int
    """First seq that was lost; the journal goes on with it."""
    is_power_cut: bool = False
    """Then orders, trades, marks and states may not be lost: they are synced first."""
    entries: tuple[JournalEntry, ...] = ()
    """What was lost: until then the board held it, and whoever followed it knew."""


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """Text that left the system other than as a fact."""

    source: str
    """log, telegram, traceback."""
    text: str


class SymbolTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker says of a symbol."""

    symbol: str
    contract_size: float
    point: float
    volume_step: float
    currency_base: str
    currency_profit: str


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one run left behind."""

    seed: int
    mode: str
    """safety or liveness."""
    started_ns: int
    ended_ns: int
    limits: Limits
    symbols: tuple[SymbolTerms, ...]
    blocks: tuple[JournalBlock, ...] = ()
    """The journal as it is at the end; empty only in hand-made histories."""
    entries: tuple[JournalEntry, ...] = ()
    """The same, decoded by `entries_of`."""
    commits: tuple[Commit, ...] = ()
    acknowledged: tuple[Acknowledged, ...] = ()
    refused_posts: tuple[PostRefusal, ...] = ()
    requests: tuple[BrokerRequest, ...] = ()
    """In order of arrival."""
    readings: tuple[BrokerReading, ...] = ()
    deals: tuple[Deal, ...] = ()
    """All there ever were, the first deposit included, by ticket."""
    states: tuple[BrokerState, ...] = ()
    """In order of time; the last one is the end of the run."""
    faults: tuple[InjectedFault, ...] = ()
    stop_files: tuple[StopFile, ...] = ()
    flattens: tuple[Flatten, ...] = ()
    untradable: tuple[Untradable, ...] = ()
    feed_cuts: tuple[FeedCut, ...] = ()
    releases: tuple[ReleaseScheduled, ...] = ()
    calendar_gaps: tuple[CalendarGap, ...] = ()
    bars: tuple[TrueBar, ...] = ()
    """Of the symbols and the time of the run, in order of time."""
    outputs: tuple[Output, ...] = ()
    secrets: tuple[str, ...] = ()
    """Canaries that the system was given as keys and tokens; none may come out again."""
    is_hedging: bool = True
    is_calendar_configured: bool = True
    journal_losses: tuple[JournalLoss, ...] = ()
    healed_ns: int = 0
    """Liveness mode: when the last fault ended."""
    progress_within_ns: int = 0
    """Liveness mode: how long after `healed_ns` the system may take to trade or to say why not."""


_entries_decoder = msgspec.msgpack.Decoder(list[JournalEntry])


def entries_of(blocks: Iterable[JournalBlock]) -> tuple[JournalEntry, ...]:
    """Decode the entries of a journal, in order; `msgspec.ValidationError` for anything else."""
    return tuple(entry for block in blocks for entry in _entries_decoder.decode(block.payload))


def block_hash(previous_hash: bytes, first_seq: int, last_seq: int, payload: bytes) -> bytes:
    """Return what a block's hash must be, worked out apart from the journal's own code."""
    digest = hashlib.sha256(previous_hash)
    digest.update(f"{first_seq} {last_seq} ".encode())
    digest.update(payload)
    return digest.digest()
