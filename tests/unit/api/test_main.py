import subprocess
import sys
from pathlib import Path

from api.main import SWITCH_SECONDS


def test_a_served_process_neither_collects_what_stays_nor_holds_the_interpreter(
    tmp_path: Path,
) -> None:
    code = (
        "import gc, sys; from api.main import app_from_environment; app_from_environment(); "
        "print(gc.get_freeze_count() > 50_000, sys.getswitchinterval())"
    )
    environment = {"LEADQUAL_HOME": str(tmp_path), "PATH": ""}
    root = Path(__file__).parents[3]

    out = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, check=True, stdout=subprocess.PIPE
    )

    assert out.stdout.split() == [b"True", str(SWITCH_SECONDS).encode()]
