"""Keys and passwords: read from the environment or `.env`, held so that they cannot be printed."""

import os
from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

SECRET_SOURCES: Final = {
    "FMP_API_KEY": "economic calendar of Financial Modeling Prep: site.financialmodelingprep.com",
    "TWELVEDATA_API_KEY": "fallback prices of Twelve Data: twelvedata.com, Account, API keys",
    "TWITTER_BEARER_TOKEN": "posts of X: developer.x.com, project, Keys and tokens",
    "FIXER_API_KEY": "conversion rates of Fixer: fixer.io, Dashboard",
    "EVENTREGISTRY_API_KEY": "news articles of Event Registry: newsapi.ai, Dashboard",
    "TELEGRAM_BOT_TOKEN": "messages: write /newbot to @BotFather in Telegram",
    "TELEGRAM_CHAT_ID": "where messages go: python launch.py telegram setup finds and writes it",
    "MT5_LOGIN": "account number that the broker sent",
    "MT5_PASSWORD": "trading password that the broker sent",
    "MT5_SERVER": "server name in the terminal's login window",
    "MT5_PATH": "path of terminal64.exe, if it is not found by itself",
    "TERMINAL_TOKEN": "token of a terminal process on another machine, as it was printed there",
    "REDIS_PASSWORD": "password of the Redis server of the journal, `requirepass` there",
}
"""Every secret, under its usual name, and where to get it."""

HIDDEN_LENGTH_MIN: Final = 6
"""A shorter value, as a small account number, is found in any text by chance."""

_OF_THE_TERMINAL: Final = ("MT5_LOGIN", "MT5_PASSWORD", "MT5_SERVER", "MT5_PATH")
_OF_NO_AGENT: Final = (
    *_OF_THE_TERMINAL, "TERMINAL_TOKEN", "TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID", "REDIS_PASSWORD",
)  # fmt: skip
"""What the driver, the terminal process and the board need, and no agent."""


class Secrets(BaseSettings):
    """What must never reach a log, a fact, a traceback or a message."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    fmp_api_key: SecretStr = Field(SecretStr(""), validation_alias="FMP_API_KEY")
    twelvedata_api_key: SecretStr = Field(SecretStr(""), validation_alias="TWELVEDATA_API_KEY")
    twitter_bearer_token: SecretStr = Field(SecretStr(""), validation_alias="TWITTER_BEARER_TOKEN")
    fixer_api_key: SecretStr = Field(SecretStr(""), validation_alias="FIXER_API_KEY")
    eventregistry_api_key: SecretStr = Field(
        SecretStr(""), validation_alias="EVENTREGISTRY_API_KEY"
    )
    telegram_bot_token: SecretStr = Field(SecretStr(""), validation_alias="TELEGRAM_BOT_TOKEN")
    telegram_chat_id: SecretStr = Field(SecretStr(""), validation_alias="TELEGRAM_CHAT_ID")
    mt5_login: SecretStr = Field(SecretStr(""), validation_alias="MT5_LOGIN")
    mt5_password: SecretStr = Field(SecretStr(""), validation_alias="MT5_PASSWORD")
    mt5_server: SecretStr = Field(SecretStr(""), validation_alias="MT5_SERVER")
    mt5_path: SecretStr = Field(SecretStr(""), validation_alias="MT5_PATH")
    terminal_token: SecretStr = Field(SecretStr(""), validation_alias="TERMINAL_TOKEN")
    redis_password: SecretStr = Field(SecretStr(""), validation_alias="REDIS_PASSWORD")

    def values(self) -> tuple[str, ...]:
        """Return what must not be told, for whoever takes it out of what is told."""
        told = (getattr(self, name.lower()).get_secret_value() for name in SECRET_SOURCES)
        return tuple(value for value in told if len(value) >= HIDDEN_LENGTH_MIN)

    @property
    def has_messenger(self) -> bool:
        """Whether messages have a sender and somewhere to go."""
        token, chat_id = self.telegram_bot_token, self.telegram_chat_id
        return bool(token.get_secret_value() and chat_id.get_secret_value())

    def present(self) -> dict[str, bool]:
        """Return which secrets are set, by their usual names."""
        return {
            name: bool(getattr(self, name.lower()).get_secret_value()) for name in SECRET_SOURCES
        }


def load_secrets(env_file: Path = Path(".env")) -> Secrets:
    """Read the secrets: environment before `.env`."""
    return Secrets(_env_file=env_file)


def terminal_environment(secrets: Secrets, *, with_account: bool) -> dict[str, str]:
    """Return the environment of a terminal process: this one's, with the broker's secrets alone.

    What stands in `.env` is put in, so that the process need not run in this folder.
    """
    environment = {name: text for name, text in os.environ.items() if name not in SECRET_SOURCES}
    if with_account:
        for name in _OF_THE_TERMINAL:
            if text := getattr(secrets, name.lower()).get_secret_value():
                environment[name] = text
    return environment


def hide_from_agents() -> None:
    """Take what no agent needs out of the environment, which every process of Ray inherits."""
    for name in _OF_NO_AGENT:
        os.environ.pop(name, None)


def lend_to_agents(secrets: Secrets) -> None:
    """Put keys of feeds that stand in `.env` into the environment, which Ray's processes inherit.

    Not every one of them runs in the folder of that file.
    """
    for name in SECRET_SOURCES:
        if name not in _OF_NO_AGENT and (key := getattr(secrets, name.lower()).get_secret_value()):
            os.environ.setdefault(name, key)
