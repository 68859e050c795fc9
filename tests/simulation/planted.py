"""Bugs planted into the code under test, in the test's own process, to see whether they are found.

Each is a mistake that somebody has made in some trading system. There is no switch for any of them
in the code itself: a method is replaced while the context is entered, and put back afterwards.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

import msgspec

import agents.execution
import agents.orders.comparison
import agents.orders.outcomes
import runtime.terminals.reading
import runtime.terminals.sending
from agents.agent import Inbox, Outbox
from agents.bars import delivery
from agents.execution import ExecutionAgent
from agents.limits import rules
from agents.limits.account import AccountView
from agents.orders import submission
from agents.orders.clearance import Clearance
from agents.orders.outcomes import Verdict
from agents.orders.trades import EXPERT, Story
from agents.requests import QuoteReading, SendAnswered, SendOrder, Unanswered
from agents.rounds.care import Care
from agents.rounds.holdings import Holding
from agents.rounds.restrictions import IDENTITY, Restrictions
from agents.sentiment import SentimentAgent
from agents.supervisor import SupervisorAgent
from blackboard.admission import Admission
from blackboard.board import Board
from blackboard.entry import Ack, Entry, Post, store
from blackboard.facts.execution import Outcome
from blackboard.journal import seal
from models.decision import sizing
from runtime.simulation.plan import Mode
from runtime.terminal_world import TerminalWorld
from runtime.terminals import constants as mt5
from runtime.terminals import requests, server_offset
from runtime.terminals.gate import LastGate
from runtime.terminals.port import TerminalRefused
from runtime.terminals.server_time import ServerClock

Plant = Callable[[], AbstractContextManager[None]]


class PlantedBug(msgspec.Struct, frozen=True):
    """A mistake, and the invariants one of which it must be seen to break."""

    name: str
    plant: Plant
    invariants: tuple[str, ...]
    seed: int
    """A seed that sees it."""
    mode: Mode = "safety"


@contextmanager
def replaced(*changes: tuple[object, str, object]) -> Iterator[None]:
    """Replace attributes, and put them back."""
    with ExitStack() as stack:
        for owner, name, value in changes:
            stack.enter_context(patch.object(owner, name, value))
        yield


def _resend_on_timeout() -> AbstractContextManager[None]:
    """Send what got no answer once more, under an id that the terminal does not know."""
    send_once = TerminalWorld._send_once

    def twice(self: TerminalWorld, request: SendOrder, now_ns: int, epoch: int) -> Any:
        due = send_once(self, request, now_ns, epoch)
        reply = due.reply
        is_lost = isinstance(reply, Unanswered) or (
            isinstance(reply, SendAnswered) and not reply.has_result and reply.code <= -10_000
        )
        if not is_lost:
            return due
        again = msgspec.structs.replace(request, intent_id=f"{request.intent_id}-again")
        due = send_once(self, again, now_ns, epoch)
        return msgspec.structs.replace(
            due, reply=msgspec.structs.replace(due.reply, request=request)
        )

    return replaced((TerminalWorld, "_send_once", twice))


def _none_read_as_flat() -> AbstractContextManager[None]:
    """Take a list that could not be read for empty, and what is not in it for closed."""
    read_part = runtime.terminals.reading._part
    compare = agents.orders.comparison.compare

    def empty(terminal: Any, name: str, part: Any) -> Any:
        return () if part is None and name != "account" else read_part(terminal, name, part)

    def believed(reading: Any, positions: Any, orders: Any, started_ns: int) -> Any:
        found = compare(reading, positions, orders, started_ns)
        shown = {position.ticket for position in reading.positions}
        gone = [
            Story(ticket, known, [], orders).end(reading.read_ns)
            for ticket, known in sorted(positions.by_ticket.items())
            if ticket not in shown and known.fact is not None and known.fact.lots > 0.0
        ]
        told = {draft.slot for draft in found.drafts}
        drafts = (*found.drafts, *(draft for draft in gone if draft.slot not in told))
        return agents.orders.comparison.Comparison(drafts, found.adopted, {})

    return replaced(
        (runtime.terminals.reading, "_part", empty), (agents.execution, "compare", believed)
    )


def _peak_reset_at_restart() -> AbstractContextManager[None]:
    """Take the equity that a restarted risk agent finds for the highest there was."""
    next_mark = AccountView.next_mark

    def forgetful(self: Any, seen: Any, control: Any) -> Any:
        mark = next_mark(self, seen, control)
        if hasattr(self, "_has_begun"):
            return mark
        self._has_begun = True
        return msgspec.structs.replace(
            mark, high_water_mark=max(mark.equity, 0.01), drawdown_frac=0.0
        )

    return replaced((AccountView, "next_mark", forgetful))


def _sltp_drops_the_stop() -> AbstractContextManager[None]:
    """Name the target alone in a change of levels, which deletes the stop."""
    order_request = requests.order_request

    def half(order: SendOrder, info: Any) -> Any:
        request = order_request(order, info)
        return {**request, "sl": 0.0} if request["action"] == mt5.TRADE_ACTION_SLTP else request

    return replaced((runtime.terminals.sending, "order_request", half))


def _close_without_position() -> AbstractContextManager[None]:
    """Send an exit as an opposite order without the position that it closes."""
    order_request = requests.order_request

    def nameless(order: SendOrder, info: Any) -> Any:
        request = dict(order_request(order, info))
        if request["action"] == mt5.TRADE_ACTION_DEAL:
            request.pop("position", None)
        return request

    return replaced((runtime.terminals.sending, "order_request", nameless))


def _acknowledged_before_journaled() -> AbstractContextManager[None]:
    """Acknowledge from the board's memory, whether the journal has failed or not."""
    write = Board._write

    def hopeful(self: Any, entries: list[Entry], turns: Any) -> None:
        try:
            write(self, entries, turns)
        except OSError:
            if entries:
                payload, stored = store(entries)
                first, last = entries[0].seq, entries[-1].seq
                self._apply(seal(first, last, payload, self._memory.hash), stored)

    return replaced((Board, "_write", hopeful))


