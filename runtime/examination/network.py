"""Keys by their presence; and, only if a person asks, whether feeds and Telegram answer.

A feed is asked without its key: what answers at all is reachable, and no key leaves this machine
for an examination. Telegram is asked who the bot is, which needs the token; the address that holds
it is shown nowhere.
"""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from config.secrets import load_secrets
from config.settings import Settings
from runtime.clock import wall_ns
from runtime.examination.finding import FAIL, OK, WARN, Finding
from runtime.feeds.lacking_keys import lacking_keys

_TIMEOUT_S: Final = 10.0
_SKEW_WARN_S: Final = 5.0
"""A Date header has whole seconds, and an answer takes its time."""
_SKEW_FAIL_S: Final = 60.0


def keys(settings: Settings) -> Iterator[Finding]:
    """Examine which keys are set, and which of those that are not a setting needs."""
    secrets = load_secrets()
    present = secrets.present()
    having = [name for name, is_set in present.items() if is_set]
    yield Finding(OK, "keys", f"{len(having)} of {len(present)} set: {', '.join(having) or 'none'}")
    for line in lacking_keys(settings, secrets):
        yield Finding(WARN, "keys", line, "put it into the environment or .env")


def online(settings: Settings) -> Iterator[Finding]:
    """Ask every feed that the settings name, and Telegram if its token is set; compare clocks."""
    skews: list[float] = []
    for name, url in _feeds(settings).items():
        yield _reached(f"feed {name}", url, skews)
    token = load_secrets().telegram_bot_token
    if token.get_secret_value():
        yield _bot(settings.telegram.base_url, token, skews)
    if skews:
        yield _clock(min(skews, key=abs))


def _feeds(settings: Settings) -> dict[str, str]:
    """Return the addresses of the feeds that are asked, by name."""
    sentiment = settings.agents.sentiment
    names = [
        settings.agents.data.second_source,
        *settings.terminal.conversion_sources,
        *sentiment.calendar_sources,
        *sentiment.texts.sources,
    ]
    feeds = {name: getattr(settings.feeds, name, None) for name in dict.fromkeys(names)}
    return {name: terms.url for name, terms in feeds.items() if terms is not None}


def _reached(subject: str, url: str, skews: list[float]) -> Finding:
    host = urlsplit(url).hostname
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT_S) as reply:
            _note_skew(reply, skews)
    except httpx.HTTPError as error:
        mend = "look at the network, a proxy, and the feed's url in the settings"
        return Finding(WARN, subject, f"{host} does not answer: {type(error).__name__}", mend)
    if reply.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Finding(WARN, subject, f"{host} answers with {reply.status_code}", "ask again later")
    return Finding(OK, subject, f"{host} answers")


def _bot(url: str, token: SecretStr, skews: list[float]) -> Finding:
    try:
        # Redirects and errors are not followed or told: the address holds the token.
        address = f"{url.rstrip('/')}/bot{token.get_secret_value()}/getMe"
        reply = httpx.get(address, timeout=_TIMEOUT_S)
        _note_skew(reply, skews)
        name = reply.json()["result"]["username"] if reply.is_success else ""
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Finding(WARN, "telegram", f"does not answer: {type(error).__name__}", "ask again")
    except (ValueError, KeyError, TypeError):
        return Finding(WARN, "telegram", "answers something that is no answer", "look at a proxy")
    if not name:
        mend = "write /token to @BotFather and set TELEGRAM_BOT_TOKEN anew"
        return Finding(FAIL, "telegram", f"refuses the token ({reply.status_code})", mend)
    return Finding(OK, "telegram", f"the bot is @{str(name)[:64]}")


def _note_skew(reply: httpx.Response, skews: list[float]) -> None:
    try:
        told_s = parsedate_to_datetime(reply.headers["date"]).timestamp()
    except (KeyError, TypeError, ValueError):
        return
    skews.append(wall_ns() / 1e9 - told_s)


def _clock(skew_s: float) -> Finding:
    if abs(skew_s) <= _SKEW_WARN_S:
        return Finding(OK, "clock, online", f"within {abs(skew_s):.0f} s of the servers asked")
    verdict = FAIL if abs(skew_s) > _SKEW_FAIL_S else WARN
    way = "ahead of" if skew_s > 0.0 else "behind"
    detail = f"{abs(skew_s):.0f} s {way} the servers asked"
    return Finding(verdict, "clock, online", detail, "let the system's time service run")
