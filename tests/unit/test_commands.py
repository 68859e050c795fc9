"""The verbs after a run: what was done can be asked for, and an emergency needs nobody's help."""

import json
from pathlib import Path

import msgspec
import pytest

from blackboard.entry import Entry
from blackboard.facts import (
    AmendIntent,
    AnyFact,
    Calibration,
    Decision,
    ExitIntent,
    Fill,
    ModelPromoted,
    OrderIntent,
    OrderOutcome,
    OrderSubmitting,
    PositionChanged,
    Vote,
    VoterWeights,
)
from blackboard.facts.execution import Outcome
from config.agent import Mode
from config.settings import Settings
from runtime.book import Book
from runtime.commands.reductions import reductions
from runtime.machine.current import MACHINE
from runtime.mailbox import Letter, leave, take
from runtime.reports.closing import close_run
from runtime.run_plan import PLAN_FILE, read_plan
from runtime.status import read_status
from tests.builders import a_snapshot, an_entry
from tests.command_line import CommandLine
from tests.samples import sample

BARS = Path(__file__).parents[3] / "shared/data/unlicensed_internal_only/m1"
SHORT = ("--symbols", "EURUSD,GBPUSD", "--duration", "1h")
needs_bars = pytest.mark.skipif(not BARS.exists(), reason="../shared/data is not there")


