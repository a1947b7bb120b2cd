import pytest

from mnasnet.proxy_config import ProxyConfig, batch_norm_momentum, learning_rate


def test_the_rate_rises_for_the_warm_up_and_falls_to_zero_along_a_cosine():
    # 256 images a step, so the peak is the base rate. 100 steps, 20 of them warm-up.
    config = ProxyConfig(batch_size=256, base_learning_rate=0.4, warmup_fraction=0.2)
    rates = [learning_rate(step, 100, config) for step in range(100)]
    assert rates[0] == pytest.approx(0.4 * 0.5 / 20)
    assert rates[19] == pytest.approx(0.4 * 19.5 / 20)
    assert rates[20] == pytest.approx(0.4, rel=1e-3)
    assert (rates[59] + rates[60]) / 2 == pytest.approx(0.2)  # half-way down the cosine
    assert 0 < rates[99] < 1e-4
    assert rates[:20] == sorted(rates[:20])
    assert rates[20:] == sorted(rates[20:], reverse=True)


def test_the_rate_grows_in_proportion_to_the_batch():
    small, large = (ProxyConfig(batch_size=size) for size in (64, 256))
    assert learning_rate(7, 50, large) == pytest.approx(4 * learning_rate(7, 50, small))


def test_a_single_step_trains():
    assert learning_rate(0, 1, ProxyConfig()) > 0


def test_moving_statistics_reach_back_over_a_tenth_of_the_steps():
    assert batch_norm_momentum(100) == pytest.approx(0.9)
    assert batch_norm_momentum(500) == pytest.approx(0.98)
    assert batch_norm_momentum(100_000) == 0.99  # the official one
    assert batch_norm_momentum(5) == 0.0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("image_size", -1),
        ("base_learning_rate", 0.0),
        ("base_learning_rate", float("nan")),
        ("weight_decay", -1e-5),
        ("warmup_fraction", 1.0),
        ("label_smoothing", -0.1),
        ("dropout_rate", 1.0),
        ("seed", -1),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=f"^{field} is {value}, must be"):
        ProxyConfig(**{field: value})
