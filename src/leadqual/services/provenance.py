"""Where a model came from: the program that made it."""

from __future__ import annotations

import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_LEARNERS: Final = ("leadqual", "lightgbm", "scikit-learn", "numpy")


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


def _git(folder: Path, *arguments: str) -> str:
    program = shutil.which("git")
    if program is None:
        raise FileNotFoundError("git")
    done = subprocess.run(  # noqa: S603 - git's own path and our constants
        [program, *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()
