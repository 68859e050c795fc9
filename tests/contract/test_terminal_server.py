"""What the terminal process lets in, and what of it survives a sudden death."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from runtime.terminals.remote import RemoteTerminal
from runtime.terminals.server import TerminalServer
from runtime.terminals.structures import OrderSendResult
from tests.contract.covers import covers
from tests.scripted_market import HandClock, ScriptedMarket, a_terminal, settings_of, traits

TOKEN = "a-token-of-the-test"

SERVED = """
import sys
from pathlib import Path
from runtime.terminals.server import serve
from runtime.terminals.simulated.sqlite_ledger import SqliteLedger
from tests.scripted_market import HandClock, ScriptedMarket, a_terminal, traits

market = ScriptedMarket(traits("EURUSD")).still("EURUSD", 1.1, range(100))
terminal = a_terminal(market, HandClock(), ledger=SqliteLedger(Path(sys.argv[1])))
serve(terminal, "127.0.0.1", 0, sys.argv[2], announce=lambda port: print(port, flush=True))
"""


@pytest.fixture
def url() -> Iterator[str]:
    """Give the address of a served terminal."""
    market = ScriptedMarket(traits("EURUSD")).still("EURUSD", 1.1, range(10))
    server = TerminalServer(a_terminal(market, HandClock()), "127.0.0.1", 0, TOKEN)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()
    thread.join()


@pytest.mark.parametrize("path", ["/health", "/call", "/nothing"])
@pytest.mark.parametrize("token", ["", "Bearer wrong", "Bearer " + TOKEN + "x"])
def test_f43_nothing_answers_without_the_token(url: str, path: str, token: str) -> None:
    """Every path is 401 to a wrong token, those that do not exist included."""
    response = httpx.get(url + path, headers={"authorization": token}, trust_env=False)

    assert response.status_code == 401


def test_f43_a_foreign_host_is_turned_away(url: str) -> None:
    """A page that reached loopback under a name of its own is refused before its token counts."""
    headers = {"authorization": f"Bearer {TOKEN}", "host": "evil.example"}

    assert httpx.get(f"{url}/health", headers=headers, trust_env=False).status_code == 421


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"\xc1", 400),
        (b"\x81\xa8function\xa9__class__", 400),
        (b"\x81\xa8function\xa5close", 400),
        (b"\x82\xa8function\xaepositions_total\xa4args\x91\x01", 400),
        (b"x" * 70_000, 413),
    ],
)
def test_only_listed_functions_can_be_called(url: str, body: bytes, status: int) -> None:
    """Garbage, other attributes, wrong arguments and large bodies are refused by their status."""
    headers = {"authorization": f"Bearer {TOKEN}"}

    response = httpx.post(f"{url}/call", content=body, headers=headers, trust_env=False)

    assert response.status_code == status


@covers("last_error", -4)
def test_pitfall_two_clients_each_have_their_own_last_error(url: str) -> None:
    """The package has one for its process; over HTTP it comes with the reply it belongs to."""
    settings = settings_of().terminal
    one, other = RemoteTerminal(url, TOKEN, settings), RemoteTerminal(url, TOKEN, settings)

    assert one.symbol_info("XXXYYY") is None
    assert other.symbol_info("EURUSD") is not None

    assert (one.last_error()[0], other.last_error()[0]) == (-4, 1)
    one.close()
    other.close()


def test_pitfall_calls_of_several_threads_go_one_after_the_other(url: str) -> None:
    """The package gives -1 where its one handle is used at once; here each call is answered."""
    clients = [RemoteTerminal(url, TOKEN, settings_of().terminal) for _ in range(4)]

    def ask(client: RemoteTerminal) -> set[object]:
        return {client.symbol_info("EURUSD") and client.last_error() for _ in range(25)}

    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(ask, clients))

    assert answers == [{(1, "Success")}] * len(clients)
    for client in clients:
        client.close()


def test_a_short_token_is_no_token() -> None:
    """A server that anybody could command does not start."""
    market = ScriptedMarket(traits("EURUSD"))
    with pytest.raises(ValueError, match="token"):
        TerminalServer(a_terminal(market, HandClock()), "127.0.0.1", 0, "short")


def served(ledger: Path) -> tuple["subprocess.Popen[str]", RemoteTerminal]:
    """Start a terminal process on a ledger and return it with a client."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVED, str(ledger), TOKEN],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    port = int(process.stdout.readline())
    return process, RemoteTerminal(f"http://127.0.0.1:{port}", TOKEN, settings_of().terminal)


def end(process: "subprocess.Popen[str]", remote: RemoteTerminal, number: int) -> None:
    """End a terminal process by a signal and wait for it."""
    remote.close()
    process.send_signal(number)
    process.wait(timeout=2.0)
    assert process.stdout is not None
    process.stdout.close()


def test_f42_a_killed_terminal_resumes_and_never_runs_an_id_twice(tmp_path: Path) -> None:
    """After kill -9 positions, epoch and answers are there; SIGTERM ends it in two seconds."""
    ledger = tmp_path / "broker" / "ledger.sqlite"
    request = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}
    process, remote = served(ledger)
    first = remote.order_send(request, request_id="once", epoch=4)
    assert isinstance(first, OrderSendResult)
    positions = remote.positions_get()
    end(process, remote, signal.SIGKILL)

    process, remote = served(ledger)

    assert remote.positions_get() == positions
    assert remote.epoch_seen() == 4
    assert remote.order_send(request, request_id="once", epoch=4) == first
    assert remote.positions_total() == 1
    end(process, remote, signal.SIGTERM)
