"""Each rule's cases: test/lint/RULE/true.py (or .metal, .cc) and near.*.

A file has several cases, each below a line `# case: what it shows` (`//` in Metal and C++); each is looked at as a file of its own. In `true` a
line that the rule must find something on ends with `# finds` (`// finds`), and the rule finds nothing else; in `near` it finds nothing.
"""

import re
from pathlib import Path

import pytest

from anymetal.lint import engine
from anymetal.lint.registry import RULES, page_of

HERE = Path(__file__).parent
CASE = re.compile(r"^(?:#|//) case: *(.*)$", re.M)
MARK = re.compile(r"(?:#|//) finds\b")


def lint_kernel():
    try:
        from anymetal import _native
    except ImportError:
        return None
    return getattr(_native, "lint_kernel", None)


def cases(path):
    text = path.read_text()
    starts = list(CASE.finditer(text))
    ends = [each.start() for each in starts[1:]] + [len(text)]
    return [(each[1].strip(), text[each.end() + 1:end]) for each, end in zip(starts, ends)]


def all_cases(kind):
    return [pytest.param(rule, path, text, id=f"{rule}-{name}") for rule in RULES for path in sorted((HERE / rule).glob(f"{kind}.*"))
            for name, text in cases(path)]


def found_lines(rule, path, text):
    assert RULES[rule].side != "kernel" or lint_kernel() is not None, "this build's extension has no lint_kernel"
    findings, troubles = engine.lint_text(f"case{path.suffix}", text, lint_kernel())
    assert not troubles
    return [finding.place.line for finding in findings if finding.rule == rule]


@pytest.mark.parametrize("rule, path, text", all_cases("true"))
def test_finds(rule, path, text):
    marked = [number for number, line in enumerate(text.splitlines(), 1) if MARK.search(line)]
    assert marked, "a true case marks its lines with `# finds`"
    assert sorted(set(found_lines(rule, path, text))) == marked


@pytest.mark.parametrize("rule, path, text", all_cases("near"))
def test_stays_silent(rule, path, text):
    assert not MARK.search(text)
    assert found_lines(rule, path, text) == []


@pytest.mark.parametrize("rule", RULES)
def test_has_cases_and_a_page(rule):
    count = {kind: sum(len(cases(path)) for path in (HERE / rule).glob(f"{kind}.*")) for kind in ("true", "near")}
    assert min(count.values()) >= 3, f"three true cases and three near misses: {count}"
    page = page_of(RULES[rule])
    assert page is not None
    text = page.read_text()
    assert text.startswith(f"# {rule}\n")
    for heading in ("## What happens", "## Why", "## Wrong", "## Right"):
        assert heading in text, heading


def test_folders_are_rules():
    assert {each.name for each in HERE.iterdir() if each.is_dir() and re.search(r"-\d{3}$", each.name)} <= set(RULES)


def test_pages_are_listed():
    pages = Path(__file__).resolve().parents[2] / "docs" / "rules"
    listing = (pages / "README.md").read_text()
    for rule in RULES.values():
        assert f"[{rule.name}]({rule.name}.md)" in listing
    assert {each.stem for each in pages.glob("*.md")} - {"README"} == set(RULES)


