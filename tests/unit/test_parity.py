"""The parity certificate holds for a recorded run, and names whatever was changed in it."""

import json
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from agents.requests import ReadBars, Reply
from agents.rounds.arbiter import Arbiter
from blackboard.entry import Entry
from blackboard.facts import (
    Bar,
    Decision,
    EquityMark,
    Fact,
    Fill,
    ParametersChanged,
    TradeClosed,
    Vote,
)
from models.decision.arbitration import Terms
from runtime.proof.answers import MarketAnswers, MarketGone
from runtime.proof.decisions_hash import decisions_hash
from runtime.proof.divergence import NOT_POSTED, Divergence
from runtime.proof.parity import RERUN, certify
from runtime.proof.recording import RecordedStart, Recording
from tests.command_line import CommandLine
from tests.recorded_run import a_run, altered, entries_of_run, field_changed, recording


@pytest.fixture
def quorum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Give the command line with an empty state folder."""
    return CommandLine(tmp_path / "home", monkeypatch, capsys)


def first(kind: type[Fact], after: int = 0) -> Entry:
    """Return the first entry of a kind after so many of them."""
    return [entry for entry in entries_of_run() if isinstance(entry.fact, kind)][after]


def found(changed: Recording) -> Divergence:
    """Return the difference that a changed run must have."""
    certificate = certify(changed, "run")
    assert not certificate.holds
    assert certificate.decisions_hash == ""
    assert certificate.divergence is not None
    return certificate.divergence


def test_a_run_has_parity_in_every_fact_of_six_agents() -> None:
    """Everything that the six agents posted is said again, bit for bit, and counted."""
    entries = entries_of_run()
    authors = Counter(entry.author for entry in entries if entry.author in RERUN)

    certificate = certify(recording(), "run")

    assert certificate.divergence is None
    assert certificate.holds
    assert certificate.entries == len(entries)
    assert certificate.by_agent == {name: authors[name] for name in RERUN}
    assert certificate.facts == authors.total() > 500
    assert certificate.decisions_hash == decisions_hash(entries)
    assert any(isinstance(entry.fact, TradeClosed) for entry in entries)  # it is worth comparing


@pytest.mark.parametrize(
    ("kind", "field", "value", "path"),
    [
        (Vote, "probability_up", 0.5123, "probability_up"),
        (Decision, "confidence", 0.6123, "confidence"),
        (EquityMark, "drawdown_frac", 0.0123, "drawdown_frac"),
    ],
)
def test_an_altered_fact_is_named(kind: type[Fact], field: str, value: float, path: str) -> None:
    """One field of one fact in a journal with a sound chain is found, both values beside it."""
    entry = first(kind, after=3)

    divergence = found(altered(field_changed(entry.seq, **{field: value})))

    assert (divergence.seq, divergence.author) == (entry.seq, entry.author)
    assert (divergence.kind, divergence.scope) == (entry.kind, entry.fact.scope)
    assert divergence.field == path
    assert divergence.recorded == repr(value)
    assert divergence.rerun == repr(getattr(entry.fact, field))


def test_an_altered_cause_is_named() -> None:
    """What a fact is said to follow from is compared as well."""
    entry = first(Decision)

    def change(each: Entry) -> Entry:
        return msgspec.structs.replace(each, causes=each.causes[1:]) if each == entry else each

    divergence = found(altered(change))

    assert (divergence.seq, divergence.field) == (entry.seq, "causes")


def test_a_bar_that_was_altered_is_found_where_it_first_matters() -> None:
    """What is played back is taken as said; the agents then say something else than recorded."""
    entry = first(Bar, after=20)
    assert isinstance(entry.fact, Bar)
    higher = entry.fact.close + 0.0004

    divergence = found(
        altered(field_changed(entry.seq, close=higher, high=max(entry.fact.high, higher)))
    )

    assert divergence.seq > entry.seq
    assert divergence.author in {"technical", "lstm_vol"}
    assert divergence.scope == entry.fact.scope
    assert divergence.ts_event_ns == entry.ts_event_ns


def test_a_fact_that_nobody_would_say_is_named() -> None:
    """A fact that was slipped in between two others is not posted when the agents run again."""
    known, _ = a_run()
    commits = [list(commit) for commit in known]
    last = commits[-1][-1]
    forged = msgspec.structs.replace(
        last,
        seq=last.seq + 1,
        author="learner",
        epoch=1,
        read_to=last.seq,
        now_ns=last.known_at_ns,
        key="learner/forged",
        fact=ParametersChanged(
            scope="account",
            min_confidence=0.5,
            min_rr_ratio=2.5,
            atr_multiplier=1.0,
            risk_frac=0.01,
            origin="learner",
            effective_from_ns=0,
        ),
        causes=(),
    )

    divergence = found(recording([*commits, [forged]]))

    assert (divergence.seq, divergence.kind) == (forged.seq, "ParametersChanged")
    assert divergence.rerun == NOT_POSTED


def test_a_fact_that_is_missing_is_named() -> None:
    """Without its last post a journal has parity only if nobody would have posted it."""
    known, _ = a_run()
    commits = [list(commit) for commit in known]
    place = max(
        number
        for number, commit in enumerate(commits[:-1])
        if {entry.author for entry in commit} == {"supervisor"}
    )
    # A commit that somebody else made in its stead: the driver says something at once.
    cut = commits[place][0]
    other = msgspec.structs.replace(cut, author="data", key="data/other", fact=first(Bar).fact)

    divergence = found(recording([*commits[:place], [other]]))

    assert (divergence.seq, divergence.author) == (cut.seq, "supervisor")
    assert divergence.recorded == NOT_POSTED


def test_a_changed_threshold_is_found_at_the_first_decision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An agent with other code is found where it first decides otherwise."""
    right = Arbiter._terms

    def stricter(self: Arbiter, parameters: ParametersChanged) -> Terms:
        terms = right(self, parameters)
        return terms._replace(min_confidence=terms.min_confidence + 0.01)

    expected = next(
        entry
        for entry in entries_of_run()
        if isinstance(entry.fact, Decision)
        and any(gate.name == "min_confidence" for gate in entry.fact.gates)
    )
    monkeypatch.setattr(Arbiter, "_terms", stricter)

    divergence = found(recording())

    assert (divergence.seq, divergence.kind) == (expected.seq, "Decision")
    assert "gates" in divergence.field


