"""`anymetal spot-test`: that it runs, checks and reports. What pays isn't tested."""

import json
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree

import anymetal
import pytest
from anymetal import _spot_test

ANYMETAL = pathlib.Path(anymetal.__file__).absolute().parents[2] / "tools" / "anymetal"


def run(*words, **environment):
    return subprocess.run([ANYMETAL, "spot-test", *map(str, words)], capture_output=True, text=True,
                          env={**os.environ, "ANYMETAL_PYTHON": sys.executable, "ANYMETAL_EXECUTOR": "cpu", **environment})


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spot")
    done = run("--quick", "--json", folder / "spot.json", "--picture", folder / "spot.svg")
    return done, json.loads((folder / "spot.json").read_text()), (folder / "spot.svg").read_text()


def test_all_patterns_run_and_agree(report):
    done, numbers, _ = report
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(numbers["patterns"]) == len(_spot_test.PATTERNS) == 10
    for each in numbers["patterns"]:
        assert each["failed"] is None and each["ratio"] > 0 and each["verdict"], each
        assert all(variant["seconds"] > 0 and len(variant["turns"]) == 1 for variant in each["variants"])


def test_the_table_has_a_line_for_each(report):
    done, numbers, _ = report
    for each in numbers["patterns"]:
        line = next(line for line in done.stdout.splitlines() if line.startswith(each["name"] + "  "))
        assert each["verdict"] in line


def test_the_picture_has_a_bar_for_each(report):
    _, numbers, picture = report
    root = xml.etree.ElementTree.fromstring(picture)
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    for each in numbers["patterns"]:
        assert each["name"] in texts and any(text.endswith(each["verdict"]) for text in texts)


def test_one_pattern_as_json():
    done = run("half", "--quick", "--json", "-")
    assert [each["name"] for each in json.loads(done.stdout)["patterns"]] == ["half"]


def test_wrong_usage():
    done = run("halves")
    assert done.returncode == 2 and "anymetal spot-test: there is no pattern 'halves'; the patterns are: fma," in done.stderr
    assert run("--turns", "0").returncode == 2
    assert run("--quick", "half", "--picture", "/nowhere/spot.svg").returncode == 3


def variant(name, seconds, result=None):
    import mlx.core as mx

    made = _spot_test.Variant(name, lambda: [mx.array([1.0 if result is None else result])])
    made.turns = [seconds]
    return made


@pytest.mark.parametrize("times,verdict,ratio", [((1.0, 2.0), "pays", 2), ((1.0, 1.05), "no difference here", 1.05), ((2.0, 1.0), "costs here", 0.5),
                                                 ((1.0, 0.5, 3.0), "pays", 3)])
def test_verdicts(times, verdict, ratio):
    pattern = _spot_test.Pattern("p", "a", [variant(str(at), each) for at, each in enumerate(times)])
    assert pattern.verdict == verdict and pattern.ratio == pytest.approx(ratio)


def test_choices_name_the_fastest():
    pattern = _spot_test.Pattern("p", "a", [variant("x", 2.0), variant("y", 1.0)], is_choice=True)
    assert pattern.verdict == "take y" and pattern.ratio == 2


def test_variants_that_differ_are_a_failure():
    import mlx.core as mx

    pattern = _spot_test.Pattern("p", "a", [variant("x", 1.0), variant("y", 1.0, result=1.01)])
    with pytest.raises(_spot_test.Failure, match="y and x differ by 0.0"):
        _spot_test.compare(pattern, mx)
