"""The programs of ./dev bench kernels, on tiny sizes: every contender of every row is right. No time is looked at."""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def test_every_row_is_right(tmp_path):
    command = [sys.executable, HERE / "main.py", "--tiny", "--turns", "1", "--patience", "0", "--no-probe", "--peers", "anymetal,numpy,mlx",
               "--json", tmp_path / "kernels.json", "--page", tmp_path / "page.md"]
    done = subprocess.run([str(part) for part in command], env={**os.environ, "PEERS_BUILD": str(tmp_path / "build"), "ANYMETAL_GEMM_TUNE": "off"},
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "kernels.json").read_text())
    assert report["missing"] == {}
    wrong = [f"{row}: {name}: {each['failed']}" for row, entry in report["rows"].items() for name, each in entry["contenders"].items() if each["failed"]]
    assert wrong == []
    assert all("anymetal" in entry["contenders"] for entry in report["rows"].values())
    page = (tmp_path / "page.md").read_text()
    assert all(f"| {entry['what']} |" in page for entry in report["rows"].values())
    families = {path.parent.name for path in HERE.parents[1].glob("kernels/*/*_bench.py")}
    assert {row.split("_")[0] for row in report["rows"]} >= {family.split("_")[0] for family in families}
