import json
import os
import shutil
import time
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from leadqual.errors import BundleError, SignatureError, UnknownVersionError
from leadqual.leads.flat import flatten_lead
from leadqual.qualify.bundle import bundle_files
from leadqual.registry.local import GoldenInput, LocalRegistry
from leadqual.registry.manifest import MANIFEST_FILE, SIGNATURE_FILE, digest, sign_manifest
from leadqual.registry.receipt import RECEIPT_FILE, leave_receipt
from leadqual.services.scoring import columns_of
from leadqual.testing import make_bundle, make_lead

KEY = b"k" * 32
NOW = datetime(2026, 11, 21, tzinfo=UTC)
N_ROWS = 40
COLUMNS = columns_of([flatten_lead(make_lead(number)) for number in range(N_ROWS)])


def save(registry: LocalRegistry, version: str = "2026-11-21-1") -> Path:
    return registry.save(
        bundle_files(make_bundle(version)),
        version=version,
        metadata={"auc": 0.71, "data_hash": "abc"},
        documents={"card.md": "# card", "report.html": "<p>report</p>"},
        golden=GoldenInput(columns=COLUMNS, n_leads=N_ROWS),
    )


@pytest.fixture
def registry(tmp_path: Path) -> LocalRegistry:
    return LocalRegistry(tmp_path / "models", KEY)


def test_saved_version_loads_equal_and_keeps_its_documents(registry: LocalRegistry) -> None:
    folder = save(registry)

    bundle = registry.load("2026-11-21-1")
    assert bundle_files(bundle) == bundle_files(make_bundle("2026-11-21-1"))
    assert registry.manifest("2026-11-21-1").metadata == {"auc": 0.71, "data_hash": "abc"}
    assert registry.document("2026-11-21-1", "card.md") == "# card"
    assert registry.versions() == ("2026-11-21-1",)
    assert [entry.name for entry in folder.parent.iterdir()] == ["2026-11-21-1"]


def test_second_load_needs_no_child_process(registry: LocalRegistry) -> None:
    save(registry)
    registry.load("2026-11-21-1")

    began = time.perf_counter()
    registry.load("2026-11-21-1")

    assert time.perf_counter() - began < 0.1


def test_versions_are_numbered_by_day_and_sorted_as_numbers(registry: LocalRegistry) -> None:
    for number in (1, 2, 9, 10):
        save(registry, f"2026-11-21-{number}")

    assert registry.versions()[-2:] == ("2026-11-21-9", "2026-11-21-10")
    assert registry.next_version(date(2026, 11, 21)) == "2026-11-21-11"
    assert registry.next_version(date(2026, 11, 22)) == "2026-11-22-1"


def test_a_version_is_never_overwritten(registry: LocalRegistry) -> None:
    folder = save(registry)
    before = (folder / MANIFEST_FILE).read_bytes()

    with pytest.raises(BundleError, match="exists already"):
        save(registry)
    assert (folder / MANIFEST_FILE).read_bytes() == before
    assert len(list(folder.parent.iterdir())) == 1


@pytest.mark.parametrize("version", ["2026-11-21-9", "..", "../models", "/etc", "a" * 200, ""])
def test_unknown_version_is_refused_whatever_it_looks_like(
    registry: LocalRegistry, version: str
) -> None:
    save(registry)

    with pytest.raises(UnknownVersionError, match="2026-11-21-1"):
        registry.load(version)


def test_bundle_of_another_deployment_is_refused(registry: LocalRegistry) -> None:
    save(registry)
    other = LocalRegistry(registry.models_dir, b"o" * 32)

    with pytest.raises(SignatureError, match="not signed with this deployment's key"):
        other.load("2026-11-21-1")


def test_renamed_version_is_refused(registry: LocalRegistry) -> None:
    folder = save(registry)
    folder.rename(folder.with_name("2026-11-30-1"))

    with pytest.raises(BundleError, match="a version keeps its name"):
        registry.load("2026-11-30-1")


def test_every_changed_missing_or_grown_file_is_refused(
    registry: LocalRegistry, tmp_path: Path
) -> None:
    pristine = save(registry)
    rng = np.random.default_rng(1)
    names = sorted(entry.name for entry in pristine.iterdir())
    checked = [name for name in names if name not in {"card.md", "report.html"}]

    for name in checked:
        for mutate in (_flip_a_bit, _cut_in_half, _append, Path.unlink):
            models = tmp_path / "mutated"
            shutil.copytree(registry.models_dir, models)
            path = models / "2026-11-21-1" / name
            mutate(path) if mutate is not _flip_a_bit else _flip_a_bit(path, rng)
            with pytest.raises(BundleError):
                LocalRegistry(models, KEY).load("2026-11-21-1")
            shutil.rmtree(models)

    assert len(checked) >= 8


def _flip_a_bit(path: Path, rng: np.random.Generator | None = None) -> None:
    content = bytearray(path.read_bytes())
    where = int((rng or np.random.default_rng(0)).integers(0, len(content)))
    content[where] ^= 1 << 3
    path.write_bytes(bytes(content))


def _cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" x")


def test_signed_bundle_whose_scores_changed_fails_its_self_test(registry: LocalRegistry) -> None:
    folder = save(registry)
    golden = json.loads((folder / "golden.json").read_bytes())
    golden["expected"]["p_fit"][7] += 1e-6
    _replace_signed(folder, "golden.json", json.dumps(golden).encode())

    with pytest.raises(BundleError, match="do not get their stored p_fit again"):
        registry.load("2026-11-21-1")


