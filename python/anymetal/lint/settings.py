"""What the command line and `[tool.anymetal.lint]` in pyproject.toml choose: rules, files, both as ruff has them.

The nearest pyproject.toml above the first path that has the table counts. The command line's --select and --ignore take the place of the file's,
the --extend-... forms add to it.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .registry import RULES, matching

EXCLUDED = [".git", ".hg", ".svn", ".venv", "venv", ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", "__pycache__", "node_modules", "build", "dist",
            "site-packages"]
KEYS = {"select", "extend-select", "ignore", "extend-ignore", "exclude", "extend-exclude", "per-file-ignores"}


class WrongUsage(Exception):
    """What is wrong in one sentence."""


@dataclass
class Settings:
    rules: set[str]
    exclude: list[str] = field(default_factory=lambda: list(EXCLUDED))
    per_file: dict[str, set[str]] = field(default_factory=dict)
    root: Path = field(default_factory=Path.cwd)

    def wants(self, rule: str, path: str) -> bool:
        if rule not in self.rules:
            return False
        for pattern, rules in self.per_file.items():
            if rule in rules and _matches(path, pattern, self.root):
                return False
        return True

    def excludes(self, path: Path, below: Path) -> bool:
        parts = path.relative_to(below).parts
        return any(fnmatch.fnmatch(part, pattern) for pattern in self.exclude for part in parts) or any(
            "/" in pattern and _matches(str(path), pattern, self.root) for pattern in self.exclude)


def _matches(path: str, pattern: str, root: Path) -> bool:
    absolute = Path(path).absolute()
    try:
        relative = absolute.relative_to(root.absolute()).as_posix()
    except ValueError:
        relative = absolute.as_posix()
    return fnmatch.fnmatch(relative, pattern) or fnmatch.fnmatch(absolute.name, pattern) or relative.startswith(pattern.rstrip("/") + "/")


def make(options: Any, first: str) -> Settings:
    table, root = _table(options, first)
    chosen = {rule.name for rule in RULES.values() if rule.is_on}
    select = options.select if options.select is not None else table.get("select")
    if select is not None:
        chosen = _rules(select, "select")
    ignored = options.ignore if options.ignore is not None else table.get("ignore", [])
    # The more exact word wins, as in ruff: --select GRAPH-BREAK-001 --ignore ALL keeps the one.
    exact = {name.strip().upper() for name in [*(select or []), *options.extend_select]}
    chosen |= _rules([*table.get("extend-select", []), *options.extend_select], "extend-select")
    for rule in _rules([*ignored, *table.get("extend-ignore", []), *options.extend_ignore], "ignore"):
        if not (rule in exact and rule not in {name.strip().upper() for name in ignored}):
            chosen.discard(rule)
    exclude = options.exclude or table.get("exclude") or EXCLUDED
    per_file = {pattern: _rules(names, "per-file-ignores") for pattern, names in table.get("per-file-ignores", {}).items()}
    return Settings(chosen, [*exclude, *table.get("extend-exclude", []), *options.extend_exclude], per_file, root)


def _rules(names: list[str], what: str) -> set[str]:
    found: set[str] = set()
    for name in names:
        rules = matching(name)
        if not rules:
            raise WrongUsage(f"{what}: there is no rule {name}; `anymetal lint --list` shows them")
        found |= {rule.name for rule in rules}
    return found


def _table(options: Any, first: str) -> tuple[dict[str, Any], Path]:
    if options.isolated:
        return {}, Path.cwd()
    if options.config:
        return _read(Path(options.config), True) or {}, Path(options.config).absolute().parent
    start = Path(first).absolute()
    for folder in [start, *start.parents]:
        path = folder / "pyproject.toml"
        try:
            is_there = path.is_file()
        except OSError:
            continue
        if is_there and (table := _read(path, False)) is not None:
            return table, folder
    return {}, Path.cwd()


def _read(path: Path, is_named: bool) -> dict[str, Any] | None:
    try:
        import tomllib
    except ImportError:  # Python 3.10
        try:
            import tomli as tomllib  # type: ignore[no-redef]
        except ImportError:
            if is_named:
                raise WrongUsage(f"{path}: Python 3.10 needs the package tomli to read it") from None
            return None
    try:
        whole = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        if is_named:
            raise WrongUsage(f"{path} can't be read: {error.strerror}") from None
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{path} isn't TOML: {error}") from None
    table = whole.get("tool", {}).get("anymetal", {}).get("lint")
    if table is None:
        return {} if is_named else None
    for key, value in table.items():
        if key not in KEYS:
            raise WrongUsage(f"{path}: [tool.anymetal.lint] has no key `{key}`; it has {', '.join(sorted(KEYS))}")
        is_right = (isinstance(value, dict) and all(isinstance(each, list) for each in value.values())) if key == "per-file-ignores" else (
            isinstance(value, list) and all(isinstance(each, str) for each in value))
        if not is_right:
            raise WrongUsage(f"{path}: [tool.anymetal.lint] {key} is " + ("a table of lists" if key == "per-file-ignores" else "a list of strings"))
    return table
