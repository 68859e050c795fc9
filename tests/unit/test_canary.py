"""No secret in any output: known fakes are set, what uses them fails, everything is read."""

from pathlib import Path

import httpx
import pytest

from config.secrets import SECRET_SOURCES
from tests.command_line import CommandLine

CANARIES = {name: f"canary{place:02d}-{'x' * 24}" for place, name in enumerate(SECRET_SOURCES)} | {
    "TELEGRAM_BOT_TOKEN": "7700112233:AAcanaryTOKENcanaryTOKENcanaryTOKENcan",
    "TELEGRAM_CHAT_ID": "7700998877",
    "MT5_LOGIN": "7700554433",
}


@pytest.fixture
def quorum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Return the command line with every secret set and every call to the network failing."""

    def fail(self: httpx.Client, method: str, url: object, **_: object) -> httpx.Response:
        raise httpx.ConnectError(f"{method} {url} failed: apikey={CANARIES['FMP_API_KEY']}")

    async def fail_later(
        self: httpx.AsyncClient, method: str, url: object, **_: object
    ) -> httpx.Response:
        raise httpx.ConnectError(f"{method} {url} failed")

    monkeypatch.setattr(httpx.Client, "request", fail)
    monkeypatch.setattr(httpx.AsyncClient, "request", fail_later)
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    return CommandLine(tmp_path / "var", monkeypatch, capsys)


def leaks(text: str) -> list[str]:
    """Return the names of the secrets that stand in a text."""
    return [name for name, value in CANARIES.items() if value in text]


def test_p10_no_secret_reaches_any_output(quorum: CommandLine) -> None:
    """A run, its view, its files and the verbs that describe it contain none of the secrets."""
    said = [
        quorum("up", "--in-process", "--speed", "20000", "--duration", "2s", "--symbols", "EURUSD"),
        quorum("status"),
        quorum("agents"),
        quorum("doctor"),
        quorum("config", "show"),
        quorum("journal", "--last", "100000", "--json"),
        quorum("why", "1"),
    ]
    for one in said:
        assert leaks(one.out + one.error) == []
    files = [path for path in quorum.home.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".db", ".sqlite", ".json", ".jsonl"}
    for path in files:
        assert leaks(path.read_bytes().decode("latin-1")) == [], path
    logs = "".join(path.read_text() for path in quorum.home.rglob("*.jsonl"))
    assert "telegram" in logs  # it was tried, and it failed
