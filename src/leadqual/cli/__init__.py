"""The `leadqual` command: parse, call a service, print.

Exit codes: 0 done, 1 it could not be done (the message says why and what to do), 2 the command
line was wrong.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from leadqual.errors import LeadqualError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    `--debug` may stand anywhere: it prints the traceback of an error.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; None means those of this process.
    """
    prepare_libraries()
    arguments = list(sys.argv[1:] if argv is None else argv)
    is_debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    with collecting_nothing():
        run = _find_command(arguments)
    try:
        run()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except KeyboardInterrupt:
        return 1  # as typer ends other commands
    except LeadqualError as error:
        return _explain(error, as_json="--json" in arguments, is_debug=is_debug)
    except OSError as error:
        broken = LeadqualError(_describe(error))
        broken.__cause__ = error
        return _explain(broken, as_json="--json" in arguments, is_debug=is_debug)
    except Exception as error:  # noqa: BLE001 - last resort: a user gets a sentence, a developer asks for --debug
        broken = LeadqualError(
            f"leadqual itself failed ({type(error).__name__}); run the command again with "
            "--debug and report what it prints"
        )
        broken.__cause__ = error
        return _explain(broken, as_json="--json" in arguments, is_debug=is_debug)
    return 0


def _find_command(arguments: list[str]) -> Callable[[], None]:
    """Return what does what the arguments say; a plain `serve` does not wait for typer."""
    from leadqual.cli.running import read_plain, serve_until_stopped

    options = read_plain(arguments)
    if options is not None:
        return partial(serve_until_stopped, **options)
    from leadqual.cli.app import build_app

    app = build_app(arguments[0] if arguments else None)
    return partial(app, args=arguments, prog_name="leadqual")


@contextmanager
def collecting_nothing() -> Iterator[None]:
    """Look for no garbage: what a block like this makes stays for as long as the process.

    The search would take a tenth of a start.
    """
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_enabled:
            gc.enable()


def prepare_libraries() -> None:
    """Set what libraries read while they are loaded, unless the operator has chosen otherwise.

    Numeric ones get one thread: our matrices are small, and on a busy machine spinning threads
    made a fit 17 times slower. Pydantic looks for plugins in all packages that are installed,
    which takes a start 25 ms; nothing here has any.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def _explain(error: LeadqualError, *, as_json: bool, is_debug: bool) -> int:
    """Print an error for people, or for machines, on standard error."""
    if is_debug:
        traceback.print_exception(error)
    if as_json:
        document = {"error": type(error).__name__, "message": str(error)}
        sys.stderr.write(json.dumps(document, ensure_ascii=False) + "\n")
    else:
        sys.stderr.write(f"error: {error}\n")
    return 1


def _describe(error: OSError) -> str:
    """Say which file and what went wrong with it."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or type(error).__name__}; check that it exists and may be used"
