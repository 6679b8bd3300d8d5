"""The differential fuzzer of kernels: its oracle and anymetal agree, and it would see it if they didn't."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("numpy")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "fuzz" / "kernels"))

import oracle  # noqa: E402
from compare import Case, check  # noqa: E402
from generate import generator as generator_of  # noqa: E402
from shrink import shrink  # noqa: E402
from tree import Node  # noqa: E402


def generated(seed):
    generator = generator_of(seed)
    return generator, generator.kernel()


def test_the_same_seed_gives_the_same_kernel():
    assert generated(7)[1].text() == generated(7)[1].text()
    assert generated(7)[1].text() != generated(8)[1].text()


def test_kernels_without_a_difference(tmp_path):
    made = [generated(seed) for seed in range(900000, 900020)]
    runs = oracle.compile_all([tree.text() for _, tree in made], tmp_path)
    for seed, ((generator, tree), run) in enumerate(zip(made, runs)):
        assert check(Case(tree.text(), seed, generator.grid, generator.threadgroup), run) is None


def test_threadgroup_arrays_of_structs_fit(tmp_path):
    """One of a struct in a struct that is aligned to 32 bytes took 33,792 bytes."""
    generator, tree = generated(707984)
    run, = oracle.compile_all([tree.text()], tmp_path)
    assert check(Case(tree.text(), 707984, generator.grid, generator.threadgroup, generator.math), run) is None


def test_a_wrong_result_is_seen_and_cut_down(tmp_path):
    """The oracle gets a `hadd` that rounds the other way: what stays of the kernel is little more than that call."""
    generator, tree = generated(11)
    body = tree.parts[-2]
    body.parts.append(Node("statement", ["out_ints[me * 6] = hadd(int(lane), 2);"]))
    before = len(body.parts)

    def wrong(text):
        try:
            run, = oracle.compile_all([text.replace("hadd(int(", "rhadd(int(").replace("rrhadd", "rhadd")], tmp_path)
        except oracle.Refused:
            return False
        found = check(Case(text, 5, generator.grid, generator.threadgroup), run)
        return found is not None and found[0] == "difference"

    assert wrong(tree.text())
    shrink(tree, wrong, seconds=60)
    assert wrong(tree.text())
    assert len(body.parts) <= 3 < before, tree.text()


def test_lanes_part_and_meet_in_the_oracle(tmp_path):
    """Worked out by hand: sums over the lanes that are there, in and after an `if`, a loop and a return."""
    import numpy as np
    from compare import inputs
    from generate import PROLOGUE, SIGNATURE, SLOTS

    text = PROLOGUE + SIGNATURE + """ {
      SIMD_IF(lane < 8u) {
        SIMD_FOR(i, i < int(lane & 3u)) { out_ints[in_grid.x * 6 + 1] += simd_sum(1); } SIMD_END
        out_ints[in_grid.x * 6] = simd_sum(1);
      } SIMD_ELSE {
        SIMD_FOR(i, i < 2) { SIMD_BREAK_IF(lane < 16u, 0) out_ints[in_grid.x * 6 + 1] += simd_sum(1); } SIMD_END
      } SIMD_END
      SIMD_RETURN_IF(lane == 31u)
      out_ints[in_grid.x * 6 + 2] = simd_sum(1);
    }
    """
    case = Case(text, 1, (32, 1, 1), (32, 1, 1))
    run, = oracle.compile_all([text], tmp_path)
    buffers = inputs(case)
    assert run(case.grid, case.threadgroup, buffers)
    got = buffers[3].reshape(-1, SLOTS)[:, :3]
    turns = {0: 0, 1: 6, 2: 6 + 4, 3: 6 + 4 + 2}  # in turn i those lanes go on whose (lane & 3) > i
    want = np.array([[8, turns[lane & 3], 31] if lane < 8 else [0, 0 if lane < 16 else 32, 31 if lane < 31 else 0] for lane in range(32)])
    np.testing.assert_array_equal(got, want)
    assert check(case, run) is None


def test_a_finding_replays(tmp_path):
    generator, tree = generated(3)
    case = Case(tree.text(), 3, generator.grid, generator.threadgroup)
    path = tmp_path / "finding.metal"
    path.write_text(case.file("what was found"))
    again = Case.read(path)
    assert (again.seed, again.grid, again.threadgroup) == (3, case.grid, case.threadgroup)
    run, = oracle.compile_all([again.text], tmp_path)
    assert check(again, run) is None
