"""The web console: who is let in, what may be ordered, and that pages say what the facts say."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from blackboard.access import Access as BoardAccess
from blackboard.board import Board
from blackboard.entry import Entry
from blackboard.facts import (
    AccountSnapshot,
    Decision,
    Fact,
    PositionChanged,
    RiskRefused,
    TradeClosed,
    Vote,
)
from blackboard.journal import Durability
from config.agent import Mode
from runtime.console.access import ATTEMPTS_PER_MIN_MAX, COOKIE, CSRF_HEADER, SESSIONS_MAX
from runtime.console.app import OPEN_PATHS
from runtime.console.archive import PAGE_MAX, Archive
from runtime.console.present import EQUITY_POINTS_MAX, EquityPoint, Present
from runtime.console.stream import events
from runtime.council import declarations
from runtime.instants import iso
from runtime.journals.diskcache import DiskcacheJournal
from runtime.mailbox import take
from runtime.overrides import read_overrides
from tests.console_run import HOST, TOKEN, Shown, a_console, logged_in, settings_of_run
from tests.recorded_run import entries_of_run

F = TypeVar("F", bound=Fact)
ORIGIN = {"origin": f"http://{HOST}"}
READS = (
    "/api/overview",
    "/api/council",
    "/api/limits",
    "/api/symbols",
    "/api/symbol?name=EURUSD",
    "/api/trail?seq=1",
    "/api/entry?seq=1",
    "/api/journal",
    "/api/instant?time=2025-03-05T12:00:00Z",
    "/api/why-not?symbol=EURUSD&time=2025-03-05T12:00:00Z",
    "/api/learning",
    "/events",
    "/metrics",
)


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Shown]:
    """Give a console over the recorded run."""
    with a_console(tmp_path) as console:
        yield console


def of_kind(kind: type[F]) -> list[tuple[Entry, F]]:
    """Return the entries of a kind in the recorded run, each with its fact."""
    return [(entry, entry.fact) for entry in entries_of_run() if isinstance(entry.fact, kind)]


def test_nothing_is_told_without_the_token(shown: Shown) -> None:
    """Whatever tells of the system answers 401 to a stranger; open paths hold no figure of it."""
    for path in READS:
        assert shown.client.get(path).status_code == 401, path
    told = {route.path for route in shown.client.app.routes}  # type: ignore[attr-defined]
    assert {path.partition("?")[0] for path in READS} | OPEN_PATHS | {"/api/command"} == told


def test_the_token_opens_every_page_as_cookie_and_as_bearer(shown: Shown) -> None:
    """With the session of the right token, or the token itself, every page answers."""
    for path in READS:
        answer = shown.client.get(path, headers={"authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200, path
    logged_in(shown)
    for path in READS:
        assert shown.client.get(path).status_code == 200, path


@pytest.mark.parametrize("host", ["evil.example:8280", "127.0.0.1:1", ""])
def test_a_foreign_host_is_refused(shown: Shown, host: str) -> None:
    """A request to a name that is not ours is refused, whatever token it carries."""
    headers = {"host": host, "authorization": f"Bearer {TOKEN}"}
    assert shown.client.get("/api/overview", headers=headers).status_code == 421


def test_a_wrong_token_opens_nothing_and_guessing_ends(shown: Shown) -> None:
    """Wrong tokens are refused, and after twenty in a minute the right one is too."""
    for _ in range(ATTEMPTS_PER_MIN_MAX):
        answer = shown.client.post("/session", content="guess", headers=ORIGIN)
        assert answer.status_code == 401
        assert COOKIE not in answer.cookies
    assert shown.client.post("/session", content=TOKEN, headers=ORIGIN).status_code == 401


def test_a_session_is_not_opened_from_a_foreign_page(shown: Shown) -> None:
    """The right token shown by a page of another site opens nothing."""
    for headers in ({}, {"origin": "http://evil.example"}, {"origin": "null"}):
        assert shown.client.post("/session", content=TOKEN, headers=headers).status_code == 403


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(shown: Shown) -> None:
    """The session's cookie is HttpOnly and SameSite=Strict, and no policy lets anything else in."""
    answer = shown.client.post("/session", content=TOKEN, headers=ORIGIN)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_old_sessions_give_way(shown: Shown) -> None:
    """The oldest of more sessions than are kept is over."""
    logged_in(shown)
    first = shown.client.cookies.get(COOKIE)
    for _ in range(SESSIONS_MAX):
        logged_in(shown)
    shown.client.cookies.clear()
    shown.client.cookies.set(COOKIE, first or "", domain="127.0.0.1")
    assert shown.client.get("/api/limits").status_code == 401


