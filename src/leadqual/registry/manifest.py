"""The signed list of a bundle's files: checked before any byte of them is parsed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from leadqual.errors import BundleError, SignatureError
from leadqual.registry.signing import derive_key, is_signed, sign

FORMAT: Final = "leadqual-bundle/1"
MANIFEST_FILE: Final = "manifest.json"
SIGNATURE_FILE: Final = "manifest.sig"
MAX_MANIFEST_BYTES: Final = 4 * 1024 * 1024
MAX_FILE_BYTES: Final = 512 * 1024 * 1024
VERSION_PATTERN: Final = r"^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$"

FileName = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]*(\.[0-9A-Za-z]+)?$")]


class FileEntry(BaseModel):
    """Digest and size of one file, and what it is for.

    `model` files are what the server parses, `golden` the self-test, `document` for people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    n_bytes: Annotated[int, Field(ge=0, le=MAX_FILE_BYTES)]
    role: Literal["model", "golden", "document"]


class Manifest(BaseModel):
    """What one version consists of. `metadata` holds metrics and how it was trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["leadqual-bundle/1"]
    version: Annotated[str, Field(pattern=VERSION_PATTERN)]
    created_at: AwareDatetime
    files: dict[FileName, FileEntry]
    metadata: dict[str, JsonValue] = {}

    def names(self, role: Literal["model", "golden", "document"]) -> tuple[str, ...]:
        """Return the names of the files of one role, sorted."""
        return tuple(sorted(name for name, entry in self.files.items() if entry.role == role))


def build_manifest(
    contents: Mapping[str, Mapping[str, bytes]],
    *,
    version: str,
    created_at: datetime,
    metadata: Mapping[str, JsonValue],
) -> bytes:
    """Return the manifest of files grouped by role, as the bytes that get signed.

    Raises
    ------
    BundleError
        A file name, the version name or the metadata is not allowed.
    """
    entries = {
        name: {"sha256": digest(content), "n_bytes": len(content), "role": role}
        for role, files in contents.items()
        for name, content in files.items()
    }
    given = {
        "format": FORMAT,
        "version": version,
        "created_at": created_at,
        "files": entries,
        "metadata": dict(metadata),
    }
    try:
        return Manifest.model_validate(given).model_dump_json(indent=1).encode()
    except ValidationError as error:
        raise BundleError(f"version {version!r} cannot be described: {_first(error)}") from error


def read_manifest(content: bytes, signature: str, *, key: bytes, version: str) -> Manifest:
    """Return a manifest whose signature is ours and whose version is the one asked for.

    Raises
    ------
    SignatureError
        This deployment's key did not sign it.
    BundleError
        It is signed, but not a manifest this program knows, or of another version.
    """
    if not is_signed(manifest_key(key), content, signature.strip()):
        raise SignatureError(
            f"the manifest of model {version} was not signed with this deployment's key: it "
            "was made elsewhere, changed, or the key was replaced; train here with `leadqual "
            "train`, or restore LEADQUAL_SIGNING_KEY"
        )
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise BundleError(
            f"the manifest of model {version} is not of format {FORMAT}: {_first(error)}; "
            "train a new version with this program"
        ) from error
    if manifest.version != version:
        raise BundleError(
            f"folder {version} holds model {manifest.version}: a version keeps its name; "
            "rename the folder back"
        )
    return manifest


def check_file(name: str, content: bytes, *, entry: FileEntry, version: str) -> None:
    """Compare a file with its manifest entry.

    Raises
    ------
    BundleError
        Size or sha256 differ.
    """
    if len(content) != entry.n_bytes or digest(content) != entry.sha256:
        raise BundleError(
            f"{name} of model {version} is not the file that was signed (sha256 or size "
            "differs): it is damaged or was changed; restore it or train a new version"
        )


def sign_manifest(content: bytes, *, key: bytes) -> str:
    """Return the signature that belongs into `manifest.sig`."""
    return sign(manifest_key(key), content)


def manifest_key(key: bytes) -> bytes:
    """Return the key that signs manifests, derived from the deployment's."""
    return derive_key(key, FORMAT)


def digest(content: bytes) -> str:
    """Return the sha256 of some bytes as 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def _first(error: ValidationError) -> str:
    """Name the first problem without echoing values."""
    problem = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
