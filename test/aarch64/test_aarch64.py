"""What depends on the machine keeps compiling for AArch64, though no such machine runs the tests: the files that ask for the processor as Clang sees them there, and kernels
as the CPU executor makes them of vectors of 16 bytes, to an object for NEON. Nothing is run: results on such a machine aren't known by this."""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import anymetal
import pytest

BUILD = pathlib.Path(anymetal.__file__).absolute().parents[2]
REPOSITORY = pathlib.Path(__file__).parents[2]
COMMANDS = BUILD / "compile_commands.json"
HEADERS = pathlib.Path("/usr/aarch64-linux-gnu/include")
LLC = shutil.which("llc-19")

# All with code for one processor, or for the machine's vectors, stack or float environment.
FILES = ["mlx/got.cc", "src/backend/code_generation.cc", "src/backend/cpu/run_grid.cc", "src/backend/cpu/stream_stores.cc", "src/backend/reference/fibre.cc",
         "src/backend/reference/matrices.cc", "src/backend/thread_pool.cc", "src/measure/limits.cc"]
NAMES_A_MACRO = {"src/language/clang_instance.cc"}  # that kernels don't see
MACHINE = re.compile(r"__x86_64__|__aarch64__|immintrin|__builtin_ia32|__builtin_cpu|asm volatile|__AVX")

# Math, half and bfloat, threadgroup memory, rows with reductions, matrices of simdgroups, atomics, a divergent loop: element, threads of a threadgroup.
KERNELS = {"exp": ("float", "256"), "cast": ("float", "256"), "softmax": ("bfloat", "256"), "rms_norm": ("half", "256"), "gemm": ("float", "16,16"),
           "steel_gemm_again": ("half", "32,2"), "histogram_threadgroup": ("float", "256"), "mandelbrot": ("float", "256")}


def syntax_command(entry):
    """The command that compiles the file here, for there, without code."""
    words = shlex.split(entry["command"])
    while "ccache" in words[0]:
        words = words[1:]
    kept, skip = [], False
    for word in words:
        if skip or word in ("-o", "-MF", "-MT"):
            skip = not skip
        elif word not in ("-c", "-MD") and not word.startswith(("-march", "-mtune")):
            kept.append(word)
    return [*kept, "--target=aarch64-linux-gnu", "-fsyntax-only", "-isystem", str(HEADERS)]


@pytest.mark.skipif(not HEADERS.exists(), reason="needs Debian's libstdc++-12-dev-arm64-cross")
@pytest.mark.skipif(not COMMANDS.exists(), reason="needs a build folder")
@pytest.mark.parametrize("name", FILES)
def test_machine_dependent_files_compile(name):
    entry = next(each for each in json.loads(COMMANDS.read_text()) if each["file"] == str(REPOSITORY / name))
    if "clang" not in entry["command"]:
        pytest.skip("built by a compiler that has one target")
    done = subprocess.run(syntax_command(entry), cwd=entry["directory"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_machine_dependent_file_is_missing():
    found = {str(path.relative_to(REPOSITORY)) for folder in ("src", "mlx", "python") for path in (REPOSITORY / folder).rglob("*.cc")
             if MACHINE.search(path.read_text()) and not path.name.endswith("_test.cc")}
    assert found <= set(FILES) | NAMES_A_MACRO, "add these to FILES"


def neon_code(name, bounds, kind):
    """What llc makes of the executor's IR, as its code generation would there: the IR is the same but for the processor that it names."""
    element, threadgroup = KERNELS[name]
    command = [BUILD / "tools" / "anymetal", "compile", REPOSITORY / "bench" / "peers" / "kernels" / f"{name}.metal", "--emit=simt", "--threadgroup", threadgroup,
               "-D", f"T={element}"]
    done = subprocess.run(command, env={**os.environ, "ANYMETAL_CPU": "sse4.2", "ANYMETAL_BOUNDS": bounds}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = re.sub(r'^target (datalayout|triple) = .*$|"(target-cpu|target-features|tune-cpu)"="[^"]*"', "", done.stdout, flags=re.MULTILINE)
    assert "define void @am_threadgroup" in text
    made = subprocess.run([LLC, "-mtriple=aarch64-linux-gnu", "-O2", f"-filetype={kind}", "-o", "-"], input=text.encode(), capture_output=True)
    assert made.returncode == 0, made.stderr.decode()
    return made.stdout


@pytest.mark.skipif(LLC is None, reason="needs Debian's llvm-19")
@pytest.mark.parametrize("name", KERNELS)
def test_kernels_compile(name):
    code = neon_code(name, "off", "obj")
    assert code[:4] == b"\x7fELF"
    assert int.from_bytes(code[18:20], "little") == 183  # EM_AARCH64


@pytest.mark.skipif(LLC is None, reason="needs Debian's llvm-19")
def test_threads_are_lanes_there_too():
    code = neon_code("exp", "robust", "asm").decode()
    assert len(re.findall(r"\bfm(?:la|ul)\s+v\d+\.4s", code)) > 8