def test_a_session_ends(shown: Shown) -> None:
    """Who has left is a stranger again."""
    steering = logged_in(shown)
    assert shown.client.delete("/session", headers=steering).status_code == 200
    assert shown.client.get("/api/limits").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        ORIGIN,
        {**ORIGIN, CSRF_HEADER: "guess"},
        {"origin": "http://evil.example"},
        {"authorization": f"Bearer {TOKEN}"},
    ],
)
def test_only_a_page_of_ours_steers(shown: Shown, headers: dict[str, str]) -> None:
    """Without the session's own secret and our origin no order is taken, token or not."""
    steering = logged_in(shown)
    if headers.get("origin") == "http://evil.example":
        headers = {**steering, **headers}
    answer = shown.client.post("/api/command", content=b'{"command":"pause"}', headers=headers)
    assert answer.status_code == 403
    assert take(shown.plan.book.mailbox) == []


def test_a_page_of_ours_steers(shown: Shown) -> None:
    """An order is handed to the driver, once, as the console's."""
    steering = logged_in(shown)
    answer = shown.client.post("/api/command", content=b'{"command":"pause"}', headers=steering)
    assert answer.status_code == 200
    (letter,) = take(shown.plan.book.mailbox)
    assert (letter.command, letter.origin) == ("pause", "console")


def test_a_page_switches_an_agent_and_asks_for_a_model(shown: Shown) -> None:
    """The choice is kept, the request handed on, and the page is told what came of either."""
    shown.plan.write()
    steering = logged_in(shown)
    for body, says in (
        (b'{"command":"switch","confirm":"switch","argument":"sentiment shadow"}', "at next start"),
        (b'{"command":"retrain","confirm":"retrain","argument":"har"}', "retrain har: asked for"),
    ):
        answer = shown.client.post("/api/command", content=body, headers=steering)
        assert says in answer.json()["answer"]

    assert read_overrides(shown.plan.book) == {"sentiment": Mode.SHADOW}
    (letter,) = take(shown.plan.book.mailbox)
    assert (letter.command, letter.argument) == ("retrain", "har")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"command":"flatten"}', "confirmed by its own word"),
        (b'{"command":"resume","confirm":"yes"}', "confirmed by its own word"),
        (b'{"command":"retrain"}', "confirmed by its own word"),
        (b'{"command":"retrain","confirm":"retrain","argument":"x"}', "must be one of all"),
        (b'{"command":"switch","argument":"sentiment false"}', "confirmed by its own word"),
        (b'{"command":"switch","confirm":"switch","argument":"data false"}', "without prices"),
        (b'{"command":"switch","confirm":"switch","argument":"sentiment"}', "the mode must be"),
        (b'{"command":"restart","confirm":"restart","argument":"data"}', "nothing is running"),
        (b'{"command":"close","argument":"7"}', "confirmed by its own word"),
        (b'{"command":"close","confirm":"close"}', "needs a ticket"),
        (b'{"command":"stop"}', "not an order"),
        (b"{", "not an order"),
        (b"\xff", "not an order"),
    ],
)
def test_a_wrong_order_is_refused_with_its_reason(shown: Shown, body: bytes, says: str) -> None:
    """Whatever does not merely reduce risk needs its word; what is no order is named so."""
    shown.plan.write()
    answer = shown.client.post("/api/command", content=body, headers=logged_in(shown))
    assert answer.status_code == 400
    assert says in answer.text
    assert take(shown.plan.book.mailbox) == []


