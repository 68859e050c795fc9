"""The terminal view: drawn for nothing yet, for everything at once, and for every width."""

import io
import os
import re
from typing import cast

import pytest
from rich.console import Console

from blackboard.facts import (
    ACCOUNT,
    AnyFact,
    EquityMark,
    Fact,
    Lock,
    LockReleased,
    PositionChanged,
    Summary,
    TradeClosed,
    Vote,
)
from blackboard.facts.control import Health, TradingState
from blackboard.facts.permission import LockSide
from models.market.sessions import MINUTE_NS
from runtime.commands.running import _lines
from runtime.live_view import render
from runtime.picture import EVENTS_KEPT, SEEN, Picture
from runtime.process_load import Load, ProcessLoads
from runtime.status import Status
from tests.builders import T0_NS, a_health, a_snapshot, a_state, an_entry
from tests.samples import SAMPLES
from tests.statuses import a_status, an_agent_line


def drawn(picture: Picture, status: Status, width: int = 160) -> str:
    """Return the view as plain text."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(render(picture, status))
    return capture.get()


def a_picture(*facts: Fact) -> Picture:
    """Return the picture of facts that were posted at noon."""
    picture = Picture()
    for seq, fact in enumerate(facts, start=1):
        picture.add(an_entry(cast("AnyFact", fact), seq=seq))
    return picture


def a_vote(voter: str, **changes: object) -> Vote:
    """Return a vote of a voter on EURUSD."""
    sample = SAMPLES["Vote"]
    assert isinstance(sample, Vote)
    fields = {name: getattr(sample, name) for name in Vote.__struct_fields__}
    return Vote(**{**fields, "scope": "EURUSD", "voter": voter, **changes})


def test_view_of_nothing_says_that_it_starts() -> None:
    """The first moment, with no fact and no agent, is drawn too."""
    text = drawn(Picture(), a_status())

    assert "SIMULATED" in text
    assert "STARTING" in text
    assert "2025-03-05 12:00 UTC" in text


def test_view_of_every_kind_of_fact_is_drawn() -> None:
    """Each kind that the picture is made of can be shown."""
    picture = a_picture(*(SAMPLES[kind.__name__] for kind in SEEN))

    text = drawn(picture, a_status(an_agent_line()))

    assert "risk" in text
    assert picture.account is not None
    assert f"{picture.account.equity:,.2f}" in text


def test_money_and_state_are_shown() -> None:
    """Equity, drawdown, trades and the trading state stand in the head."""
    mark = EquityMark(
        scope="account", equity=9500.0, high_water_mark=10_000.0, drawdown_frac=0.05, deposits=0.0
    )

    text = drawn(
        a_picture(a_snapshot(equity=9500.0), mark, a_state(TradingState.REDUCING)), a_status()
    )

    assert "REDUCING" in text
    assert "equity 9,500.00 USD" in text
    assert "drawdown 5.00%" in text


def test_votes_stand_side_by_side() -> None:
    """A number for an opinion, a word for an abstention, nothing for silence."""
    picture = a_picture(
        a_vote("technical.trend", probability_up=0.611, abstains=False),
        a_vote("sentiment", probability_up=0.5, abstains=True),
    )

    text = drawn(picture, a_status())

    assert "0.611" in text
    assert "abstains" in text
    assert "trend" in text


@pytest.mark.parametrize("health", [*(each.value for each in Health), "unheard of"])
def test_every_health_is_drawn(health: str) -> None:
    """No state of an agent, however new, breaks the view."""
    assert health in drawn(Picture(), a_status(an_agent_line(health=health, last_fact_age_s=3.4)))


def test_shadow_and_age_are_told() -> None:
    """Who weighs nothing is shown as such, and so is how long an agent has been silent."""
    text = drawn(
        Picture(),
        a_status(an_agent_line(mode="shadow", last_fact_age_s=3.4), an_agent_line("data")),
    )

    assert "shadow" in text
    assert "3 s" in text
    assert "–" in text


def test_closed_position_leaves_the_view() -> None:
    """A position of zero lots is no position."""
    sample = SAMPLES["PositionChanged"]
    assert isinstance(sample, PositionChanged)
    fields = {name: getattr(sample, name) for name in PositionChanged.__struct_fields__}
    opened = PositionChanged(**{**fields, "ticket": 777_123, "lots": 0.1})
    closed = PositionChanged(**{**fields, "ticket": 777_123, "lots": 0.0})

    assert "777123" in drawn(a_picture(opened), a_status()).split("latest", maxsplit=2)[1]
    assert a_picture(opened, closed).positions == {}


def test_trades_add_up() -> None:
    """The head counts closed trades and their profit."""
    sample = SAMPLES["TradeClosed"]
    assert isinstance(sample, TradeClosed)

    picture = a_picture(sample, sample)

    assert picture.trades == 2
    assert picture.pnl == 2 * sample.pnl


def test_markup_in_a_fact_is_shown_as_text() -> None:
    """A text from outside neither colours the view nor breaks it."""
    summary = Summary(scope="account", event="day", title="[bold red]x[/]", text="[/nothing]")

    text = drawn(a_picture(summary), a_status())

    assert "[bold red]x[/]: [/nothing]" in text


def test_narrow_terminal_is_drawn() -> None:
    """Forty columns are little, but no error."""
    picture = a_picture(*(SAMPLES[kind.__name__] for kind in SEEN))

    assert all(
        len(line) <= 40 for line in drawn(picture, a_status(an_agent_line()), 40).splitlines()
    )


def test_events_are_bounded() -> None:
    """A long run does not fill the memory of the view."""
    picture = a_picture(*(a_health() for _ in range(EVENTS_KEPT + 1)))

    assert len(picture.events) == EVENTS_KEPT


def a_lock(scope: str, side: LockSide, until_ns: int, reason: str = "stop_cooldown_min") -> Lock:
    """Return a rest of a symbol or of the account."""
    return Lock(scope=scope, side=side, reason=reason, valid_until_ns=until_ns)


def test_status_tells_each_lock_with_reason_and_end() -> None:
    """Those that hold are told, the first to end first; what ran out or was lifted is not."""
    hour_ns = 60 * MINUTE_NS
    picture = a_picture(
        a_lock("EURUSD", LockSide.BUY, T0_NS + 2 * hour_ns, "stop_side_cooldown_min"),
        a_lock("EURUSD", LockSide.BOTH, T0_NS + hour_ns),
        a_lock("GBPUSD", LockSide.BOTH, T0_NS),
        a_lock(ACCOUNT, LockSide.BOTH, T0_NS + hour_ns, "consecutive_losses_max"),
        LockReleased(scope=ACCOUNT, side=LockSide.BOTH, reason="resume by cli"),
    )

    assert [text for label, text in _lines(picture) if label == "lock"] == [
        "EURUSD BOTH: stop_cooldown_min, until 2025-03-05 13:00",
        "EURUSD BUY: stop_side_cooldown_min, until 2025-03-05 14:00",
    ]
    assert picture.events[-1] == "2025-03-05 12:00 unlocked   account BOTH: resume by cli"


def test_load_of_each_process_is_shown_where_it_is_known() -> None:
    """Processor and memory stand beside the agent whose process takes them; unknown is a dash."""
    agents = (an_agent_line("risk", pid=7), an_agent_line("data", pid=8))
    console = Console(file=io.StringIO(), width=200)
    console.print(render(Picture(), a_status(*agents), {7: Load(0.25, 120_000_000)}))
    lines = cast("io.StringIO", console.file).getvalue().splitlines()

    assert re.search(r"risk .* 25% +120 ", next(line for line in lines if "risk" in line))
    assert re.search(r"data .* – +– ", next(line for line in lines if "data" in line))


def test_load_is_asked_of_the_operating_system() -> None:
    """Our own process takes memory; who has ended is left out."""
    found = ProcessLoads().of([os.getpid(), 0, 2**22 + 1])

    assert list(found) == [os.getpid()]
    assert found[os.getpid()].memory_bytes > 1_000_000
