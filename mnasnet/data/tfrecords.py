"""Whether TFRecord files are whole, and how many records they hold, without reading the records.

A record is its length (uint64), a checksum of the length, the bytes, and a checksum of the bytes,
all little-endian. Reading the lengths alone and jumping over the rest takes milliseconds a file.
"""

import os
import struct
from collections.abc import Sequence
from concurrent import futures

_LENGTH_BYTES = 8
_CHECKSUM_BYTES = 4
_HEADER_BYTES = _LENGTH_BYTES + _CHECKSUM_BYTES
_FILES_AT_ONCE = 16  # the walk waits for the disk more than it computes


def count_records(path: str) -> int:
    """Number of records in a TFRecord file.

    Raises:
      ValueError: for a file that cannot be read, is empty, cut short or no TFRecord file.
    """
    count, offset = 0, 0
    try:
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            while offset < size:
                file.seek(offset)
                length = _read_length(file.read(_HEADER_BYTES), path, count)
                offset += _HEADER_BYTES + length + _CHECKSUM_BYTES
                if offset > size:
                    raise ValueError(
                        f"{path}: cut short in record {count}, which ends at byte {offset:,} of "
                        f"a file of {size:,} bytes"
                    )
                count += 1
    except OSError as error:
        raise ValueError(f"{path}: cannot be read, {error.strerror}") from error
    if not count:
        raise ValueError(f"{path}: is empty, at least one record is needed")
    return count


def count_records_per_file(paths: Sequence[str]) -> list[int]:
    """`count_records` of many files; the ValueError is that of the first broken one."""
    with futures.ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        return list(pool.map(count_records, paths))


def _read_length(header: bytes, path: str, record: int) -> int:
    if len(header) < _HEADER_BYTES:
        raise ValueError(f"{path}: cut short in the header of record {record}")
    length, checksum = struct.unpack("<QI", header)
    if checksum != _masked_crc32c(header[:_LENGTH_BYTES]):
        raise ValueError(f"{path}: record {record} has a broken header, is this a TFRecord file?")
    return length


def _crc32c_table() -> list[int]:
    reversed_polynomial = 0x82F63B78
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (reversed_polynomial if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc32c_table()


def _masked_crc32c(data: bytes) -> int:
    """Castagnoli's CRC-32, rotated and shifted as TFRecord files have it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