def _stale_epoch_on_the_board() -> AbstractContextManager[None]:
    """Take posts from every instance of an author that is still alive."""
    require_sound = Admission.require_sound

    def trusting(self: Any, post: Post, epoch: int) -> None:
        require_sound(self, msgspec.structs.replace(post, epoch=epoch), epoch)

    return replaced((Admission, "require_sound", trusting))


@contextmanager
def _stale_epoch_everywhere() -> Iterator[None]:
    """Fence an older instance off neither at the board nor at the terminal."""
    refusal = LastGate.refusal

    def unfenced(self: Any, request: Any, epoch: int, position: Any) -> TerminalRefused | None:
        return refusal(self, request, max(epoch, self._fence.epoch()), position)

    with replaced((LastGate, "refusal", unfenced)), _stale_epoch_on_the_board():
        yield


def _partial_fill_booked_whole() -> AbstractContextManager[None]:
    """Book a deal with the lots that were asked for."""
    state_reading = ExecutionAgent._state_reading

    def whole(self: Any, reading: Any, outbox: Outbox) -> None:
        def asked(deal: Any) -> Any:
            order = self._orders.behind(deal.magic, deal.comment, deal.made_ns)
            if order is None or order.submitting is None or deal.reason != EXPERT:
                return deal
            return msgspec.structs.replace(deal, lots=order.submitting.lots)

        deals = tuple(asked(deal) for deal in reading.deals)
        state_reading(self, msgspec.structs.replace(reading, deals=deals), outbox)

    return replaced((ExecutionAgent, "_state_reading", whole))


def _breaker_not_persisted() -> AbstractContextManager[None]:
    """Begin with no restriction open after a restart: what was is not read back."""
    step = SupervisorAgent.step
    see = Restrictions.see

    def starting(self: Any, now_ns: int, inbox: Inbox) -> Outbox:
        restrictions = self._restrictions
        restrictions.is_rebuilding = not hasattr(restrictions, "is_rebuilding")
        return step(self, now_ns, inbox)

    def forgetful(self: Any, entry: Entry) -> None:
        if not getattr(self, "is_rebuilding", False):
            see(self, entry)

    return replaced((SupervisorAgent, "step", starting), (Restrictions, "see", forgetful))


