"""Parameters that follow the market: what can be learned is learned, and noise is left alone."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from config.adaptation import AdaptationSection
from config.settings import Settings
from models.learning.adaptation.context import SymbolTail, market_context, rsi_distance
from models.learning.adaptation.evaluation import (
    deployment,
    follow,
    interquartile_mean,
    play,
    stand,
)
from models.learning.adaptation.lattice import Lattice, Space
from models.learning.adaptation.observation import FEATURES, NAMES, observe
from models.learning.adaptation.policy import Council, Policy, files_of, load_ppo
from models.learning.adaptation.ppo import PPOTerms, train_policy
from models.learning.adaptation.rivals import best_static, rivals_of
from models.learning.adaptation.sessions import Sessions, Terms
from models.learning.adaptation.training import (
    AdaptationTerms,
    evaluate,
    kept_training,
    sessions_needed,
    train_ppo,
    windows_of,
)
from models.learning.candidate import Candidate, StrategyEvidence, Untrained
from models.market.bars import FloatArray
from runtime.training.lesson import Lesson
from runtime.training.trainers import RECITALS
from tests.lattices import CALM, SPACE, STORM, identity, noise, planted

JUMPS = Terms(move_frac=1.0)
"""Parameters go anywhere within one session."""


def a_policy(seed: int = 0) -> Policy:
    """Return a network of random weights."""
    generator = np.random.default_rng(seed)
    sizes = (len(NAMES), 8, 8, 4)
    layers = [
        part
        for one, two in pairwise(sizes)
        for part in (generator.normal(size=(two, one)), generator.normal(size=two))
    ]
    return Policy(np.zeros(len(NAMES)), np.ones(len(NAMES)), *layers)


def quick(lattice: Lattice, space: Space, terms: Terms, learning: PPOTerms, seed: int) -> Policy:
    """Stand in for a training: a network of random weights."""
    return a_policy(seed)


def always(action: float) -> Callable[[FloatArray], FloatArray]:
    """Return a policy that only ever does one thing."""
    return lambda seen: np.full((len(seen), 4), action)


def test_the_nearest_cell_is_looked_up() -> None:
    """Parameters between two values take the nearer one, out of reach the last one."""
    lattice = noise(3, 0)
    parameters = np.array([[0.51, 2.5, 1.0, 0.005], [0.57, 9.0, 1.9, 0.01]])

    cells = lattice.cells(parameters)

    # 0.51 lies nearer to 0.5 than to 0.525; 0.57 to 0.575, 9 to 4, 1.9 to 1.75
    assert cells.tolist() == [0, np.ravel_multi_index((3, 4, 1), lattice.shape)]


def test_a_session_is_worth_its_growth_less_fall_and_moves() -> None:
    """The reward by hand: log growth, half the deeper drawdown, the price of the moves."""
    lattice = noise(2, 0)
    lattice.r_multiple[0] = -10.0
    space = SPACE._replace(static=np.array([0.55, 3.0, 2.5, 0.01]))
    sessions = Sessions(lattice, space, Terms(move_cost=0.001), 1, np.random.default_rng(0))
    sessions.begin(at=0)

    step = sessions.move(np.array([[0.5, 0.0, 0.0, 0.0]]))

    growth = np.log(0.9)  # 10 R lost at 1 % each
    assert step.growth[0] == pytest.approx(growth)
    assert sessions.drawdown_frac[0] == pytest.approx(0.1)
    assert step.reward[0] == pytest.approx(growth - 0.5 * 0.1 - 0.001 * 0.5)
    assert sessions.parameters[0, 0] == pytest.approx(0.555)  # 0.55 + 0.5 · 0.1 · 0.1


def test_parameters_never_leave_their_bounds() -> None:
    """Whatever a policy wants, it stays in the space."""
    sessions = Sessions(noise(64, 0), SPACE, Terms(), 8, np.random.default_rng(1))
    sessions.begin()
    for action in (5.0, -7.0, 1.0):
        for _ in range(12):
            sessions.move(np.full((8, 4), action))
        assert (sessions.parameters >= SPACE.low).all()
        assert (sessions.parameters <= SPACE.high).all()
        sessions.begin()


def test_observations_are_bounded_and_do_not_tell_the_date() -> None:
    """Unknown features are 0, wild ones are clipped, and parameters are among what is seen."""
    context = np.full((1, len(FEATURES)), np.nan)
    context[0, 1] = 99.0

    seen = observe(context, SPACE.high[None, :], np.array([9.0]), np.array([1e9]), SPACE)[0]

    assert dict(zip(NAMES, seen, strict=True)) == {
        **dict.fromkeys(FEATURES, 0.0),
        "range_ratio_log": 3.0,
        **{name: 1.0 for name in NAMES if name.startswith("at_")},
        "drawdown": 3.0,
        "recent_trades": 3.0,
    }


def test_distance_of_the_rsi_counts_moves() -> None:
    """10 moves up and 4 down of one size: RSI 71.4, distance 0.429; fewer moves say nothing."""
    moves = np.array([1.0] * 10 + [-1.0] * 4)

    assert rsi_distance(np.concatenate([[5.0], 5.0 + np.cumsum(moves)])) == pytest.approx(6 / 14)
    assert np.isnan(rsi_distance(np.arange(14.0)))


def test_the_market_is_told_in_a_few_stationary_numbers() -> None:
    """Two symbols that move as one, twice their usual range, votes a tenth from a coin, midweek."""
    close = 1.0 + 0.001 * (np.arange(240) % 2)
    spans = np.where(np.arange(240) < 224, 0.001, 0.002)
    tail = SymbolTail(close.astype(np.float64), spans.astype(np.float64), np.full(240, 10.0))

    found = dict(zip(FEATURES, market_context((tail, tail), 0.6, 0.55, 0.25), strict=True))

    assert found["range_ratio_log"] == pytest.approx(np.log(0.002 / (0.256 / 240)))
    assert found["lean"] == pytest.approx(1.0)  # |0.6 − ½| · 10
    assert found["correlation_abs"] == pytest.approx(1.0)
    assert found["sentiment"] == pytest.approx(0.25)  # (0.55 − ½) · 5
    assert found["spread_ratio_log"] == pytest.approx(0.0)
    assert (found["week_sin"], found["week_cos"]) == pytest.approx((1.0, 0.0))


def test_gymnasium_accepts_the_environment() -> None:
    """Both checkers find nothing; the end of an episode is a cut."""
    from gymnasium.utils.env_checker import check_env
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    from models.learning.adaptation.environments import LatticeEnv

    env = LatticeEnv(noise(80, 0), SPACE)
    check_env(env, skip_render_check=True)
    check_for_sb3(env)
    env.reset(seed=3)
    steps = [env.step(env.action_space.sample()) for _ in range(64)]

    assert not any(terminated for _, _, terminated, _, _ in steps)
    assert any(truncated for _, _, _, truncated, _ in steps)


def test_an_identity_is_learned_and_exported_exactly() -> None:
    """One feature names the best end of an axis; plain numbers act as stable-baselines3 does."""
    from stable_baselines3.common.vec_env import VecNormalize

    from models.learning.adaptation.environments import LatticeVecEnv
    from models.learning.adaptation.ppo import ACCOUNTS, learn, model_of, policy_of

    low, high = SPACE.low.copy(), SPACE.high.copy()
    low[1:] = high[1:] = SPACE.static[1:]
    space = Space(low, high, SPACE.static)
    sessions = Sessions(identity(400, 0), space, JUMPS, ACCOUNTS, np.random.default_rng(0))
    model = model_of(LatticeVecEnv(sessions), PPOTerms(discount=0.0), seed=0)
    learn(model, 40_000)
    env = model.get_env()
    assert isinstance(env, VecNormalize)
    policy = policy_of(model, env)

    test = identity(300, 1)
    earned = play(test, space, JUMPS, policy.act).mean()
    assert earned > 0.9 * np.log1p(0.005)

    seen = np.random.default_rng(2).normal(size=(50, len(NAMES)))
    theirs, _ = model.predict(env.normalize_obs(seen.astype(np.float32)), deterministic=True)
    np.testing.assert_allclose(policy.act(seen), theirs, atol=2e-6)


def test_what_lies_beyond_a_cut_is_worth_what_the_library_says() -> None:
    """All cut accounts at once get what stable-baselines3 gives one after the other."""
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

    from models.learning.adaptation.environments import LatticeVecEnv
    from models.learning.adaptation.ppo import ACCOUNTS, STEPS, learn, model_of

    class OneByOne(LatticeVecEnv):
        """Tells the library what each account would have seen, and our callback nothing."""

        def step_wait(self) -> VecEnvStepReturn:
            seen, reward, is_cut, infos = super().step_wait()
            for account, would_see in zip(*self.cut, strict=True):
                infos[account] = {**infos[account], "terminal_observation": would_see}
            self.cut = self.cut._replace(accounts=self.cut.accounts[:0])
            return seen, reward, is_cut, infos

    rewards = []
    for env in (LatticeVecEnv, OneByOne):
        sessions = Sessions(planted(200, 0)[0], SPACE, Terms(), ACCOUNTS, np.random.default_rng(0))
        model = model_of(env(sessions), PPOTerms(), seed=0)
        learn(model, ACCOUNTS * STEPS * 4)  # 64 sessions of each: every account was cut
        rewards.append(model.rollout_buffer.rewards)

    np.testing.assert_allclose(rewards[0], rewards[1], atol=1e-6)


def test_a_policy_survives_its_files() -> None:
    """What was saved and loaded does the same to the last bit, and the mean of all seeds acts."""
    council = Council((a_policy(0), a_policy(1)), SPACE, 0.1)
    seen = np.random.default_rng(0).normal(size=(5, len(NAMES)))

    loaded = load_ppo(files_of(council))

    assert np.array_equal(loaded.act(seen), council.act(seen))
    np.testing.assert_allclose(
        council.act(seen), (a_policy(0).act(seen) + a_policy(1).act(seen)) / 2
    )


def test_a_policy_recites_what_it_would_do() -> None:
    """The golden batch goes through the files, the same each time, within the actions' bounds."""
    files = files_of(Council((a_policy(0), a_policy(1)), SPACE, 0.1))
    lesson = Lesson(bars={}, settings=Settings(), seed=1)

    first, again = (RECITALS["ppo"](files, lesson) for _ in range(2))

    assert first.features == NAMES
    assert np.array_equal(first.said, again.said)
    assert np.abs(first.said).max() <= 1.0 == first.high == -first.low
    assert np.unique(first.said).size > 1


