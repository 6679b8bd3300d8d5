"""`anymetal lint` from outside: exit statuses, formats, settings, comments, bad input, --fix."""

import json
import os
import subprocess
import sys
from pathlib import Path

import anymetal
import pytest

from anymetal.lint import command, pool
from anymetal.lint.findings import Trouble

BUILD = Path(anymetal.__file__).absolute().parents[2]
WRONG = "import mlx.core as mx\n\nx = mx.array([1, 2, 3])\nval = x[0].item()\ny = mx.zeros((val,))\n"
RIGHT = "import mlx.core as mx\n\nx = mx.array([1, 2, 3])\nprint(x[0].item())\n"


@pytest.fixture
def lint(tmp_path, monkeypatch, capsys):
    """Runs the command in an empty folder: (status, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANYMETAL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(command, "_native", lambda: None)

    def run(*words):
        try:
            status = command.main([str(word) for word in words])
        except SystemExit as end:
            status = end.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_status_0_without_findings(lint, tmp_path):
    (tmp_path / "a.py").write_text(RIGHT)
    assert lint("a.py") == (0, "no findings in 1 file\n", "")


def test_text_shows_the_line_and_what_to_write(lint, tmp_path):
    (tmp_path / "a.py").write_text(WRONG)
    status, out, _ = lint("a.py")
    assert status == 1
    assert out == """\
a.py:4:7: warning: `.item()` makes Python wait until the array is computed, and the graph ends there [GRAPH-BREAK-001]
  4 | val = x[0].item()
    |       ^^^^^^^^^^^
  = instead: keep the array, and take numbers where they are shown
  = more: anymetal lint --explain GRAPH-BREAK-001