def test_signed_bundle_that_no_longer_parses_is_refused_with_the_reason(
    registry: LocalRegistry,
) -> None:
    folder = save(registry)
    _replace_signed(folder, "heads.json", b'{"fit": 1}')

    with pytest.raises(BundleError, match="model 2026-11-21-1 refused"):
        registry.load("2026-11-21-1")


def test_bundle_that_hangs_its_reader_is_refused(registry: LocalRegistry) -> None:
    save(registry)
    impatient = LocalRegistry(registry.models_dir, KEY, self_test_timeout_s=0.001)

    with pytest.raises(BundleError, match="hung"):
        impatient.load("2026-11-21-1")


def test_a_program_that_has_read_a_bundle_unharmed_needs_no_child_in_its_next_process(
    registry: LocalRegistry,
) -> None:
    save(registry)
    before = registry.load("2026-11-21-1")
    impatient = LocalRegistry(registry.models_dir, KEY, self_test_timeout_s=0.001)

    bundle = impatient.load("2026-11-21-1")

    assert bundle_files(bundle) == bundle_files(before)


def test_a_receipt_that_we_did_not_sign_or_that_is_of_another_version_is_worth_nothing(
    registry: LocalRegistry,
) -> None:
    folder, other = save(registry), save(registry, "2026-11-21-2")
    registry.load("2026-11-21-2")
    impatient = LocalRegistry(registry.models_dir, KEY, self_test_timeout_s=0.001)

    good = (other / RECEIPT_FILE).read_bytes()
    receipts = [good, good[:-64], good + b" ", b"f" * 64, b"", b"\xff" * 5_000]
    for receipt in receipts:
        (folder / RECEIPT_FILE).write_bytes(receipt)
        with pytest.raises(BundleError, match="hung"):
            impatient.load("2026-11-21-1")


def test_a_receipt_ends_with_the_bytes_it_was_given_for(registry: LocalRegistry) -> None:
    folder = save(registry)
    registry.load("2026-11-21-1")
    _replace_signed(folder, "heads.json", (folder / "heads.json").read_bytes() + b"\n")
    impatient = LocalRegistry(registry.models_dir, KEY, self_test_timeout_s=0.001)

    with pytest.raises(BundleError, match="hung"):
        impatient.load("2026-11-21-1")


def test_a_bundle_without_a_receipt_loads_from_a_folder_that_cannot_be_written(
    registry: LocalRegistry,
) -> None:
    folder = save(registry)
    (folder / RECEIPT_FILE).mkdir()  # not even root can replace it by a file

    assert registry.load("2026-11-21-1").version == "2026-11-21-1"
    assert sorted(entry.name for entry in folder.iterdir() if entry.name.startswith(".")) == []


def test_scores_are_compared_at_each_start_and_not_only_when_there_is_no_receipt(
    registry: LocalRegistry,
) -> None:
    folder = save(registry)
    golden = json.loads((folder / "golden.json").read_bytes())
    golden["expected"]["p_conversion"][3] += 1e-6
    _replace_signed(folder, "golden.json", json.dumps(golden).encode())
    fingerprint = digest((folder / MANIFEST_FILE).read_bytes())
    tables = make_bundle("2026-11-21-1").predictor.tables()
    leave_receipt(folder, fingerprint, key=KEY, tables=tables)
    impatient = LocalRegistry(registry.models_dir, KEY, self_test_timeout_s=0.001)

    with pytest.raises(BundleError, match=r"refused: .*stored p_conversion again"):
        impatient.load("2026-11-21-1")


def test_killed_save_leaves_no_version_and_its_draft_is_swept(registry: LocalRegistry) -> None:
    save(registry)
    draft = registry.models_dir / ".draft-0011"
    draft.mkdir()
    (draft / MANIFEST_FILE).write_text("{}", encoding="utf-8")
    os.utime(draft, (NOW.timestamp() - 7200, NOW.timestamp() - 7200))

    assert registry.versions() == ("2026-11-21-1",)
    assert registry.sweep(now=NOW) == 1
    assert not draft.exists()


def test_half_a_receipt_of_a_killed_start_is_swept_and_a_whole_one_is_not(
    registry: LocalRegistry,
) -> None:
    folder = save(registry)
    registry.load("2026-11-21-1")
    half = folder / ".selftest.receipt.0011"
    half.write_bytes(b"0" * 64)
    for file in folder.iterdir():
        os.utime(file, (NOW.timestamp() - 7200, NOW.timestamp() - 7200))

    assert registry.sweep(now=NOW) == 1
    assert not half.exists()
    assert (folder / "selftest.receipt").exists()


def _replace_signed(folder: Path, name: str, content: bytes) -> None:
    """Change one file as somebody would who has the key: manifest and signature fit again."""
    import hashlib

    (folder / name).write_bytes(content)
    manifest = json.loads((folder / MANIFEST_FILE).read_bytes())
    manifest["files"][name] |= {
        "sha256": hashlib.sha256(content).hexdigest(),
        "n_bytes": len(content),
    }
    signed = json.dumps(manifest).encode()
    (folder / MANIFEST_FILE).write_bytes(signed)
    (folder / SIGNATURE_FILE).write_text(sign_manifest(signed, key=KEY), encoding="ascii")
