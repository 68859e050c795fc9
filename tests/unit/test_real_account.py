"""The guard before real money: setting and typed number together, at every start."""

import os
from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr

from blackboard.errors import ConfigError, TerminalUnavailable
from config.secrets import (
    SECRET_SOURCES,
    Secrets,
    hide_from_agents,
    lend_to_agents,
    terminal_environment,
)
from config.settings import Settings
from config.system import PaperSection, TerminalSection
from runtime.clock import ScaledClock
from runtime.examination.finding import FAIL, OK
from runtime.run_plan import RunPlan
from runtime.self_check import _secrets
from runtime.terminals.credentials import credentials_of
from runtime.terminals.identity import require_confirmation
from runtime.terminals.metatrader import MetaTraderTerminal
from runtime.terminals.paper import PaperTerminal
from runtime.terminals.port import Refusal, Terminal, TerminalRefused
from runtime.terminals.service import open_metatrader, open_served
from runtime.terminals.simulated import views
from tests.command_line import CommandLine
from tests.contract.terminals import a_market
from tests.fake_metatrader import PASSWORD, FakeMetaTrader5, install
from tests.scripted_market import HandClock, a_terminal

CONFIGURATION = 3
LIVE = Path(__file__).parents[2] / "config" / "live.example.yaml"
NUMBER = views.LOGIN
WORD = TerminalSection(kind="metatrader", real_account=True)


def settings_of(profile: str = "live", *, home: Path | None = None) -> Settings:
    """Return settings of a real terminal, with the operator's standing word only for live."""
    terminal = WORD if profile == "live" else TerminalSection(kind="metatrader")
    values = {"profile": profile, "speed": 1.0, "terminal": terminal, "paper": {"fills": "demo"}}
    return Settings.model_validate(values | ({"home": home} if home else {}))


