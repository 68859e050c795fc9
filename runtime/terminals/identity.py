"""Whose account an order would reach: pure rules, asked before every send.

A terminal may come up in the account it was last used with, or be switched to another one by hand.
Five properties tell accounts apart. Two of them are configured, one follows from the operator's
word that money is real, and all five are pinned when a book meets its account for the first time.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from blackboard.errors import ConfigError
from config.settings import Settings
from runtime.terminals import constants as mt5
from runtime.terminals.structures import AccountInfo

MODES: Final = {
    mt5.ACCOUNT_TRADE_MODE_DEMO: "demo",
    mt5.ACCOUNT_TRADE_MODE_CONTEST: "contest",
    mt5.ACCOUNT_TRADE_MODE_REAL: "real",
}
"""Trade modes as people call them."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What tells one account from another."""

    login: int
    server: str
    trade_mode: int
    margin_mode: int
    currency: str


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """The account that the configuration names."""

    login: int
    server: str
    is_real: bool = False
    """Whether a person has said, by setting and by number, that this account holds real money."""


def identity_of(info: AccountInfo) -> Identity:
    """Return the identity of an account as the terminal shows it."""
    return Identity(**{name: getattr(info, name) for name in Identity.__struct_fields__})


def mismatch(found: Identity, expected: Expected, pinned: Identity | None) -> str:
    """Return why an account is not the one to trade on, empty if it is.

    Parameters
    ----------
    found : Identity
        The account that the terminal shows now.
    expected : Expected
        The account that is configured; one that is not real must be a demo account.
    pinned : Identity or None
        The account that the book met first, None before that.
    """
    return next(_differences(found, expected, pinned), "")


def _differences(found: Identity, expected: Expected, pinned: Identity | None) -> Iterator[str]:
    if found.login != expected.login:
        yield f"login must be {expected.login}, was {found.login}"
    if found.server != expected.server:
        yield f"server must be {expected.server}, was {found.server}"
    mode = mt5.ACCOUNT_TRADE_MODE_REAL if expected.is_real else mt5.ACCOUNT_TRADE_MODE_DEMO
    if found.trade_mode != mode:
        was = MODES.get(found.trade_mode, str(found.trade_mode))
        yield f"trade_mode must be {MODES[mode]}, was {was}"
    if pinned is None:
        return
    for name in Identity.__struct_fields__:
        was, must = getattr(found, name), getattr(pinned, name)
        if was != must:
            yield f"{name} must be {must}, with which the book began, was {was}"


def require_confirmation(settings: Settings, login: int, typed: int) -> None:
    """Refuse a real account that nobody has confirmed for this very start: ConfigError.

    Parameters
    ----------
    settings : Settings
        Of them `terminal.real_account`, the operator's standing word.
    login : int
        The configured account number, 0 where it is known on another machine only.
    typed : int
        The number after ``--real-account``, 0 where none was typed.
    """
    if not settings.terminal.real_account:
        if typed:
            raise ConfigError(
                "terminal.real_account must be true with --real-account, was false: without it "
                "only a demo account is traded"
            )
        return
    if not typed:
        raise ConfigError(
            "--real-account must be the account number while terminal.real_account is true, was "
            "missing: real money is confirmed at every start"
        )
    if login and typed != login:
        raise ConfigError(
            f"--real-account must be the configured account number (MT5_LOGIN), was {typed}"
        )