def test_a_huge_order_is_not_read(shown: Shown) -> None:
    """A body beyond what an order can have is refused."""
    answer = shown.client.post("/api/command", content=b"x" * 10_000, headers=logged_in(shown))
    assert answer.status_code == 413


def test_controls_can_be_switched_off(tmp_path: Path) -> None:
    """Without controls a page shows and steers nothing."""
    with a_console(tmp_path, console={"controls": False}) as shown:
        steering = logged_in(shown)
        answer = shown.client.post("/api/command", content=b'{"command":"pause"}', headers=steering)
        assert answer.status_code == 403
        assert shown.client.get("/session").json()["controls"] is False


def test_the_overview_says_what_the_newest_facts_say(shown: Shown) -> None:
    """Money, trades and decisions are those of the journal."""
    logged_in(shown)
    page = shown.client.get("/api/overview").json()
    facts = [entry.fact for entry in entries_of_run()]
    account = [fact for fact in facts if isinstance(fact, AccountSnapshot)][-1]
    trades = [fact for fact in facts if isinstance(fact, TradeClosed)]
    assert (page["equity"], page["balance"]) == (account.equity, account.balance)
    assert page["trades"] == len(trades) > 0
    assert page["pnl"] == pytest.approx(sum(trade.pnl for trade in trades))
    assert page["decided"] == sum(isinstance(fact, Decision) for fact in facts)
    assert page["curve"]["equity"][-1] == account.equity


def test_the_distance_to_the_stop_is_in_pips_of_the_closing_price(shown: Shown) -> None:
    """A long position is measured from the bid, a short one from the ask, in pips."""
    _, opened = of_kind(PositionChanged)[0]
    shown.present.picture.positions = {opened.ticket: opened}
    past = shown.present.symbols[opened.scope]
    assert past.quote is not None
    assert past.spec is not None
    price = past.quote.bid if opened.side.sign > 0 else past.quote.ask
    logged_in(shown)
    (row,) = shown.client.get("/api/overview").json()["positions"]
    distance = (price - opened.stop_price) * opened.side.sign / past.spec.pip
    assert row["to_stop_pips"] == pytest.approx(distance)


def test_the_council_shows_each_voters_latest_vote(shown: Shown) -> None:
    """For every symbol and voter stands what it said last, and the latest decision."""
    logged_in(shown)
    rounds = {row["symbol"]: row for row in shown.client.get("/api/council").json()["rounds"]}
    latest = {}
    for entry in entries_of_run():
        if isinstance(entry.fact, Vote):
            latest[entry.fact.scope, entry.fact.voter] = entry.fact.probability_up
    assert latest
    for (symbol, voter), probability_up in latest.items():
        assert rounds[symbol]["votes"][voter]["probability_up"] == probability_up


def test_why_leads_from_a_trade_to_the_bars(shown: Shown) -> None:
    """The trail of a closed trade holds its decision, votes and a bar."""
    logged_in(shown)
    entry, trade = of_kind(TradeClosed)[0]
    page = shown.client.get(f"/api/trail?ticket={trade.ticket}").json()
    assert page["root"] == entry.seq
    kinds = {row["kind"] for row in page["entries"].values()}
    assert {"TradeClosed", "OrderIntent", "Decision", "Vote", "Bar"} <= kinds