1 warning in 1 of 1 file
"""


def test_colours_only_when_asked_or_on_a_terminal(lint, tmp_path):
    (tmp_path / "a.py").write_text(WRONG)
    assert "\033[" not in lint("a.py")[1]
    assert "\033[" in lint("--color", "always", "a.py")[1]


def test_places_with_tabs_wide_letters_and_many_lines(lint, tmp_path):
    (tmp_path / "a.py").write_text("import mlx.core as mx\ndef f(x: mx.array):\n\tä = '漢字'; v = mx.sum(\n\t\tx,\n\t).item()\n\treturn mx.zeros((v,))\n")
    _, out, _ = lint("a.py")
    assert "a.py:3:16:" in out
    lines = out.splitlines()
    assert lines[1] == "  3 |     ä = '漢字'; v = mx.sum("
    assert lines[2].index("^") - lines[2].index("|") == 2 + 4 + len("ä = '____'; v = ")


def test_json(lint, tmp_path):
    (tmp_path / "a.py").write_text(WRONG)
    status, out, _ = lint("--format", "json", "a.py")
    assert status == 1
    (finding,) = json.loads(out)["findings"]
    assert finding["path"] == "a.py" and finding["rule"] == "GRAPH-BREAK-001" and finding["severity"] == "warning"
    assert (finding["line"], finding["column"], finding["end_line"], finding["end_column"]) == (4, 7, 4, 18)


def test_sarif(lint, tmp_path):
    (tmp_path / "a b.py").write_text(WRONG)
    (tmp_path / "bad.py").write_text("def (:\n")
    status, out, _ = lint("--format", "sarif", ".")
    assert status == 2
    log = json.loads(out)
    run = log["runs"][0]
    assert log["version"] == "2.1.0"
    (result,) = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "GRAPH-BREAK-001"
    assert "## Why" in run["tool"]["driver"]["rules"][0]["help"]["markdown"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20b.py"
    assert place["region"] == {"startLine": 4, "startColumn": 7, "endLine": 4, "endColumn": 18}
    assert run["invocations"][0]["executionSuccessful"] is False


def test_github(lint, tmp_path):
    (tmp_path / "a.py").write_text(WRONG)
    _, out, _ = lint("--format", "github", "a.py")
    assert out.startswith("::warning file=a.py,line=4,endLine=4,col=7,endColumn=18,title=GRAPH-BREAK-001::`.item()` makes")
    assert out.count("\n") == 1


def test_output_goes_into_a_file(lint, tmp_path):
    (tmp_path / "a.py").write_text(WRONG)
    assert lint("--format", "json", "--output", "out.json", "a.py")[:2] == (1, "")
    assert json.loads((tmp_path / "out.json").read_text())["findings"]
    assert lint("--output", "no/such/folder", "a.py")[0] == 2


def test_choosing_rules(lint, tmp_path):
    (tmp_path / "a.py").write_text(WRONG)
    assert lint("--select", "KERNEL", "a.py")[0] == 0
    assert lint("--select", "GRAPH-BREAK", "a.py")[0] == 1
    assert lint("--select", "ALL", "--ignore", "GRAPH", "a.py")[0] == 0
    assert lint("--ignore", "graph-break-001", "a.py")[0] == 0
    assert lint("--ignore", "ALL", "--select", "GRAPH-BREAK-001", "a.py")[0] == 1
    status, _, err = lint("--select", "NO-SUCH-001", "a.py")
    assert status == 2 and "there is no rule NO-SUCH-001" in err


def test_pyproject(lint, tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text(WRONG)
    (tmp_path / "src" / "b.py").write_text(WRONG)
    config = tmp_path / "pyproject.toml"
    config.write_text('[tool.anymetal.lint]\nignore = ["GRAPH-BREAK"]\n')
    assert lint("src")[0] == 0
    assert lint("--isolated", "src")[0] == 1
    config.write_text('[tool.anymetal.lint]\nper-file-ignores = { "src/a.py" = ["GRAPH-BREAK"] }\n')
    assert [each["path"] for each in json.loads(lint("--format", "json", "src")[1])["findings"]] == ["src/b.py"]
    config.write_text('[tool.anymetal.lint]\nextend-exclude = ["b.py"]\n')
    assert "1 of 1 file" in lint("src")[1]
    config.write_text('[tool.anymetal.lint]\nselekt = ["ALL"]\n')
    status, _, err = lint("src")
    assert status == 2 and "no key `selekt`" in err
    config.write_text("[tool.anymetal.lint\n")
    assert lint("src")[0] == 2


def test_comments(lint, tmp_path):
    line = "val = x[0].item()"
    for comment, status in (("# anymetal: ignore[GRAPH-BREAK-001]", 0), ("# anymetal: ignore", 0), ("# anymetal: ignore[KERNEL-GRID-001]", 1),
                            ("# anymetal: ignore[graph-break-001, KERNEL-GRID-001]  # why", 0)):
        (tmp_path / "a.py").write_text(WRONG.replace(line, f"{line}  {comment}"))
        assert lint("a.py")[0] == status, comment
    (tmp_path / "a.py").write_text("# anymetal: ignore-file[GRAPH-BREAK-001]\n" + WRONG)
    assert lint("a.py")[0] == 0


def test_bad_input_is_a_message_and_the_others_are_done(lint, tmp_path):
    (tmp_path / "good.py").write_text(WRONG)
    (tmp_path / "binary.py").write_bytes(b"\x7fELF\0\0\1")
    (tmp_path / "latin.py").write_bytes(b"x = '\xe4'\n")
    (tmp_path / "broken.py").write_text("def f(:\n    pass\n")
    (tmp_path / "null.py").write_bytes(b"#" * 5000 + b"\0\n")
    (tmp_path / "deep.py").write_text("x = " + "(" * 5000 + ")" * 5000 + "\n")
    (tmp_path / "minus.py").write_text("import mlx\nx = " + "-" * 200_000 + "1\n")
    (tmp_path / "link.py").symlink_to("nowhere.py")
    (tmp_path / "folder.py").mkdir()
    status, out, _ = lint("--format", "json", ".", "missing.py")
    found = json.loads(out)
    assert status == 2
    assert [each["path"] for each in found["findings"]] == ["good.py"]
    wrong = {each["path"]: each["message"] for each in found["not_read"]}
    assert set(wrong) == {"binary.py", "latin.py", "broken.py", "null.py", "deep.py", "minus.py", "link.py", "missing.py"}
    assert all("internal error" not in message for message in wrong.values()), wrong
    assert "isn't Python" in wrong["broken.py"] and "bytes of 0" in wrong["binary.py"]


def test_metal_that_cant_be_read(tmp_path):
    pytest.importorskip("anymetal._native")

    def lint(*words):
        done = subprocess.run([sys.executable, "-m", "anymetal.embercoach", *words], capture_output=True, text=True, cwd=tmp_path)
        return done.returncode, done.stdout

    (tmp_path / "syntax.metal").write_text("kernel void f(device float* x) {\n  x[0] = ;\n}\n")
    (tmp_path / "a.h").write_text('#include "b.h"\n')
    (tmp_path / "b.h").write_text('#include "a.h"\n')
    (tmp_path / "cyclic.metal").write_text('// one\n#include "a.h"\nkernel void f(device float* x) { x[0] = 1; }\n')
    (tmp_path / "good.py").write_text(WRONG)
    os.mkfifo(tmp_path / "pipe.py")
    status, out = lint(".")
    assert status == 2
    for text in ("syntax.metal:2:10: error: expected expression", "cyclic.metal:2:10: error: #include nested too deeply", "good.py:", "pipe.py: not read: is a pipe"):
        assert text in out, out
    assert lint("--select", "GRAPH-BREAK", "good.py", "--exit-zero", "syntax.metal")[0] == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_paths(lint, tmp_path):
    (tmp_path / "a.py").write_text(WRONG)
    (tmp_path / "a.py").chmod(0)
    (tmp_path / "b").mkdir(mode=0)
    status, out, _ = lint(".")
    assert status == 2 and out.count("can't be read") == 2


def test_very_long_files(lint, tmp_path):
    (tmp_path / "long.py").write_text(WRONG + "y = y + 1\n" * 100_000)
    status, out, _ = lint("long.py")
    assert status == 1 and "4:7" in out


def test_wrong_usage(lint):
    assert lint()[0] == 2
    assert lint("--format", "xml", "a.py")[0] == 2
    assert lint("--explain", "NOTHING-001")[0] == 2
    assert lint("nowhere.py")[0] == 2


def test_explain_and_list(lint):
    status, out, _ = lint("--explain", "graph-break-001")
    assert status == 0 and out.startswith("GRAPH-BREAK-001\n") and "```" not in out
    status, out, _ = lint("--list")
    assert status == 0 and "KERNEL-GRID-001" in out


def test_exit_zero_and_statistics(lint, tmp_path):
    (tmp_path / "a.py").write_text(WRONG)
    assert lint("--exit-zero", "a.py")[0] == 0
    assert lint("--statistics", "a.py")[1].split()[:2] == ["1", "GRAPH-BREAK-001"]


def test_folders_that_hold_no_source_of_ones_own_are_passed_over(lint, tmp_path):
    for folder in (".venv/lib", "build", "__pycache__", "src"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.py").write_text(WRONG)
    assert "1 of 1 file" in lint(".")[1]
    assert "1 of 1 file" in lint("build")[1], "what is named is looked at"


GRID = '''\
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a", "n"], output_names=["out"],
                         source="uint i = thread_position_in_grid.x; if (i >= n) return; out[i] = a[i];")


def f(a: mx.array,   n):  # blanks stay
    return k(inputs=[a, n], grid=((n + 255) // 256, 1, 1), threadgroup=(256, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype])
'''


def test_fix(lint, tmp_path):
    pytest.importorskip("libcst")
    path = tmp_path / "a.py"
    path.write_text(GRID)
    path.chmod(0o755)
    status, out, err = lint("--fix", "a.py")
    assert status == 0, out
    assert err == "mended 1 finding\n"
    assert path.read_text() == GRID.replace("(n + 255) // 256,", "(n + 255) // 256 * 256,")
    assert path.stat().st_mode & 0o777 == 0o755


def test_fix_keeps_line_ends_and_does_nothing_without_findings(lint, tmp_path):
    pytest.importorskip("libcst")
    path = tmp_path / "a.py"
    path.write_bytes(GRID.replace("\n", "\r\n").encode())
    lint("--fix", "a.py")
    assert path.read_bytes() == GRID.replace("(n + 255) // 256,", "(n + 255) // 256 * 256,").replace("\n", "\r\n").encode()
    before = path.stat().st_mtime_ns
    assert lint("--fix", "a.py")[0] == 0
    assert path.stat().st_mtime_ns == before


def test_fix_needs_libcst_only_for_python(lint, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "libcst", None)
    (tmp_path / "a.py").write_text(GRID)
    status, out, _ = lint("--fix", "a.py")
    assert status == 2 and "pip install libcst" in out
    assert (tmp_path / "a.py").read_text() == GRID


def test_fix_of_sizes(lint, tmp_path):
    pytest.importorskip("libcst")
    text = "import mlx.core as mx\n\n@mx.compile\ndef f(x: mx.array):\n    y = x.astype(mx.float32)\n    return y / mx.array(x.shape[-1])\n"
    (tmp_path / "a.py").write_text(text)
    assert lint("--fix", "a.py")[0] == 0
    assert (tmp_path / "a.py").read_text() == text.replace("mx.array(x.shape[-1])", "x.shape[-1]")


def test_a_process_that_dies_is_named_and_the_others_are_done():
    def work(path):
        if path == "deadly":
            os._exit(7)
        return [], [Trouble(path, "done")]

    results = {path: troubles[0].message for path, _, troubles in pool.each([f"{n}" for n in range(20)] + ["deadly"], work, 2, True)}
    assert len(results) == 21
    assert "status 7" in results.pop("deadly")
    assert set(results.values()) == {"done"}


def test_the_command_and_the_guides_call(tmp_path):
    (tmp_path / "a.py").write_text(WRONG)
    settings = {**os.environ, "ANYMETAL_PYTHON": sys.executable, "PYTHONPATH": str(BUILD / "python"), "ANYMETAL_CACHE_DIR": str(tmp_path / "cache")}
    for start in ([BUILD / "tools" / "anymetal", "lint"], [sys.executable, "-m", "anymetal.embercoach"]):
        done = subprocess.run([*start, tmp_path / "a.py"], capture_output=True, text=True, env=settings)
        assert done.returncode == 1, done.stderr
        assert "a.py:4:7: warning:" in done.stdout and done.stderr == ""
