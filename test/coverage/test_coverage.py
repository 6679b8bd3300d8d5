"""Every kernel header of MLX's wheel runs here; docs/coverage.md says what was run."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("numpy")
pytest.importorskip("mlx.core")
sys.path.insert(0, str(Path(__file__).parent))

from framework import Run, headers, load_families, reached  # noqa: E402

FAMILIES = load_families()


@pytest.mark.parametrize("header, family", FAMILIES, ids=[f"{header}-{family.__name__}" for header, family in FAMILIES])
def test_family(header, family):
    run = Run(header, family.also)
    family(run)
    assert run.rows, "nothing was compared"
    for row in run.rows.values():
        assert len(set(row.shapes)) >= 3, f"{row.kernel} {row.dtype} ran with {len(set(row.shapes))} shapes"


def test_every_header_of_the_wheel_is_run():
    assert sorted(set(headers()) - set(reached(FAMILIES))) == []
