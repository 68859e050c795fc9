"""Models are swapped a hundred times under a council that decides at full speed on real Ray."""

import asyncio
import hashlib
import shutil
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import pytest

from blackboard.access import Declaration, declare
from blackboard.entry import Draft, Entry, Post
from blackboard.facts import Bar, Decision, ModelFailed, ModelPromoted, VolatilityForecast, Vote
from config.loading import LoadedSettings
from config.settings import Settings
from models.learning.candidate import Candidate
from models.market.sessions import next_bar_close_ns
from models.opinion.har import FILE, HarTerms, train_har
from runtime.artefacts.seal import Seal
from runtime.artefacts.version import ModelManifest
from runtime.council import declarations
from runtime.model_store import MANIFEST_FILE, SEAL_FILE, ModelStore
from runtime.preparation import StartOptions, manifest_of, prepare
from runtime.proof.lineage import entries_of
from runtime.run_plan import RunPlan
from tests.random_bars import M15_NS, random_bars

if TYPE_CHECKING:
    from runtime.cluster import Cluster  # it imports ray, which reads its environment then

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(280),
    # Ray announces changes of its own defaults, and leaves its log files to the interpreter.
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning"),
]

SYMBOLS: Final = ("EURUSD", "GBPUSD")
HORIZONS: Final = (4, 16)
SWAPS: Final = 100
BAD_EVERY: Final = 20
"""Swaps after which an artefact that must be refused is promoted in between."""
BAD: Final = ("truncated", "tampered", "wrong_schema", "not_finite")
PROMOTER: Final = "promoter"
"""Author of the promotions: it stands beside the council and may post nothing else."""
TERMS: Final = HarTerms(horizons_bars=HORIZONS, coverage=0.8, veto_quantile=0.95, rows_min=480)
MARKET_S: Final = 48 * 3600


def a_plan(home: Path) -> RunPlan:
    """Return a run over a synthetic market at full speed, its manifest written."""
    settings = Settings.model_validate(
        {"home": str(home), "symbols": SYMBOLS, "cluster": {"dashboard": False}}
    )
    options = StartOptions(speed="max", is_fresh=True, duration_s=MARKET_S)
    start = prepare(LoadedSettings(settings=settings, origins={}), options)
    with start.plan.book.held():
        start.plan.book.write_manifest(manifest_of(start.plan, options, start.data))
        start.plan.write()
    return start.plan


def stored(store: ModelStore, seed: int, now_ns: int) -> str:
    """Store a model of both symbols that no other seed makes, and return its version."""
    bars = {symbol: random_bars(480 * 7, seed=seed + place) for place, symbol in enumerate(SYMBOLS)}
    candidate = train_har(bars, M15_NS, TERMS, {})
    assert isinstance(candidate, Candidate)
    return store.put(replace(candidate, trained_until_ns=now_ns), now_ns).version


def spoilt(models: Path, sound: str, defect: str) -> str:
    """Store a version that has one defect and no other, its manifest sealed; return its name."""
    version = f"har/{defect.replace('_', '')}"
    place = models / version
    shutil.copytree(models / sound, place)
    path = place / FILE
    content = path.read_bytes()
    manifest = msgspec.json.decode((place / MANIFEST_FILE).read_bytes(), type=ModelManifest)
    manifest = msgspec.structs.replace(manifest, version=version)
    match defect:
        case "truncated":
            path.write_bytes(content[:-1])
        case "tampered":
            path.write_bytes(content.replace(b"1", b"2", 1))
        case "wrong_schema":
            manifest = msgspec.structs.replace(manifest, feature_schema=("another",))
        case _:
            content = content.replace(b'"level": ', b'"level": NaN, "was": ', 1)
            path.write_bytes(content)
            (record,) = manifest.files
            digest = hashlib.sha256(content).hexdigest()
            record = msgspec.structs.replace(record, size_bytes=len(content), sha256=digest)
            manifest = msgspec.structs.replace(manifest, files=(record,))
    encoded = msgspec.json.encode(manifest)
    (place / MANIFEST_FILE).write_bytes(encoded)
    (place / SEAL_FILE).write_text(Seal(models).of(encoded), encoding="ascii")
    return version


