"""Train on what the service recorded; promote or refuse.

The same code as `leadqual retrain`; `python training/retrain.py --help` lists the options.
"""

from __future__ import annotations

import sys

from leadqual.cli import main

if __name__ == "__main__":
    sys.exit(main(["retrain", *sys.argv[1:]]))