@pytest.fixture
def quorum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Give the command line with an empty state folder."""
    return CommandLine(tmp_path / "home", monkeypatch, capsys)


@pytest.fixture
def traded(quorum: CommandLine) -> CommandLine:
    """Give the command line after an hour on the synthetic market."""
    said = quorum.trade(*SHORT)
    assert said.code == 0, said.error
    return quorum


def over_history(quorum: CommandLine, until: str, *arguments: str) -> list[Entry]:
    """Trade two symbols over recorded minutes of a Thursday; return the journal."""
    span = ("--from", "2018-02-01T12:00:00Z", "--to", until)
    symbols = ("--symbols", "EURUSD,GBPUSD")
    said = quorum.trade("--history", BARS, *symbols, *span, *arguments)
    assert said.code == 0, said.error
    return quorum.run_entries()


def latest_book(quorum: CommandLine) -> Book:
    """Return the folder used last."""
    return Book(quorum.home / json.loads((quorum.home / "latest").read_bytes()))


def test_status_is_told_after_the_run(traded: CommandLine) -> None:
    """State, money and positions are read from the journal alone, by people and by programs."""
    told = traded("status")
    data = json.loads(traded("status", "--json").out)

    assert "SIMULATED embedded: not running" in told.out
    assert "state        ACTIVE (start)" in told.out
    assert "equity       10,000.00 USD, balance 10,000.00" in told.out
    assert "positions    none" in told.out
    assert data["running"] is False
    assert data["account"]["balance"] == 10_000.0


def test_agents_are_told_after_the_run(traded: CommandLine) -> None:
    """The council is listed in its order, and as stopped once nobody runs."""
    told = traded("agents")
    data = json.loads(traded("agents", "--json").out)

    assert told.out.count("stopped") == 9
    assert data[0]["name"] == "data"
    assert data[2]["class_name"] == "LSTMVolAgent"


def test_breakers_are_told_after_the_run(traded: CommandLine) -> None:
    """State, drawdown and what restricts are told by the journal alone; nobody is there to obey."""
    assert "open         nothing restricts" in traded("breaker").out
    assert json.loads(traded("breaker", "--json").out)["state"]["state"] == "ACTIVE"
    assert "is not running" in traded("breaker", "trip", "news", "nobody", "knows").error
    assert "is not running" in traded("retrain", "har").error
    assert "must be one of all" in traded("retrain", "everything").error


def test_top_prints_one_picture_where_there_is_no_terminal(traded: CommandLine) -> None:
    """Money, council, votes and positions of a run that is over, its agents stopped."""
    told = traded("top")

    assert told.code == 0
    assert "SIMULATED" in told.out
    assert "equity 10,000.00 USD" in told.out
    assert told.out.count("stopped") == 9


def test_logs_are_told_after_the_run(traded: CommandLine) -> None:
    """`logs` needs nothing that runs, and gives programs an object a line."""
    assert traded("logs").code == 0
    for line in traded("logs", "driver", "--json").out.splitlines():
        assert json.loads(line)["process"] == "driver"
    assert traded("logs", "nobody").code == 3


def test_journal_is_filtered_and_verified(traded: CommandLine) -> None:
    """Entries are chosen by kind, scope and author; the chain is checked whole."""
    count = len(traded.entries())
    chosen = traded("journal", "--kind", "Vote", "--scope", "EURUSD", "--last", "2", "--json")
    found = [json.loads(line) for line in chosen.out.splitlines()]

    assert [entry["fact"]["kind"] for entry in found] == ["Vote", "Vote"]
    assert all(entry["fact"]["scope"] == "EURUSD" for entry in found)
    assert f"{count} entries, gapless, hash chain unbroken" in traded("journal", "--verify").out


def test_journal_shows_a_fact_in_one_line(traded: CommandLine) -> None:
    """A text of several lines does not break the list, and instants are shown as such."""
    lines = traded("journal", "--last", "1000").out.splitlines()

    assert len(lines) == len(traded.entries())
    assert all(line.startswith("#") for line in lines)
    weights = next(line for line in lines if "VoterWeights" in line)
    assert "effective_from=2025-03-03 12:" in weights


def test_config_show_names_origins(quorum: CommandLine) -> None:
    """Each value comes with the place that set it; secrets by presence only."""
    rows = json.loads(quorum("config", "show", "--set", "speed=5", "--json").out)

    assert rows["settings"]["speed"] == {"value": 5.0, "origin": "command line"}
    assert rows["settings"]["home"]["origin"] == "environment"
    assert rows["settings"]["book"]["origin"] == "default.yaml"
    assert set(rows["secrets"].values()) == {False}


def test_doctor_needs_nothing_but_the_install(quorum: CommandLine) -> None:
    """Every examination ends with a verdict, on a machine that is fit."""
    findings = json.loads(quorum("doctor", "--json").out)
    verdicts = {finding["subject"]: finding["verdict"] for finding in findings}

    assert verdicts["python"] == "OK"
    assert verdicts["terminal"] == "OK"
    assert {"machine", "disk", "home", "files", "clock", "keys"} <= verdicts.keys()
    assert MACHINE.memory_bytes() > 1 << 20


def test_doctor_names_what_is_not_there_yet(quorum: CommandLine) -> None:
    """MetaTrader 5 is a finding of the examination, not a surprise at the start."""
    wanted = ("terminal.kind=metatrader", "profile=paper", "speed=1")
    said = quorum("doctor", *(part for text in wanted for part in ("--set", text)))

    assert said.code == 4
    assert "terminal.kind must be simulated here, was metatrader" in said.out


def test_pause_needs_somebody_who_runs(traded: CommandLine) -> None:
    """A command to nobody is refused instead of waiting for the next start."""
    said = traded("pause")

    assert said.code == 3
    assert "embedded is not running" in said.error
    assert take(latest_book(traded).mailbox) == []


def test_plan_is_written_before_the_start(traded: CommandLine) -> None:
    """Whoever closes in an emergency finds the terminal of a run in one process, too."""
    plan = read_plan(latest_book(traded).folder / PLAN_FILE)

    assert plan.settings.symbols == ("EURUSD", "GBPUSD")


def test_a_letter_of_nonsense_does_not_end_a_run(
    quorum: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no command is refused; the commands beside it are obeyed, and the run goes on."""
    from runtime import mailbox

    def leave_letters(folder: Path) -> None:
        (folder / "0.json").write_bytes(b'{"command": "dance", "origin": "cli"}')
        leave(folder, Letter(command="pause", origin="cli"))

    monkeypatch.setattr(mailbox, "clear", leave_letters)

    said = quorum.trade(*SHORT)

    assert said.code == 0, said.error
    kinds = [entry.kind for entry in quorum.entries()]
    assert kinds.count("OperatorCommand") == 1
    assert kinds.count("TradingStateChanged") == 2  # started, paused
    assert "letter_refused" in said.error


