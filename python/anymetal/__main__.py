"""``python -m anymetal``: runs a script with Metal kernels, as ``python`` would run it.

    python -m anymetal script.py [arguments]
    python -m anymetal -m module [arguments]
    python -m anymetal -c "import mlx.core as mx; ..." [arguments]
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from ._children import emulate_in_children
from ._mps import emulate_mps_when_imported


def main(arguments: list[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__.strip())
        sys.exit(0 if arguments else 2)
    if arguments[0] == "--version":
        from . import __version__
        print("anymetal", __version__)
        return
    if arguments[0] in ("-m", "-c") and len(arguments) < 2:
        print(f"anymetal: {arguments[0]} needs an argument", file=sys.stderr)
        sys.exit(2)
    emulate()
    run_program(arguments)


def emulate() -> None:
    """What scripts expect of a Mac beyond MLX."""
    emulate_in_children()
    if os.environ.get("ANYMETAL_GATES") != "off":
        emulate_mps_when_imported()


def run_program(arguments: list[str]) -> None:
    """A file, `-m module` or `-c text`, with its own arguments."""
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path[0] = ""
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        sys.path[0] = ""
        _run_text(arguments[1])
    else:
        _run_file(arguments)


def _run_text(text: str) -> None:
    main_module = sys.modules["__main__"]
    namespace = {"__name__": "__main__", "__builtins__": __builtins__}
    vars(main_module).clear()
    vars(main_module).update(namespace)
    exec(compile(text, "<string>", "exec"), vars(main_module))


def _run_file(arguments: list[str]) -> None:
    script = Path(arguments[0])
    if not script.exists():
        print(f"anymetal: there is no file {arguments[0]}", file=sys.stderr)
        sys.exit(2)
    sys.argv = arguments
    sys.path[0] = str(script.resolve().parent)
    runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
