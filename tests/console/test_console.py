"""The web console in a real browser, over a council that trades on real Ray."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from blackboard.facts import OperatorCommand, PositionChanged
from runtime.proof.lineage import entries_of

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
WAIT_S = 180.0
PAGE_WAIT_MS = 30_000
PAGES = ("overview", "council", "symbol", "why", "journal", "models", "limits")
SYMBOLS = "EURUSD,USDJPY,EURJPY"

pytestmark = [
    pytest.mark.console,
    pytest.mark.timeout(280),
    pytest.mark.skipif(sys.platform == "win32", reason="the driver is ended by POSIX signals"),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
    # Chromium's driver leaves sockets and a subprocess to the interpreter's end.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Running(NamedTuple):
    """A council that trades, and how to reach its console."""

    home: Path
    url: str
    address: str
    """With the token behind a #."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Start the council as an operator does, on a market that trades at once."""
    home = tmp_path_factory.mktemp("home")
    environment = {**os.environ, "QUORUM_HOME": str(home), "RAY_AUTH_MODE": "disabled"}
    arguments = ("--symbols", SYMBOLS, "--speed", "600", "--set", "cluster.dashboard=false")
    quiet = ("--set", "agents.learner.training.families=har", "--set", "console.port=0")
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "launch.py"), "up", *arguments, *quiet],
        env=environment,
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    try:
        told = until(lambda: read_status(home), lambda told: told.get("head", 0) > 0)
        until(lambda: facts_of(home, PositionChanged), bool)  # before any test may halt it
        shown = subprocess.run(
            [sys.executable, str(ROOT / "launch.py"), "console", "--print"],
            env=environment,
            cwd=home,
            capture_output=True,
            text=True,
            check=True,
        )
        yield Running(home, told["console_url"], shown.stdout.strip())
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start one browser; what is expected of its pages has as long as what is done on them."""
    expect.set_options(timeout=PAGE_WAIT_MS)
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


class Visit(NamedTuple):
    """An open page, and what went wrong on it."""

    page: Page
    errors: list[str]
    foreign: list[str]


@pytest.fixture
def visit(running: Running, browser: Browser) -> Iterator[Visit]:
    """Open the console with its token, note every error and every request off the machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PAGE_WAIT_MS)
    errors: list[str] = []
    foreign: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    own = (running.url, "data:", "blob:")
    page.on("request", lambda one: None if one.url.startswith(own) else foreign.append(one.url))
    page.goto(running.address)
    expect(page.locator("#state")).to_have_text(re.compile("ACTIVE|REDUCING|SAFE|HALTED"))
    yield Visit(page, errors, foreign)
    context.close()


def read_status(home: Path) -> dict[str, Any]:
    """Return what the driver says of itself, empty before it does."""
    for path in home.glob("books/*/cluster.json"):
        told: dict[str, Any] = json.loads(path.read_bytes())
        return told
    return {}


def until(read: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    """Return what was read once it fulfils a condition."""
    end_s = time.monotonic() + WAIT_S  # noqa: TID251 - a test outside of the system's clocks
    while time.monotonic() < end_s:  # noqa: TID251
        found = read()
        if holds(found):
            return found
        time.sleep(0.2)
    raise AssertionError(f"did not come about: {read()}")


def facts_of(home: Path, kind: type[Any]) -> list[Any]:
    """Return the facts of a kind in the journal of the one book."""
    folder = next(home.glob("books/*/journal"))
    return [entry.fact for entry in entries_of(folder) if isinstance(entry.fact, kind)]


def go(page: Page, path: str) -> None:
    """Show another page of the console."""
    page.evaluate("path => { location.hash = path; }", path)


def test_every_page_opens_by_keyboard_without_an_error(visit: Visit) -> None:
    """Each page is reached by its link and Enter, says its heading, asks nobody else, fits."""
    page = visit.page
    for name in PAGES:
        page.locator(f'nav a[href="#/{name}"]').focus()
        page.keyboard.press("Enter")
        expect(page.locator(f'nav a[href="#/{name}"]')).to_have_attribute("aria-current", "page")
        expect(page.locator("h1")).not_to_have_text("Not shown")
        page.wait_for_load_state("load")
    assert visit.errors == []
    assert visit.foreign == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_every_page_in_both_themes(
    running: Running, browser: Browser, scheme: Any
) -> None:
    """No page is wider than a phone, and both themes paint the background of their own."""
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": 390, "height": 844}, device_scale_factor=2
    )
    page = context.new_page()
    page.set_default_timeout(PAGE_WAIT_MS)
    page.goto(running.address)
    for name in PAGES:
        go(page, f"#/{name}")
        expect(page.locator(f'nav a[href="#/{name}"]')).to_have_attribute("aria-current", "page")
        expect(page.locator("main h1")).to_be_visible()
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, f"{name} is {width} wide"
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 20, 26)"}[scheme]
    context.close()


