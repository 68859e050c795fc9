"""What a simulated run writes down for the checker, at the edges and in true time.

Nothing here reads the system's own idea of itself: blocks come from the disk, requests and deals
from the broker, acknowledgements from the clients' side of the line.
"""

from collections.abc import Callable, Iterable
from typing import Final

from blackboard.entry import Ack, Post
from blackboard.errors import BoardUnavailable, QuorumError
from blackboard.journal import Block
from config.settings import Settings
from runtime.simulation.checks.record import Violation
from runtime.simulation.faults import Faults
from runtime.simulation.history import (
    Acknowledged,
    BrokerReading,
    BrokerRequest,
    BrokerState,
    CalendarGap,
    Commit,
    Deal,
    FeedCut,
    Flatten,
    History,
    JournalBlock,
    JournalEntry,
    JournalLoss,
    Output,
    PostRefusal,
    ReleaseScheduled,
    StopFile,
    SymbolTerms,
    TrueBar,
    Untradable,
    entries_of,
)
from runtime.simulation.limits import limits_of
from runtime.terminals import constants as mt5
from runtime.terminals.simulated import ledger
from runtime.terminals.simulated.source import MarketSource

OUTPUTS_MAX: Final = 2000
"""Texts kept; the first ones, because a run that goes wrong repeats itself."""

_ENTRIES: Final = {
    mt5.DEAL_ENTRY_IN: "IN",
    mt5.DEAL_ENTRY_OUT: "OUT",
    mt5.DEAL_ENTRY_INOUT: "INOUT",
    mt5.DEAL_ENTRY_OUT_BY: "OUT_BY",
}


class Recorder:
    """Collects the history of one run."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self.requests: list[BrokerRequest] = []
        self.readings: list[BrokerReading] = []
        self.states: list[BrokerState] = []
        self.stop_files: list[StopFile] = []
        self.flattens: list[Flatten] = []
        self.untradable: list[Untradable] = []
        self.feed_cuts: list[FeedCut] = []
        self.calendar_gaps: list[CalendarGap] = []
        self.outputs: list[Output] = []
        self.secrets: list[str] = []
        self.journal_losses: list[JournalLoss] = []
        self.broken: list[Violation] = []
        """What was seen to be broken while the system ran."""
        self._now_ns = now_ns
        self._commits: list[Commit] = []
        self._acknowledged: list[Acknowledged] = []
        self._refused: list[PostRefusal] = []

    def committed(self, block: Block) -> None:
        """Note that an append of the journal returned."""
        self._commits.append(
            Commit(first_seq=block.first_seq, last_seq=block.last_seq, at_ns=self._now_ns())
        )

    def acknowledged(self, post: Post, acks: Iterable[Ack]) -> None:
        """Note what a client was told of its drafts."""
        at_ns = self._now_ns()
        self._acknowledged += [
            Acknowledged(
                at_ns=at_ns,
                author=post.author,
                epoch=post.epoch,
                slot=draft.slot,
                seq=ack.seq,
                created=ack.created,
            )
            for draft, ack in zip(post.drafts, acks, strict=True)
        ]

    def refused(self, post: Post, refusal: QuorumError) -> None:
        """Note that a client got no acknowledgement."""
        self._refused.append(
            PostRefusal(
                at_ns=self._now_ns(),
                author=post.author,
                epoch=post.epoch,
                reason=str(refusal),
                is_unknown=isinstance(refusal, BoardUnavailable),
            )
        )

    def read_by(self, epoch: int, *, is_answered: bool) -> None:
        """Note that an instance has asked for the broker's book."""
        self.readings.append(
            BrokerReading(at_ns=self._now_ns(), epoch=epoch, is_answered=is_answered)
        )

    def told(self, source: str, text: str) -> None:
        """Note a text that left the system."""
        if len(self.outputs) < OUTPUTS_MAX:
            self.outputs.append(Output(source=source, text=text))

    def history(
        self,
        *,
        settings: Settings,
        source: MarketSource,
        faults: Faults,
        blocks: Iterable[Block],
        deals: Iterable[ledger.Deal],
        bars: Iterable[TrueBar],
        progress_within_ns: int,
    ) -> History:
        """Return everything as the checker reads it."""
        plan = faults.plan
        kept = tuple(map(_recorded, blocks))
        return History(
            seed=plan.seed,
            mode=plan.mode,
            started_ns=plan.started_ns,
            ended_ns=self._now_ns(),
            limits=limits_of(settings),
            symbols=tuple(
                SymbolTerms(
                    symbol=each.name,
                    contract_size=each.contract_size,
                    point=each.point,
                    volume_step=each.volume_step_lots,
                    currency_base=each.currency_base,
                    currency_profit=each.currency_profit,
                )
                for each in source.traits()
            ),
            blocks=kept,
            entries=entries_of(kept),
            commits=tuple(self._commits),
            acknowledged=tuple(self._acknowledged),
            refused_posts=tuple(self._refused),
            requests=tuple(self.requests),
            readings=tuple(self.readings),
            deals=tuple(deal_of(deal) for deal in deals),
            states=tuple(self.states),
            bars=tuple(bars),
            faults=tuple(faults.struck),
            stop_files=tuple(self.stop_files),
            flattens=tuple(self.flattens),
            untradable=tuple(self.untradable),
            feed_cuts=tuple(self.feed_cuts),
            releases=tuple(
                ReleaseScheduled(
                    at_ns=event.scheduled_ns, currency=event.currency, impact=event.impact.value
                )
                for event in source.events(plan.started_ns, plan.ended_ns)
            ),
            calendar_gaps=tuple(self.calendar_gaps),
            outputs=tuple(self.outputs),
            secrets=tuple(self.secrets),
            journal_losses=tuple(self.journal_losses),
            healed_ns=plan.healed_ns,
            progress_within_ns=progress_within_ns,
        )


def entries_after(blocks: Iterable[Block], seq: int) -> tuple[JournalEntry, ...]:
    """Return the entries of a journal that come after a place in it."""
    return entries_of(_recorded(block) for block in blocks if block.first_seq > seq)


def _recorded(block: Block) -> JournalBlock:
    return JournalBlock(
        first_seq=block.first_seq,
        last_seq=block.last_seq,
        previous_hash=block.previous_hash,
        payload=block.payload,
        hash=block.hash,
    )


def deal_of(deal: ledger.Deal) -> Deal:
    """Return a booking of the broker's ledger as the history has it."""
    is_trade = deal.type in (mt5.DEAL_TYPE_BUY, mt5.DEAL_TYPE_SELL)
    side = "BUY" if deal.type == mt5.DEAL_TYPE_BUY else "SELL"
    return Deal(
        ticket=deal.ticket,
        order_ticket=deal.order,
        position_ticket=deal.position,
        made_ns=deal.made_ns,
        symbol=deal.symbol,
        side=side if is_trade else "",
        entry=_ENTRIES[deal.entry] if is_trade else "",
        lots=deal.volume,
        price=deal.price,
        profit=deal.profit,
        commission=deal.commission,
        swap=deal.swap,
        fee=deal.fee,
        magic=deal.magic,
        comment=deal.comment,
        reason=deal.reason,
        kind=deal.type,
    )
