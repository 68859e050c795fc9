"""A Redis server that keeps a journal: reached by one call at a time, examined before it is used.

What it promises is its own configuration, so that is looked at each time a board begins to write:
without an append-only file it keeps nothing, with a memory policy it throws things away, and only
with `appendfsync always` is an answer a promise that a power cut does not break.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    RedisError,
)
from redis.exceptions import (
    ConnectionError as Unreachable,
)
from redis.exceptions import (
    TimeoutError as Unanswered,
)
from redis.retry import Retry

from blackboard.errors import ConfigError, JournalUnavailable
from runtime.clock import process_s, sleep_s
from runtime.journals.place import RedisPlace

T = TypeVar("T")

_PAUSE_S: Final = 0.05
"""Between two tries of a call whose connection broke."""
_DENIED: Final = (AuthenticationError, AuthorizationError, NoPermissionError)
_KEEPS_MORE: Final = {
    "always": frozenset({"always"}),
    "everysec": frozenset({"always", "everysec"}),
}
"""What `appendfsync` may be, by what is asked for."""


class RedisServer:
    """The server of a place, with its timeouts and errors made ours."""

    def __init__(self, place: RedisPlace, password: str) -> None:
        self.place = place
        tls = {"ssl_ca_certs": place.ca_file} if place.ca_file else {}
        self.client: Any = redis.Redis.from_url(
            place.url,
            username=place.user or None,
            password=password or None,
            socket_timeout=place.timeout_s,
            socket_connect_timeout=place.timeout_s,
            retry=Retry(NoBackoff(), 0),  # what may be repeated is known here alone
            client_name="quorum",
            **tls,
        )

    def ask(self, call: Callable[[Any], T], within_s: float | None = None) -> T:
        """Carry out a call that may be repeated, until it is answered or its time has passed.

        Raises
        ------
        JournalUnavailable
            If the server did not answer: the call may or may not have run.
        OSError
            If it answered that it does not do it.
        ConfigError
            If it does not let us in.
        """
        end_s = process_s() + (self.place.timeout_s if within_s is None else within_s)
        while True:
            try:
                return call(self.client)
            except _DENIED as error:
                raise ConfigError(
                    f"{self.place.url} refuses this user (board.redis.user, REDIS_PASSWORD): "
                    f"{error}"
                ) from error
            except (Unreachable, Unanswered) as error:
                if process_s() >= end_s:
                    raise JournalUnavailable(
                        f"Redis at {self.place.url} does not answer: {error}"
                    ) from error
            except RedisError as error:
                raise OSError(f"Redis at {self.place.url} refuses: {error}") from error
            sleep_s(_PAUSE_S)

    def require_durable(self) -> None:
        """Refuse a server that would lose what it has acknowledged: ConfigError."""
        found: dict[str, Any] = self.ask(lambda client: client.info())
        if found.get("role") != "master":
            self._refuse("role", "master", found.get("role"))
        if not found.get("aof_enabled"):
            self._refuse("appendonly", "yes", "no")
        if found.get("maxmemory") and found.get("maxmemory_policy") != "noeviction":
            self._refuse("maxmemory-policy", "noeviction", found.get("maxmemory_policy"))
        told: dict[Any, Any] = self.ask(lambda client: client.config_get("appendfsync"))
        appendfsync = "".join(_text(value) for value in told.values()) or "unknown"
        if appendfsync not in _KEEPS_MORE[self.place.fsync]:
            self._refuse("appendfsync", self.place.fsync, appendfsync)

    def close(self) -> None:
        """Close the connection."""
        self.client.close()

    def _refuse(self, name: str, must: str, was: object) -> None:
        raise ConfigError(
            f"{name} of Redis at {self.place.url} must be {must}, was {was}: it would lose what it "
            "has acknowledged"
        )


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
