"""A journal of an earlier version is told from a damaged one, refused, and brought up."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from blackboard.chain import read_all
from blackboard.entry import Entry
from blackboard.errors import ConfigError, JournalCorrupt, OtherFormat
from blackboard.facts import OrderIntent, OrderSubmitting
from blackboard.journal import GENESIS, SNAPSHOT_STATE, Durability, seal
from runtime.book import Book
from runtime.journals.conversions import CONVERSIONS, converted
from runtime.journals.diskcache import DATABASE, FORMAT_STATE, DiskcacheJournal
from runtime.journals.format import FORMAT, UNNUMBERED
from runtime.journals.upgrade import RECORD_FILE, Upgrade, kept_folder, upgrade
from tests.builders import a_submission, an_entry, an_intent
from tests.command_line import CommandLine

TERMS_SINCE = (
    *("break_even_r", "trail_from_r", "trail_multiplier", "hold_bars_max", "jump_sigmas"),
    *("closes_before_jump", "lock_atr", "reduces_before_jump", "limit_price", "expires_ns"),
    "order_ticket",
)
"""Fields that the first revision did not have."""


def as_first_written(entry: Entry, **changes: object) -> dict[str, Any]:
    """Return an entry as the first revision stored it: no later field, no later bound."""
    plain: dict[str, Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(entry))
    fact = {name: value for name, value in plain["fact"].items() if name not in TERMS_SINCE}
    return plain | {"fact": fact | changes}


def old_entries() -> list[list[dict[str, Any]]]:
    """Return two commits: an intent, and its announcement with a target below zero.

    A short at 1.1 whose target lay 1.2 away was announced at −0.1, which to the broker is none.
    """
    intent = as_first_written(an_entry(an_intent(), seq=1))
    sent = as_first_written(an_entry(a_submission(), seq=2, causes=(1,)), target_price=-0.1)
    return [[intent], [sent]]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """Return a book of the first revision: blocks, states, no number."""
    book = Book(tmp_path / "var" / "books" / "embedded")
    with closing(DiskcacheJournal(book.journal, number=UNNUMBERED)) as journal:
        seq, previous = 1, GENESIS
        for entries in old_entries():
            payload = msgspec.msgpack.encode(entries)
            block = seal(seq, seq + len(entries) - 1, payload, previous)
            states = {"now": msgspec.msgpack.encode(7), SNAPSHOT_STATE: b"of the old chain"}
            journal.append(block, states, Durability.SAFE)
            seq, previous = block.last_seq + 1, block.hash
    with closing(sqlite3.connect(book.journal / DATABASE)) as database, database:
        database.execute("DELETE FROM Cache WHERE key = ?", (f"state/{FORMAT_STATE}",))
    return book


def rows(book: Book) -> list[tuple[object, ...]]:
    """Return everything that is stored."""
    with closing(sqlite3.connect(book.journal / DATABASE)) as database:
        return database.execute("SELECT key, value FROM Cache ORDER BY key").fetchall()


def contents(book: Book) -> list[Entry]:
    """Return what a reader of today gets."""
    with closing(DiskcacheJournal(book.journal)) as journal:
        return list(read_all(journal))


def test_what_the_first_revision_wrote_cannot_be_read_as_it_is() -> None:
    """The difference is real: today's fact refuses a target below zero."""
    sent = old_entries()[1][0]

    with pytest.raises(msgspec.ValidationError, match="target_price must be greater than 0"):
        msgspec.convert(sent, Entry)


def test_a_journal_without_a_number_is_refused_by_its_format(book: Book) -> None:
    """The message names both formats and the verb, and calls nothing damaged."""
    with pytest.raises(OtherFormat, match=r"has format 1, this version reads 2: .* upgrade --book"):
        DiskcacheJournal(book.journal)


def test_a_journal_of_a_later_version_is_refused(book: Book) -> None:
    """Nothing is read of it, and nothing of it is changed."""
    with closing(DiskcacheJournal(book.journal, number=None)) as journal:
        later = {FORMAT_STATE: msgspec.msgpack.encode(FORMAT + 1)}
        journal.append(None, later, Durability.SAFE)
    before = rows(book)

    with pytest.raises(OtherFormat, match=r"has format 3, .* a later version of Quorum wrote it"):
        DiskcacheJournal(book.journal)
    with pytest.raises(OtherFormat, match="a later version of Quorum wrote it"):
        upgrade(book)
    assert rows(book) == before


