"""`telegram setup` and `telegram test`: from a token to a message, and what is written down."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from blackboard.errors import ConfigError
from runtime.clock import installed
from runtime.env_file import set_in
from tests.bot_api import CHAT_ID, TOKEN, USER_ID, FakeBotApi, serving
from tests.command_line import CommandLine
from tests.telegram_chat import HandClock


@pytest.fixture
def api() -> Iterator[FakeBotApi]:
    """Give a bot API."""
    with serving(FakeBotApi()) as found:
        yield found


@pytest.fixture
def quorum(
    tmp_path: Path,
    api: FakeBotApi,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    """Return the command line in an empty folder, before that bot API, with its token set."""
    command_line = CommandLine(tmp_path / "var", monkeypatch, capsys)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUORUM_TELEGRAM__BASE_URL", api.url)
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    return command_line


def test_setup_goes_from_the_token_to_a_message(
    quorum: CommandLine, api: FakeBotApi, tmp_path: Path
) -> None:
    """What was written before counts not; the first message after gives chat and user."""
    api.write("long ago", date=1, user=5, chat=5)
    api.when_asked = lambda: api.write("hello", date=2)

    said = quorum("telegram", "setup", "--yes")

    assert said.code == 0, said.error
    assert f"chat {CHAT_ID}, user {USER_ID}" in said.out
    assert f"users: [{USER_ID}]" in said.out
    assert TOKEN not in said.out + said.error
    assert "<b>[SIM]</b> <b>Test</b>" in api.texts[0]
    env = tmp_path / ".env"
    assert env.read_text() == f"TELEGRAM_BOT_TOKEN={TOKEN}\nTELEGRAM_CHAT_ID={CHAT_ID}\n"
    assert env.stat().st_mode & 0o777 == 0o600


def test_setup_ends_with_a_reason(
    quorum: CommandLine, api: FakeBotApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody writes, the token is refused: a sentence, exit code 3, and no file."""
    clock = HandClock()
    clock.steps_s = 100.0
    with installed(clock):
        silent = quorum("telegram", "setup", "--yes")
    assert (silent.code, "nobody has written" in silent.error) == (3, True)
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "1:wrong")
    refused = quorum("telegram", "setup", "--yes")
    assert (refused.code, "refuses the token: 401" in refused.error) == (3, True)
    assert "1:wrong" not in refused.error
    assert not (tmp_path / ".env").exists()


def test_test_sends_or_says_what_is_missing(
    quorum: CommandLine, api: FakeBotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With half a configuration it names the verb that mends it."""
    half = quorum("telegram", "test")
    assert (half.code, "python launch.py telegram setup" in half.error) == (3, True)
    monkeypatch.setenv("TELEGRAM_CHAT_ID", str(CHAT_ID))
    assert quorum("telegram", "test").code == 0
    assert len(api.texts) == 1
    api.refused = "sendMessage"
    assert "the test was not sent: 400" in quorum("telegram", "test").error


def test_the_commands_are_printed(quorum: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with what it needs and whether it is active."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("QUORUM_TELEGRAM__COMMANDS", "reduce")
    monkeypatch.setenv("QUORUM_TELEGRAM__USERS", "7")
    lines = {
        line.split()[0]: line.split() for line in quorum("telegram", "commands").out.splitlines()
    }

    assert lines["/flatten"][-2:] == ["reduce", "yes"]
    assert lines["/resume"][-2:] == ["raise", "no"]


def test_env_keeps_every_other_line(tmp_path: Path) -> None:
    """Comments and other keys stay where they are; what cannot be one line is refused."""
    path = tmp_path / ".env"
    path.write_text("# mine\nFMP_API_KEY=x\nTELEGRAM_CHAT_ID=\nMT5_LOGIN=7\n")
    path.chmod(0o644)

    set_in(path, {"TELEGRAM_BOT_TOKEN": "1:a", "TELEGRAM_CHAT_ID": "5"})

    lines = [
        "# mine",
        "FMP_API_KEY=x",
        "TELEGRAM_CHAT_ID=5",
        "MT5_LOGIN=7",
        "TELEGRAM_BOT_TOKEN=1:a",
    ]
    assert path.read_text().splitlines() == lines
    assert path.stat().st_mode & 0o777 == 0o600
    for wrong in ("a\nMT5_LOGIN=1", 'a"b', "a#b"):
        with pytest.raises(ConfigError, match="must be one line"):
            set_in(path, {"TELEGRAM_BOT_TOKEN": wrong})
