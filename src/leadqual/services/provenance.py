"""Where a model came from: the program that made it."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_LEARNERS: Final = ("leadqual", "lightgbm", "scikit-learn", "numpy")
_STAGES: Final = ("leads", "features", "outcomes", "qualify", "learning")


def read_git_commit(folder: Path | None = None) -> str | None:
    """Return the commit of a source tree, with `+changes` where files differ from it.

    None where there is no git, or the program was installed without its repository.

    Parameters
    ----------
    folder : Path, optional
        A folder of the source tree; by default that of this program.
    """
    tree = folder or Path(__file__).parent
    try:
        commit = _git(tree, "rev-parse", "HEAD")
        changed = _git(tree, "status", "--porcelain", "--untracked-files=no", ".")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}+changes" if changed else commit


def list_versions() -> dict[str, str]:
    """Return the versions of Python and of what learns, for the record of a training."""
    found = {"python": platform.python_version()}
    for name in _LEARNERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def hash_method() -> str:
    """Return a sha256 over the code that makes models and the versions of what it learns with.

    Two results with the same hash came from the same method; a release number would not tell
    that during development.
    """
    root = Path(__file__).parents[1]
    digest = hashlib.sha256(json.dumps(list_versions(), sort_keys=True).encode())
    for path in sorted(path for stage in _STAGES for path in (root / stage).rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _git(folder: Path, *arguments: str) -> str:
    program = shutil.which("git")
    if program is None:
        raise FileNotFoundError("git")
    done = subprocess.run(  # noqa: S603 - git's own path and our constants
        [program, *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()
