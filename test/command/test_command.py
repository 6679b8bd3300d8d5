"""The command `anymetal` as people type it: wrong words, and options that contradict each other."""

import pathlib
import subprocess

import anymetal

ANYMETAL = pathlib.Path(anymetal.__file__).absolute().parents[2] / "tools" / "anymetal"


def run(*arguments):
    return subprocess.run([ANYMETAL, *map(str, arguments)], capture_output=True, text=True)


def test_wrong_commands_are_usage():
    for arguments in (["complie"], ["complie", "--help"]):
        done = run(*arguments)
        assert done.returncode == 2
        assert "did you mean 'compile'?" in done.stderr
    assert run("compile", "--help").returncode == 0
    assert "the commands are: run, bench, tune, compile" in run("xyzzy", "--help").stderr


def test_options_of_the_command_line_win(tmp_path):
    body = tmp_path / "f.metal"
    body.write_text("//! --input x:float32[4] --output y:float32[4] --math-mode fast\ny[0] = x[0] + x[1];\n")
    own = run("compile", body, "--emit=llvm").stdout
    assert "fadd fast" in own
    given = run("compile", body, "--emit=llvm", "--math-mode=safe").stdout
    assert "fadd" in given and " fast " not in given
