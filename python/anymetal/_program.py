"""What `anymetal bench` and `anymetal tune` look at: a script, run as `anymetal run` runs it, or one kernel of a file. While it
runs, each kernel that it launches is recorded with its sizes and a copy of what it was given."""

from __future__ import annotations

import contextlib
import os
import random
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

from . import _kernel_file
from ._library import _native
from ._report import Failure


def is_script(target: str) -> bool:
    """Everything that isn't Metal's: a file of Python, `-m module`, `-c text`."""
    return not target.endswith((".metal", ".h"))


def record(target: str, arguments: list[str], options: Any) -> list[Any]:
    """The cases of a program, in the order of their first launches."""
    native = _native()
    native.start_recording(options.kernel or "" if is_script(target) else "")
    try:
        if is_script(target):
            run_script(target, arguments)
        else:
            _kernel_file.run_once(target, options)
    finally:
        cases = native.stop_recording()
    if not cases:
        raise Failure(_why_nothing(target, options.kernel, native.launched_names()))
    return cases


def _why_nothing(target: str, wanted: str | None, launched: list[str]) -> str:
    if launched and wanted:
        return f"{target} launched no kernel `{wanted}`; it launched: {', '.join(launched)}"
    return (f"{target} launched no Metal kernel that ended well: MLX's arrays are lazy, so evaluate what the kernel makes (mx.eval); "
            "what other processes launch isn't seen")


def run_script(target: str, arguments: list[str]) -> None:
    """As `anymetal run`. Whatever ends the script but its end is a Failure."""
    from .__main__ import emulate, run_program

    if target not in ("-m", "-c") and not Path(target).exists():
        raise Failure(f"there is no file {target}", 2)
    emulate()
    saved = list(sys.argv), list(sys.path)
    try:
        run_program([target, *arguments])
        synchronize()
    except SystemExit as end:
        if end.code not in (None, 0):
            raise Failure(f"the script ended with exit status {end.code}: it must run well under `anymetal run` first") from end
        synchronize()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        _print_traceback(error)
        raise Failure("the script failed (above), so nothing was measured: it must run well under `anymetal run` first") from error
    finally:
        sys.argv, sys.path[:] = saved
        sys.stdout.flush()


def seed() -> None:
    """The same random numbers in each run of a script, where it doesn't give a seed itself (and doesn't make generators of its own)."""
    random.seed(0)
    with contextlib.suppress(ImportError):
        import numpy

        numpy.random.seed(0)
    mlx, torch = sys.modules.get("mlx.core"), sys.modules.get("torch")
    if mlx is not None:
        mlx.random.seed(0)
    if torch is not None:
        torch.manual_seed(torch.initial_seed())


def synchronize() -> None:
    """Work that MLX still has in its streams belongs to the script."""
    mlx = sys.modules.get("mlx.core")
    if mlx is not None:
        mlx.synchronize()


def _print_traceback(error: BaseException) -> None:
    """From the script's own first line on."""
    frames = error.__traceback__
    ours = str(Path(__file__).parent) + os.sep
    while frames is not None and (frames.tb_frame.f_code.co_filename.startswith((ours, "<frozen runpy"))
                                  or frames.tb_frame.f_code.co_filename == runpy.__file__):
        frames = frames.tb_next
    sys.stdout.flush()
    traceback.print_exception(type(error), error, frames or error.__traceback__, file=sys.stderr)
