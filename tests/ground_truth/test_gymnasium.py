"""Every episode is a Gymnasium environment, by one adapter."""

import json

import pytest

pytest.importorskip("gymnasium", reason="Gymnasium comes with `.[gymnasium]`")

from gymnasium.utils.env_checker import check_env

from ground_truth import TRUTHS
from proctor import episode_env
from tasks import FAMILIES, UsageError, family

EPISODES = [name for name in FAMILIES.names() if family(name).episode]


def test_there_are_episodes() -> None:
    assert {"strategic/auctions", "strategic/market_making"} <= set(EPISODES)


@pytest.mark.parametrize("name", EPISODES)
def test_gymnasiums_own_checker_is_content(name: str) -> None:
    # The same seed begins the same instance; without one the generator draws.
    check_env(episode_env(name), skip_render_check=True)


@pytest.mark.parametrize("name", EPISODES)
def test_random_play_ends_and_is_judged(name: str) -> None:
    env = episode_env(name)
    observation, info = env.reset(seed=3)
    assert json.loads(observation) is not None
    assert info["instance"].endswith(":public:3")
    env.action_space.seed(3)
    done, info = False, {}
    for _ in range(5_000):
        _, _, done, _, info = env.step(env.action_space.sample())
        if done:
            break
    assert done
    assert 0.0 <= info["ability"] <= 1.0
    assert info["regret"] >= 0.0


def test_a_question_of_one_answer_is_no_environment() -> None:
    with pytest.raises(UsageError, match="made of an episode"):
        episode_env("strategic/bayesian_games")
    assert TRUTHS.find("strategic/bayesian_games").world is None
