"""`lint_kernel` with a memory: in the process, and on disk beside the compiled kernels, so that an unchanged kernel isn't compiled again.

An entry is named by everything that its findings depend on: the request, the rules, the version, the library's binary. Nothing read from disk is
trusted: an entry that isn't exactly what was written is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .registry import RULES

MOST_ENTRIES = 20_000


def folder() -> Path | None:
    """Where entries are kept; None: nowhere."""
    try:
        from .. import _native
    except ImportError:
        return None
    named = _native.cache_folder()
    return Path(named) / "lint" if named else None


def _stamp() -> str:
    package = Path(__file__).absolute().parents[1]
    parts = [name for rule in RULES.values() if rule.side == "kernel" for name in (rule.name,)]
    for name in ("libanymetal.so",):
        try:
            state = (package / name).stat()
            parts.append(f"{state.st_size}:{state.st_mtime_ns}")
        except OSError:
            parts.append("?")
    return "|".join(parts)


def remembered(lint_kernel: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
    known: dict[str, list[dict[str, Any]]] = {}
    place = folder()
    stamp = _stamp()

    def ask(request: dict[str, Any]) -> list[dict[str, Any]]:
        text = json.dumps({**request, "path": "", "stamp": stamp}, sort_keys=True)
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        if key not in known:
            found = _load(place, key)
            if found is None:
                found = lint_kernel(request)
                _store(place, key, found)
            known[key] = found
        return known[key]

    return ask


def _load(place: Path | None, key: str) -> list[dict[str, Any]] | None:
    if place is None:
        return None
    try:
        entry = json.loads((place / key[:2] / f"{key}.json").read_text(encoding="utf-8"))
        findings = entry["findings"]
        if entry["key"] != key or entry["sum"] != _sum(findings) or not all(isinstance(each, dict) for each in findings):
            return None
        return findings
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _store(place: Path | None, key: str, findings: list[dict[str, Any]]) -> None:
    if place is None:
        return
    try:
        inside = place / key[:2]
        inside.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=inside, prefix=".new-", delete=False, encoding="utf-8") as file:
            json.dump({"key": key, "sum": _sum(findings), "findings": findings}, file)
        os.replace(file.name, inside / f"{key}.json")
    except OSError:
        pass  # without a cache it only takes longer


def _sum(findings: Any) -> str:
    return hashlib.sha256(json.dumps(findings, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


def trim() -> None:
    """Keeps the newest entries."""
    place = folder()
    if place is None:
        return
    try:
        entries = [(path.stat().st_mtime, path) for path in place.glob("*/*.json")]
    except OSError:
        return
    if len(entries) > MOST_ENTRIES:
        for _, path in sorted(entries)[:len(entries) - MOST_ENTRIES // 2]:
            path.unlink(missing_ok=True)
