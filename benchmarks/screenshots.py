"""Pictures of the console for the docs: a council that trades on real Ray, seen by chromium.

    python -m benchmarks.screenshots --into docs/pictures --days 4

Some days of the synthetic market are traded at full speed first, then the same book goes on by the
clock. The days are the same every time; what is seen of the day after them depends on the moment.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any, Literal

import msgspec
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from blackboard.facts import PositionChanged, TradeClosed
from runtime.proof.lineage import entries_of

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
SYMBOL = "USDJPY"
MARKET_S_A_SECOND = 180
"""A close every five seconds, with which pages keep up."""
CLOSES = 6
"""Of M15 before the first picture."""
CLOSE_S = 900
WIDE = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)
BYTES_MAX = 300_000
WAIT_S = 300.0


@contextmanager
def running(home: Path, days: int) -> Iterator[tuple[Path, str]]:
    """Trade some days, then start the council as an operator does; give its book and console."""
    environment = {**os.environ, "QUORUM_HOME": str(home), "RAY_AUTH_MODE": "disabled"}
    launch = [sys.executable, str(ROOT / "launch.py")]
    past = ("--in-process", "--speed", "max", "--duration", f"{days}d")
    subprocess.run(
        [*launch, "up", *past], env=environment, cwd=home, stdout=subprocess.DEVNULL, check=True
    )
    settings = ("cluster.dashboard=false", "console.port=0", "agents.learner.training.families=har")
    changes = [word for each in settings for word in ("--set", each)]
    process = subprocess.Popen(
        [*launch, "up", "--speed", str(MARKET_S_A_SECOND), *changes],
        env=environment,
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    try:
        book = home / "books" / "embedded"
        wait_for(lambda: bool(told(book).get("console_url")))
        shown = subprocess.run(
            [*launch, "console", "--print"],
            env=environment,
            cwd=home,
            capture_output=True,
            text=True,
            check=True,
        )
        yield book, shown.stdout.strip()
    finally:
        process.terminate()
        process.wait(timeout=60)


def told(book: Path) -> dict[str, Any]:
    """Return what the driver says of itself, empty before it does."""
    path = book / "cluster.json"
    found: dict[str, Any] = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
    return found


def wait_for(holds: Any) -> None:
    """Wait until something holds."""
    end_s = time.monotonic() + WAIT_S  # noqa: TID251 - outside of the system's clocks
    while not holds():
        if time.monotonic() > end_s:  # noqa: TID251
            raise TimeoutError("did not come about")
        time.sleep(1.0)


def ticket_of(book: Path) -> int:
    """Return the ticket of the best closed trade, of an open one where none is closed."""
    facts = [entry.fact for entry in entries_of(book / "journal")]
    closed = [fact for fact in facts if isinstance(fact, TradeClosed)]
    if closed:
        return max(closed, key=lambda trade: trade.r_multiple).ticket
    return max(fact.ticket for fact in facts if isinstance(fact, PositionChanged))


def keep(page: Page, path: Path) -> None:
    """Write a picture of what is to be seen."""
    size = len(page.screenshot(path=path))
    print(f"{path.name}: {size} bytes")
    if size > BYTES_MAX:
        raise ValueError(f"{path.name} must be at most {BYTES_MAX} bytes, was {size}")


def a_page(
    browser: Browser, address: str, scheme: Literal["light", "dark"], size: ViewportSize
) -> Page:
    """Open the console with its token."""
    context = browser.new_context(viewport=size, color_scheme=scheme)
    page = context.new_page()
    page.goto(address)
    expect(page.locator("#state")).to_have_text(re.compile("ACTIVE|REDUCING|SAFE|HALTED"))
    return page


def show(page: Page, path: str) -> None:
    """Show another page of the console, and let its charts settle."""
    page.evaluate("path => { location.hash = `#/${path}`; }", path)
    page.wait_for_timeout(2500)


def pictures(book: Path, address: str, folder: Path) -> None:
    """Take every picture."""
    ticket = ticket_of(book)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        light = a_page(browser, address, "light", WIDE)
        show(light, "overview")
        keep(light, folder / "console_overview.png")
        show(light, f"symbol/{SYMBOL}")
        keep(light, folder / "console_symbol.png")
        show(light, f"why/ticket/{ticket}")
        keep(light, folder / "console_why.png")
        dark = a_page(browser, address, "dark", WIDE)
        show(dark, "council")
        keep(dark, folder / "console_council.png")
        phone = a_page(browser, address, "dark", PHONE)
        show(phone, "overview")
        keep(phone, folder / "console_phone.png")
        browser.close()


def main() -> None:
    """Run the council until enough has happened, then take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--days", type=int, default=4, help="of the market before them")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, running(Path(home), asked.days) as (book, address):
        until_ns = told(book)["now_ns"] + CLOSES * CLOSE_S * 10**9
        wait_for(lambda: told(book)["now_ns"] >= until_ns)
        pictures(book, address, asked.into)


if __name__ == "__main__":
    main()
