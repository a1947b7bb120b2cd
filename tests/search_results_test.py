import json

import pytest

from mnasnet import search_results
from mnasnet.block_args import encode

_BLOCKS = ["r1_k3_s11_e1_i8_o8_noskip", "r2_k5_s22_e3_i8_o16_se0.25"]
_AROUND = {
    "name": "custom", "stem_filters": 8, "head_filters": 64, "dropout_rate": 0.1, "image_size": 32,
}  # fmt: skip


@pytest.fixture
def workdir(tmp_path):
    rows = [
        {"rank": 1, "trial": 7, "network": _BLOCKS, "accuracy": 0.5, "latency_ms": 12.5,
         "reward": 0.4, "params": 1, "multiply_adds": 2, "architecture": _AROUND},
        {"rank": 2, "trial": 3, "network": _BLOCKS[:1], "accuracy": 0.4, "latency_ms": 9.0,
         "reward": 0.3, "params": 1, "multiply_adds": 2, "architecture": _AROUND},
    ]  # fmt: skip
    (tmp_path / "top.json").write_text(json.dumps(rows))
    (tmp_path / "trials.csv").write_text(
        "trial,status,network,tokens,accuracy,latency_ms,reward\n"
        f"3,COMPLETED,{_BLOCKS[0]},0,0.4,9.0,0.3\n"
        f"4,INFEASIBLE,{' '.join(_BLOCKS)},1,,,-1\n"
    )
    return str(tmp_path)


def test_a_rank_names_the_network_with_what_is_around_its_blocks(workdir):
    found = search_results.at_rank(workdir, 1)
    assert (found.trial, found.rank, found.accuracy, found.latency_ms) == (7, 1, 0.5, 12.5)
    assert list(encode(found.architecture.blocks)) == _BLOCKS
    assert found.architecture.stem_filters == 8
    assert found.architecture.head_filters == 64
    assert found.architecture.dropout_rate == 0.1
    assert found.architecture.name == "trial-7"


def test_a_trial_names_its_network_whatever_came_of_it(workdir):
    found = search_results.of_trial(workdir, 4)
    assert list(encode(found.architecture.blocks)) == _BLOCKS
    assert found.architecture.stem_filters == 8
    assert (found.accuracy, found.latency_ms, found.reward) == (None, None, -1)


@pytest.mark.parametrize("rank", [0, 3])
def test_a_rank_that_is_not_there_is_refused(workdir, rank):
    with pytest.raises(ValueError, match=rf"rank is {rank}, the search in .* has 1 \.\. 2"):
        search_results.at_rank(workdir, rank)


def test_a_trial_that_is_not_there_is_refused(workdir):
    with pytest.raises(ValueError, match="has no trial 99"):
        search_results.of_trial(workdir, 99)


def test_a_folder_without_a_search_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"top\.json cannot be read .* workdir of a search"):
        search_results.read_top(str(tmp_path))


def test_a_broken_file_is_told_from_a_missing_one(tmp_path):
    (tmp_path / "top.json").write_text('[{"rank": 1')
    with pytest.raises(ValueError, match=r"top\.json holds no networks of a search"):
        search_results.read_top(str(tmp_path))
