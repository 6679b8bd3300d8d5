"""./dev --help is true: what it lists can be run, and what can be run is listed."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dev

HERE = Path(__file__).resolve().parent
PROGRAM = HERE.parents[1] / "dev"


def call(*arguments):
    return subprocess.run([sys.executable, PROGRAM, *arguments], capture_output=True, text=True, timeout=60)


def listed():
    return re.findall(r"^  (\S+) ", call("--help").stdout, re.M)


def test_help_lists_the_commands():
    assert listed() == list(dev.COMMANDS)


@pytest.mark.parametrize("name", dev.COMMANDS)
def test_listed_command_has_a_module_and_help(name):
    module = importlib.import_module("dev." + name.replace("-", "_"))
    assert callable(module.run)
    assert module.__doc__
    done = call(name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"./dev {name}: ")


def test_every_command_is_listed():
    found = {path.stem.replace("_", "-") for path in HERE.glob("*.py") if "\ndef run(arguments):" in path.read_text()}
    assert found == set(dev.COMMANDS)


def test_unknown_command_is_wrong_usage():
    done = call("no-such-command")
    assert done.returncode == 2
    assert "no command 'no-such-command'" in done.stderr
