"""Calls that the package refuses by itself, with what it answers: one table for every terminal.

Source: the machine code of the package, version 5.0.6231. On a machine that has the package the
same table is put to it directly.
"""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import numpy as np

INVALID: Final = "Invalid arguments"
UNNAMED: Final = "Unnamed arguments not allowed"
NUMBER: Final = "Invalid number of arguments"
NAME: Final = "X" * 30
"""A character more than fits."""


class BadCall(msgspec.Struct, frozen=True):
    """A call and its answer: what it returns, or that it raises, and the text beside -2."""

    function: str
    args: tuple[Any, ...] = ()
    named: dict[str, Any] = {}
    text: str = INVALID
    result: bool | None = None
    raises: bool = False


def _field(name: str, value: Any, *, raises: bool = False) -> BadCall:
    wrong = f'Invalid "{name}" argument'
    return BadCall("order_check", ({name: value},), text=wrong, raises=raises)


NOW: Final = datetime(2025, 1, 1, tzinfo=UTC)

BAD_FIELDS: Final = (
    *(_field(name, 1) for name in ("volume", "price", "stoplimit", "sl", "tp")),
    *(_field(name, np.float32(0.1)) for name in ("volume", "sl")),
    *(_field(name, None) for name in ("action", "symbol", "volume", "type", "comment", "position")),
    *(_field(name, 1.0) for name in ("action", "magic", "order", "deviation", "type")),
    *(_field(name, np.int64(1)) for name in ("magic", "position", "expiration")),
    *(_field(name, "1") for name in ("type_filling", "type_time", "position_by", "volume")),
    _field("expiration", NOW),
    _field("symbol", NAME),
    _field("symbol", 7),
    _field("comment", "c" * 30),
    _field("comment", "\N{CHART WITH UPWARDS TREND}" * 15),  # 30 wide characters
    _field("comment", b"bytes"),
    *(_field(name, -1, raises=True) for name in ("action", "magic", "order", "deviation", "type")),
    *(_field(name, -1, raises=True) for name in ("type_filling", "type_time", "position")),
    *(_field(name, 2**64, raises=True) for name in ("magic", "order", "position_by")),
    *(_field(name, 2**32, raises=True) for name in ("action", "type", "type_filling", "type_time")),
    *(_field("expiration", value, raises=True) for value in (2**63, -(2**63) - 1)),
)

BAD_REQUESTS: Final = (
    BadCall("order_check", ({"action": 1},), {"volume": 0.1}, UNNAMED),
    BadCall("order_check", (), {}, NUMBER),
    BadCall("order_check", ({}, {}), {}, NUMBER),
    BadCall("order_check", ([],)),
    BadCall("order_check", (None,)),
    # Two wrong ones: the package reads in its own order and names the first.
    BadCall(
        "order_check", ({"position": None, "sl": 1, "magic": 1.0},), {}, _field("magic", 0).text
    ),
    BadCall("order_check", (), {"type": None, "price": 2}, _field("price", 0).text),
)

BAD_READS: Final = (
    *(BadCall(name, args) for name in ("symbol_info", "symbol_info_tick")
      for args in ((), ("A", "B"), (7,), (None,), (NAME,))),
    *(BadCall("symbol_select", args, result=False) for args in ((), ("A", True, 1), (7,), (NAME,))),
    BadCall("symbols_get", ("*", "*"), {}, NUMBER, False),
    BadCall("symbols_get", (7,), {}, "Invalid 1st unnamed argument", False),
    BadCall("symbols_get", ("*" * 1998,), {}, "Invalid 1st unnamed argument", False),
    BadCall("symbols_get", (), {"group": None}, _field("group", 0).text, False),
    *(BadCall("copy_rates_from_pos", args)
      for args in (("A", 1, 0), ("A", 1, 0, 1, 1), (7, 1, 0, 1), (NAME, 1, 0, 1))),
    *(BadCall("copy_rates_from_pos", args, raises=True)
      for args in (("A", "M1", 0, 1), ("A", 1.0, 0, 1), ("A", 1, 0, None), ("A", 1, 2**31, 1))),
    *(BadCall("copy_rates_from", args)
      for args in (("A", 1, NOW), ("A", 1, "2025", 1), ("A", 1, None, 1),
                   ("A", 1, np.int64(1), 1))),
    BadCall("copy_rates_from", ("A", 1, NOW, 1.5), raises=True),
    *(BadCall("copy_rates_range", args)
      for args in (("A", 1, NOW), ("A", 1, NOW, "now"), (7, 1, 0, 0))),
    BadCall("copy_rates_range", ("A", None, NOW, NOW), raises=True),
    *(BadCall("copy_ticks_from", args)
      for args in (("A", NOW, 1), ("A", "now", 1, 1), (b"A", NOW, 1, 1))),
    *(BadCall("copy_ticks_from", args, raises=True)
      for args in (("A", NOW, 1.0, 1), ("A", NOW, 1, -(2**31) - 1))),
    *(BadCall("copy_ticks_range", args) for args in (("A", NOW, NOW), ("A", NOW, None, 1))),
    BadCall("copy_ticks_range", ("A", NOW, NOW, None), raises=True),
)  # fmt: skip