def _blackout_fails_open() -> AbstractContextManager[None]:
    """Let no blackout follow from the events that are known."""
    return replaced((SentimentAgent, "_blackout_drafts", lambda *_: []))


def _duplicates_accepted() -> AbstractContextManager[None]:
    """Store a draft again whose slot is taken, and say that it was created."""
    admit = Board._admit

    def forgetful(self: Any, post: Post, fresh: dict[str, Entry], known_at_ns: int) -> Any:
        known, self._seqs = self._seqs, _Unknowing(self._seqs)
        try:
            acks: tuple[Ack, ...] = admit(self, post, fresh, known_at_ns)
        finally:
            self._seqs = known
        return acks

    return replaced((Board, "_admit", forgetful))


class _Unknowing(dict[str, int]):
    """Knows the seqs of causes, which are asked for by slot, and no key for the first time."""

    def __init__(self, known: dict[str, int]) -> None:
        super().__init__(known)
        self._asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        """Return nothing where a key is asked for the first time."""
        if key in self._asked:
            return super().get(key, default)
        self._asked.add(key)
        return None


def _unknown_taken_for_rejected() -> AbstractContextManager[None]:
    """Take a reply that says nothing for a rejection after which one may try again."""
    verdict_on = agents.orders.outcomes.verdict_on

    def confident(code: int, *, has_result: bool) -> Verdict:
        verdict = verdict_on(code, has_result=has_result)
        if verdict.outcome is not Outcome.UNKNOWN:
            return verdict
        return Verdict(Outcome.REJECTED, verdict.reason, may_retry=True)

    return replaced((agents.orders.outcomes, "verdict_on", confident))


def _stop_not_checked_after_the_fill() -> AbstractContextManager[None]:
    """Look no more whether the broker has set the stop that was asked for."""
    return replaced((Care, "repairs", lambda *_: []), (Care, "_is_beyond_repair", lambda *_: False))


def _stop_file_ignored() -> AbstractContextManager[None]:
    """Let the terminal not look for the kill switch."""
    init = LastGate.__init__

    def blind(self: Any, fence: Any, stop_file: Any) -> None:
        del stop_file
        init(self, fence, None)

    return replaced((LastGate, "__init__", blind))


def _strangers_managed() -> AbstractContextManager[None]:
    """Count every position of the account as ours, whoever opened it."""
    managed = submission._managed

    def any_position(position: Any, reason: str) -> Any:
        del reason
        return managed(position, submission.FLATTEN)

    return replaced(
        (submission, "_managed", any_position),
        (Holding, "is_own", property(lambda self: self.is_open)),
    )


def _entries_before_reconciliation() -> AbstractContextManager[None]:
    """Let entries leave although the books were not compared, or do not agree."""
    hold = Clearance.hold

    def eager(self: Any, order: Any, now_ns: int) -> str:
        reason = hold(self, order, now_ns)
        return "" if reason == "not_reconciled" else reason

    def may_leave(self: Any, order: Any, now_ns: int) -> bool:
        self._dialogue.has_read = True
        return now_ns <= order.valid_until_ns and not self._clearance.hold(order, now_ns)

    def compared(self: Any, comparison: Any, entry: Any) -> None:
        if comparison.is_clean or comparison.reason.startswith(IDENTITY):
            heed(self, comparison, entry)

    heed = Restrictions._compared
    permitted = tuple(rule for rule in rules.RULES if rule is not rules._not_reconciled)
    return replaced(
        (Clearance, "hold", eager),
        (ExecutionAgent, "_may_leave", may_leave),
        (Restrictions, "_compared", compared),
        (rules, "RULES", permitted),
    )


