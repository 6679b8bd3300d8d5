"""The programs of ./dev bench peers, on tiny sizes: each of our kernels, the second ones too, gives what NumPy gives. No time is looked at."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import causes
import page
import rows

HERE = Path(__file__).parent
# Rows of these are for other programs than this test runs.
ELSEWHERE = {"launch", "first_cold", "first_disk"}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peers")
    # Those take seconds to compile, and test/coverage/ has them.
    names = [row.name for row in rows.table().values() if row.family not in ELSEWHERE and row.name not in ("steel_gemm_half", "steel_gemm_bfloat", "sdpa_full")]
    command = [sys.executable, HERE / "main.py", *names, "--tiny", "--turns", "1", "--patience", "0", "--no-probe", "--peers", "anymetal,again,numpy,openblas",
               "--json", folder / "peers.json", "--page", folder / "page.md"]
    done = subprocess.run([str(part) for part in command], env={**os.environ, "PEERS_BUILD": str(folder / "build")}, capture_output=True, text=True)
    assert (folder / "peers.json").exists(), done.stdout + done.stderr
    return json.loads((folder / "peers.json").read_text()), (folder / "page.md").read_text(), done


def test_all_contenders_start(report):
    assert report[0]["missing"] == {}


def test_every_row_is_right(report):
    wrong = [f"{row}: {name}: {each['failed']}" for row, entry in report[0]["rows"].items() for name, each in entry["contenders"].items() if each["failed"]]
    assert wrong == []
    assert report[2].returncode == 0


def test_every_row_of_ours_has_a_second_kernel(report):
    ours = {row for row, entry in report[0]["rows"].items() if "anymetal" in entry["contenders"]}
    again = {row for row, entry in report[0]["rows"].items() if "again" in entry["contenders"]}
    assert len(ours) > 20
    assert ours - again <= {"launch_python"}


def test_the_page_has_a_line_for_every_row(report):
    for row in report[0]["rows"].values():
        assert f"| {row['what']} |" in report[1]


def test_causes_are_of_rows_that_there_are():
    for texts in (causes.ROWS, causes.AGAIN, causes.ROBUST):
        assert not texts.keys() - rows.table().keys()


def test_what_is_below_its_goal_has_a_line():
    slow = {"what": "copying", "goals": {"cpp": 0.9}, "ratios": {"again": 1.3, "robust": 1.2}}
    lines = page.causes_of({"rows": {"copy": slow, "sort": {"what": "sorting", "goals": {"cpp": 1.0}, "ratios": {"again": 1.1, "robust": 1.15}}}})
    assert [line.partition(":")[0] for line in lines] == ["- copying, 0.90 of its goal", "- copying, the second kernel, 0.77 of the first", "- copying, `robust`, 1.20 of the time"]
    assert causes.AGAIN["copy"] in lines[1]


def test_a_result_that_is_off_is_wrong():
    row = rows.table()["saxpy"]
    data = rows.inputs(row, tiny=True)
    expected = row.expected(data, row.tiny, row.dtype)
    assert rows.error(row, expected.astype("float32"), expected) <= 1
    expected = expected.copy()
    shifted = expected + 1e-3
    assert rows.error(row, shifted.astype("float32"), expected) > 1


def test_ratios_and_goals():
    row = rows.table()["saxpy"]

    class Times:
        def __init__(self, seconds):
            self.seconds = seconds

        def record(self):
            return {"seconds": self.seconds, "off": 0, "failed": None, "undisturbed": [self.seconds] * 9, "disturbed": []}
    made = page.entry(row, row.sizes, {"anymetal": Times(2e-3), "cpp": Times(1e-3), "intel": Times(4e-3)})
    assert made["ratios"] == {"cpp": 0.5, "intel": 2.0}
    assert made["goals"]["cpp"] == 0.5
    assert page.goal(made) == "0.50 cpp"
