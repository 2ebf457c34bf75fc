import os
import stat
import threading
from pathlib import Path

import pytest

from leadqual.errors import ConfigError
from leadqual.registry.signing import (
    KEY_FILE,
    derive_key,
    is_signed,
    load_or_create_key,
    sign,
)


def test_first_start_makes_a_key_that_only_the_owner_may_read(tmp_path: Path) -> None:
    key = load_or_create_key(tmp_path / "home", None)

    path = tmp_path / "home" / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_create_key(tmp_path / "home", None) == key
    assert os.listdir(tmp_path / "home") == [KEY_FILE]


def test_processes_starting_at_once_end_up_with_the_same_key(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)
    keys: list[bytes] = []

    def start() -> None:
        barrier.wait()
        keys.append(load_or_create_key(tmp_path, None))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_configured_key_wins_and_nothing_is_written(tmp_path: Path) -> None:
    key = load_or_create_key(tmp_path, "k" * 40)

    assert key == b"k" * 40
    assert list(tmp_path.iterdir()) == []


def test_short_key_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs at least 32") as caught:
        load_or_create_key(tmp_path, "hunter2hunter2")

    assert "hunter2" not in str(caught.value)


def test_key_file_that_is_not_text_is_explained(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"\xff" * 64)

    with pytest.raises(ConfigError, match=r"signing\.key cannot be read"):
        load_or_create_key(tmp_path, None)


def test_signature_belongs_to_one_message_and_one_key() -> None:
    signature = sign(b"key", b"message")

    assert is_signed(b"key", b"message", signature)
    assert not is_signed(b"key", b"massage", signature)
    assert not is_signed(b"kex", b"message", signature)
    assert not is_signed(b"key", b"message", "ä" * 64)


def test_keys_for_different_purposes_differ() -> None:
    assert derive_key(b"key", "suppression") != derive_key(b"key", "manifest")
