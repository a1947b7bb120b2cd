"""Each way in which a checkout of Accel-NASBench can be broken has its own line."""

import gzip
import pathlib

import made_up_nasbench as made_up
import numpy as np
import pytest

from search.surrogate.accel_nasbench_data import fingerprint, read_splits


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return made_up.write(tmp_path_factory.mktemp("whole"), num_train=5, num_test=3)


def small(folder, change=None):
    return made_up.write(pathlib.Path(folder), num_train=5, num_test=3, change=change)


def complaint(folder):
    with pytest.raises(ValueError) as refusal:
        read_splits(folder, made_up.SPACE)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_networks_and_their_accuracies_are_read_split_by_split(whole):
    splits = read_splits(whole, made_up.SPACE)
    tokens, top1 = made_up.records(8)
    np.testing.assert_array_equal(splits["train"].tokens, tokens[:5])
    np.testing.assert_array_equal(splits["test"].tokens, tokens[5:])
    np.testing.assert_allclose(splits["train"].top1, top1[:5] / 100)
    np.testing.assert_allclose(splits["test"].top1, top1[5:] / 100)


def test_the_fingerprint_is_of_the_contents(whole, tmp_path):
    assert fingerprint(whole) == fingerprint(whole)
    other = small(tmp_path)
    made_up.write_split(other, "test", ["result_5.json", "result_6.json"])
    assert fingerprint(other) != fingerprint(whole)


def test_a_folder_without_archive_or_split_is_told_what_it_should_be(tmp_path):
    with pytest.raises(ValueError, match=r"cannot read .*tar\.gz: there is none; --surrogate_data"):
        fingerprint(tmp_path)
    small(tmp_path)
    (tmp_path / made_up.SPLITS / "test_paths.json").unlink()
    with pytest.raises(ValueError, match=r"cannot read .*test_paths\.json: there is none"):
        fingerprint(tmp_path)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_an_archive_cut_short_is_told_wherever_it_ends(share, tmp_path):
    archive = small(tmp_path) / made_up.ARCHIVE
    archive.write_bytes(archive.read_bytes()[: int(share * archive.stat().st_size)])
    assert "anb_dataset_jsons.tar.gz is cut short, fetch it once more" in complaint(tmp_path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            b"404: Not Found",
            "anb_dataset_jsons.tar.gz is no .tar.gz or damaged (Not a gzipped file",
        ),
        (b"", "is damaged behind its record 0 (empty file"),
        (gzip.compress(b"not a tar" * 100), "is damaged behind its record 0 ("),
    ],
)
def test_a_file_that_is_no_archive_is_told(content, told, tmp_path):
    (small(tmp_path) / made_up.ARCHIVE).write_bytes(content)
    assert told in complaint(tmp_path)


def test_an_archive_whose_tar_ends_within_a_record_is_told(tmp_path):
    archive = small(tmp_path) / made_up.ARCHIVE
    tar = gzip.decompress(archive.read_bytes())
    # A member is a header of 512 bytes and its content in whole blocks of 512: one here.
    archive.write_bytes(gzip.compress(tar[: 2 * 1024 + 700]))
    assert "is damaged behind its record 2 (unexpected end of data)" in complaint(tmp_path)


def test_an_archive_without_records_is_told(tmp_path):
    small(tmp_path, lambda records: records.clear())
    assert complaint(tmp_path).endswith("holds no records, files that end in .json")


def set_field(path, value):
    """A change that sets a field of result_2.json, or takes it out where the value is None."""
    *parents, last = path.split(".")

    def change(records):
        place = records["result_2.json"]
        for parent in parents:
            place = place[parent]
        if value is None:
            del place[last]
        else:
            place[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("metrics", None, "record result_2.json has no field 'metrics'"),
        ("metrics.val_top1", None, "has no field 'metrics.val_top1'"),
        ("metrics.val_top1", "61.2", "has metrics.val_top1 '61.2', must be a number from 0 to 100"),
        ("metrics.val_top1", float("nan"), "has metrics.val_top1 nan"),
        ("metrics.val_top1", 130.0, "has metrics.val_top1 130.0"),
        ("metrics.val_top1", True, "has metrics.val_top1 True"),
        ("metrics", [61.2], "has no field 'metrics.val_top1'"),
        ("architecture", None, "has no field 'architecture'"),
        ("architecture.block3_k", None, "has no field 'architecture.block3_k'"),
        ("architecture.block3_k", 7, "outside the space 'accel_nasbench': block3_k is 7, allowed"),
        ("architecture.block4_l", 4, "block4_l is 4, allowed are 1, 2, 3"),
        ("architecture.block0_e", True, "block0_e is True, allowed are 1, 4, 6"),
        ("architecture.block0_se", 1, "block0_se is 1, allowed are False, True"),
        ("architecture.block0_e", [6], "block0_e is [6]"),
    ],
)
def test_a_record_with_a_broken_field_is_named_with_the_field(path, value, told, tmp_path):
    small(tmp_path, set_field(path, value))
    assert told in complaint(tmp_path)
    assert "record result_2.json" in complaint(tmp_path)


@pytest.mark.parametrize("content", [b'{"architecture": {', b"\xff\xfe", b""])
def test_a_record_that_is_no_json_is_named(content, tmp_path):
    small(tmp_path, lambda records: records.update({"result_2.json": content}))
    assert "record result_2.json is no JSON" in complaint(tmp_path)


def test_a_split_that_names_a_record_that_is_not_there_is_told(tmp_path):
    made_up.write_split(small(tmp_path), "train", ["result_0.json", "result_99.json"])
    told = complaint(tmp_path)
    assert "train_paths.json names result_99.json, which" in told
    assert told.endswith("anb_dataset_jsons.tar.gz does not hold")


def test_a_network_may_not_both_train_and_test(tmp_path):
    made_up.write_split(small(tmp_path), "test", ["result_0.json", "result_7.json"])
    assert complaint(tmp_path) == "result_0.json is in both splits, train and test"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[", "test_paths.json is no JSON"),
        ('{"a": 1}', "test_paths.json must be a list of paths of records"),
        ("[1, 2]", "test_paths.json must be a list of paths of records"),
        ("[]", "test_paths.json names 0 records, at least 2 are needed"),
    ],
)
def test_a_broken_split_is_told(content, told, tmp_path):
    (small(tmp_path) / made_up.SPLITS / "test_paths.json").write_text(content)
    assert told in complaint(tmp_path)