BAD_CALCULATIONS: Final = (
    *(BadCall("order_calc_margin", args)
      for args in ((0, "A", 1.0), (0, NAME, 1.0, 1.0), (0, 7, 1.0, 1.0))),
    *(BadCall("order_calc_margin", args, raises=True)
      for args in (("0", "A", 1.0, 1.0), (0.0, "A", 1.0, 1.0), (0, "A", "1", 1.0),
                   (0, "A", 1, None))),
    BadCall("order_calc_profit", (0, "A", 1.0, 1.0)),
    BadCall("order_calc_profit", (0, "A", 1.0, 1.0, "1.1"), raises=True),
)  # fmt: skip

BAD_BOOKS: Final = (
    *(BadCall(name, ("EURUSD",), {}, UNNAMED) for name in ("positions_get", "orders_get")),
    *(BadCall(name, (), {key: value}, _field(key, 0).text)
      for name in ("positions_get", "orders_get")
      for key, value in (("ticket", 1.0), ("ticket", None), ("symbol", NAME), ("symbol", None),
                         ("group", 7), ("group", "*" * 1998))),
    *(BadCall(name, (), {"ticket": -1}, _field("ticket", 0).text, raises=True)
      for name in ("positions_get", "history_orders_get", "history_deals_get")),
    *(BadCall(name, args, named, text)
      for name in ("history_orders_get", "history_deals_get")
      for args, named, text in (
          ((), {}, INVALID),
          ((NOW,), {}, INVALID),
          ((NOW, NOW, NOW), {}, INVALID),
          ((NOW, "now"), {}, INVALID),
          ((), {"group": "*"}, INVALID),
          ((NOW,), {"ticket": 1}, UNNAMED),
          ((NOW,), {"position": 1}, UNNAMED),
          ((), {"ticket": "1"}, _field("ticket", 0).text),
          ((), {"position": None}, _field("position", 0).text),
          ((NOW, NOW), {"group": None}, _field("group", 0).text),
      )),
    *(BadCall(name, args) for name in ("history_orders_total", "history_deals_total")
      for args in ((), (NOW,), (NOW, NOW, NOW), (NOW, None))),
)  # fmt: skip

BAD_LOGINS: Final = (
    BadCall("login", (1, "p", "s", 5), {}, NUMBER, False),
    BadCall("login", ("1",), {}, "Invalid 1st unnamed argument", False),
    BadCall("login", (1, 2), {}, "Invalid 2nd unnamed argument", False),
    BadCall("login", (1, "p", "s" * 254), {}, "Invalid 3rd unnamed argument", False),
    BadCall("login", (), {}, _field("login", 0).text, False),
    BadCall("login", (1,), {"password": "p" * 254}, _field("password", 0).text, False),
    BadCall("login", (1,), {"server": None}, _field("server", 0).text, False),
    BadCall("login", (1,), {"timeout": 1.0}, _field("timeout", 0).text, False),
    BadCall("login", (-1,), {}, "Invalid 1st unnamed argument", raises=True),
    BadCall("login", (1,), {"timeout": 2**32}, _field("timeout", 0).text, raises=True),
)
"""Those of `initialize` are apart: it closes the connection."""

BAD_CALLS: Final = (
    *BAD_FIELDS, *BAD_REQUESTS, *BAD_READS, *BAD_CALCULATIONS, *BAD_BOOKS, *BAD_LOGINS,
)  # fmt: skip