@pytest.mark.parametrize("broken", ["truncated", "missing", "names", "nan"])
def test_a_broken_policy_is_refused(broken: str) -> None:
    """Nothing moves parameters that is incomplete, of another layout, or not finite."""
    policy = a_policy()
    if broken == "nan":
        policy.b2[0] = np.nan
    files = files_of(Council((policy,), SPACE, 0.1))
    match broken:
        case "truncated":
            files["policy.safetensors"] = files["policy.safetensors"][:100]
        case "missing":
            del files["policy.json"]
        case "names":
            files["policy.json"] = files["policy.json"].replace(b"lean", b"mean")
        case _:
            pass

    with pytest.raises(ValueError, match="policy"):
        load_ppo(files)


def test_the_best_static_cell_is_found() -> None:
    """With one regime only, the best cell is that regime's."""
    lattice, regime = planted(300, 0, noise_r=0.1)
    rows = np.flatnonzero(regime == 1)
    storms = Lattice(
        lattice.axes,
        lattice.start_ns[rows],
        lattice.context[rows],
        lattice.r_multiple[rows],
        lattice.trades[rows],
    )

    assert best_static(storms, SPACE).tolist() == pytest.approx([*STORM, 0.01])


def test_rivals_that_look_beat_those_that_stand() -> None:
    """The tercile table and the linear bandit find the regimes; chance does not."""
    lattice, test = planted(600, 0)[0], planted(600, 1)[0]

    growth = {
        rival.name: follow(test, SPACE, Terms(), rival.wants).sum()
        for rival in rivals_of(lattice, SPACE, np.random.default_rng(0))
    }

    assert growth["linear_bandit"] > growth["best_static"]
    assert growth["volatility_terciles"] > growth["best_static"]
    assert growth["random"] < growth["best_static"]


