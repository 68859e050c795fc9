"""The voter of a ready-made forecaster: after the rules, for all symbols, or with a reason."""

import pathlib
from typing import Any

import pytest

from agents import path_voter
from agents.agent import Outbox
from agents.requests import ModelRead, ReadModel, Unanswered
from agents.technical import TechnicalAgent
from agents.voters import live_voters, mode_of, voters_of
from blackboard.facts import Vote
from config.agent import Mode
from config.settings import Settings
from models.opinion.forecaster import FAMILY, FloatArray, Forecaster, Path, load_forecaster
from runtime.forecaster_folder import read_forecaster
from runtime.proof.lookahead.verdict import look
from tests.random_bars import SUNDAY_OPEN_NS, random_bars
from tests.stage import Stage, bar_drafts, history_drafts, history_replies, read_bars
from tests.tiny_forecaster import CONTEXT_BARS, saved_forecaster

VOTER = "technical.forecaster"
WEEK_BARS = 480
ROWS = 3 * WEEK_BARS
MARKET = {
    "EURUSD": random_bars(ROWS + 20, seed=5),
    "GBPUSD": random_bars(ROWS + 20, seed=6),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Give the folder of a network that was trained for a moment."""
    return saved_forecaster(tmp_path_factory.mktemp("models") / "forecaster")


def settings_with(folder: pathlib.Path | str) -> Settings:
    """Return the settings of two symbols and a forecaster."""
    return Settings.model_validate(
        {"symbols": tuple(MARKET), "agents": {"technical": {"forecaster_folder": str(folder)}}}
    )


class Desk:
    """The technical agent on a board, with a forecaster's folder behind it."""

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.agents.technical.forecaster_folder
        self.stage = Stage(lambda: TechnicalAgent(settings))

    def close(self, row: int, symbols: tuple[str, ...] = tuple(MARKET)) -> list[Outbox]:
        """Post a close and let the agent take turns until it wants nothing; return them."""
        now_ns = int(MARKET["EURUSD"]["close_ns"][row])
        market = {symbol: MARKET[symbol] for symbol in symbols}
        if row == ROWS:
            self.stage.post("data", now_ns, *history_drafts(market, ROWS, now_ns, SUNDAY_OPEN_NS))
        self.stage.post("data", now_ns, *bar_drafts(market, row))
        turns = [self.stage.turn(now_ns)]
        while turns[-1].requests or turns[-1].drafts:
            turns.append(self.stage.turn(now_ns, self._replies(turns[-1])))
        return turns

    def _replies(self, outbox: Outbox) -> list[Any]:
        models: list[ModelRead | Unanswered] = [
            read_forecaster(each, self.folder)
            for each in outbox.requests
            if isinstance(each, ReadModel)
        ]
        return [*models, *history_replies(read_bars(outbox), MARKET)]

    def votes(self) -> list[Vote]:
        """Return what the voter has said."""
        return [vote for vote in self.stage.facts(Vote) if vote.voter == VOTER]


def test_it_votes_after_the_rules_and_for_all_symbols_at_once(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rules' votes are on the board before the network is asked, and it is asked once."""
    sizes = []
    ask = Forecaster.path

    def noted(forecaster: Forecaster, rows: FloatArray, horizon_bars: int) -> Path:
        sizes.append(rows.shape)
        return ask(forecaster, rows, horizon_bars)

    monkeypatch.setattr(Forecaster, "path", noted)
    desk = Desk(settings_with(folder))
    desk.close(ROWS)

    turns = desk.close(ROWS + 1)

    said = [{draft.ordinal for draft in turn.drafts} for turn in turns]
    assert VOTER not in said[0]
    assert said[1] == {VOTER}
    assert sizes == [(2, CONTEXT_BARS)] * 2
    votes = desk.votes()
    assert [vote.scope for vote in votes] == ["EURUSD", "GBPUSD"] * 2
    assert not any(vote.abstains for vote in votes)
    assert all(vote.model.startswith(f"{FAMILY}/") for vote in votes)
    assert all(vote.probability_up != 0.5 for vote in votes)


def test_a_rebuilt_agent_says_the_same(folder: pathlib.Path) -> None:
    """Whether symbols are answered together or one by one, today or after a restart."""
    together, apart = Desk(settings_with(folder)), Desk(settings_with(folder))

    together.close(ROWS)
    apart.close(ROWS, ("EURUSD",))
    apart.close(ROWS, ("GBPUSD",))

    assert together.votes() == apart.votes()


def test_off_by_default(folder: pathlib.Path) -> None:
    """No folder, no voter: it neither votes nor is asked for a model."""
    desk = Desk(settings_with(""))

    turns = desk.close(ROWS)

    assert not desk.votes()
    assert not any(isinstance(each, ReadModel) for turn in turns for each in turn.requests)
    assert VOTER not in voters_of(Settings(), Mode.SHADOW)


def test_it_is_in_shadow_whatever_its_agent_is(folder: pathlib.Path) -> None:
    """It is scored beside an enabled agent and one in shadow, and never waited for."""
    on = settings_with(folder)
    content = on.model_dump(mode="json")
    content["agents"]["technical"]["enabled"] = "shadow"
    shadow = Settings.model_validate(content)

    assert mode_of(on, VOTER) is Mode.SHADOW
    assert mode_of(shadow, VOTER) is Mode.SHADOW
    assert VOTER in voters_of(on, Mode.SHADOW)
    assert VOTER not in live_voters(on)


def test_a_folder_that_cannot_be_used_is_an_abstention_with_its_reason(
    tmp_path: pathlib.Path,
) -> None:
    """The rules vote as ever; the forecaster says at every close why it does not."""
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    desk = Desk(settings_with(tmp_path))

    desk.close(ROWS)
    desk.close(ROWS + 1)

    votes = desk.votes()
    assert len(votes) == 4
    assert all(vote.abstains and vote.model == "none" for vote in votes)
    assert all("pytorch_model.bin" in vote.reason for vote in votes)
    assert (
        len(desk.stage.facts(Vote)) == 4 * 4
    )  # three voters of the rules and it, two closes of two


def test_too_few_bars_are_an_abstention(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that looks further back than the window reaches says how many bars it needs."""
    monkeypatch.setattr(
        path_voter,
        "load_forecaster",
        lambda files: Forecaster("patchtst", 2000, 4, "forecaster/x", load_forecaster(files).model),
    )
    desk = Desk(settings_with(folder))

    desk.close(ROWS)

    assert {vote.reason for vote in desk.votes()} == {f"{ROWS} returns, needs 2000"}
    assert all(vote.abstains for vote in desk.votes())


def test_it_does_not_know_its_future(folder: pathlib.Path) -> None:
    """Bit-identical with the future cut off, there, and altered."""
    verdict = look(settings_with(folder), samples=1, seed=1)

    assert verdict.holds, verdict.peek
    assert VOTER in verdict.voters