@pytest.fixture
def quorum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Give the command line on a machine that has package and credentials."""
    for name, value in install(tmp_path / "package").items():
        if name.startswith("MT5"):
            monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(tmp_path / "package")
    return CommandLine(tmp_path / "home", monkeypatch, capsys)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ((), "--real-account must be the account number while terminal.real_account is true"),
        (("--real-account", "42"), "must be the configured account number (MT5_LOGIN), was 42"),
    ],
    ids=["missing confirmation", "wrong typed number"],
)
def test_real_account_guard_stops_an_unconfirmed_start(
    quorum: CommandLine, tmp_path: Path, typed: tuple[str, ...], message: str
) -> None:
    """Nothing is started and nothing is written: no terminal process, so no order."""
    said = quorum("up", "--config", LIVE, *typed)

    assert said.code == CONFIGURATION
    assert message in said.error
    assert list(quorum.home.iterdir()) == []
    assert not (tmp_path / "package" / "broker.sqlite").exists()  # the package was never loaded


def test_real_account_guard_a_number_without_the_setting_is_refused(quorum: CommandLine) -> None:
    """Whoever types the number of an account that is not to be real has mistaken something."""
    wanted = ("terminal.kind=metatrader", "profile=paper", "speed=1")
    arguments = [part for text in wanted for part in ("--set", text)]
    said = quorum("up", *arguments, "--real-account", NUMBER)

    assert said.code == CONFIGURATION
    assert "terminal.real_account must be true with --real-account, was false" in said.error


def test_real_account_guard_both_halves_pass() -> None:
    """Setting and number together are a confirmation, and so is neither for a demo account."""
    require_confirmation(settings_of(), NUMBER, NUMBER)
    require_confirmation(settings_of(), 0, NUMBER)  # the number is known on another machine
    require_confirmation(settings_of("paper"), NUMBER, 0)


def a_package() -> FakeMetaTrader5:
    """Return the package over a demo account."""
    clock = HandClock()
    behind = a_terminal(a_market(), clock)
    clock.minute(5)
    return FakeMetaTrader5(behind)


def a_plan(folder: Path, profile: str, typed: int = 0) -> RunPlan:
    """Return the plan of a start with a typed number."""
    return RunPlan(
        run_id="one",
        folder=str(folder),
        settings_json=settings_of(profile, home=folder).model_dump_json(),
        clock=ScaledClock(wall_anchor_ns=0, market_anchor_ns=0, speed=1.0),
        is_virtual=False,
        is_paced=True,
        start_ns=0,
        real_account=typed,
    )


SECRETS = Secrets.model_validate(
    {"MT5_LOGIN": str(NUMBER), "MT5_PASSWORD": PASSWORD, "MT5_SERVER": views.SERVER}
)


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> FakeMetaTrader5:
    """Give the package that the terminal process finds."""
    found = a_package()
    monkeypatch.setattr("runtime.terminals.service.load_package", lambda: found)
    return found


@pytest.mark.parametrize("typed", [0, 42])
def test_real_account_guard_holds_in_the_terminal_process_itself(
    package: FakeMetaTrader5, tmp_path: Path, typed: int
) -> None:
    """A plan that was written without the number, or by hand, opens no terminal."""
    with pytest.raises(ConfigError, match="--real-account must be"):
        open_metatrader(a_plan(tmp_path, "live", typed), SECRETS)

    assert package.calls == []


def test_real_account_guard_demo_settings_do_not_open_a_real_account(
    package: FakeMetaTrader5, tmp_path: Path
) -> None:
    """The mix-up of credentials: those of the real account under a demo configuration."""
    package.account = {"trade_mode": 2}

    with pytest.raises(TerminalUnavailable, match="trade_mode must be demo, was real"):
        open_metatrader(a_plan(tmp_path, "paper"), SECRETS)
    assert package.sent == []


def test_real_account_guard_a_confirmed_start_trades_only_that_account(
    package: FakeMetaTrader5, tmp_path: Path
) -> None:
    """After a switch in mid-run the open terminal sends nothing any more."""
    package.account = {"trade_mode": 2}
    terminal = open_metatrader(a_plan(tmp_path, "live", NUMBER), SECRETS)
    package.account = {"trade_mode": 2, "login": 42}

    request = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}
    answer = terminal.order_send(request, request_id="one", epoch=1)
    assert isinstance(answer, TerminalRefused)
    assert answer.refusal is Refusal.IDENTITY
    assert package.sent == []
    terminal.close()


def test_a_known_book_is_served_while_it_cannot_be_connected(
    package: FakeMetaTrader5, tmp_path: Path
) -> None:
    """A broker's outage ends a first start, and never a book that has met its account."""
    package.failures["initialize"] = (-10005, "IPC timeout")
    with pytest.raises(TerminalUnavailable, match="-10005"):
        open_metatrader(a_plan(tmp_path, "paper"), SECRETS)
    package.failures.clear()
    open_metatrader(a_plan(tmp_path, "paper"), SECRETS).close()

    package.failures["initialize"] = (-10005, "IPC timeout")
    terminal = open_metatrader(a_plan(tmp_path, "paper"), SECRETS)
    assert terminal.account_info() is None
    assert terminal.last_error()[0] == -10004
    terminal.close()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"MT5_LOGIN": "", "MT5_SERVER": ""}, "MT5_LOGIN, MT5_SERVER must be set"),
        ({"MT5_LOGIN": "my account"}, "MT5_LOGIN must be an account number"),
    ],
)
def test_f41_missing_credentials_are_named(changed: dict[str, str], message: str) -> None:
    """Every missing one at once, and no value of any in the text."""
    found = {"MT5_LOGIN": "1", "MT5_PASSWORD": PASSWORD, "MT5_SERVER": "S"} | changed

    with pytest.raises(ConfigError, match=message) as raised:
        credentials_of(Secrets.model_validate(found), settings_of())
    assert "my account" not in str(raised.value)
    assert PASSWORD not in str(raised.value)


