"""Files that anybody may have written: noise in them is refused, and never obeyed."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blackboard.access import DRIVER
from blackboard.chain import read_all
from blackboard.entry import Draft, Post, decode_entries
from blackboard.errors import ConfigError, JournalCorrupt
from blackboard.facts import ACCOUNT, OperatorCommand
from blackboard.facts.control import Command
from blackboard.journal import UNDECODABLE, Block
from config.loading import flatten, load_settings
from config.settings import Settings
from runtime.journals.diskcache import DiskcacheJournal
from runtime.journals.repair import examine, repair
from runtime.run_plan import read_plan
from tests.journals import board_on

KEYS = sorted(flatten(Settings().model_dump(mode="json")))
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=30)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
ENTRIES = 4


@settings(max_examples=150)
@given(
    st.dictionaries(st.sampled_from(KEYS) | st.text(min_size=1, max_size=20), values, max_size=4)
)
def test_f41_any_assignment_is_settings_or_a_list_of_errors(assignments: dict[str, object]) -> None:
    """Whatever stands behind a key, loading gives settings within bounds or names what is wrong."""
    with suppress(ConfigError):
        loaded = load_settings(None, assignments, env_file=Path("none"))
        risk = loaded.settings.agents.risk
        assert (
            0.0
            < risk.risk_frac_min
            <= loaded.settings.trading.risk_frac
            <= risk.risk_frac_max
            <= 0.01
        )


@settings(max_examples=100)
@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(str.encode)
    | values.map(lambda v: yaml.safe_dump(v).encode())
)
def test_f41_any_file_is_settings_or_a_list_of_errors(content: bytes) -> None:
    """A file of noise is refused with a message; nothing in it is executed."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "noise.yaml"
        path.write_bytes(content)
        with suppress(ConfigError):
            load_settings(path, {}, env_file=Path("none"))


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_any_plan_is_a_plan_or_an_error(content: bytes) -> None:
    """A plan file of noise is one kind of error."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "plan.json"
        path.write_bytes(content)
        with suppress(ConfigError):
            read_plan(path)


def journal_of(folder: Path) -> None:
    """Write a journal of a few blocks."""
    board, journal = board_on(folder)
    epoch = board.join(DRIVER).epoch
    for number in range(ENTRIES):
        fact = OperatorCommand(scope=ACCOUNT, command=Command.PAUSE, origin="test")
        draft = Draft(fact=fact, ts_event_ns=number, ordinal=str(number))
        post = Post(author=DRIVER, epoch=epoch, drafts=(draft,), read_to=0, now_ns=number)
        board.post(post, number)
    journal.close()


def seqs_of(folder: Path) -> list[int]:
    """Return the seqs that a reader gets."""
    journal = DiskcacheJournal(folder)
    try:
        return [entry.seq for entry in read_all(journal)]
    finally:
        journal.close()


@st.composite
def changes(draw: st.DrawFn) -> tuple[int, int, int]:
    """Return a block, a place in it, and the bits to flip there."""
    return (
        draw(st.integers(1, ENTRIES)),
        draw(st.integers(0, 10_000)),
        draw(st.integers(1, 255)),
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(changes())
def test_f28_any_changed_byte_of_a_block_is_found(change: tuple[int, int, int]) -> None:
    """No byte of a stored block can change unseen; repair keeps exactly what stands before it."""
    key, place, bits = change
    with TemporaryDirectory() as name:
        folder = Path(name) / "journal"
        journal_of(folder)
        with closing(sqlite3.connect(folder / "cache.db")) as database, database:
            (raw,) = database.execute("SELECT value FROM Cache WHERE key = ?", (key,)).fetchone()
            changed = bytearray(raw)
            changed[place % len(changed)] ^= bits
            database.execute("UPDATE Cache SET value = ? WHERE key = ?", (bytes(changed), key))
        try:
            board_on(folder)[1].close()
        except JournalCorrupt:
            cut = examine(folder)
            assert cut.kept_to == key - 1
            repair(folder, cut)
            assert seqs_of(folder) == list(range(1, key))
            board_on(folder)[1].close()
        else:
            # A flip that changes no value: another encoding of the same number or text length.
            same = msgspec.msgpack.decode(bytes(changed), type=Block)
            assert same == msgspec.msgpack.decode(raw, type=Block)


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_any_payload_is_entries_or_an_error(payload: bytes) -> None:
    """Noise decodes to entries or raises the one error that recovery knows."""
    with suppress(*UNDECODABLE):
        decode_entries(payload)
