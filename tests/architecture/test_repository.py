"""What the repository promises about itself."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACKED = subprocess.run(
    ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
).stdout.split()
TEXT_SUFFIXES = {".py", ".md", ".toml", ".lock", ".yaml", ".html", ".css", ".js", ".json", ""}


def test_lock_has_hashes_and_no_index_address() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")

    assert lock.count("--hash=sha256:") > 500
    assert not re.search(r"https?://|--index|--extra-index|--find-links", lock)


@pytest.mark.skipif(not TRACKED, reason="not a git checkout: the list of tracked files is unknown")
def test_tracked_files_are_small_and_name_no_package_file_address() -> None:
    address = re.compile(r"https?://[^\s\"']+\.(whl|tgz|tar\.gz)\b|index.url\s*=")
    offenders = []
    for name in TRACKED:
        path = ROOT / name
        if path.suffix not in TEXT_SUFFIXES or not path.is_file():
            continue
        if name != "tests/architecture/test_repository.py" and address.search(
            path.read_text(encoding="utf-8")
        ):
            offenders.append(name)

    assert offenders == []
    assert (
        max((ROOT / name).stat().st_size for name in TRACKED if (ROOT / name).is_file()) < 2_000_000
    )


def test_every_make_target_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)

    assert phony is not None
    for target in phony.group(1).split():
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), target


def test_every_lint_opt_out_in_code_names_its_rule_and_reason() -> None:
    pattern = re.compile(r"# (noqa|type: ignore)(?P<rest>.*)$")
    offenders = []
    for folder in ("src", "api", "training", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                match = pattern.search(line)
                if match and not re.match(
                    r"(: [A-Z]+\d+|\[[a-z-]+\]).*(#|-|—|  )\s*\w+", match["rest"]
                ):
                    offenders.append(f"{path.relative_to(ROOT)}:{number}")

    assert offenders == []
