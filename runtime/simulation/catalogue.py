"""Every kind of fault that a simulation can inject, by the family of the catalogue it belongs to.

`runtime/simulation` makes them happen: `sending` what concerns a send, `distortion` what a reading
of the terminal shows, `feeds` news, `board` and `disk` the journal, `events` what comes by itself.
"""

from typing import Final

import msgspec

AGENTS: Final = (
    "data",
    "technical",
    "lstm_vol",
    "sentiment",
    "portfolio",
    "risk",
    "execution",
    "learner",
    "supervisor",
)
HOUR_S: Final = 3600.0
DAY_S: Final = 24 * HOUR_S


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A way in which something goes wrong."""

    family: str
    name: str
    lasts_s: tuple[float, float] = (60.0, 60.0)
    """Shortest and longest window, for what holds as long as it lasts."""
    strikes: tuple[int, int] = (0, 0)
    """Fewest and most occasions, for what waits for its occasion; zeros hold for the window."""
    scopes: tuple[str, ...] = ()
    """Agents it can strike; ``("symbol",)`` stands for the symbols of the run."""
    values: tuple[float, ...] = ()
    weight: float = 1.0


def _send(family: str, name: str, most: int = 1, values: tuple[float, ...] = ()) -> Kind:
    return Kind(family=family, name=name, strikes=(1, most), values=values, weight=2.0)


def _next(
    family: str,
    name: str,
    most: int,
    scopes: tuple[str, ...] = (),
    values: tuple[float, ...] = (),
) -> Kind:
    return Kind(family=family, name=name, strikes=(1, most), scopes=scopes, values=values)


def _window(
    family: str,
    name: str,
    shortest_s: float,
    longest_s: float,
    scopes: tuple[str, ...] = (),
    values: tuple[float, ...] = (),
) -> Kind:
    return Kind(
        family=family, name=name, lasts_s=(shortest_s, longest_s), scopes=scopes, values=values
    )


_SYMBOL: Final = ("symbol",)
_EXECUTION: Final = ("execution",)

CATALOGUE: Final[tuple[Kind, ...]] = (
    # Sends; each waits for the next order that leaves.
    _send("F1", "send_invalid"),
    _send("F2", "reply_lost_after"),
    _send("F3", "reply_lost_before"),
    _send("F4", "reply_unclear", 2, (-10000.0, -10001.0, -10005.0, -10099.0)),
    _send("F4", "reply_unclear_after", 2, (-10000.0, -10001.0, -10005.0, -10099.0)),
    _send("F4", "code_unclear", 2, (10011.0, 10012.0, 10031.0, 0.0, 10046.0, 99999.0)),
    _send("F4", "code_unclear_after", 2, (10011.0, 10012.0, 10031.0, 0.0, 10046.0, 99999.0)),
    _send("F5", "send_hangs", 1, (0.0, 1.0, 2.0)),
    _send("F6", "killed_in_flight"),
    _send("F9", "requoted", 6, (10004.0, 10020.0, 10021.0)),
    _send("F10", "filled_partly", 2, (0.3, 0.6)),
    _send("F11", "placed_later", 1, (30.0, 600.0, 3600.0)),
    _send("F11", "placed_never", 1, (60.0, 600.0)),
    _send("F12", "stops_ignored", 2),
    _send("F14", "closed_before", 2),
    _send("F15", "stop_refused", 5, (10016.0, 10029.0)),
    _send("F16", "no_money", 2, (10019.0,)),
    _send("F17", "session_refused", 3, (10018.0,)),
    _send("F18", "trading_off", 2, (10027.0, 10026.0, -8.0)),
    _send("F19", "too_many", 8, (10024.0,)),
    # The execution agent dies at a place of the send path, or is taken for dead there.
    _next("F6", "killed_at_send.before_post", 1, _EXECUTION),
    _next("F6", "killed_at_send.after_post", 1, _EXECUTION),
    _next("F6", "killed_at_send.before", 1, _EXECUTION),
    _next("F6", "killed_at_send.after", 1, _EXECUTION),
    _next("F6", "killed_at_send.after_outcome", 1, _EXECUTION),
    _next("F7", "order_answer_lost", 1),
    _next("F7", "order_repeated", 1),
    _next("F7", "answer_lost", 3, AGENTS),
    _next("F7", "post_repeated", 3, AGENTS),
    _next("F8", "zombie_at_send", 1, _EXECUTION, (5.0, 15.0, 60.0, 300.0)),
    _window("F8", "twin", 5.0, 600.0, _EXECUTION),
    # The account.
    _window("F13", "stop_deleted", 60.0, 60.0),
    _window("F16", "margin_collapse", 60.0, 60.0, (), (0.7, 0.9, 0.97)),
    _window("F17", "session_gap", 1800.0, 3 * HOUR_S),
    _window("F18", "autotrading_off", 600.0, 3 * HOUR_S),
    _window("F20", "foreign_trade", 1800.0, 12 * HOUR_S, _SYMBOL, (0.01, 0.05, 0.2)),
    _window("F20", "closed_by_hand", 60.0, 60.0),
    _next("F21", "positions_none", 4),
    _next("F21", "positions_empty", 4),
    _next("F21", "deals_empty", 3),
    _window("F22", "account_switched", 60.0, 2 * HOUR_S, (), (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)),
    # Prices and time.
    _window("F23", "ticks_stopped", 1800.0, 6 * HOUR_S, _SYMBOL),
    _next("F23", "tick_backwards", 3, _SYMBOL, (600.0, 7200.0)),
    _next("F23", "tick_future", 3, _SYMBOL, (600.0, 7200.0)),
    _next("F24", "quote_false", 4, _SYMBOL, (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)),
    _next("F25", "bars_false", 3, _SYMBOL, (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)),
    _window("F26", "server_offset", HOUR_S, DAY_S, (), (-1.0, 1.0)),
    _window("F26", "wall_jump", HOUR_S, 6 * HOUR_S, (), (-3600.0, 3600.0)),
    _window("F26", "wall_step", 60.0, HOUR_S, (), (-2.0, -0.3, 0.3, 2.0)),
    _window("F27", "symbol_renamed", 600.0, 4 * HOUR_S, _SYMBOL),
    _window("F27", "symbol_close_only", 600.0, 4 * HOUR_S, _SYMBOL),
    _window("F27", "symbol_deselected", HOUR_S, DAY_S, _SYMBOL),
    _window("F27", "terms_changed", 600.0, 8 * HOUR_S, _SYMBOL, (0.0, 1.0, 2.0)),
    # Journal, board and agents.
    _window("F28", "disk_full", 60.0, 2 * HOUR_S),
    _next("F28", "disk_error", 5),
    _window("F28", "disk_damaged", 60.0, 60.0, (), (0.0, 1.0, 4.0)),
    _window("F29", "board_killed", 1.0, 120.0),
    _window("F30", "agent_killed", 60.0, 60.0, AGENTS),
    _window("F30", "agent_hangs", 3.0, 60.0, AGENTS),
    _next("F30", "agent_crashes", 9, AGENTS),
    _window("F30", "board_flooded", 60.0, 60.0, ("technical", "sentiment")),
    _window("F30", "bad_posts", 60.0, 60.0, ("technical", "sentiment")),
    _window("F31", "voter_missing", HOUR_S, 5 * HOUR_S, ("technical", "sentiment")),
    _next("F31", "vote_repeated", 6, ("technical", "sentiment")),
    _next("F32", "killed_before_post", 1, ("supervisor", "risk", "supervisor")),
    _next("F32", "killed_after_post", 1, ("supervisor", "risk", "supervisor")),
    _window("F32", "twin", 5.0, 600.0, ("supervisor",)),
    _window("F33", "loss_in_restart", 60.0, 60.0, (), (0.06, 0.11, 0.16)),
    _window("F34", "transfer", 60.0, 60.0, (), (-0.4, -0.1, 0.3, 1.0)),
    _window("F34", "credit", 60.0, 60.0, (), (-0.05, 0.2)),
    # The world outside.
    _window("F37", "calendar_fails", HOUR_S, 12 * HOUR_S, (), (0.0, 30.0)),
    _window("F37", "calendar_empty", HOUR_S, 12 * HOUR_S),
    _window("F37", "calendar_shifted", HOUR_S, 12 * HOUR_S),
    _window("F37", "headlines_fail", HOUR_S, 12 * HOUR_S),
    _next("F38", "headline_hostile", 5, (), (0.0, 1.0, 2.0)),
    _window("F39", "messenger_down", HOUR_S, 12 * HOUR_S, (), (0.0, 429.0, 500.0)),
    _window("F40", "stop_file", 600.0, 6 * HOUR_S),
    _window("F40", "flatten_command", 60.0, 60.0),
    _window("F40", "flatten_twice", 60.0, 60.0),
    _window("F40", "flatten_at_terminal", 60.0, 60.0),
    _window("F41", "config_refused", 60.0, 60.0),
    _window("F42", "power_cut", 60.0, 60.0, (), (0.0, 0.5, 0.9)),
    _window("F42", "stopped", 60.0, 60.0),
    _window("F43", "port_probed", 60.0, 60.0),
)
"""All kinds; the order is part of what a seed means."""
