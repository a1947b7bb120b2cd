import json
import pathlib

import pytest

from mnasnet.checkpoints.names import Place, read_names, write_names

_TESTDATA = pathlib.Path(__file__).parent / "testdata"
_EMA = "/ExponentialMovingAverage"


def _official(fixture):
    facts = json.loads((_TESTDATA / f"official_{fixture}.json").read_text())
    return facts["model_name"], [name for name, *_ in facts["variables"]]


@pytest.mark.parametrize(
    ("fixture", "use_keras"),
    [("mnasnet-a1", True), ("mnasnet-small-c10", True), ("mnasnet-d1-320", False)],
)
def test_names_that_are_read_and_written_are_the_official_ones(fixture, use_keras):
    scope, names = _official(fixture)
    official = read_names(names)
    assert (official.scope, official.use_keras, official.unknown) == (scope, use_keras, ())
    by_name = {name: place for place, name in official.places.items()}
    places = [by_name[name] for name in names]
    assert list(write_names(places, scope, use_keras=use_keras).values()) == names


def test_a_name_tells_its_place_in_either_style():
    # In block 6 of a1, which is the first with SE of its group, 16 counts before 17.
    keras = "a/mnas_net_model/mnas_blocks_6/se/conv2d_{}/bias"
    plain = "a/mnas_blocks_6/se/conv2d{}/bias"
    reduce, expand = Place("block_6", "se", 0, "bias"), Place("block_6", "se", 1, "bias")
    assert read_names([keras.format(9), keras.format(10)]).places == {
        reduce: keras.format(9),
        expand: keras.format(10),
    }
    assert read_names([plain.format(""), plain.format("_1")]).places == {
        reduce: plain.format(""),
        expand: plain.format("_1"),
    }


def test_slots_and_the_step_are_neither_variables_nor_unknown():
    name = "a/mnas_stem/conv2d/kernel"
    names = [name, f"{name}/RMSProp", f"{name}/RMSProp_1", name + _EMA, "global_step"]
    official = read_names(names)
    assert official.places == {Place("stem", "conv", 0, "kernel"): name}
    assert official.averaged == {name}
    assert official.unknown == ()


def test_a_variable_may_be_there_as_its_average_only():
    name = "a/mnas_head/dense/bias"
    official = read_names([name + _EMA])
    assert official.places == {Place("head", "dense", 0, "bias"): name}
    assert official.averaged == {name}


def test_names_of_other_models_are_unknown():
    names = ["resnet/conv2d/kernel", "resnet/conv2d/kernel/Momentum", "a/mnas_stem/conv2d/weird"]
    official = read_names(names)
    assert official.places == {}
    assert official.unknown == tuple(sorted(names))
