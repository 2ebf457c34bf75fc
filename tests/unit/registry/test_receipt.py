"""What was compiled once is taken up bit for bit, or not at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from leadqual.registry.receipt import RECEIPT_FILE, leave_receipt, read_receipt
from leadqual.testing import make_bundle

KEY = b"k" * 32
FINGERPRINT = "0" * 64


@pytest.fixture
def receipt(tmp_path: Path) -> Path:
    tables = make_bundle().predictor.tables()
    leave_receipt(tmp_path, FINGERPRINT, key=KEY, tables=tables)
    return tmp_path / RECEIPT_FILE


def test_arrays_come_back_bit_for_bit_at_lines_of_the_cache_and_cannot_be_changed(
    receipt: Path,
) -> None:
    tables = make_bundle().predictor.tables()

    found = read_receipt(receipt.parent, FINGERPRINT, key=KEY)

    assert found is not None
    assert list(found) == list(tables)
    for name, array in tables.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()
        assert found[name].ctypes.data % 64 == 0
        assert not found[name].flags.writeable


def test_every_flipped_bit_and_every_missing_or_added_byte_voids_a_receipt(receipt: Path) -> None:
    content = receipt.read_bytes()
    rng = np.random.default_rng(3)
    damaged = [content[:63], content[:64], content[:-1], content + b"\0"]
    for place in [0, 64, 70, *rng.integers(0, len(content), 40).tolist()]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << 2
        damaged.append(bytes(flipped))

    for one in damaged:
        receipt.write_bytes(one)
        assert read_receipt(receipt.parent, FINGERPRINT, key=KEY) is None


def test_a_receipt_of_other_bytes_or_under_another_key_is_void(receipt: Path) -> None:
    assert read_receipt(receipt.parent, "1" * 64, key=KEY) is None
    assert read_receipt(receipt.parent, FINGERPRINT, key=b"o" * 32) is None
    assert read_receipt(receipt.parent / "elsewhere", FINGERPRINT, key=KEY) is None


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no pipes among its files")
def test_a_pipe_in_the_place_of_a_receipt_is_none_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / RECEIPT_FILE)

    assert read_receipt(tmp_path, FINGERPRINT, key=KEY) is None