@needs_bars
def test_emergency_closes_what_a_run_left_open(quorum: CommandLine) -> None:
    """With nothing running, flatten starts the terminal, closes all and says how many."""
    entries = over_history(quorum, "2018-02-01T14:00:00Z")
    open_tickets: set[int] = set()
    for entry in entries:
        if isinstance(entry.fact, PositionChanged):
            (open_tickets.add if entry.fact.lots else open_tickets.discard)(entry.fact.ticket)
    assert open_tickets

    said = quorum("flatten")
    again = quorum("flatten")

    assert said.code == 0, said.error
    assert "closing every position of the account at the terminal instead" in said.out
    assert f"{len(open_tickets)} positions closed" in said.out
    assert "0 positions closed" in again.out


@needs_bars
def test_why_reaches_the_bars(quorum: CommandLine) -> None:
    """A ticket is walked back over order, approval, intent, decision and votes to the bars."""
    entries = over_history(quorum, "2018-02-01T19:00:00Z")
    ticket = next(e.fact.position_ticket for e in entries if isinstance(e.fact, Fill))

    said = quorum("why", ticket)

    assert said.code == 0, said.error
    for kind in ("OrderSubmitting", "RiskApproved", "OrderIntent", "Decision", "Vote", "Bar "):
        assert f" {kind}" in said.out, kind
    depths = [len(line) - len(line.lstrip()) for line in said.out.splitlines()]
    assert depths[0] == 0
    assert max(depths) < 20  # the history of a running total is not walked


@needs_bars
def test_kill_switch_is_none_of_a_run_over_history(quorum: CommandLine) -> None:
    """The stop file keeps every book from raising risk, and leaves the past as it was."""
    (quorum.home / "STOP").touch()

    entries = over_history(quorum, "2018-02-01T19:00:00Z")

    assert any(isinstance(entry.fact, Fill) for entry in entries)


def test_p4_f40_halt_sets_the_kill_switch_with_nothing_running(quorum: CommandLine) -> None:
    """The file is there when the verb returns; twice is the same as once; only --off ends it."""
    stop_file = quorum.home / "STOP"
    for _ in range(2):
        said = quorum("halt")
        assert said.code == 0
        assert str(stop_file) in said.out
        assert stop_file.exists()
    assert "kill switch" in quorum("doctor").out
    assert quorum("halt", "--off").code == 0
    assert not stop_file.exists()
    assert quorum("halt", "--off").code == 0


def test_p4_f40_an_emergency_stop_is_the_kill_switch(quorum: CommandLine) -> None:
    """The same file, with nothing running and no book; resume ends it, and says so once."""
    stop_file = quorum.home / "STOP"
    for _ in range(2):
        said = quorum("stop", "--emergency")
        assert said.code == 0
        assert str(stop_file) in said.out
        assert stop_file.read_bytes() == b"halt\n"

    said = quorum("resume")
    assert said.code == 0
    assert "the kill switch is released" in said.out
    assert not stop_file.exists()
    assert quorum("resume").code == 3  # nothing runs and nothing is set


def test_kill_switch_concerns_every_book(traded: CommandLine) -> None:
    """The terminal of a book looks for the stop file in the state folder."""
    from runtime.terminals.service import open_terminal

    (traded.home / "STOP").touch()
    terminal = open_terminal(read_plan(latest_book(traded).folder / PLAN_FILE))
    try:
        terminal.initialize()
        request = {
            "action": 1,
            "symbol": "EURUSD",
            "volume": 0.1,
            "type": 0,
            "type_filling": 1,
            "type_time": 0,
            "deviation": 10,
            "magic": 1,
            "comment": "test",
        }
        answer = terminal.order_send(request, request_id="one", epoch=9)
    finally:
        terminal.close()

    assert "only what reduces risk may leave" in getattr(answer, "text", "")


def fill(commission: float) -> Fill:
    """Return a deal that cost its commission and nothing else."""
    plain = sample(Fill)
    assert isinstance(plain, Fill)
    costs = {"profit": 0.0, "swap": 0.0, "fee": 0.0}
    return msgspec.structs.replace(plain, commission=commission, **costs)


