"""How the terminal process logs in to MetaTrader 5: from the environment, and from nowhere else."""

from importlib.util import find_spec
from typing import Any, Final

import msgspec
from pydantic import SecretStr

from blackboard.errors import ConfigError
from config.secrets import Secrets
from config.settings import Settings

PACKAGE: Final = "MetaTrader5"
_NEEDED: Final = ("MT5_LOGIN", "MT5_PASSWORD", "MT5_SERVER")


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """An account and the way to it; the password is in no plan, argument or log."""

    login: int
    server: str
    password: SecretStr
    path: str = ""
    """Of terminal64.exe; empty lets the package find it."""
    timeout_s: float = 60.0


def credentials_of(secrets: Secrets, settings: Settings) -> Credentials:
    """Return the credentials; ConfigError names every one that is missing."""
    present = secrets.present()
    if missing := [name for name in _NEEDED if not present[name]]:
        raise ConfigError(
            f"{', '.join(missing)} must be set in the environment or .env with terminal.kind "
            "metatrader: the account last used is never taken by accident"
        )
    login = secrets.mt5_login.get_secret_value()
    if not (login.isascii() and login.isdigit()):
        raise ConfigError("MT5_LOGIN must be an account number, was something else")
    return Credentials(
        login=int(login),
        server=secrets.mt5_server.get_secret_value(),
        password=secrets.mt5_password,
        path=secrets.mt5_path.get_secret_value(),
        timeout_s=settings.terminal.connect_timeout_s,
    )


def require_package() -> None:
    """Refuse a machine on which the MetaTrader5 package is not installed: ConfigError."""
    if find_spec(PACKAGE) is None:
        raise ConfigError(
            f"terminal.kind must be simulated here, was metatrader: the package {PACKAGE} exists "
            "for Windows alone; elsewhere set terminal.url to the terminal process of a Windows "
            "machine (python launch.py terminal serve)"
        )


def load_package() -> Any:
    """Return the MetaTrader5 package."""
    require_package()
    import MetaTrader5  # on Windows, in the terminal process alone

    return MetaTrader5
