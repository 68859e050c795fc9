"""``models fetch``: the one download of this system, and only when it is asked for."""

from typing import Annotated

import msgspec
import typer
from rich.console import Console

from blackboard.errors import ConfigError
from runtime.commands.options import ConfigOption, JsonOption, SetOption, load
from runtime.commands.progress import progress

_console = Console(soft_wrap=True, highlight=False, markup=False)
SENTIMENT = "sentiment"


def mount(models: typer.Typer) -> None:
    """Add the verb."""
    models.command()(fetch)


def fetch(
    what: Annotated[str, typer.Argument(help="What to fetch: sentiment.")] = SENTIMENT,
    config: ConfigOption = None,
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Fetch the transformer that scores texts, at its pinned revision, weights as safetensors only.

    A fetch that was interrupted is gone on with. Files whose checksum is known beforehand must have
    it; of the others the checksum of this fetch is recorded, and held to whenever they are used.
    """
    from runtime.texts.fetching import fetch_model
    from runtime.texts.hub_folder import hub_folder
    from runtime.texts.known_models import FILES, wanted_model

    if what != SENTIMENT:
        raise ConfigError(f"what is fetched must be {SENTIMENT}, was {what}")
    settings = load(config, set_).settings
    section, folder = settings.agents.sentiment.texts, hub_folder(settings)
    model = wanted_model(section)
    with progress(_console, "files", len(FILES), is_quiet=json) as advance:
        fetched = fetch_model(
            model,
            section,
            folder,
            lambda name, size: advance(FILES.index(name), f"{name} {size >> 20} MB"),
        )
    if json:
        print(msgspec.json.encode(fetched).decode())
        return
    _console.print(f"{fetched.model} at {fetched.revision} lies in {folder.place(model)}")
    for each in fetched.files:
        known = "known beforehand" if each.is_published else "recorded now, trusted on first use"
        _console.print(f"  {each.name}  {each.size_bytes} bytes  {each.sha256}  {known}")