def test_identity_is_judged_at_the_last_snapshot() -> None:
    """A deal after the last reading of the account does not break an identity that held there."""
    facts: list[AnyFact] = [
        a_snapshot(),
        fill(-0.14),
        a_snapshot(balance=9_999.86),
        fill(-0.2),
    ]
    entries = [
        an_entry(fact, seq=seq, ts_ns=seq, ordinal=str(seq)) for seq, fact in enumerate(facts, 1)
    ]

    closing = close_run(entries, "run", "sim", "")

    assert closing.accounting_gap == 0.0  # 9,999.86 - 10,000 + 0.14
    assert closing.accounting_holds


def test_a_deal_that_nobody_booked_breaks_the_identity() -> None:
    """Money that no fill explains is found at the next snapshot."""
    facts: list[AnyFact] = [a_snapshot(), fill(-0.14), a_snapshot(balance=9_999.0)]
    entries = [
        an_entry(fact, seq=seq, ts_ns=seq, ordinal=str(seq)) for seq, fact in enumerate(facts, 1)
    ]

    closing = close_run(entries, "run", "sim", "")

    assert closing.accounting_gap == -0.86  # 9,999 - 10,000 + 0.14
    assert not closing.accounting_holds


def with_mode(agent: str, mode: Mode) -> Settings:
    """Return default settings with one agent in a mode."""
    return Settings.model_validate({"agents": {agent: {"enabled": mode.value}}})


OPTIONAL = (
    "technical",
    "lstm_vol",
    "sentiment",
    "portfolio",
    "execution",
    "learner",
    "supervisor",
)


@pytest.mark.parametrize("mode", [Mode.DISABLED, Mode.SHADOW])
@pytest.mark.parametrize("agent", OPTIONAL)
def test_start_says_what_a_missing_agent_costs(agent: str, mode: Mode) -> None:
    """Nobody wonders later why nothing is traded, or traded at half risk."""
    notes = list(reductions(with_mode(agent, mode)))

    assert notes[0].startswith(f"{agent} is ")
    assert len(notes) == (2 if agent == "technical" else 1)  # without it the quorum is missed too


def test_start_names_unknown_currencies() -> None:
    """A slip of the pen in a symbol's name does not trade an invented market unseen."""
    (note,) = reductions(Settings.model_validate({"symbols": ["EURUSD", "EURUDS"]}))

    assert note.startswith("UDS: unknown currencies")


def kinds_of(entries: list[Entry], author: str) -> set[str]:
    """Return the kinds that an author has posted."""
    return {entry.kind for entry in entries if entry.author == author}


def decided_at_the_close(entries: list[Entry]) -> bool:
    """Whether every round closed at its bar's close: nobody was waited for."""
    decisions = [entry for entry in entries if isinstance(entry.fact, Decision)]
    return bool(decisions) and all(e.known_at_ns == e.ts_event_ns for e in decisions)


@needs_bars
@pytest.mark.parametrize("mode", ["false", "shadow"])
@pytest.mark.parametrize("agent", OPTIONAL)
def test_council_goes_on_without_an_agent(quorum: CommandLine, agent: str, mode: str) -> None:
    """Every agent but data and risk may be off or in shadow; what it says then moves nothing."""
    setting = f"agents.{agent}.enabled={mode}"
    entries = over_history(quorum, "2018-02-01T17:00:00Z", "--set", setting)

    own = kinds_of(entries, agent)
    orders = {entry.kind for entry in entries} & {"OrderSubmitting", "Fill"}
    assert bool(own) == (mode == "shadow")
    if agent in {"technical", "execution", "supervisor"}:
        assert not orders
    else:
        assert orders == {"OrderSubmitting", "Fill"}
    if agent != "supervisor" or mode == "shadow":
        assert decided_at_the_close(entries)
    told = read_status(latest_book(quorum).state)
    assert told is not None
    health = {line.name: line.health for line in told.agents}
    assert health[agent] == ("healthy" if mode == "shadow" else "off")


