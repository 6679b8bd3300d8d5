"""Every kernel in the headers of MLX's wheel runs here, and docs/coverage.md says what was run."""

import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("numpy")
pytest.importorskip("mlx.core")
sys.path.insert(0, str(Path(__file__).parent))

from framework import PAGE, Run, headers, included, kernels, lines, load_families  # noqa: E402

FAMILIES = load_families()
BLESS = "run ./dev bless coverage, and look at what it changes"


@pytest.mark.parametrize("header, family", FAMILIES,
                         ids=[f"{header}-{family.__name__}" for header, family in FAMILIES])
def test_family(header, family):
    run = Run(header, family.also)
    family(run)
    assert run.rows, "nothing was compared"
    for row in run.rows.values():
        shapes = len(set(row.shapes))
        assert shapes >= 3, f"{row.kernel} {row.dtype} ran with {shapes} shapes"
    missing = set(lines(header, run.rows.values())) - set(PAGE.read_text().splitlines())
    assert not missing, f"docs/coverage.md doesn't say what ran: {BLESS}"


def test_every_family_is_there_once():
    names = [(header, family.__name__) for header, family in FAMILIES]
    assert len(names) == len(set(names))


def told():
    """{header: what its rows say of kernels}, from the page."""
    found = {}
    for header, kernel in re.findall(r"^\| `([^`]+)` \|(?: `([^`]+)`)?", PAGE.read_text(), re.M):
        found.setdefault(header, []).append(kernel)
    return found


def test_every_header_of_the_wheel_is_on_the_page():
    assert sorted(told()) == headers(), BLESS


@pytest.mark.parametrize("header", headers())
def test_every_kernel_of_the_header_is_on_the_page(header):
    named = " ".join(kernel for each, rows in told().items() if header in included(each)
                     for kernel in rows)
    assert set(kernels(header)) - set(re.findall(r"\w+", named)) == set(), BLESS
