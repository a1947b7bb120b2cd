import subprocess
import sys

import made_up_nasbench as made_up
import numpy as np
import pytest

from search.hyperparameters import ControllerConfig, PPOConfig
from search.learning.algorithms import Reinforce
from search.search_space import Decision, SearchSpace

pytestmark = pytest.mark.tensorflow


def test_reinforce_takes_the_steps_that_hand_computed_gradients_give():
    """One decision: the gradient of log p(k) by the softmax bias is onehot(k) - p.

    Over four batches the bias must follow Adam on the mean of advantage x (onehot - p), where the
    advantage is the reward less a moving average, plus NASNet's entropy bonus of 1e-5, whose
    gradient is -p (log p + H).
    """
    rate, decay = 0.01, 0.8
    algorithm = Reinforce(
        SearchSpace([Decision("d", range(4))]),
        controller=ControllerConfig(uniform_mixture=0.0),
        ppo=PPOConfig(learning_rate=rate, baseline_decay=decay),
    )

    def bias():
        return algorithm.state()["controller/weights/softmax_bias"][0]

    expected = bias().astype(np.float64)
    first_moment = second_moment = np.zeros(4)
    baseline = None
    for step in range(1, 5):
        p = algorithm.probabilities()[0].astype(np.float64)
        batch = algorithm.sample(16)
        rewards = np.array([0.1, 0.5, 0.2, 0.9])[batch.tokens[:, 0]]
        baseline = rewards.mean() if baseline is None else baseline
        advantages = rewards - baseline
        baseline = decay * baseline + (1 - decay) * rewards.mean()
        gradient = (advantages[:, None] * (np.eye(4)[batch.tokens[:, 0]] - p)).mean(axis=0)
        gradient += 1e-5 * -p * (np.log(p) - (p * np.log(p)).sum())
        first_moment = 0.9 * first_moment + 0.1 * gradient
        second_moment = 0.999 * second_moment + 0.001 * gradient**2
        corrected = first_moment / (1 - 0.9**step)
        scale = np.sqrt(second_moment / (1 - 0.999**step)) + 1e-7
        expected += rate * corrected / scale
        algorithm.step(batch, rewards)
        np.testing.assert_allclose(bias(), expected, atol=2e-5)


def test_reinforce_clips_nothing_and_takes_one_step_a_batch():
    algorithm = Reinforce(SearchSpace([Decision(f"d{i}", range(3)) for i in range(6)]))
    for _ in range(3):
        batch = algorithm.sample(20)
        metrics = algorithm.step(batch, np.arange(20.0))
        # At the only step the ratio to the policy that sampled is 1.
        assert metrics["clip_fraction"] == 0
        assert metrics["approx_kl"] == pytest.approx(0, abs=1e-5)


def test_reinforce_learns_a_planted_choice():
    algorithm = Reinforce(SearchSpace([Decision(f"d{i}", range(3)) for i in range(4)]))
    for _ in range(150):
        batch = algorithm.sample(20)
        algorithm.step(batch, (batch.tokens == 1).mean(axis=1))
    assert all(row.argmax() == 1 and row[1] > 0.6 for row in algorithm.probabilities())


def test_reinforce_takes_width_mixture_rate_and_decay_from_the_hyperparameters():
    algorithm = Reinforce(
        SearchSpace([Decision("d", range(3))]),
        controller=ControllerConfig(units=7, uniform_mixture=0.25),
        ppo=PPOConfig(learning_rate=0.5, baseline_decay=0.0),
    )
    controller, ppo = algorithm._controller.config, algorithm._learner.config
    assert (controller.units, controller.uniform_mixture) == (7, 0.25)
    assert (ppo.learning_rate, ppo.baseline_decay) == (0.5, 0.0)
    # NASNet's for the rest: own samples, nothing imitated or imagined.
    assert (controller.candidates, controller.resampling_tries) == (0, 0)
    assert (ppo.epochs, ppo.elite_size, ppo.imagined_rounds) == (1, 0, 0)
    assert (ppo.entropy_weight, ppo.advantages) == (1e-5, "moving_average")


@pytest.mark.parametrize("algorithm", ["evolution", "random"])
def test_a_whole_search_on_published_data_does_without_tensorflow(algorithm, tmp_path):
    program = (
        "import runpy, sys\n"
        "sys.modules['tensorflow'] = sys.modules['tf_keras'] = None  # importing them fails\n"
        "runpy.run_module('search.main', run_name='__main__')"
    )
    arguments = (
        "--flagfile=flags/surrogate.flags",
        f"--surrogate_data={made_up.write(tmp_path / 'data')}",
        f"--algorithm={algorithm}",
        "--batch_size=100",
        "--max_trials=200",
        f"--workdir={tmp_path / 'work'}",
    )
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Best of 200 trials" in done.stdout
    assert list((tmp_path / "work/tensorboard").glob("events.out.tfevents.*"))