@needs_bars
@pytest.mark.parametrize("agent", ["technical", "sentiment"])
def test_voters_in_shadow_weigh_nothing(quorum: CommandLine, agent: str) -> None:
    """A shadow votes and is scored, yet no decision has a share of it."""
    until = "2018-02-01T15:00:00Z"
    entries = over_history(quorum, until, "--set", f"agents.{agent}.enabled=shadow")

    voted = {e.fact.voter for e in entries if isinstance(e.fact, Vote) and e.author == agent}
    decisions = [entry.fact for entry in entries if isinstance(entry.fact, Decision)]
    weights = [entry.fact for entry in entries if isinstance(entry.fact, VoterWeights)][-1]
    assert voted
    assert not voted & {share.scope for fact in decisions for share in fact.shares}
    assert voted <= {each.scope for each in weights.weights}
    assert {each.weight for each in weights.weights if each.scope in voted} == {0.0}


@needs_bars
def test_execution_in_shadow_answers_not_sent(quorum: CommandLine) -> None:
    """Every permitted order is answered, nothing reaches the broker, the account is read."""
    until = "2018-02-01T17:00:00Z"
    entries = over_history(quorum, until, "--set", "agents.execution.enabled=shadow")

    outcomes = [entry.fact for entry in entries if isinstance(entry.fact, OrderOutcome)]
    approved = sum(entry.kind == "RiskApproved" for entry in entries)
    assert len(outcomes) == approved > 0
    assert {(fact.outcome, fact.reason) for fact in outcomes} == {(Outcome.NOT_SENT, "shadow")}
    assert "AccountSnapshot" in kinds_of(entries, "execution")


@needs_bars
def test_supervisor_in_shadow_decides_without_intents(quorum: CommandLine) -> None:
    """Decisions to trade are posted and scored, and no intent follows from them."""
    until = "2018-02-01T17:00:00Z"
    entries = over_history(quorum, until, "--set", "agents.supervisor.enabled=shadow")

    actions = {entry.fact.action for entry in entries if isinstance(entry.fact, Decision)}
    intents = (OrderIntent, ExitIntent, AmendIntent, OrderSubmitting)
    assert len(actions) > 1
    assert not any(isinstance(entry.fact, intents) for entry in entries)


@needs_bars
def test_learner_in_shadow_judges_and_never_promotes(quorum: CommandLine) -> None:
    """It scores everybody, weighs as at the beginning, and changes no calibration or model.

    The third voter has no promoted model, so it weighs nothing.
    """
    until = "2018-02-01T17:00:00Z"
    entries = over_history(quorum, until, "--set", "agents.learner.enabled=shadow")

    weights = [entry.fact for entry in entries if isinstance(entry.fact, VoterWeights)]
    assert weights
    shares = {tuple(round(each.weight, 9) for each in fact.weights) for fact in weights}
    assert shares == {(0.2, 0.2, 0.0, 0.2, 0.4)}
    assert sum(each.outcomes for each in weights[-1].weights) > 0
    learned = [entry for entry in entries if entry.author == "learner"]
    assert not any(isinstance(entry.fact, (Calibration, ModelPromoted)) for entry in learned)


@needs_bars
@pytest.mark.parametrize(
    ("agent", "kind"), [("lstm_vol", "VolatilityForecast"), ("portfolio", "PortfolioBudget")]
)
def test_advice_in_shadow_changes_no_decision(quorum: CommandLine, agent: str, kind: str) -> None:
    """With an adviser in shadow the council decides as it does without the adviser."""
    until = "2018-02-01T15:00:00Z"
    off = over_history(quorum, until, "--set", f"agents.{agent}.enabled=false")
    shadow = over_history(quorum, until, "--set", f"agents.{agent}.enabled=shadow")

    assert kind in kinds_of(shadow, agent)
    assert _decided(off) == _decided(shadow)


def _decided(entries: list[Entry]) -> list[object]:
    wanted = (Decision, OrderIntent, ExitIntent, AmendIntent, Fill)
    return [
        (entry.ts_event_ns, msgspec.structs.replace(entry.fact))
        for entry in entries
        if isinstance(entry.fact, wanted)
    ]


def test_f34_credit_is_in_the_deposits_and_not_in_the_balance() -> None:
    """F34: what the broker lends leaves the identity of the balance as it is."""
    lent = a_snapshot(equity=12_000.0, deposits=12_000.0, credit=2_000.0)

    closing = close_run([an_entry(lent)], "run", "sim", "")

    assert closing.accounting_gap == 0.0  # 10,000 - (12,000 - 2,000)
    assert closing.accounting_holds