def _stale_quotes_accepted() -> AbstractContextManager[None]:
    """Count the age of a price from when it was read, not from its tick."""
    quote_fact, defect_of = delivery.quote_fact, delivery.defect_of

    def fresh(quote: QuoteReading, answer: Any, limits: Any, now_ns: int) -> Any:
        return quote_fact(msgspec.structs.replace(quote, tick_ns=now_ns), answer, limits, now_ns)

    def ageless(quote: QuoteReading, known: Any, point: float, *rest: Any) -> Any:
        now_ns = rest[-1]
        return defect_of(msgspec.structs.replace(quote, tick_ns=now_ns), known, point, *rest)

    return replaced((delivery, "quote_fact", fresh), (delivery, "defect_of", ageless))


def _size_times_ten() -> AbstractContextManager[None]:
    """Take the stop's distance for a tenth of what it is: ten times the lots."""
    lots_at_risk = sizing.lots_at_risk

    @functools.wraps(lots_at_risk)
    def careless(equity: float, risk_frac: float, loss_per_lot: float, *steps: float) -> float:
        return float(lots_at_risk(equity, risk_frac, loss_per_lot / 10.0, *steps))

    return replaced((sizing, "lots_at_risk", careless))


def _dst_ignored() -> AbstractContextManager[None]:
    """Keep the server's offset of the first moment, whatever the date and the ticks say."""

    class Unchanging(ServerClock):
        def __init__(self, zone: str) -> None:
            super().__init__(zone)
            seasonal, found = self._offset_of_hour_ns, list[int]()

            def first(hour: int) -> int:
                found.append(seasonal(hour))
                return found[0]

            self._offset_of_hour_ns = first

    return replaced(
        (server_offset, "ServerClock", Unchanging),
        (server_offset.ServerTime, "_judge", lambda *_: None),
    )


BUGS: Final[tuple[PlantedBug, ...]] = (
    PlantedBug(
        "resend on timeout",
        _resend_on_timeout,
        ("one_execution_per_intent", "announced_before_it_left"),
        4,
    ),
    PlantedBug("None read as flat", _none_read_as_flat, ("nothing_is_closed_by_silence",), 28),
    PlantedBug("peak equity reset at restart", _peak_reset_at_restart, ("mark_never_falls",), 11),
    PlantedBug("SLTP that drops a stop", _sltp_drops_the_stop, ("stops_are_kept",), 3),
    PlantedBug("close without position", _close_without_position, ("closes_only_close",), 3),
    PlantedBug("ack before journal", _acknowledged_before_journaled, ("acknowledged_is_kept",), 10),
    PlantedBug(
        "stale epoch accepted by the board", _stale_epoch_on_the_board, ("epochs_only_rise",), 8
    ),
    PlantedBug(
        "stale epoch accepted everywhere",
        _stale_epoch_everywhere,
        ("stale_epochs_send_nothing",),
        8,
    ),
    PlantedBug("partial fill booked whole", _partial_fill_booked_whole, ("fills_are_deals",), 6),
    PlantedBug("DST offset ignored", _dst_ignored, ("bars_are_the_markets",), 3),
    PlantedBug("breaker not persisted", _breaker_not_persisted, ("restrictions_last",), 9),
    PlantedBug("blackout fails open", _blackout_fails_open, ("blackouts_are_respected",), 16),
    PlantedBug(
        "duplicate intent accepted", _duplicates_accepted, ("keys_are_unique", "created_once"), 13
    ),
    PlantedBug(
        "UNKNOWN taken for rejected", _unknown_taken_for_rejected, ("outcomes_are_true",), 4
    ),
    PlantedBug(
        "no stop check after the fill",
        _stop_not_checked_after_the_fill,
        ("nothing_stays_naked",),
        9,
    ),
    PlantedBug("STOP file ignored", _stop_file_ignored, ("stop_file_holds",), 33),
    PlantedBug("foreign trade managed", _strangers_managed, ("strangers_are_left_alone",), 11),
    PlantedBug(
        "entries before reconciliation", _entries_before_reconciliation, ("reconciled_first",), 10
    ),
    PlantedBug(
        "stale quotes accepted",
        _stale_quotes_accepted,
        ("prices_were_true", "prices_are_fresh", "quotes_are_valid"),
        43,
    ),
    PlantedBug("size times ten", _size_times_ten, ("risk_is_bounded",), 3),
)
"""All of them, in the order of the table."""
