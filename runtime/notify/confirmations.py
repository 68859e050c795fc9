"""Orders that wait for their button: each once, for who asked, and not for long."""

import secrets
from typing import Final

import msgspec

from runtime.clock import process_s
from runtime.notify.outbox import Button
from runtime.notify.sources import Order, Refused

WAITING_MAX: Final = 16
"""Orders that wait at most; the oldest gives way."""
_YES, _NO = "yes", "no"
_NAME_BYTES: Final = 12


class Waiting(msgspec.Struct, frozen=True):
    """An order that was asked for."""

    order: Order
    user: int
    until_s: float


class Confirmations:
    """What waits; a restart forgets it, and then nothing can be confirmed."""

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._waiting: dict[str, Waiting] = {}

    def ask(self, order: Order, user: int) -> tuple[Button, Button]:
        """Return the buttons by which that user confirms an order, or takes it back."""
        while len(self._waiting) >= WAITING_MAX:
            del self._waiting[next(iter(self._waiting))]
        name = secrets.token_urlsafe(_NAME_BYTES)
        self._waiting[name] = Waiting(order, user, process_s() + self._within_s)
        return Button(f"Yes, {order.name}", f"{name}:{_YES}"), Button("No", f"{name}:{_NO}")

    def press(self, data: str, user: int) -> Order | None:
        """Return the order that a button confirms, None if it takes it back; Refused otherwise."""
        name, _, said = data.partition(":")
        waiting = self._waiting.get(name)
        if waiting is None or said not in {_YES, _NO}:
            raise Refused("nothing waits for that button any more; ask again")
        if waiting.user != user:
            raise Refused("only who has asked can confirm")
        del self._waiting[name]
        if process_s() > waiting.until_s:
            raise Refused(f"that was asked more than {self._within_s:g} s ago; ask again")
        return waiting.order if said == _YES else None
