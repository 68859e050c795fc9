"""The account of the book, as it was read last: whether its history is all there."""

from collections.abc import Iterator
from contextlib import closing

from agents.rounds.summaries import LATE_DEALS_NS_MAX
from blackboard.errors import JournalCorrupt, OtherFormat
from blackboard.facts import AccountSnapshot, kind_of
from blackboard.journal import Journal
from blackboard.past import newest_first
from config.settings import Settings
from models.market.sessions import MINUTE_NS
from runtime.book import book_of
from runtime.examination.finding import WARN, Finding
from runtime.journals.opening import open_journal


def account(settings: Settings) -> Iterator[Finding]:
    """Name an account whose deals have not made its balance for longer than they may be late."""
    book = book_of(settings.home.absolute(), settings.book)
    if not book.journal.exists():
        return
    try:
        with closing(open_journal(book.journal)) as journal:
            are_lost = _are_deals_lost(journal)
    except (JournalCorrupt, OtherFormat, OSError):
        return  # the examination of the journal names it
    if are_lost:
        late_min = LATE_DEALS_NS_MAX // MINUTE_NS
        detail = f"its deals have not made its balance for more than {late_min} min"
        mend = "show its whole history in the terminal, see docs/operations.md"
        yield Finding(WARN, "account", detail, mend)


def _are_deals_lost(journal: Journal) -> bool:
    newest_ns = 0
    for entry in newest_first(journal, kind_of(AccountSnapshot)):
        match entry.fact:
            case AccountSnapshot(is_explained=False):
                newest_ns = newest_ns or entry.ts_event_ns
            case _:
                return False
        if newest_ns - entry.ts_event_ns > LATE_DEALS_NS_MAX:
            return True
    return False
