import pathlib

import pytest

from mnasnet.data.tfrecords import count_records, count_records_per_file

# Written by TensorFlow: 'first', '' and 'the third record', each with 16 bytes around it.
_THREE = pathlib.Path(__file__).parent / "testdata" / "three.tfrecord"
_SIZE = (5 + 0 + 16) + 3 * 16


def _write(path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


def test_records_of_a_file_written_by_tensorflow_are_counted():
    assert _THREE.stat().st_size == _SIZE
    assert count_records(str(_THREE)) == 3
    assert count_records_per_file([str(_THREE), str(_THREE)]) == [3, 3]


def test_a_file_cut_inside_a_record_is_refused_with_its_name_and_the_record(tmp_path):
    path = _write(tmp_path / "cut", _THREE.read_bytes()[:-1])
    with pytest.raises(ValueError, match=rf"^{path}: cut short in record 2, .* byte 69 of .* 68 "):
        count_records(path)


def test_a_file_cut_inside_a_header_is_refused(tmp_path):
    path = _write(tmp_path / "cut", _THREE.read_bytes()[: 21 + 16 + 3])
    with pytest.raises(ValueError, match="cut short in the header of record 2"):
        count_records(path)


def test_a_file_that_holds_something_else_is_refused(tmp_path):
    path = _write(tmp_path / "text", b"these are no records, but plain words in a file")
    with pytest.raises(ValueError, match="record 0 has a broken header"):
        count_records(path)


def test_an_empty_file_and_a_missing_one_are_refused(tmp_path):
    with pytest.raises(ValueError, match="is empty"):
        count_records(_write(tmp_path / "empty", b""))
    with pytest.raises(ValueError, match="missing: cannot be read, No such file"):
        count_records(str(tmp_path / "missing"))


def test_of_many_files_the_first_broken_one_is_named(tmp_path):
    paths = [_write(tmp_path / f"{position}", b"short") for position in range(3)]
    with pytest.raises(ValueError, match=f"^{paths[0]}: "):
        count_records_per_file(paths)