def test_idleness_and_the_bounds_earn_less_than_standing_still() -> None:
    """Where the settings earn something, never trading and always pushing do not pay."""
    test, _ = planted(2000, 3)
    static = stand(test, SPACE.static).sum()

    never_trades = play(
        test, SPACE, Terms(), lambda seen: np.tile([1.0, 0.0, 0.0, 0.0], (len(seen), 1))
    )
    at_the_bounds = [play(test, SPACE, Terms(), always(action)).sum() for action in (1.0, -1.0)]

    assert static > 0.0
    assert never_trades.sum() < static
    assert max(at_the_bounds) < static


def test_the_middle_half_is_averaged() -> None:
    """The interquartile mean of 1..8 is that of 3, 4, 5, 6."""
    assert interquartile_mean(np.arange(1.0, 9.0)) == 4.5


def test_gains_must_exceed_chance_and_win_most_windows() -> None:
    """Small equal gains are worth it; gains of a few windows are not, nor is the sign of a coin."""
    even = np.full((6, 4), 0.01)
    one_window = np.zeros((6, 4))
    one_window[0] = 1.0
    coin = np.random.default_rng(0).normal(0.0, 1.0, (6, 1)) * np.ones((1, 4))

    assert deployment(even, 0).is_worth_it
    assert not deployment(one_window, 0).is_worth_it
    assert not deployment(coin, 0).is_worth_it
    assert deployment(even, 0) == deployment(even, 0)


def test_windows_cover_the_end_and_never_overlap() -> None:
    """Six equal windows after the first 40 %."""
    assert windows_of(100, AdaptationTerms()) == (
        *((40, 50), (50, 60), (60, 70)),
        *((70, 80), (80, 90), (90, 100)),
    )


