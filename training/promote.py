"""Make a registered version the one that serves.

The same code as `leadqual promote`; `python training/promote.py --help` lists the options.
"""

from __future__ import annotations

import sys

from leadqual.cli import main

if __name__ == "__main__":
    sys.exit(main(["promote", *sys.argv[1:]]))
