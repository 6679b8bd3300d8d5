"""docs/tutorial/ says what is so: each block of each chapter runs and prints what stands below it (chapter.py says how).

A chapter is one process, and all chapters share one empty kernel cache.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import anymetal
import chapter as chapter_program

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial"
INDEX = TUTORIAL / "README.md"
CHAPTERS = sorted(TUTORIAL.glob("[0-9]*.md"))
BUILD = Path(anymetal.__file__).absolute().parents[2]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """As a reader has it after the two lines of the index: no variable of ours set, and no kernel compiled before."""
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "bin").mkdir()
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    settings = {name: value for name, value in os.environ.items() if not name.startswith("ANYMETAL_")}
    return {**settings, "ANYMETAL_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(BUILD / "python"),
            "ANYMETAL_PYTHON": sys.executable, "NO_COLOR": "1",
            "PATH": f"{folder / 'bin'}:{BUILD / 'tools'}:{os.environ['PATH']}"}


def try_page(path, environment):
    return subprocess.run([sys.executable, chapter_program.__file__, path], env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_prints_what_it_shows(chapter, environment):
    done = try_page(chapter, environment)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page, told", [
    ("```python\nprint(1)\n```\n\n```output\n2\n```\n", "but printed was\n1"),
    ("```python\nprint(1)\n```\n", "but printed was\n1"),
    ("```python\nx = 1\n```\n\n```output\n1\n```\n", "shown is\n1"),
    ("```python\nraise KeyError('k')\n```\n", "KeyError: 'k'"),
    ("```sh\nexit 3\n```\n", "exit status 3"),
    ("```python\nprint('3 times')\n```\n\n```output varies\n4 turns\n```\n", "but printed was\n3 times"),
    ("```ruby\n1\n```\n", "nobody knows how to try"),
    ("```output\n1\n```\n", "below nothing that prints"),
])
def test_a_wrong_page_fails(page, told, tmp_path, environment):
    path = tmp_path / "page.md"
    path.write_text(page)
    done = try_page(path, environment)
    assert done.returncode == 1
    assert told in done.stdout + done.stderr


def test_numbers_that_vary_may_differ(tmp_path, environment):
    path = tmp_path / "page.md"
    path.write_text("```python\nprint('3.14 times')\n```\n\n```output varies\n27.5 times\n```\n")
    assert try_page(path, environment).returncode == 0


def test_the_index_has_each_chapter_in_its_order():
    listed = re.findall(r"\]\((\d\d-[\w-]+\.md)\)", INDEX.read_text())
    assert CHAPTERS
    assert listed == [path.name for path in CHAPTERS]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_runs_something_and_ends_with_what_to_remember(chapter):
    text = chapter.read_text()
    assert sum(block.kind in ("python", "sh") and block.output is not None for block in chapter_program.blocks(text)) >= 2
    assert re.findall(r"^## (.*)$", text, re.M)[-1] == "What to remember"


@pytest.mark.parametrize("page", [INDEX, *CHAPTERS], ids=lambda path: path.stem)
def test_links_lead_to_files(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    assert links
    assert not [link for link in links if "://" not in link and not (page.parent / link).exists()]


def test_the_index_starts_a_shell_as_the_front_page_does():
    front = (ROOT / "README.md").read_text().splitlines()
    shown = re.search(r"^```\n(.*?)^```$", INDEX.read_text(), re.M | re.S)[1].splitlines()
    assert len(shown) == 3
    assert shown[1:] == [line for line in front if line in shown[1:]]


def test_pictures_are_those_that_the_program_draws():
    sys.path.insert(0, str(TUTORIAL))
    try:
        import pictures
    finally:
        sys.path.remove(str(TUTORIAL))
    kept = {path.stem: path.read_text() for path in TUTORIAL.glob("*.svg")}
    assert kept == {name: draw() for name, draw in pictures.PICTURES.items()}
