"""Bundles on this machine's disk: one signed folder per version, the only thing served."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from leadqual.errors import BundleError, UnknownVersionError
from leadqual.qualify.bundle import ModelBundle, bundle_from_files
from leadqual.registry.manifest import (
    MANIFEST_FILE,
    MAX_MANIFEST_BYTES,
    SIGNATURE_FILE,
    VERSION_PATTERN,
    Manifest,
    build_manifest,
    check_file,
    digest,
    read_manifest,
    sign_manifest,
)
from leadqual.registry.receipt import RECEIPT_DRAFTS, leave_receipt, read_receipt
from leadqual.registry.selftest import check_golden, make_golden, run_self_test

if TYPE_CHECKING:
    from leadqual.outcomes.history import Columns

GOLDEN_FILE: Final = "golden.json"
_DRAFT_PREFIX: Final = ".draft-"


@dataclass(frozen=True, slots=True)
class GoldenInput:
    """Rows for the self-test: `columns` of `n_leads` values that hold nothing personal."""

    columns: Columns
    n_leads: int


class LocalRegistry:
    """Keep model versions as signed folders and hand out only what passes every check.

    Parameters
    ----------
    models_dir : Path
        Folder with one sub-folder per version; created on the first save.
    key : bytes
        The deployment's key (`signing.load_or_create_key`).
    self_test_timeout_s : float
        How long the child process may take to score the golden rows.
    """

    def __init__(self, models_dir: Path, key: bytes, *, self_test_timeout_s: float = 60.0) -> None:
        self._dir = models_dir
        self._key = key
        self._timeout_s = self_test_timeout_s
        self._sound: set[tuple[str, str]] = set()

    @property
    def models_dir(self) -> Path:
        """Return the folder of the versions."""
        return self._dir

    def versions(self) -> tuple[str, ...]:
        """Return the version names present, oldest first (numbers in names count as numbers)."""
        if not self._dir.is_dir():
            return ()
        names = [
            entry.name
            for entry in self._dir.iterdir()
            if re.match(VERSION_PATTERN, entry.name) and (entry / MANIFEST_FILE).is_file()
        ]
        return tuple(sorted(names, key=_natural))

    def next_version(self, today: date) -> str:
        """Return the first free name `YYYY-MM-DD-N` of a day, N from 1."""
        day = today.isoformat()
        taken = [
            int(match[1])
            for entry in (self._dir.iterdir() if self._dir.is_dir() else ())
            if (match := re.fullmatch(rf"{day}-(\d+)", entry.name))
        ]
        return f"{day}-{max(taken, default=0) + 1}"

    def save(
        self,
        files: Mapping[str, bytes],
        *,
        version: str,
        metadata: Mapping[str, JsonValue],
        documents: Mapping[str, str],
        golden: GoldenInput,
    ) -> Path:
        """Write one version whole or not at all, and return its folder.

        Parameters
        ----------
        files : mapping of str to bytes
            `qualify.bundle.bundle_files` of the model.
        version : str
            A new name, see `next_version`; a version never changes once written.
        metadata : mapping
            JSON-able metrics and origin, kept in the signed manifest.
        documents : mapping of str to str
            Texts for people, such as `card.md` and `report.html`.
        golden : GoldenInput
            Rows whose scores are stored for the self-test.

        Raises
        ------
        BundleError
            The files are no valid bundle, or the version exists already.
        """
        bundle = bundle_from_files(files)
        if bundle.version != version:
            raise BundleError(f"these files are model {bundle.version}, not {version}")
        test = make_golden(bundle, golden.columns, n_leads=golden.n_leads)
        texts = {name: text.encode() for name, text in documents.items()}
        manifest = build_manifest(
            {"model": files, "golden": {GOLDEN_FILE: test}, "document": texts},
            version=version,
            created_at=bundle.created_at,
            metadata=metadata,
        )
        signature = sign_manifest(manifest, key=self._key)
        contents = {**files, GOLDEN_FILE: test, **texts}
        contents |= {MANIFEST_FILE: manifest, SIGNATURE_FILE: signature.encode()}
        return self._place(contents, version)

    def manifest(self, version: str) -> Manifest:
        """Return the verified manifest of a version, without reading the model.

        Raises
        ------
        UnknownVersionError
            There is no such version.
        SignatureError, BundleError
            Its manifest is foreign or malformed.
        """
        return self._read_manifest(version)[0]

    def document(self, version: str, name: str) -> str:
        """Return a verified text of a version, such as `card.md`.

        Raises
        ------
        BundleError
            There is no such version or text, or it was changed.
        """
        manifest = self.manifest(version)
        if name not in manifest.names("document"):
            raise BundleError(
                f"model {version} has no {name}; it has: {', '.join(manifest.names('document'))}"
            )
        return self._read_file(manifest, name).decode()

    def load(self, version: str) -> ModelBundle:
        """Return the bundle of a version after signature, digests and self-test: ready to score.

        A child process is the first to read it, once per content and program; what was compiled
        then is kept (`registry.receipt`). This process compares scores at its first load.

        Raises
        ------
        UnknownVersionError
            There is no such version.
        SignatureError
            This deployment did not sign it.
        BundleError
            A file is missing, changed or malformed, or the self-test failed.
        """
        manifest, fingerprint = self._read_manifest(version)
        files = {name: self._read_file(manifest, name) for name in manifest.names("model")}
        folder = self._folder(version)
        tables = read_receipt(folder, fingerprint, key=self._key)
        if (version, fingerprint) in self._sound:
            return bundle_from_files(files, tables=tables)
        golden = self._read_file(manifest, GOLDEN_FILE)
        if tables is None:
            run_self_test(files, golden, version=version, timeout_s=self._timeout_s)
        try:
            bundle = check_golden(files, golden, tables=tables)
        except BundleError as error:
            raise BundleError(f"model {version} refused: {error}") from error
        self._sound.add((version, fingerprint))
        if tables is None:
            leave_receipt(folder, fingerprint, key=self._key, tables=bundle.predictor.tables())
        return bundle

    def sweep(self, *, now: datetime, older_than_s: float = 3600.0) -> int:
        """Remove drafts that a killed training or a killed start left behind; return how many.

        Drafts are never listed nor loaded, so this only frees disk.
        """
        if not self._dir.is_dir():
            return 0
        drafts = (f"{_DRAFT_PREFIX}*", f"*/{RECEIPT_DRAFTS}")
        stale = [
            entry
            for pattern in drafts
            for entry in self._dir.glob(pattern)
            if (now - datetime.fromtimestamp(entry.stat().st_mtime, UTC)).total_seconds()
            > older_than_s
        ]
        for entry in stale:
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
        return len(stale)

    def _place(self, contents: Mapping[str, bytes], version: str) -> Path:
        """Write a draft folder, flush it to disk and rename it into place."""
        self._dir.mkdir(parents=True, exist_ok=True)
        target = self._dir / version
        draft = self._dir / f"{_DRAFT_PREFIX}{secrets.token_hex(8)}"
        draft.mkdir()
        try:
            for name, content in contents.items():
                _write_durably(draft / name, content)
            _flush_folder(draft)
            draft.rename(target)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            if target.exists():
                raise BundleError(
                    f"model {version} exists already and a version never changes; train again "
                    "to get the next name"
                ) from error
            raise
        _flush_folder(self._dir)
        return target

    def _read_manifest(self, version: str) -> tuple[Manifest, str]:
        folder = self._folder(version)
        content = _read(folder / MANIFEST_FILE, limit=MAX_MANIFEST_BYTES, version=version)
        signature = _read(folder / SIGNATURE_FILE, limit=1024, version=version)
        manifest = read_manifest(
            content, signature.decode("latin-1"), key=self._key, version=version
        )
        return manifest, digest(content)

    def _read_file(self, manifest: Manifest, name: str) -> bytes:
        entry = manifest.files.get(name)
        if entry is None:
            raise BundleError(f"model {manifest.version} lacks {name}; train a new version")
        path = self._dir / manifest.version / name
        content = _read(path, limit=entry.n_bytes, version=manifest.version)
        check_file(name, content, entry=entry, version=manifest.version)
        return content

    def _folder(self, version: str) -> Path:
        if re.match(VERSION_PATTERN, version) and (self._dir / version).is_dir():
            return self._dir / version
        known = ", ".join(self.versions()[-5:]) or "none yet; train one with `leadqual train`"
        raise UnknownVersionError(f"no such model version; the newest here: {known}")


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key in which `-10` comes after `-9`."""
    return [
        (1, int(part), "") if part.isdigit() else (0, 0, part)
        for part in re.split(r"(\d+)", name)
        if part
    ]


def _read(path: Path, *, limit: int, version: str) -> bytes:
    """Return a file's bytes, never more than one past `limit`."""
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise BundleError(
            f"{path.name} of model {version} cannot be read ({type(error).__name__}); restore "
            "it or train a new version"
        ) from error
    if len(content) > limit:
        raise BundleError(
            f"{path.name} of model {version} is larger than what was signed; restore it or "
            "train a new version"
        )
    return content


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _flush_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