def test_an_upgraded_journal_says_the_same_in_todays_words(book: Book) -> None:
    """Seqs, causes and states stay; what was unknown keeps its default; a level stays unreached."""
    done = upgrade(book)

    intent, sent = contents(book)
    assert (intent.seq, sent.seq, sent.causes) == (1, 2, (1,))
    assert intent.fact == msgspec.convert(old_entries()[0][0]["fact"], OrderIntent)
    assert isinstance(sent.fact, OrderSubmitting)
    assert 0.0 < sent.fact.target_price <= 1e-12
    assert sent.fact.stop_price == old_entries()[1][0]["fact"]["stop_price"]
    assert done is not None
    assert (done.from_format, done.entries, done.changed) == (1, 2, {"OrderSubmitting": 1})
    with closing(DiskcacheJournal(book.journal)) as journal:
        assert journal.state("now") == msgspec.msgpack.encode(7)
        assert journal.state(SNAPSHOT_STATE) is None
        assert [block.hash.hex() for block in journal.blocks()][-1] == done.new_head_hash


def test_the_old_journal_is_kept_with_what_was_done_to_it(book: Book) -> None:
    """Every block is there as it was, and the record names the head of its chain."""
    with closing(DiskcacheJournal(book.journal, number=None)) as journal:
        before = list(journal.blocks())

    done = upgrade(book)

    kept = kept_folder(book, 1)
    with closing(DiskcacheJournal(kept, number=None)) as journal:
        assert list(journal.blocks()) == before
    record = msgspec.json.decode((kept / RECORD_FILE).read_bytes(), type=Upgrade)
    assert record == done
    assert record.old_head_hash == before[-1].hash.hex()


def test_an_upgrade_that_dies_before_its_last_step_changed_nothing(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old journal stands where it stood, and a second attempt comes through."""

    def die(_source: Path, _target: Path) -> None:
        raise OSError("power cut")

    monkeypatch.setattr("runtime.journals.upgrade._keep", lambda *_: None)
    monkeypatch.setattr("runtime.journals.upgrade.MACHINE.replace", die)
    with pytest.raises(OSError, match="power cut"):
        upgrade(book)
    monkeypatch.undo()

    with pytest.raises(OtherFormat):
        contents(book)
    assert upgrade(book) is not None
    assert len(contents(book)) == 2


def test_what_cannot_be_converted_is_named_and_nothing_changes(book: Book) -> None:
    """An entry that no conversion explains stops the upgrade at its block."""
    strange = old_entries()[0][0]
    strange["fact"]["confidence"] = 7.0
    with closing(DiskcacheJournal(book.journal, number=None)) as journal:
        last = list(journal.blocks())[-1]
        payload = msgspec.msgpack.encode([strange | {"seq": 3}])
        journal.append(seal(3, 3, payload, last.hash), {}, Durability.SAFE)

    with pytest.raises(ConfigError, match=r"block 3\.\.3 of format 1 .* the book is as it was"):
        upgrade(book)
    with pytest.raises(OtherFormat):
        contents(book)


def test_a_damaged_old_journal_is_not_upgraded(book: Book) -> None:
    """A changed block is no matter of versions."""
    with closing(sqlite3.connect(book.journal / DATABASE)) as database, database:
        (raw,) = database.execute("SELECT value FROM Cache WHERE key = 2").fetchone()
        raw = raw.replace(b"EURUSD", b"EURCHF", 1)
        database.execute("UPDATE Cache SET value = ? WHERE key = 2", (raw,))

    with pytest.raises(JournalCorrupt, match=r"block 2\.\.2 was changed"):
        upgrade(book)


def test_every_earlier_format_has_its_step() -> None:
    """No number was given without a way from it to the next."""
    assert sorted(CONVERSIONS) == list(range(UNNUMBERED, FORMAT))


def test_a_conversion_leaves_alone_what_is_sound() -> None:
    """A kind without a conversion, and an entry with its levels, come over unchanged."""
    intent, sent = (commit[0]["fact"] for commit in old_entries())
    sound = sent | {"target_price": 1.05}
    for fact in (intent, sound, sent | {"purpose": "exit", "stop_price": 0.0}):
        assert converted(fact, UNNUMBERED) == fact


def test_the_verb_upgrades_once_and_says_what_it_kept(
    book: Book, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A start refuses with the verb's name; the verb works once; then there is nothing to do."""
    quorum = CommandLine(book.folder.parents[1], monkeypatch, capsys)

    refused = quorum("up", "--in-process", "--duration", "1s")
    repaired = quorum("repair", "--book", "embedded")
    first = quorum("upgrade", "--book", "embedded")
    second = quorum("upgrade", "--book", "embedded")

    assert refused.code == repaired.code == 3
    assert "upgrade --book embedded" in refused.error
    assert "format 1" in repaired.error
    assert first.code == 0
    assert "2 entries brought from format 1 to 2; said otherwise: 1 OrderSubmitting" in first.out
    assert str(kept_folder(book, 1)) in first.out
    assert "format 2 already" in second.out


def test_a_book_in_use_is_not_upgraded(
    book: Book, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever holds the book keeps it."""
    quorum = CommandLine(book.folder.parents[1], monkeypatch, capsys)
    with book.held():
        said = quorum("upgrade", "--book", "embedded")

    assert said.code == 3
    assert "in use" in said.error
