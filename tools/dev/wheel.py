"""Builds dist/anymetal-*.whl and tries it out as a user would have it.

The wheel holds LLVM and Clang, so it must work where neither is installed. Two things show that it does. What the linker
wrote into its binaries is read: they need each other, the C and C++ run times and libmlx.so, nothing more, and export
nothing of LLVM's. Then a fresh environment gets the wheel, MLX and NumPy, and runs examples/ in a mount namespace of its own, where
this machine's LLVM, compilers, headers, static libraries and this checkout are covered. What is covered is tried first:
a trial in which LLVM could still be opened would show nothing.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

from dev.demo import LINE
from dev.machine import HERE, PYTHON, ROOT, Stop, call, setup

MAY_NEED = {"libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"}
# The binaries of the wheel, and what of the wheel and of MLX each may need.
BINARIES = {
    "anymetal/libanymetal.so": set(),
    "anymetal/libanymetal_mlx.so": {"libanymetal.so", "libmlx.so"},
    "anymetal/libanymetal_kernels.so": {"libmlx.so"},
    f"anymetal/_kernels{sysconfig.get_config_var('EXT_SUFFIX')}": {"libanymetal_kernels.so", "libmlx.so"},
    f"anymetal/_native{sysconfig.get_config_var('EXT_SUFFIX')}": {"libanymetal.so"},
    "anymetal/bin/anymetal": {"libanymetal.so"},
    "scripts/anymetal": set(),
}
MOST_EXPORTS = 300  # the library exports some 200 functions; LLVM would bring tens of thousands

# Whose licences the wheel must carry, and words of each.
LICENCES = {
    "LICENSE": "MIT License",
    "boost": "Boost Software License",
    "cli11": "University of Cincinnati",
    "fmt": "Victor Zverovich",
    "llvm-toolchain": "LLVM Exceptions to the Apache 2.0 License",
    "libzstd": "Facebook",
    "mlx": "Apple",
    "nanobind": "Wenzel Jakob",
    "spdlog": "Gabi Melman",
    "zlib": "Mark Adler",
}

# Folders and libraries that a machine without compilers doesn't have. (zlib and libffi stay: Python itself has them open.)
COVERED_FOLDERS = ["/usr/lib/llvm-*", "/usr/lib/gcc", "/usr/lib/clang", "/usr/include", "/usr/local/include"]
COVERED_FILES = ["/usr/lib/*/lib" + name for name in (
    "LLVM*", "clang*", "boost*", "fmt.*", "spdlog.*", "z3.*", "xml2.*", "edit.*")]
COMPILERS = ["clang", "clang-19", "clang++-19", "gcc", "g++", "cc", "c++", "ld", "ld.lld-19", "as", "llc-19", "ccache"]
PROGRAMS = "/usr/sbin:/usr/bin:/sbin:/bin"


def glibc_tag():
    """The wheel may call everything that this machine's C library has: that is what it asks of another."""
    name, version = platform.libc_ver()
    if name != "glibc":
        raise Stop("the wheel is built on a machine with glibc (Debian 12)", 3)
    return f"manylinux_{version.replace('.', '_')}_{platform.machine()}"


def python_tag():
    """The extension module is made for one version of Python; nanobind's stable form needs 3.12."""
    return f"cp{sys.version_info.major}{sys.version_info.minor}"


def build_wheel():
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    call([PYTHON, "-m", "build", "--wheel", "--no-isolation", "--outdir", dist, ROOT,
          f"-Cwheel.tags={python_tag()}-{python_tag()}-{glibc_tag()}"])
    (wheel,) = dist.glob("anymetal-*.whl")
    return wheel


