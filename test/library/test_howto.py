"""The script of docs/howto/whole-files.md prints what stands below it."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "whole-files.md"


def test_the_script_prints_what_stands_below_it(tmp_path):
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    assert [language for language, _ in blocks] == ["python", "output"]
    script = tmp_path / "script.py"
    script.write_text(blocks[0][1])
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert done.stdout == blocks[1][1], done.stderr
