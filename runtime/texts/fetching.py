"""The one download of this system: a text model, when an operator asks for it.

Every file is named beforehand, bounded in size and checked before the model counts as there. What
was fetched in part is gone on with where the source allows it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from blackboard.errors import ArtefactRefused, ConfigError, RecoverableError
from config.texts import TextsSection
from runtime.clock import sleep_s
from runtime.texts.hub_folder import (
    FetchedFile,
    FetchedModel,
    HubFolder,
    check_model,
    sha256_of,
)
from runtime.texts.known_models import FILES, REQUIRED, WEIGHTS, HubModel

TRIES: Final = 5
"""Tries of one file; each goes on where the last one was cut."""
PAUSE_S: Final = 1.0
TIMEOUT_S: Final = 30.0
REDIRECTS_MAX: Final = 5
SMALL_BYTES_MAX: Final = 20_000_000
"""Largest file besides the weights."""
_PART: Final = ".part"
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_PARTIAL, _NOT_FOUND, _UNSATISFIABLE, _TOO_MANY = 206, 404, 416, 429
_SERVER_ERROR: Final = 500

Advance = Callable[[str, int], None]
"""Takes a file and the bytes of it that are there."""


class FetchFailed(RecoverableError):
    """A source did not give a file; asked again later it may."""


class _Again(Exception):
    """A try was cut short."""


def fetch_model(
    model: HubModel, section: TextsSection, folder: HubFolder, advance: Advance
) -> FetchedModel:
    """Fetch a model into its folder and seal it there; one that is whole is only verified.

    Raises
    ------
    FetchFailed
        If the source does not answer, or not with the file; what is there stays for the next time.
    ArtefactRefused
        If a file is too large, is not what is known of it, or is no model; it is removed.
    """
    if folder.is_there(model):
        folder.verified(model)
        return folder.manifest(model)
    _require_safe(section.hub_url)
    place = folder.place(model)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    files: list[FetchedFile] = []
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as client:
        for name in FILES:
            bytes_max = section.fetch_bytes_max if name == WEIGHTS else SMALL_BYTES_MAX
            url = f"{section.hub_url.rstrip('/')}/{model.name}/resolve/{model.revision}/{name}"
            if _fetched(client, url, place / name, bytes_max, advance):
                files.append(_checked(place / name, model))
            elif name in REQUIRED:
                raise FetchFailed(f"{url}: there is no such file; no pickle is taken in its place")
    try:
        check_model(place)
    except ArtefactRefused:
        folder.remove(model)
        raise
    return folder.write(model, section.hub_url, tuple(files))


def _checked(path: Path, model: HubModel) -> FetchedFile:
    digest, known = sha256_of(path), model.checksums.get(path.name)
    if known is not None and digest != known:
        path.unlink()
        raise ArtefactRefused(f"{path.name} of {model.label} is {digest}, known is {known}")
    return FetchedFile(
        name=path.name,
        size_bytes=path.stat().st_size,
        sha256=digest,
        is_published=known is not None,
    )


def _fetched(client: httpx.Client, url: str, path: Path, bytes_max: int, advance: Advance) -> bool:
    """Fetch one file; return False where the source has none."""
    if path.exists():
        return True
    part = path.with_name(path.name + _PART)
    cause = ""
    for attempt in range(TRIES):
        if attempt:
            sleep_s(PAUSE_S * 2 ** (attempt - 1))
        try:
            if not _try(client, url, part, bytes_max, advance):
                return False
        except (httpx.HTTPError, _Again) as error:
            cause = str(error) or type(error).__name__
            continue
        part.rename(path)
        return True
    raise FetchFailed(f"{url}: {cause}; {TRIES} tries")


def _try(client: httpx.Client, url: str, part: Path, bytes_max: int, advance: Advance) -> bool:
    have = part.stat().st_size if part.exists() else 0
    asked = {"Range": f"bytes={have}-"} if have else {}
    with _answer(client, url, asked) as answer:
        status = answer.status_code
        if status == _NOT_FOUND:
            return False
        if status == _UNSATISFIABLE:
            part.unlink()
            raise _Again("the part that was there is longer than the file")
        if status == _TOO_MANY or status >= _SERVER_ERROR:
            raise _Again(f"status {status}")
        if status not in (httpx.codes.OK, _PARTIAL):
            raise FetchFailed(f"{url}: status {status}")
        if "html" in answer.headers.get("content-type", ""):
            raise FetchFailed(f"{url}: answered a page, not a file")
        have = have if status == _PARTIAL else 0
        expected = have + int(answer.headers.get("content-length", "0") or 0)
        with part.open("ab" if have else "wb") as file:
            for chunk in answer.iter_raw():
                have += len(chunk)
                if have > bytes_max:
                    raise ArtefactRefused(f"{url}: more than {bytes_max} bytes")
                file.write(chunk)
                advance(part.name.removesuffix(_PART), have)
    if expected and have < expected:
        raise _Again(f"cut after {have} of {expected} bytes")
    return True


@contextmanager
def _answer(client: httpx.Client, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
    """Follow redirects by hand: each must be as safe as the first."""
    headers = {**headers, "Accept-Encoding": "identity"}
    for _ in range(REDIRECTS_MAX):
        with client.stream("GET", url, headers=headers) as answer:
            if not answer.has_redirect_location:
                yield answer
                return
            url = str(httpx.URL(url).join(answer.headers["location"]))
        _require_safe(url)
    raise FetchFailed(f"{url}: more than {REDIRECTS_MAX} redirects")


def _require_safe(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise ConfigError(f"agents.sentiment.texts.hub_url must be https, was {url}")