def test_f41_only_the_broker_s_secrets_reach_the_terminal_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Keys of feeds and messengers stay behind; a simulated terminal gets none at all."""
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "123456:abc")
    monkeypatch.setenv("MT5_PASSWORD", "stale")
    monkeypatch.setenv("PATH_OF_THE_TEST", "kept")

    real = terminal_environment(SECRETS, with_account=True)
    assert real["MT5_PASSWORD"] == PASSWORD
    assert real["PATH_OF_THE_TEST"] == "kept"
    assert "TELEGRAM_BOT_TOKEN" not in real
    simulated = terminal_environment(SECRETS, with_account=False)
    assert not any(name.startswith("MT5") for name in simulated)


def test_a_real_market_keeps_its_own_time(quorum: CommandLine) -> None:
    """Neither a speed nor a run in one process can be asked of it."""
    wanted = ("terminal.kind=metatrader", "profile=paper", "speed=1")
    arguments = [part for text in wanted for part in ("--set", text)]

    said = quorum("up", *arguments, "--speed", "60")
    assert said.code == CONFIGURATION
    assert "--speed must be 1 with terminal.kind metatrader, was 60" in said.error
    said = quorum("up", *arguments, "--in-process")
    assert said.code == CONFIGURATION
    assert "--in-process must be left out" in said.error


def test_real_account_guard_the_typed_number_is_no_secret_given_away() -> None:
    """The self-check does not take the number for a leak, and a password it does."""
    found = {one.subject: one for one in _secrets(SECRETS, ["up", "--real-account", str(NUMBER)])}
    assert found["secrets"].verdict == OK

    found = {one.subject: one for one in _secrets(SECRETS, ["up", f"--set=x={PASSWORD}"])}
    assert found["secrets"].verdict == FAIL
    assert PASSWORD not in found["secrets"].detail


def test_real_account_guard_a_book_belongs_to_one_account(
    package: FakeMetaTrader5, tmp_path: Path
) -> None:
    """Other credentials on a known book are refused before the terminal is asked anything."""
    open_metatrader(a_plan(tmp_path, "paper"), SECRETS).close()
    package.calls.clear()
    other = SECRETS.model_copy(update={"mt5_login": SecretStr("42")})

    with pytest.raises(ConfigError, match="another account needs another --book"):
        open_metatrader(a_plan(tmp_path, "paper"), other)
    assert package.calls == []


@pytest.mark.parametrize(
    ("fills", "kind"), [("simulated", PaperTerminal), ("demo", MetaTraderTerminal)]
)
def test_a_setting_says_where_paper_orders_go(
    package: FakeMetaTrader5,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fills: str,
    kind: type[Terminal],
) -> None:
    """Into a ledger of our own, or to the demo account."""
    monkeypatch.setattr("runtime.terminals.service.load_secrets", lambda: SECRETS)
    plan = a_plan(tmp_path, "paper")
    settings = plan.settings.model_copy(
        update={"paper": PaperSection.model_validate({"fills": fills})}
    )
    plan = msgspec.structs.replace(plan, settings_json=settings.model_dump_json())

    terminal = open_served(plan)
    assert type(terminal) is kind
    terminal.close()


def test_f41_agents_do_not_inherit_the_broker_s_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of feeds, which agents read, stay; account, token and messenger are taken out."""
    for name in SECRET_SOURCES:
        monkeypatch.setenv(name, "secret")

    hide_from_agents()

    kept = [name for name in SECRET_SOURCES if name in os.environ]
    assert kept == [name for name in SECRET_SOURCES if name.endswith(("_API_KEY", "BEARER_TOKEN"))]


def test_keys_of_feeds_reach_agents_wherever_they_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in `.env` becomes part of the environment, the broker's secrets never do."""
    for name in SECRET_SOURCES:
        monkeypatch.setenv(name, "")  # so that they are taken out again
        monkeypatch.delenv(name)
    filed = Secrets(_env_file=None).model_copy(
        update={name.lower(): SecretStr(f"file {name}") for name in SECRET_SOURCES}
    )
    monkeypatch.setenv("FIXER_API_KEY", "environment")

    lend_to_agents(filed)

    lent = {name: os.environ[name] for name in SECRET_SOURCES if name in os.environ}
    assert lent == {
        name: "environment" if name == "FIXER_API_KEY" else f"file {name}"
        for name in SECRET_SOURCES
        if name.endswith(("_API_KEY", "BEARER_TOKEN"))
    }
