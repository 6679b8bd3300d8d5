"""Faults seeded into working kernels: at least 45 of 50 are found, and the kernels as they are get no finding."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
seed = pytest.importorskip("seed", reason="this build's extension can't be loaded")


def test_kernels_as_they_are_get_no_finding():
    assert [(path.stem, *each) for path in sorted(seed.KERNELS.glob("*.metal")) for each in seed.findings(path.read_text())] == []


def test_finds_the_faults():
    missed = [f"{fault.kernel}: {fault.what}" for fault in seed.FAULTS if not seed.is_found(fault)]
    assert len(seed.FAULTS) >= 50
    assert len(seed.FAULTS) - len(missed) >= 0.9 * len(seed.FAULTS), missed
