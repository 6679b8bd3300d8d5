"""Rewrites what is generated and kept in the repository, from what this checkout computes now.

Six things: the page of builtins (from the table), the list of the linter's rules (from its registry), what it finds in
the code of guides (test/lint/guides), what the tutorial's blocks print (docs/tutorial), the errors that users read
(test/errors, from the compiler), and the texts that MLX itself makes of a kernel (test/api/signatures.txt, from the
installed MLX, so that anymetal never blesses its own). `./dev bless coverage` writes docs/coverage.md alone, from a run of MLX's own kernels (test/coverage). Nothing is
judged here: the difference is shown at the end, to be read before it is committed.
"""

import os
import subprocess
import tempfile
from pathlib import Path

from dev.build import build, environment
from dev.machine import PYTHON, ROOT, Stop, call

PAGE = ROOT / "docs" / "builtins.md"
RULES = ROOT / "docs" / "rules" / "README.md"
TUTORIAL = ROOT / "docs" / "tutorial"
ERRORS = ROOT / "test" / "errors"
SIGNATURES = ROOT / "test" / "api" / "signatures.txt"


def write_page(folder):
    done = subprocess.run([folder / "src" / "builtins" / "anymetal_generate", "docs"], capture_output=True)
    if done.returncode != 0 or not done.stdout:
        raise Stop(f"anymetal_generate docs failed with status {done.returncode}: {done.stderr.decode()}")
    PAGE.write_bytes(done.stdout)


def write_rules(folder):
    done = subprocess.run([PYTHON, "-m", "anymetal.lint.listing"], capture_output=True, env=environment(folder))
    if done.returncode != 0 or not done.stdout:
        raise Stop(f"the list of the linter's rules can't be made: {done.stderr.decode()}")
    RULES.write_bytes(done.stdout)
    call([PYTHON, ROOT / "test" / "lint" / "guide_findings.py", "--write"], env=environment(folder))


def write_tutorial(folder):
    call([PYTHON, TUTORIAL / "pictures.py"])
    known = {name: value for name, value in environment(folder).items() if not name.startswith("ANYMETAL_")}
    path = f"{folder / 'tools'}:{Path(PYTHON).parent}:{known['PATH']}"
    with tempfile.TemporaryDirectory() as cache:  # as in the tests: nobody's settings, nothing compiled before
        settings = known | {"PATH": path, "ANYMETAL_PYTHON": str(PYTHON), "ANYMETAL_CACHE_DIR": cache, "NO_COLOR": "1"}
        for chapter in sorted(TUTORIAL.glob("[0-9]*.md")):
            # The status is 1 also if something was only other than shown, which is what this is for.
            done = subprocess.run([PYTHON, ROOT / "test" / "docs" / "chapter.py", "--write", chapter],
                                  capture_output=True, text=True, env=settings)
            if "Traceback (most recent call last)" in done.stdout + done.stderr:
                raise Stop(f"a block of {chapter.name} failed:\n{done.stdout}{done.stderr}")


def write_errors(folder):
    # Through CTest, so that the program has the environment in which these texts are compared.
    call(["ctest", "--test-dir", folder, "--output-on-failure", "--no-tests=error", "-R", "^anymetal_metal_kernel_on_reference_test$"],
         env={**os.environ, "ANYMETAL_BLESS": "1", "GTEST_FILTER": "ErrorTexts.*"})


def write_signatures():
    # Into a file beside it first: a failure halfway must not leave half a golden file.
    fresh = SIGNATURES.with_suffix(".new")
    try:
        call([PYTHON, ROOT / "test" / "api" / "signature_oracle.py", "--write", fresh])
        fresh.replace(SIGNATURES)
    finally:
        fresh.unlink(missing_ok=True)


def run(arguments):
    if arguments == ["coverage"]:
        call([PYTHON, ROOT / "test" / "coverage" / "make_page.py"], env=environment(build()))
        return 0
    if arguments:
        raise Stop("bless takes no arguments, or `coverage`", 2)
    folder = build(targets=["anymetal_generate", "anymetal_metal_kernel_test", "anymetal_native", "anymetal_mlx", "anymetal_kernels_python", "anymetal_tool"])
    write_page(folder)
    write_rules(folder)
    write_errors(folder)
    write_tutorial(folder)
    write_signatures()
    places = [PAGE, RULES, ROOT / "test" / "lint", TUTORIAL, ERRORS, SIGNATURES]
    command = ["git", "-C", ROOT, "diff", "--stat", "--", *places]
    difference = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    print(difference.rstrip() or "nothing changed: generated pages and golden files are as they were")
    return 0
