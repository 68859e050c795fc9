"""What the self-check names, and that what it names stops a start."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from blackboard.errors import ConfigError
from blackboard.journal import Durability, seal
from config.secrets import Secrets
from config.settings import Settings
from runtime import self_check
from runtime.book import Book
from runtime.examination.finding import FAIL, OK, WARN, Finding
from runtime.journals.diskcache import DiskcacheJournal
from runtime.ray_session import RaySession
from runtime.self_check import before_start, once_running, require_safe

NO_SECRETS = Secrets.model_construct()
NOBODY = RaySession(address="", dashboard_url="", folder="")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a private state folder away from any configuration of the machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "auth_token"))
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder


def examined(
    home: Path, secrets: Secrets = NO_SECRETS, book: Book | None = None
) -> dict[str, Finding]:
    """Return the findings before a start, by subject."""
    found = before_start(Settings(home=home), secrets, book)
    return {one.subject: one for one in found}


def test_a_fit_installation_passes(home: Path) -> None:
    """Nothing fails where nothing is wrong; the user of the tests may be root."""
    verdicts = {name: one.verdict for name, one in examined(home).items()}
    assert verdicts.pop("user") in {OK, WARN}
    assert set(verdicts.values()) == {OK}


def test_root_may_not_trade_real_money(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An administrator is warned, and stopped where the account is real."""

    class Root:
        def is_administrator(self) -> bool:
            return True

    monkeypatch.setattr(self_check, "MACHINE", Root())
    assert self_check._administrator(is_real=False).verdict == WARN
    assert self_check._administrator(is_real=True).verdict == FAIL


def test_f43_a_token_that_others_can_read_stops_the_start(home: Path) -> None:
    """The file is named, and so is what to do."""
    if os.name != "posix":
        pytest.skip("mode bits are POSIX")
    token = home.parent / "auth_token"
    token.write_text("secret")
    token.chmod(0o644)
    finding = examined(home)[str(token)]
    assert (finding.verdict, finding.detail) == (FAIL, "open to others: mode 0644")
    with pytest.raises(ConfigError, match="auth_token: open to others"):
        require_safe([finding])


def test_ray_without_tokens_fails(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator's own RAY_AUTH_MODE is named."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert examined(home)["ray tokens"].verdict == FAIL


def test_an_old_ray_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before 2.54 a web page can command the dashboard."""
    monkeypatch.setattr(self_check, "version", lambda _name: "2.53.1")
    assert self_check._ray_version().verdict == FAIL


def test_p10_a_secret_in_the_command_line_is_named_and_not_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The finding says which one it is, never what it is."""
    secrets = Secrets.model_construct(mt5_password=SecretStr("hunter2hunter2"))
    monkeypatch.setattr("sys.argv", ["launch.py", "--set", "x=hunter2hunter2"])
    finding = examined(home, secrets)["secrets"]
    assert finding.verdict == FAIL
    assert "MT5_PASSWORD" in finding.detail
    assert "hunter2" not in str(finding)


def test_f28_a_changed_journal_fails(home: Path) -> None:
    """The block that does not follow is named before anything trades on it."""
    book = Book(home / "books" / "demo")
    journal = DiskcacheJournal(book.journal)
    journal.append(seal(1, 1, b"\x90", b"\x01" * 32), {}, Durability.SAFE)
    journal.close()
    finding = examined(home, book=book)["journal"]
    assert finding.verdict == FAIL
    assert "block 1..1" in finding.detail


def test_a_full_disk_fails(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than a gibibyte is not enough to begin with."""
    monkeypatch.setattr("shutil.disk_usage", lambda _place: _Usage(free=1 << 20))
    assert examined(home)["disk"].verdict == FAIL


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_f26_a_stepping_wall_clock_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour that passes within a moment of the monotonic clock is a step."""
    wall = iter([0, 3600 * 10**9])
    monkeypatch.setattr(self_check, "wall_ns", lambda: next(wall))
    monkeypatch.setattr(self_check, "sleep_s", lambda _seconds: None)
    assert self_check._clock().verdict == FAIL


def test_f43_a_listener_on_all_interfaces_is_reported() -> None:
    """A port that anybody can reach is a warning, unless it is declared."""
    with contextlib.closing(socket.socket()) as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        port = listener.getsockname()[1]
        finding = next(iter(once_running(NOBODY, [])))
        assert finding.verdict == WARN
        assert str(port) in finding.detail
        declared = next(iter(once_running(NOBODY, [port])))
        assert str(port) not in declared.detail


@contextlib.contextmanager
def dashboard(status: int) -> Iterator[str]:
    """Serve one answer on loopback."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("status", "verdict"), [(401, OK), (403, OK), (200, FAIL), (500, FAIL)])
def test_f43_a_dashboard_must_refuse_who_has_no_token(status: int, verdict: str) -> None:
    """A call without a token that is answered stops a start with a real terminal."""
    with dashboard(status) as url:
        session = RaySession(address="", dashboard_url=url, folder="")
        found = {one.subject: one.verdict for one in once_running(session, [])}
    assert found["dashboard"] == verdict


def test_a_dashboard_beyond_loopback_fails() -> None:
    """It is not even asked."""
    session = RaySession(address="", dashboard_url="http://192.0.2.1:8265", folder="")
    found = {one.subject: one for one in once_running(session, [])}
    assert "not on loopback" in found["dashboard"].detail


def test_require_safe_names_everything_at_once() -> None:
    """All failures stand in one message; warnings pass."""
    findings = [Finding(OK, "a", ""), Finding(WARN, "b", ""), Finding(FAIL, "c", "x", "mend x")]
    with pytest.raises(ConfigError, match=r"self-check stops this start\nc: x; mend x"):
        require_safe(findings)
    assert len(require_safe(findings[:2])) == 2
