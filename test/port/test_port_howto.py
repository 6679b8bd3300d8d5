"""The file and the script of docs/howto/port.md do what the page says."""

import os
import pathlib
import re
import subprocess
import sys

import anymetal
import pytest

pytest.importorskip("mlx.core")
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "howto" / "port.md"
ANYMETAL = pathlib.Path(anymetal.__file__).absolute().parents[2] / "tools" / "anymetal"


def test_the_page(tmp_path):
    blocks = dict(re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.M | re.S))
    (tmp_path / "soft_cap.metal").write_text(blocks["metal"])
    package = str(pathlib.Path(anymetal.__file__).parents[1])
    environment = {**os.environ, "ANYMETAL_PYTHON": sys.executable, "PYTHONPATH": package}
    done = subprocess.run([ANYMETAL, "port", "soft_cap.metal", "-o", "soft_cap.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr.strip() in PAGE.read_text(), done.stderr
    (tmp_path / "script.py").write_text(blocks["python"])
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout == blocks["output"], done.stdout + done.stderr
    refused = re.search(r"\n\n(//! .*?)\n```", PAGE.read_text(), re.S) or re.search(r"```\n(//! .*?)```", PAGE.read_text(), re.S)
    (tmp_path / "body.metal").write_text(refused[1])
    done = subprocess.run([ANYMETAL, "port", "--to-metal", "body.metal"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "kernel void my_exp(" in done.stdout, done.stderr
