"""A hub on this machine: it serves a folder of files and can be told to fail."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Hub:
    """What a hub has, what it was asked, and what goes wrong."""

    files: dict[str, bytes]
    """By path below the root, such as ``owner/name/resolve/REVISION/config.json``."""
    cut_after: dict[str, list[int]] = field(default_factory=dict)
    """By file name: bytes after which its next answers break off."""
    statuses: dict[str, list[int]] = field(default_factory=dict)
    """By file name: statuses of its next answers."""
    moved: dict[str, str] = field(default_factory=dict)
    """By file name: where a redirect points to."""
    content_type: str = "application/octet-stream"
    asked: list[tuple[str, str]] = field(default_factory=list)
    """File name and range of each request."""
    url: str = ""


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve a hub on loopback meanwhile."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, hub)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(handler: BaseHTTPRequestHandler, hub: Hub) -> None:
    path = handler.path.strip("/")
    name = path.rpartition("/")[2]
    asked = handler.headers.get("Range", "")
    hub.asked.append((name, asked))
    if name in hub.moved:
        handler.send_response(302)
        handler.send_header("Location", hub.moved[name])
        handler.end_headers()
        return
    status = hub.statuses[name].pop(0) if hub.statuses.get(name) else 200
    content = hub.files.get(path)
    if content is None or status != 200:
        handler.send_response(404 if content is None else status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
    rest = content[start:]
    handler.send_response(206 if start else 200)
    handler.send_header("Content-Type", hub.content_type)
    handler.send_header("Content-Length", str(len(rest)))
    handler.end_headers()
    if hub.cut_after.get(name):
        handler.wfile.write(rest[: hub.cut_after[name].pop(0)])
        handler.close_connection = True
        return
    handler.wfile.write(rest)