def test_the_page_moves_by_itself_and_takes_no_focus(visit: Visit) -> None:
    """Market time and the number of decisions grow; a link that has the focus keeps it."""
    page = visit.page
    page.locator('nav a[href="#/limits"]').focus()
    clock = page.locator("#clock").inner_text()
    decided = page.locator(".tile", has_text="decisions").inner_text()
    expect(page.locator("#clock")).not_to_have_text(clock)
    expect(page.locator(".tile", has_text="decisions")).not_to_have_text(decided)
    expect(page.locator("#equity-chart .main-svg").first).to_be_attached()
    expect(page.locator('nav a[href="#/limits"]')).to_be_focused()


def test_a_page_that_comes_late_takes_no_focus(visit: Visit) -> None:
    """Who goes on by keyboard while a page is fetched is left where they are."""
    page = visit.page
    next_link = page.locator('nav a[href="#/council"]')

    def come_late(route: Route) -> None:
        next_link.focus()
        route.continue_()

    page.route("**/api/limits", come_late, times=1)
    go(page, "#/limits")
    expect(page.locator("h1")).to_have_text("Limits and breakers")
    expect(next_link).to_be_focused()


def test_why_is_a_tree_down_to_the_bars(running: Running, visit: Visit) -> None:
    """From a ticket the tree leads over decision and votes to a bar, and to all that one says."""
    opened = until(lambda: facts_of(running.home, PositionChanged), bool)[0]
    page = visit.page
    asked = f"{running.url}/api/trail?ticket={opened.ticket}"
    until(lambda: page.request.get(asked), lambda answer: answer.ok)  # it follows the journal
    go(page, "#/why")
    page.fill("input[name=ticket]", str(opened.ticket))
    page.keyboard.press("Enter")
    tree = page.locator("#tree")
    for kind in ("OrderIntent", "Decision", "Vote", "Bar"):
        expect(tree.locator("strong", has_text=re.compile(f"^{kind}$")).first).to_be_attached()
    tree.locator("summary").first.click()
    expect(tree.locator("details").first).not_to_have_attribute("open", "")
    tree.locator("summary").first.click()
    tree.locator("a", has_text="all of it").first.click()
    expect(page.locator("pre")).to_contain_text("ticket")
    assert visit.errors == []


def test_a_stranger_is_shown_nothing(running: Running, browser: Browser) -> None:
    """Without the token there is a form and no figure; a wrong token is refused."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(running.url)
    page.fill("input[name=token]", "a guess")
    page.keyboard.press("Enter")
    expect(page.locator("[role=alert]")).to_contain_text("not the token")
    assert page.locator("#equity").inner_text() == ""
    assert page.locator("#controls").is_hidden()
    context.close()


def test_the_token_leaves_the_address(running: Running, visit: Visit) -> None:
    """After entering, neither address nor history shows the token."""
    assert visit.page.url.rstrip("/") == running.url


def test_pause_resume_and_flatten_are_asked_twice_and_done(running: Running, visit: Visit) -> None:
    """Cancel does nothing; a confirmed command stands in the journal and the state follows it."""
    page = visit.page
    state = page.locator("#state")
    before = len(facts_of(running.home, OperatorCommand))
    page.click("[data-command=pause]")
    page.keyboard.press("Escape")
    assert len(facts_of(running.home, OperatorCommand)) == before
    for command, follows in (("pause", "REDUCING"), ("resume", "ACTIVE"), ("flatten", "HALTED")):
        page.click(f"[data-command={command}]")
        page.click("#ask-yes")
        expect(state).to_have_text(follows, timeout=60_000)
    commands = facts_of(running.home, OperatorCommand)[before:]
    assert [one.command.value for one in commands] == ["pause", "resume", "flatten"]
    assert {one.origin for one in commands} == {"console"}
    expect(page.locator("main")).to_contain_text("no position is open", timeout=60_000)
    assert visit.errors == []


def test_a_question_closed_a_moment_ago_does_not_answer_the_next(visit: Visit) -> None:
    """The second of two within one frame is confirmed and sent; what gets no answer says so."""
    page = visit.page
    page.route("**/api/command", lambda route: route.abort())
    page.evaluate("""() => {
        document.querySelector("[data-command=flatten]").click();
        document.getElementById("ask").close();
        document.querySelector("[data-command=pause]").click();
    }""")
    with page.expect_request("**/api/command") as sent:
        page.click("#ask-yes")
    assert '"command":"pause"' in (sent.value.post_data or "")
    expect(page.locator("#outcome")).to_contain_text("pause: no answer came")


def test_an_agent_is_switched_on_the_council_page(running: Running, visit: Visit) -> None:
    """Asked twice, seen as off, and told once for all that it is applied now; Escape cancels."""
    page = visit.page
    page.goto(f"{running.url}/#/council")
    mode = page.get_by_label("Mode of portfolio")
    mode.select_option("false")
    page.keyboard.press("Escape")
    expect(mode).to_have_value("true")
    mode.select_option("false")
    page.click("#ask-yes")
    expect(page.get_by_label("Mode of portfolio")).to_have_value("false", timeout=60_000)
    # Read after the redraw that shows the new mode: the answer stands until the next command.
    expect(page.locator("#outcome")).to_have_text("portfolio off: applied now")
    assert facts_of(running.home, OperatorCommand)[-1].argument == "portfolio false"
    assert visit.errors == []