def output(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout


def wrong_links(binary, may_need):
    """What a binary of the wheel must not ask for or show."""
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-dW", binary)))
    wrong = [f"{binary.name} needs {library}" for library in sorted(needed - may_need - MAY_NEED)]
    exports = output("nm", "-D", "--defined-only", binary).splitlines()
    if len(exports) > MOST_EXPORTS:
        wrong.append(f"{binary.name} exports {len(exports)} symbols, as {exports[0].split()[-1]}")
    return wrong


def check_links(wheel, folder):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    binaries = sorted(path for path in folder.rglob("*") if path.is_file() and path.read_bytes()[:4] == b"\x7fELF")
    allowed = {path: may for path in binaries for name, may in BINARIES.items() if str(path).endswith("/" + name)}
    if len(binaries) != len(BINARIES) or len(allowed) != len(BINARIES):
        raise Stop(f"the wheel should hold {', '.join(BINARIES)}, and holds {', '.join(map(str, binaries))}")
    wrong = [line for binary in binaries for line in wrong_links(binary, allowed[binary])]
    if wrong:
        raise Stop("\n".join(wrong))
    print("links: C and C++ run times, libanymetal.so and libmlx.so only; no LLVM symbols are shown", flush=True)


def check_licences(folder):
    """The build collects them from what it used; this is the list of those that must be among them at least."""
    for name, words in LICENCES.items():
        if not any(words in file.read_text() for file in folder.glob(f"*.dist-info/licenses/{name}*")):
            raise Stop(f"the wheel lacks the licence of {name} (no file with '{words}')")
    names = sorted(file.name.removesuffix(".txt") for file in folder.glob("*.dist-info/licenses/*"))
    print(f"licences: {', '.join(names)}", flush=True)


def pinned(*names):
    lines = (HERE / "requirements.txt").read_text().splitlines()
    return [line for line in lines if re.split(r"[\[=]", line)[0] in names]


def fresh_environment(wheel, folder):
    call([PYTHON, "-m", "venv", folder])
    call([folder / "bin/python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
          wheel, *pinned("mlx", "numpy")])


def covered_places():
    folders = [path for pattern in COVERED_FOLDERS for path in sorted(Path("/").glob(pattern[1:]))]
    files = [path for pattern in COVERED_FILES for path in sorted(Path("/").glob(pattern[1:]))]
    programs = [shutil.which(name, path=PROGRAMS) for name in COMPILERS]
    files += sorted({Path(program).resolve() for program in programs if program})
    folders = [path for path in folders if path.is_dir() and not path.is_symlink()]
    return folders + [ROOT], [path for path in files if path.is_file() and not path.is_symlink()]


def covering_script(command):
    """A shell script: covers, shows that LLVM and compilers are out of sight, runs `command`."""
    folders, files = covered_places()
    lines = ["set -e", "cd /"]
    lines += [f"mount --bind /dev/null '{path}'" for path in files]
    lines += [f"mount -t tmpfs tmpfs '{path}'" for path in folders]
    lines += [f"if {name} --version >/dev/null 2>&1; then echo '{name} still runs'; exit 90; fi" for name in COMPILERS]
    for library in ("libLLVM-19.so.1", "libLLVM.so.19.1", "libclang-cpp.so.19.1", "libfmt.so.9", "libspdlog.so.1.10"):
        lines.append(f"if python3 -c \"import ctypes; ctypes.CDLL('{library}')\" 2>/dev/null; then "
                     f"echo '{library} can still be opened'; exit 90; fi")
    return "\n".join([*lines, command])


def run_covered(command, environment):
    """Runs a line of shell where no LLVM is; `environment` is the fresh one's folder."""
    settings = {"PATH": f"{environment}/bin:{PROGRAMS}", "HOME": str(environment.parent / "home"),
                "LANG": "C.UTF-8"}
    enter = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    done = subprocess.run([*enter, "bash", "-c", covering_script(command)], env=settings, capture_output=True, text=True,
                          timeout=600)
    if done.returncode != 0:
        raise Stop(f"`{command}` failed with status {done.returncode} where no LLVM is:\n{done.stdout}{done.stderr}")
    return done.stdout


def try_kernels_in_cpp(folder):
    """A C++ program with the kernel library is compiled against the wheel and MLX alone, then runs where no compiler is."""
    environment = folder / "environment"
    flags = output(environment / "bin/python3", "-P", "-m", "anymetal.kernels", "--cflags", "--libs").split()
    if wrong := [flag for flag in flags if str(ROOT) in flag]:
        raise Stop(f"the wheel tells compilers of the checkout: {' '.join(wrong)}")
    call(["clang++-19", "-std=c++20", folder / "examples/cpp/least_squares.cc", *flags, "-o", folder / "least_squares"])
    print(f"{'cpp/least_squares.cc':<22}{run_covered(str(folder / 'least_squares'), environment).strip()}", flush=True)


def try_out(folder):
    """Runs the examples and the command; copies lie beside the environment, since the checkout is covered."""
    environment = folder / "environment"
    shutil.copytree(ROOT / "examples", folder / "examples")
    (folder / "home").mkdir()
    examples = sorted((folder / "examples").glob("*.py"))
    for example in examples:
        text = run_covered(f"anymetal run {example}", environment)
        rows = list(LINE.finditer(text))
        if not rows:
            raise Stop(f"{example.name} printed no result:\n{text}")
        for row in rows:
            print(f"{example.name:<22}{row['what']:<52}{row['error']:>10}{row['time']:>12} ms", flush=True)
    try_kernels_in_cpp(folder)
    kernel = folder / "halve.metal"
    kernel.write_text("#include <metal_stdlib>\nusing namespace metal;\nkernel void halve(device float* values "
                      "[[buffer(0)]], uint i [[thread_position_in_grid]]) {\n  values[i] *= 0.5f;\n}\n")
    return run_covered(f"anymetal --version && anymetal doctor && anymetal compile {kernel} && "
                       "anymetal lint --explain GRAPH-BREAK-001", environment)


def run(arguments):
    setup()
    wheel = build_wheel()
    with tempfile.TemporaryDirectory(prefix="anymetal-wheel-") as name:
        folder = Path(name)
        check_links(wheel, folder / "unpacked")
        check_licences(folder / "unpacked")
        fresh_environment(wheel, folder / "environment")
        print(try_out(folder), flush=True)
    unpacked = sum(entry.file_size for entry in zipfile.ZipFile(wheel).infolist())
    print(f"{wheel.relative_to(ROOT)}: {wheel.stat().st_size / 1e6:.1f} MB, {unpacked / 1e6:.0f} MB installed")
    return 0