def test_why_not_names_the_gate(shown: Shown) -> None:
    """A symbol that was not traded at a close has the gate of its decision as the answer."""
    logged_in(shown)
    entry, held = next(found for found in of_kind(Decision) if found[1].blocked_by)
    asked = {"symbol": held.scope, "time": iso(entry.ts_event_ns)}
    page = shown.client.get("/api/why-not", params=asked).json()
    assert (page["answer"], page["name"]) == ("blocked", held.blocked_by)


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/api/trail", 400, "ticket or a seq"),
        ("/api/trail?ticket=99999999", 404, "no such ticket"),
        ("/api/entry?seq=abc", 404, "no such entry"),
        ("/api/entry?seq=-1", 404, "no such entry"),
        ("/api/symbol?name=XXXYYY", 404, "no such symbol"),
        ("/api/instant?time=yesterday", 400, "must be a time"),
        ("/api/why-not?symbol=EURUSD&time=2025-03-05", 400, "must be a time"),
        ("/api/journal?before=x", 400, "whole number"),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(
    shown: Shown, path: str, status: int, says: str
) -> None:
    """A wrong or unknown name is answered by its reason."""
    logged_in(shown)
    answer = shown.client.get(path)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text


def test_paging_back_through_the_journal_shows_every_entry_once(shown: Shown) -> None:
    """The pages from the head to the beginning hold all seqs, newest first, without a gap."""
    logged_in(shown)
    seqs: list[int] = []
    before = 0
    while True:
        page = shown.client.get(f"/api/journal?before={before}").json()
        assert len(page["entries"]) <= PAGE_MAX
        seqs += [row["seq"] for row in page["entries"]]
        before = page["before"]
        if not before:
            break
    assert seqs == [entry.seq for entry in reversed(entries_of_run())]


def test_a_filtered_journal_holds_what_passes(shown: Shown) -> None:
    """Kind and scope leave exactly the entries that have both."""
    archive = Archive(shown.plan.book.journal)
    head = entries_of_run()[-1].seq + 1
    page = archive.page(head, lambda entry: isinstance(entry.fact, RiskRefused), PAGE_MAX)
    wanted = [entry for entry in reversed(entries_of_run()) if isinstance(entry.fact, RiskRefused)]
    assert page.entries == wanted[:PAGE_MAX]


def test_an_instant_is_what_the_board_knew(shown: Shown) -> None:
    """Time travel shows the same entries as a board that is asked for that moment."""
    entries = entries_of_run()
    time_ns = entries[len(entries) // 2].known_at_ns
    journal = DiskcacheJournal(shown.plan.book.journal)
    board = Board(
        BoardAccess(declarations(settings_of_run())), journal, durability=Durability.UNSYNCED
    )
    known = {entry.seq for entry in board.at(time_ns).values()}
    journal.close()
    logged_in(shown)
    page = shown.client.get("/api/instant", params={"time": iso_exactly(time_ns)}).json()
    assert page["count"] == len(known)
    assert {row["seq"] for row in page["entries"]} <= known


def iso_exactly(time_ns: int) -> str:
    """Return an instant to the microsecond."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return iso(seconds * 1_000_000_000).replace("Z", f".{rest // 1000:06d}Z")


def test_the_curve_of_equity_is_bounded_and_keeps_its_ends() -> None:
    """However long a run is, the curve has at most so many points, the first one among them."""
    present = Present(settings_of_run(), 0)
    count = 10 * EQUITY_POINTS_MAX
    for number in range(count):
        present.plot_equity(EquityPoint(number, float(number), 0.0))
    assert len(present.curve) <= EQUITY_POINTS_MAX + 1
    assert present.curve[0].at_ns <= 1
    assert present.curve[-1].at_ns > 0.99 * count
    assert [point.at_ns for point in present.curve] == sorted(
        point.at_ns for point in present.curve
    )


def test_a_stream_resumes_after_the_last_line_a_browser_has() -> None:
    """A browser that reconnects gets the lines after its own, each once."""
    import asyncio

    present = Present(settings_of_run(), 0)
    for entry in entries_of_run():
        present.add(entry)
    seqs = [seq for seq, _ in present.lines]
    after = seqs[-5]

    async def first() -> bytes:
        over = iter((False, True))
        stream = events(present, after, lambda: next(over))
        return await anext(stream)

    text = asyncio.run(first()).decode()
    data = msgspec.json.decode(text.partition("data: ")[2])
    assert [line["seq"] for line in data["lines"]] == seqs[-4:]
    assert text.startswith(f"id: {present.head}\n")