def test_too_few_sessions_are_a_result() -> None:
    """No candidate is made of what cannot be judged; it is said how much that takes."""
    terms = AdaptationTerms()

    result = train_ppo(noise(30, 0), SPACE, terms, 0, quick)

    assert result == Untrained("sessions", 30, sessions_needed(terms))


def test_a_candidate_holds_everything_that_judges_need() -> None:
    """Every seed of every window is a paired gain, every day has two returns, and files load."""
    terms = AdaptationTerms(windows=4, seeds=3)

    result = train_ppo(planted(200, 0)[0], SPACE, terms, 0, quick)

    assert isinstance(result, Candidate)
    assert isinstance(result.evidence, StrategyEvidence)
    assert result.evidence.paired_gains.shape == (4, 3)
    assert len(result.evidence.day_returns) == len(result.evidence.champion_day_returns) == 120
    assert len(result.trials) == 4
    assert len(load_ppo(result.files).policies) == 3


def test_noise_is_rarely_worth_deploying() -> None:
    """Gains without mean, most of them shared by a window's seeds: at most 5 % of 400 pass."""
    generator = np.random.default_rng(0)
    shapes = [(6, 10)] * 400

    taken = [
        deployment(generator.normal(size=(shape[0], 1)) + generator.normal(0.0, 0.3, shape), 0)
        for shape in shapes
    ]

    assert sum(each.is_worth_it for each in taken) <= 20


def oracle(regime: np.ndarray) -> Callable[[FloatArray], FloatArray]:
    """Return who knows the regimes and wants the best cell of each at full risk."""
    best = np.where(regime[:, None] == 1, STORM, CALM)
    return lambda context: np.column_stack([best, np.full(len(best), SPACE.high[-1])])


def test_ppo_gains_nine_tenths_of_what_an_oracle_does() -> None:
    """On a planted regime, each of three seeds, in the sessions of the settings as delivered.

    The oracle is bound to move as slowly as the policy.
    """
    lattice, test, regime = planted(600, 0)[0], *planted(600, 1)
    learning = PPOTerms(steps=AdaptationSection().steps)
    policies = [train_policy(lattice, SPACE, Terms(), learning, seed) for seed in range(3)]
    static = stand(test, SPACE.static).sum()
    most = follow(test, SPACE, Terms(), oracle(regime)).sum() - static

    gains = [play(test, SPACE, Terms(), policy.act).sum() - static for policy in policies]
    together = Council(tuple(policies), SPACE, 0.1)
    gains.append(play(test, SPACE, Terms(), together.act).sum() - static)

    assert min(gains) >= 0.9 * most


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ppo_on_noise_is_not_deployed() -> None:
    """Of 40 trainings on outcomes without mean at most two pass."""
    terms = AdaptationTerms(windows=6, seeds=3, learning=PPOTerms(steps=20_000))

    taken = [evaluate(noise(250, n), SPACE, terms, n).verdict.is_worth_it for n in range(40)]

    assert sum(taken) <= 2


def test_the_same_seed_gives_the_same_policy() -> None:
    """Training has no hidden state."""
    lattice, _ = planted(200, 0)
    terms = PPOTerms(steps=10_000)

    one, two = (train_policy(lattice, SPACE, Terms(), terms, 5) for _ in range(2))

    assert np.array_equal(one.w2, two.w2)
    assert np.array_equal(one.seen_mean, two.seen_mean)


def test_an_interrupted_training_goes_on_from_its_policies() -> None:
    """Ended in its sixth policy and asked again, it trains the rest, the same to the byte."""
    terms = AdaptationTerms(windows=2, seeds=3)
    lattice, _ = planted(200, 0)
    whole = train_ppo(lattice, SPACE, terms, 0, quick)
    checkpoints: dict[str, bytes] = {}
    calls: list[int] = []

    def counted(
        lattice: Lattice, space: Space, terms: Terms, learning: PPOTerms, seed: int
    ) -> Policy:
        if len(calls) == 5:
            calls.append(0)
            raise InterruptedError
        calls.append(1)
        return quick(lattice, space, terms, learning, seed)

    with pytest.raises(InterruptedError):
        train_ppo(lattice, SPACE, terms, 0, kept_training(counted, checkpoints))
    assert len(checkpoints) == 5
    name = next(iter(checkpoints))
    checkpoints[name] = checkpoints[name][:40]
    again = train_ppo(lattice, SPACE, terms, 0, kept_training(counted, checkpoints))

    assert isinstance(whole, Candidate)
    assert isinstance(again, Candidate)
    assert again.files == whole.files
    assert sum(calls) == 9 + 1  # two windows and the whole of three seeds, one was cut off
