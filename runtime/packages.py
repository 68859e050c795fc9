"""What Quorum does without a package that is not there, decided and told before anything runs.

All of them belong to the installation, and one may be missing all the same: removed, broken by
another, or not built for this machine. Then what needs it is left out, by the same switches and
refusals that a person or a gate would use, and the start says so in one line.
"""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Final, NamedTuple

from config.agent import Mode
from config.settings import Settings

MEND: Final = "python -m pip install -e ."


class Package(NamedTuple):
    """One package, and what is reduced without it."""

    name: str
    """As it is installed."""
    module: str
    """As it is imported."""
    without: str
    agent: str = ""
    """Agent that cannot step without it, and is disabled."""
    needs_cluster: bool = False
    """Whether several processes need it, so that a run is one process without it."""


OPTIONAL: Final = (
    Package("ray", "ray", "all agents run in one process", needs_cluster=True),
    Package(
        "uvicorn", "uvicorn", "no console, and all agents run in one process", needs_cluster=True
    ),
    Package("fastapi", "fastapi", "no console and no metrics"),
    Package("prometheus-client", "prometheus_client", "no console and no metrics"),
    Package("plotly", "plotly", "no charts in the console and in tear sheets"),
    Package(
        "pandas-ta-classic",
        "pandas_ta_classic",
        "technical is disabled and nothing is entered",
        agent="technical",
    ),
    Package(
        "scikit-learn",
        "sklearn",
        "portfolio is disabled and every symbol has the same budget; forests, logistic models and "
        "text models are neither trained nor served",
        agent="portfolio",
    ),
    Package("skops", "skops", "forests and logistic models are neither trained nor served"),
    Package(
        "xgboost-cpu",
        "xgboost",
        "boosted direction models are neither trained nor served; technical.learned abstains where "
        "one served",
    ),
    Package(
        "torch",
        "torch",
        "networks (lstm, direction_lstm, ppo, forecasters, the transformer) are neither trained "
        "nor served; HAR and the lexicon answer",
    ),
    Package("stable-baselines3", "stable_baselines3", "parameters are not adapted by ppo"),
    Package("gymnasium", "gymnasium", "parameters are not adapted by ppo"),
    Package("transformers", "transformers", "no transformer reads texts and no forecaster votes"),
    Package("safetensors", "safetensors", "networks and text models are not served"),
    Package("vaderSentiment", "vaderSentiment", "texts are read by direction words alone"),
    Package("river", "river", "no alarm tells that losses have changed"),
    Package("arch", "arch", "forecasts are not judged against GARCH"),
    Package("optuna", "optuna", "parameters are not searched (walkforward)"),
    Package("tweepy", "tweepy", "X is not read"),
    Package("requests", "requests", "X is not read"),
    Package("defusedxml", "defusedxml", "RSS and Atom are not read"),
    Package("grpcio", "grpc", "all agents run in one process", needs_cluster=True),
    Package("redis", "redis", "no journal on a Redis server can be opened"),
    Package("python-telegram-bot", "telegram", "nothing is told by Telegram"),
    Package("matplotlib", "matplotlib", "messages have no pictures"),
)
REQUIRED: Final = (
    ("numba", "numba"),
    ("numpy", "numpy"),
    ("pandas", "pandas"),
    ("scipy", "scipy"),
    ("pyarrow", "pyarrow"),
    ("msgspec", "msgspec"),
    ("diskcache", "diskcache"),
    ("pydantic", "pydantic"),
    ("pydantic-settings", "pydantic_settings"),
    ("annotated-types", "annotated_types"),
    ("pyyaml", "yaml"),
    ("httpx", "httpx"),
    ("stamina", "stamina"),
    ("filelock", "filelock"),
    ("psutil", "psutil"),
    ("structlog", "structlog"),
    ("typer", "typer"),
    ("rich", "rich"),
    ("tzdata", "tzdata"),
)
"""Without these nothing starts: name, and module."""


def is_present(module: str) -> bool:
    """Whether a module can be found; nothing is imported."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def version_of(name: str) -> str:
    """Return the version of an installed package, empty where none is recorded."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def missing() -> tuple[Package, ...]:
    """Return the optional packages that are not there."""
    return tuple(package for package in OPTIONAL if not is_present(package.module))


def missing_lines() -> Iterator[str]:
    """Yield one line for each package that is missing: what is reduced."""
    for package in missing():
        yield f"{package.name} is missing: {package.without} ({MEND})"


def needs_one_process() -> bool:
    """Whether something is missing without which no cluster can be started."""
    return any(package.needs_cluster for package in missing())


def without_missing(settings: Settings) -> Settings:
    """Return the settings with the agents disabled that cannot step with what is there."""
    agents = settings.agents
    for name in {package.agent for package in missing() if package.agent}:
        section = getattr(agents, name).model_copy(update={"enabled": Mode.DISABLED})
        agents = agents.model_copy(update={name: section})
    return settings.model_copy(update={"agents": agents})