def promotions(sound: list[str], bad: list[str]) -> list[str]:
    """Return the versions in the order of their promotions."""
    order = []
    for swap in range(SWAPS):
        order.append(sound[swap % 2])
        if swap % BAD_EVERY == BAD_EVERY // 2 and swap // BAD_EVERY < len(bad):
            order.append(bad[swap // BAD_EVERY])
    return order


async def time_after(cluster: "Cluster", close_ns: int) -> int:
    """Wait until the market has come to a close and return its time."""
    while True:
        now_ns = (await cluster.board.pulse()).now_ns
        if now_ns >= close_ns:
            return now_ns
        await asyncio.sleep(0.01)


async def swap_while_it_runs(plan: RunPlan, order: list[str]) -> None:
    """Run the council on Ray and promote a version in every round, from the close after next on."""
    from runtime.cluster import Cluster

    cluster = Cluster(plan)
    try:
        await cluster.start()
        epoch = (await cluster.board.join(PROMOTER)).epoch
        next_ns = 0
        for number, version in enumerate(order):
            now_ns = await time_after(cluster, next_ns)
            next_ns = next_bar_close_ns(now_ns, M15_NS)
            fact = ModelPromoted(
                scope="har",
                version=version,
                content_hash="",
                effective_from_ns=next_bar_close_ns(next_ns, M15_NS),
            )
            draft = Draft(fact=fact, ts_event_ns=now_ns, ordinal=str(number))
            await cluster.board.post(
                Post(author=PROMOTER, epoch=epoch, drafts=(draft,), read_to=0, now_ns=now_ns)
            )
        await time_after(cluster, next_ns + 3 * M15_NS)
    finally:
        await cluster.stop()


class Run:
    """What the journal of the run holds."""

    def __init__(self, entries: list[Entry], sound: list[str], bad: list[str]) -> None:
        self.sound, self.bad = sound, bad
        self.promoted = [each for each in entries if isinstance(each.fact, ModelPromoted)]
        self.failed = [each.fact for each in entries if isinstance(each.fact, ModelFailed)]
        self.forecasts: dict[int, list[VolatilityForecast]] = defaultdict(list)
        self.votes: dict[int, list[Vote]] = defaultdict(list)
        self.decided: dict[int, list[str]] = defaultdict(list)
        bars_ns = set()
        for each in entries:
            match each.fact:
                case VolatilityForecast() as forecast:
                    self.forecasts[each.ts_event_ns].append(forecast)
                case Vote() as vote:
                    self.votes[each.ts_event_ns].append(vote)
                case Decision(scope=symbol):
                    self.decided[each.ts_event_ns].append(symbol)
                case Bar():
                    bars_ns.add(each.ts_event_ns)
                case _:
                    pass
        last_ns = max(self.decided)
        # The run was stopped in the middle of its last round.
        self.closes = sorted(close_ns for close_ns in bars_ns if close_ns < last_ns)

    def due(self, close_ns: int) -> str:
        """Return the sound version that was promoted last of those in force at a close."""
        due = [
            entry.fact.version
            for entry in self.promoted
            if isinstance(entry.fact, ModelPromoted)
            and entry.fact.effective_from_ns <= close_ns
            and entry.fact.version in self.sound
        ]
        return due[-1] if due else ""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run under which the models were swapped."""
    from runtime.ray_session import set_ray_environment

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        set_ray_environment()
        from runtime import cluster

        def with_promoter(settings: Settings) -> dict[str, Declaration]:
            return {**declarations(settings), PROMOTER: declare([ModelPromoted], [])}

        patch.setattr(cluster, "declarations", with_promoter)
        plan = a_plan(tmp_path_factory.mktemp("home"))
        store = ModelStore(plan.models)
        sound = [stored(store, seed, plan.start_ns) for seed in (1, 11)]
        bad = [spoilt(plan.models, sound[0], defect) for defect in BAD]
        asyncio.run(swap_while_it_runs(plan, promotions(sound, bad)))
    return Run(list(entries_of(plan.book.journal)), sound, bad)


def test_a_hundred_swaps_miss_no_forecast(run: Run) -> None:
    """Every close of every symbol has its forecasts, one a horizon, and none is an abstention."""
    wanted = sorted((symbol, horizon) for symbol in SYMBOLS for horizon in HORIZONS)

    assert len(run.promoted) == SWAPS + len(BAD)
    assert len(run.closes) >= SWAPS
    for close_ns in run.closes:
        forecasts = run.forecasts[close_ns]
        assert sorted((each.scope, each.horizon_bars) for each in forecasts) == wanted
        assert not (run.due(close_ns) and any(each.abstains for each in forecasts))


def test_a_hundred_swaps_miss_no_vote(run: Run) -> None:
    """Every close of every symbol has one vote of each voter, and one decision."""
    voters = {vote.voter for votes in run.votes.values() for vote in votes}
    wanted = sorted((symbol, voter) for symbol in SYMBOLS for voter in voters)

    assert len(voters) > 1
    for close_ns in run.closes:
        votes = run.votes[close_ns]
        assert sorted((vote.scope, vote.voter) for vote in votes) == wanted
        assert sorted(run.decided[close_ns]) == sorted(SYMBOLS)


def test_no_close_is_answered_by_two_versions(run: Run) -> None:
    """All symbols and horizons of a close name the version that is due at it, swap after swap."""
    names = [{each.model for each in run.forecasts[close_ns]} for close_ns in run.closes]
    due = [run.due(close_ns) for close_ns in run.closes]
    swaps = sum(earlier != later for earlier, later in pairwise(due))

    assert [name for name, version in zip(names, due, strict=True) if version] == [
        {version} for version in due if version
    ]
    assert swaps >= SWAPS - 2 * len(BAD)


def test_what_is_spoilt_is_refused_and_the_champion_goes_on(run: Run) -> None:
    """Each with the store's own word for its defect; none ever served, and none is asked again."""
    told = {fact.version: fact for fact in run.failed}

    assert len(run.failed) == len(BAD)
    assert [told[version].reason.partition(":")[0] for version in run.bad] == list(BAD)
    assert not any(fact.was_serving for fact in run.failed)
    served = {each.model for forecasts in run.forecasts.values() for each in forecasts}
    assert not served & set(run.bad)
