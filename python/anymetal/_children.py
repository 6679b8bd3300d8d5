"""Processes that ``multiprocessing`` starts anew (by spawn or forkserver) begin as their parent did under ``python -m anymetal``."""

from __future__ import annotations

from typing import Any

from ._when_imported import when_imported

_EMULATED = "anymetal._emulated"


def emulate_in_children() -> None:
    when_imported("multiprocessing.spawn", _patch_spawn)
    when_imported("multiprocessing.forkserver", _patch_forkserver)


def _patch_spawn(module: Any) -> None:
    plain = module.get_command_line

    def get_command_line(**options: Any) -> list[str]:
        line = plain(**options)
        if "-c" in line:  # not in programs that are frozen
            at = line.index("-c") + 1
            line[at] = f"import {_EMULATED}; {line[at]}"
        return line

    module.get_command_line = get_command_line


def _patch_forkserver(module: Any) -> None:
    plain = module.set_forkserver_preload

    def set_forkserver_preload(names: list[str]) -> None:
        plain([_EMULATED, *names])

    module.set_forkserver_preload = set_forkserver_preload
    set_forkserver_preload(["__main__"])  # what it is without being set
