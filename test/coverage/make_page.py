"""Runs all families and writes docs/coverage.md: what ./dev bless coverage calls."""

import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

# Before anymetal reads them: what it compiles is counted, and where that runs.
os.environ["ANYMETAL_LOG"] = "debug"
cache = tempfile.TemporaryDirectory()
os.environ["ANYMETAL_CACHE_DIR"] = cache.name
sys.path.insert(0, str(Path(__file__).parent))
from framework import PAGE, Fallbacks, Run, lines, load_families, page  # noqa: E402

runs = defaultdict(list)
fallbacks = Fallbacks()
for header, family in load_families():
    run = Run(header, family.also)
    print(f"{header}: {family.__name__}", flush=True)
    with fallbacks.of(run):
        family(run)
    runs[header] += lines(header, run.rows.values())
PAGE.write_text(page(runs, fallbacks))
