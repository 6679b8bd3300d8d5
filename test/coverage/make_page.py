"""Runs all families and writes docs/coverage.md: what ./dev bless coverage calls."""

import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from framework import PAGE, Run, lines, load_families, page  # noqa: E402

runs = defaultdict(list)
for header, family in load_families():
    run = Run(header, family.also)
    print(f"{header}: {family.__name__}", flush=True)
    family(run)
    runs[header] += lines(header, run.rows.values())
PAGE.write_text(page(runs))