def test_an_agent_that_raises_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that ended well in the run and fails now is told of, not passed over."""

    def broken(self: Arbiter, parameters: ParametersChanged) -> Terms:
        raise ZeroDivisionError

    monkeypatch.setattr(Arbiter, "_terms", broken)

    divergence = found(recording())

    assert (divergence.author, divergence.kind) == ("supervisor", "step")
    assert "ZeroDivisionError" in divergence.rerun


class Gone:
    """A market that has ceased to be."""

    def answer(self, request: ReadBars, now_ns: int) -> Reply:
        """Answer nothing."""
        raise MarketGone("the folder is empty")


def test_a_market_that_is_gone_passes_nobody() -> None:
    """Agents whose history nobody has are named; what can be compared still is."""
    certificate = certify(recording(), "run", answers_of=lambda _: Gone())

    assert not certificate.holds
    assert certificate.divergence is None
    assert [line.partition(":")[0] for line in certificate.unproven] == [
        "technical",
        "lstm_vol",
        "portfolio",
    ]
    assert certificate.by_agent["supervisor"] > 0
    assert certificate.by_agent["risk"] > 0


def test_another_market_than_the_recorded_one_answers_nothing() -> None:
    """Bars of another seed would only look like an answer."""
    _, start = a_run()
    other = msgspec.structs.replace(start, data={**start.data, "seed": "4711"})
    request = ReadBars(symbol="EURUSD", timeframe=start.settings.timeframe, from_ns=0, until_ns=1)

    with pytest.raises(MarketGone, match="another one than was recorded"):
        MarketAnswers(other).answer(request, 1)


def test_a_fill_that_was_altered_shows_in_what_follows_from_it() -> None:
    """Execution is played back, and the agents that saw it say other things."""
    entry = first(TradeClosed)
    fact = entry.fact
    assert isinstance(fact, TradeClosed)

    divergence = found(altered(field_changed(entry.seq, pnl=fact.pnl - 5, profit=fact.profit - 5)))

    assert divergence.seq > entry.seq
    assert divergence.author in {"risk", "learner", "supervisor"}
    assert first(Fill).author == "execution"


def test_a_book_of_several_starts_has_parity(quorum: CommandLine) -> None:
    """Every start is run again with the settings that were its own."""
    for arguments in (("--duration", "90m"), ("--duration", "1h", "--set", QUORUM_OF_ONE)):
        said = quorum.trade("--symbols", "EURUSD,GBPUSD", *arguments)
        assert said.code == 0, said.error

    said = quorum("parity", "--json")

    certificate = json.loads(said.out)
    assert said.code == 0, said.out
    assert certificate["holds"]
    assert (certificate["starts"], certificate["is_same_code"]) == (2, True)
    assert certificate["facts"] > 100


def test_settings_that_were_not_recorded_are_a_difference(quorum: CommandLine) -> None:
    """With the settings of the first start, what the second one did is something else."""
    quorum.trade("--symbols", "EURUSD,GBPUSD", "--duration", "30m")
    quorum.trade("--symbols", "EURUSD,GBPUSD", "--duration", "1h", "--set", QUORUM_OF_FOUR)
    folder = quorum.home / "books/embedded/manifests"
    oldest, newest = sorted(folder.iterdir())
    kept = json.loads(newest.read_bytes())
    newest.write_text(json.dumps({**kept, "settings": json.loads(oldest.read_bytes())["settings"]}))

    said = quorum("parity")

    assert said.code == 1
    assert "NO PARITY" in said.out
    assert "supervisor Decision" in said.out
    assert "run again" in said.out


def test_starts_that_did_not_note_their_beginning(quorum: CommandLine) -> None:
    """A book whose differing settings cannot be placed is refused in plain words."""
    quorum.trade("--symbols", "EURUSD,GBPUSD", "--duration", "30m")
    quorum.trade("--symbols", "EURUSD,GBPUSD", "--duration", "30m", "--set", QUORUM_OF_ONE)
    for path in (quorum.home / "books/embedded/manifests").iterdir():
        kept = json.loads(path.read_bytes())
        path.write_text(json.dumps({**kept, "first_seq": 0}))

    said = quorum("parity")

    assert said.code == 3
    assert "different settings" in said.error


def test_a_start_without_symbols_or_journal_is_refused(quorum: CommandLine) -> None:
    """A name that nobody has, and a home in which nothing ran, are said to be so."""
    assert quorum("parity", "nobody").code == 3
    assert quorum("parity").code == 3


QUORUM_OF_ONE = "agents.supervisor.quorum=1"
QUORUM_OF_FOUR = "agents.supervisor.quorum=4"


def test_a_start_is_found_by_seq() -> None:
    """Each entry belongs to the latest start that could have written it."""
    _, start = a_run()
    later = msgspec.structs.replace(start, first_seq=10)
    known = Recording(lambda _: iter(()), (start, later), 20)

    starts: list[RecordedStart] = [known.start_of(seq) for seq in (1, 9, 10, 20)]

    assert starts == [start, start, later, later]
