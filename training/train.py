"""Train, evaluate and register one version.

The same code as `leadqual train`; `python training/train.py --help` lists the options.
"""

from __future__ import annotations

import sys

from leadqual.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
