"""A Bot API on loopback: takes messages, gives updates, or answers what it was told to."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs

TOKEN: Final = "123456789:AAFakeFakeFakeFakeFakeFakeFakeFake-_x"
CHAT_ID: Final = 987654321
USER_ID: Final = CHAT_ID
"""In a private chat both are one number."""
WAIT_S: Final = 20.0
"""Longest wait for another thread; only a failing test ever waits for it."""
POLL_S: Final = 0.05
"""How long a long poll is held here."""

Body = dict[str, Any]


class FakeBotApi:
    """Telegram's side of one bot."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.url = ""
        self.calls: list[tuple[str, Body]] = []
        """Every call that had the right token and was taken: method and fields."""
        self.answers: list[tuple[int, bytes]] = []
        """Taken one a call, of any method, before it is done."""
        self.held: threading.Event | None = None
        """Where calls wait before they are answered."""
        self.asked = threading.Event()
        self.news = threading.Condition(threading.RLock())
        self.updates: list[Body] = []
        self.repeats = False
        """Whether all updates are given again and again, whatever is asked for."""
        self.when_asked: Callable[[], object] = lambda: None
        """What happens once, after everything that was written before was asked for."""
        self.refused = ""
        """A method that is refused."""
        self._offset = self._given = self._polls = 0
        self._next_update = 1000
        self._next_message = 1

    def sent(self, *methods: str) -> list[Body]:
        """Return what was sent to the chat."""
        wanted = methods or ("sendMessage", "sendPhoto")
        return [body for method, body in self.calls if method in wanted]

    @property
    def texts(self) -> list[str]:
        """Texts and captions that have arrived, as they are written in HTML."""
        return [str(body.get("text", body.get("caption", ""))) for body in self.sent()]

    def wait(self, count: int, *methods: str) -> list[Body]:
        """Return what was sent once there is that much of it."""
        with self.news:
            arrived = self.news.wait_for(lambda: len(self.sent(*methods)) >= count, WAIT_S)
        assert arrived, f"only {len(self.sent(*methods))} of {count} arrived: {self.texts}"
        return self.sent(*methods)

    def until_told(self, words: str) -> str:
        """Return all that was sent, once some words stand in it."""
        with self.news:
            assert self.news.wait_for(lambda: words in "".join(self.texts), WAIT_S), self.texts
        return "".join(self.texts)

    def write(self, text: str, **changes: Any) -> int:
        """Let a person write something; return the update's id."""
        sender = {"id": changes.pop("user", USER_ID), "is_bot": False, "first_name": "Ann"}
        chat = {"id": changes.pop("chat", CHAT_ID), "type": changes.pop("type", "private")}
        message = {
            "message_id": self._number(),
            "date": changes.pop("date"),
            "chat": chat,
            "from": sender,
            "text": text,
        }
        return self._update({"message": message}, changes.pop("update_id", None))

    def press(self, data: str, **changes: Any) -> int:
        """Let a person press a button of a message; return the update's id."""
        chat = {"id": changes.pop("chat", CHAT_ID), "type": "private"}
        query = {
            "id": str(self._number()),
            "from": {"id": changes.pop("user", USER_ID), "is_bot": False, "first_name": "Ann"},
            "chat_instance": "1",
            "data": data,
            "message": {"message_id": self._number(), "date": changes.pop("date"), "chat": chat},
        }
        return self._update({"callback_query": query}, changes.pop("update_id", None))

    def answer(self, path: str, body: Body) -> tuple[int, bytes]:
        """Return status and content for one call."""
        self.asked.set()
        if self.held is not None:
            self.held.wait(WAIT_S)
        with self.news:
            if self.answers:
                return self.answers.pop(0)
            if not path.startswith(f"/bot{self.token}/"):
                return 401, b'{"ok": false, "error_code": 401, "description": "Unauthorized"}'
            method = path.rpartition("/")[2]
            if method == self.refused:
                return 400, b'{"ok": false, "error_code": 400, "description": "Bad Request"}'
            self.calls.append((method, body))
            result = self._result(method, body)
            self.news.notify_all()
        return 200, json.dumps({"ok": True, "result": result}).encode()

    def _result(self, method: str, body: Body) -> Any:
        match method:
            case "getMe":
                return {"id": 1, "is_bot": True, "first_name": "Quorum", "username": "quorum_bot"}
            case "getUpdates":
                return self._due(int(body.get("offset", 0)))
            case "sendMessage" | "sendPhoto":
                chat = {"id": CHAT_ID, "type": "private"}
                return {"message_id": self._number(), "date": 0, "chat": chat}
            case _:
                return True

    def _due(self, offset: int) -> list[Body]:
        if offset < 0:  # the end of what was written so far
            due, self._given = self.updates[offset:], len(self.updates)
            happens, self.when_asked = self.when_asked, lambda: None
            happens()
            return due
        self._offset = max(self._offset, offset)
        self._polls += 1
        self.news.notify_all()
        if self._given == len(self.updates):
            self.news.wait(POLL_S)
        # As they came: an update that is sent late has a lower id than the one before it.
        due = self.updates if self.repeats else self.updates[self._given :]
        self._given = len(self.updates)
        return list(due)

    def skip_to(self, update_id: int) -> None:
        """Let the next update have at least this id, as after an earlier start."""
        self._next_update = max(self._next_update, update_id)

    def until_given(self, update_id: int) -> None:
        """Wait until an update was given, and the question after it has come."""
        with self.news:
            places = [each["update_id"] for each in self.updates]
            given = places.index(update_id) + 1
            assert self.news.wait_for(lambda: self._given >= given, WAIT_S)
            polls = self._polls
            assert self.news.wait_for(lambda: self._polls > polls, WAIT_S)

    def until_asked_beyond(self, update_id: int) -> None:
        """Wait until an update was taken, answered or not."""
        with self.news:
            assert self.news.wait_for(lambda: self._offset > update_id, WAIT_S)

    def _update(self, content: Body, update_id: int | None) -> int:
        with self.news:
            self._next_update += 1
            number = update_id or self._next_update
            self.updates.append({"update_id": number, **content})
            self.news.notify_all()
        return number

    def _number(self) -> int:
        self._next_message += 1
        return self._next_message


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that has gone before its answer, as one that stops does."""


@contextmanager
def serving(api: FakeBotApi) -> Iterator[FakeBotApi]:
    """Let the Bot API answer on loopback."""
    server = _Server(("127.0.0.1", 0), _requests_of(api))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.005,))
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _requests_of(api: FakeBotApi) -> type[BaseHTTPRequestHandler]:
    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kind = self.headers.get("Content-Type", "")
            status, answer = api.answer(self.path, _fields(kind, content))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Requests


def _fields(kind: str, content: bytes) -> Body:
    if kind.startswith("multipart/"):
        parts = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + content)
        return {
            str(part.get_param("name", header="content-disposition")): _part(part)
            for part in parts.walk()
            if not part.is_multipart()
        }
    fields = parse_qs(content.decode(), keep_blank_values=True)
    return {name: _value(values[0]) for name, values in fields.items()}


def _part(part: Any) -> Any:
    content = part.get_payload(decode=True)
    return content if part.get_filename() else _value(content.decode())


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
