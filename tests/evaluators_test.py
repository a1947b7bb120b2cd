import pytest

from search.evaluators import Evaluation, Evaluator, Infeasible
from search.reward import RewardConfig
from search.trials import COMPLETED, INFEASIBLE

REWARD = RewardConfig(target_latency_ms=100.0)
NETWORK = ("r1", "r2")


class Stats:
    params, multiply_adds = 1000, 2000


def fail(network):
    raise Infeasible("does\nnot convert")


def must_not_run(network):
    raise AssertionError("this evaluator was not to be asked")


def test_plain_functions_will_do():
    measured = Evaluator(lambda n: 0.8, lambda n: 200.0, REWARD, count=lambda n: Stats).measure(
        NETWORK
    )
    assert measured.status == COMPLETED
    assert (measured.accuracy, measured.latency_ms) == (0.8, 200.0)
    assert measured.reward == pytest.approx(0.8 * 2**-0.07)
    assert (measured.params, measured.multiply_adds) == (1000, 2000)
    assert measured.train_seconds >= 0
    assert measured.latency_seconds >= 0


def test_the_record_of_a_measurement_is_kept():
    latency = lambda network: Evaluation(50.0, {"spread": 0.01})  # noqa: E731
    measured = Evaluator(lambda n: 0.8, latency, REWARD).measure(NETWORK)
    assert measured.records["latency"] == {"spread": 0.01}


def test_a_network_that_does_not_convert_is_infeasible_and_not_trained():
    measured = Evaluator(must_not_run, fail, REWARD).measure(NETWORK)
    assert measured.status == INFEASIBLE
    assert measured.reason == "does not convert"
    assert (measured.accuracy, measured.latency_ms, measured.reward) == (None, None, 0.0)


def test_a_network_that_does_not_train_keeps_its_latency():
    measured = Evaluator(fail, lambda n: 80.0, REWARD).measure(NETWORK)
    assert (measured.status, measured.latency_ms, measured.accuracy) == (INFEASIBLE, 80.0, None)
    assert measured.reward == 0.0


def test_a_network_over_the_latency_limit_is_not_trained():
    measured = Evaluator(must_not_run, lambda n: 80.5, REWARD, max_latency_ms=80.0).measure(NETWORK)
    assert measured.reason == "latency 80.5 ms is over 80 ms"
    assert measured.latency_ms == 80.5


def test_not_a_number_is_infeasible():
    nan = float("nan")
    assert (
        "latency is not a number"
        in Evaluator(must_not_run, lambda n: nan, REWARD).measure(NETWORK).reason
    )
    assert (
        "accuracy is not a number"
        in Evaluator(lambda n: nan, lambda n: 80.0, REWARD).measure(NETWORK).reason
    )


@pytest.mark.parametrize(("accuracy", "latency"), [(75.0, 80.0), (0.7, 0.0)])
def test_a_number_that_is_no_measurement_is_a_mistake_of_the_evaluator(accuracy, latency):
    evaluator = Evaluator(lambda n: accuracy, lambda n: latency, REWARD)
    with pytest.raises(ValueError, match="must be"):
        evaluator.measure(NETWORK)


def test_a_latency_that_is_no_measurement_is_refused_before_any_training():
    with pytest.raises(ValueError, match=r"latency is -3\.0 ms"):
        Evaluator(must_not_run, lambda n: -3.0, REWARD).measure(NETWORK)


def test_other_failures_are_not_the_network_s_and_pass_through():
    def unplugged(network):
        raise ConnectionError("phone gone")

    with pytest.raises(ConnectionError):
        Evaluator(must_not_run, unplugged, REWARD).measure(NETWORK)


class Table:
    """An evaluator of either kind that answers for a whole batch, and keeps what it was asked."""

    def __init__(self, values):
        self.values, self.asked = values, []

    def evaluate_all(self, networks):
        self.asked.append(list(networks))
        return [self.values[network] for network in networks]

    measure_all = evaluate_all

    def evaluate(self, network):
        raise AssertionError("asked for one where it answers for all")

    measure = evaluate


def test_a_batch_is_measured_at_once_and_only_what_is_feasible_goes_on_to_accuracy():
    fast, slow, broken = ("fast",), ("slow",), ("broken",)
    accuracy = Table({fast: Evaluation(0.8, {"kind": "table"})})
    latency = Table({fast: Evaluation(100.0), slow: Evaluation(300.0), broken: Infeasible("no op")})
    evaluator = Evaluator(accuracy, latency, REWARD, max_latency_ms=200.0)
    assert evaluator.in_batches
    measured = evaluator.measure_all([broken, fast, slow])
    assert latency.asked == [[broken, fast, slow]]
    assert accuracy.asked == [[fast]]
    assert [m.reason for m in measured] == ["no op", None, "latency 300 ms is over 200 ms"]
    assert (measured[1].reward, measured[1].records["accuracy"]) == (0.8, {"kind": "table"})


def test_an_evaluator_that_takes_them_one_by_one_makes_a_batch_slow():
    assert not Evaluator(lambda n: 0.8, Table({}), REWARD).in_batches
