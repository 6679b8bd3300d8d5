"""README.md says what is so: its scripts run and print what stands below them, its commands exist, its links lead somewhere.

A ```python block is a script; the next ```output block is all that it prints. A ```sh block has one command a line; a kind
of command that this file doesn't know fails, so that nothing untried gets in. More pages can be added to PAGES.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import anymetal

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [README, ROOT / "docs" / "README.md", ROOT / "docs" / "design" / "README.md"]
BUILD = Path(anymetal.__file__).absolute().parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def blocks():
    return BLOCK.findall(README.read_text())


def scripts():
    """Each script with what it prints."""
    found = []
    for language, text in blocks():
        if language == "python":
            found.append([text, None])
        elif language == "output":
            found[-1][1] = text
    return found


def commands():
    return [line for language, text in blocks() if language == "sh" for line in text.splitlines() if line.strip()]


def environment(tmp_path):
    """As a reader has it: no variable of ours set, and no kernel compiled before."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("ANYMETAL_")}
    return {**settings, "ANYMETAL_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(BUILD / "python"),
            "ANYMETAL_PYTHON": sys.executable, "LD_LIBRARY_PATH": str(BUILD / "python" / "anymetal")}


def run(command, tmp_path, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300,
                          env=environment(tmp_path), **options)


def tool():
    path = BUILD / "tools" / "anymetal"
    assert path.exists(), "the command isn't built: ./dev build anymetal_tool"
    return path


def test_there_are_scripts_with_outputs_and_commands():
    assert len(scripts()) >= 2
    assert all(output for _, output in scripts())
    assert commands()[:2] == ["./dev demo", "./dev test"]


@pytest.mark.parametrize("way", ["module", "command"])
@pytest.mark.parametrize("number", range(len(scripts())))
def test_a_script_prints_what_stands_below_it(number, way, tmp_path):
    text, output = scripts()[number]
    script = tmp_path / "script.py"
    script.write_text(text)
    start = [sys.executable, "-m", "anymetal"] if way == "module" else [tool(), "run"]
    done = run([*start, script], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip() == output.rstrip()
    assert done.stderr == ""


def known_to_dev(words, tmp_path):
    done = run([ROOT / "dev", "--help"], tmp_path)
    return done.returncode == 0 and re.search(rf"^  {words[1]} ", done.stdout, re.M)


def known_to_the_command(words, tmp_path):
    """Each subcommand, and each option of it, is in its help."""
    path = [words[1], *([words[2]] if words[1] == "cache" else [])]
    done = run([tool(), *path, "--help"], tmp_path)
    options = [word.partition("=")[0] for word in words if word.startswith("--")]
    # With a word that it doesn't know, --help shows the help of the whole.
    shown = f"Usage: anymetal {' '.join(path)} " in " ".join(done.stdout.split()) + " "
    return done.returncode == 0 and shown and all(option in done.stdout for option in options)


def compiles_and_runs(words, tmp_path):
    """With the library of this build, and the program written to where nothing of the checkout is."""
    place = words.index("-o") + 1
    program = tmp_path / words[place]
    words = [*words[:place], program, *words[place + 1:]]
    words = [BUILD / str(word)[len("build/"):] if str(word).startswith("build/") else word for word in words]
    compiled = run(words, tmp_path, cwd=ROOT)
    assert compiled.returncode == 0, compiled.stderr
    done = run([program], tmp_path)
    assert done.returncode == 0, done.stderr
    return True


def is_built_before(words, tmp_path):
    program = words[1].removeprefix("./")
    return any(line.startswith("c++ ") and line.endswith(f"-o {program}") for line in commands())


KINDS = {
    "./dev": known_to_dev,
    "anymetal": known_to_the_command,
    "c++": compiles_and_runs,
    "python": lambda words, tmp_path: words[1:3] == ["-m", "anymetal"],
    ".": lambda words, tmp_path: words[1:] == [".venv/bin/activate"],
    "export": lambda words, tmp_path: words[1:] == ["PATH=$PWD/build/tools:$PATH", "PYTHONPATH=$PWD/build/python"],
    "LD_LIBRARY_PATH=build/python/anymetal": is_built_before,
}


def answered(line, tmp_path):
    """`$(python3 ...)` as the shell answers it."""
    return re.sub(r"\$\(python3 (.*?)\)", lambda asked: run([sys.executable, "-P", *shlex.split(asked[1])], tmp_path).stdout.strip(), line)


@pytest.mark.parametrize("line", dict.fromkeys(commands()))
def test_a_command_exists(line, tmp_path):
    words = shlex.split(answered(line, tmp_path))
    assert words[0] in KINDS, f"this test doesn't know how to try: {line}"
    assert KINDS[words[0]](words, tmp_path), line


def test_variables_are_those_of_the_page_on_the_environment():
    known = set(re.findall(r"^\| `(ANYMETAL_\w+)`", (ROOT / "docs" / "environment.md").read_text(), re.M))
    named = set(re.findall(r"ANYMETAL_\w+", README.read_text()))
    assert len(known) > 5
    assert named <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    assert links
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("folder", ["docs", "docs/design"])
def test_every_page_is_in_its_folders_list(folder):
    text = (ROOT / folder / "README.md").read_text()
    pages = [path.name for path in (ROOT / folder).glob("*.md") if path.name != "README.md"]
    assert pages
    assert not [name for name in pages if f"]({name})" not in text]
