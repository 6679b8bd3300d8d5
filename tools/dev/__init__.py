"""./dev: builds, tests, checks, measures and packs anymetal.

Each subcommand is a function `run(arguments)` in the module of its name; it returns the exit status. What builds or checks
starts with `machine.setup()`, which installs what is missing, so that nobody has to read a list first.
"""

import importlib
import sys

COMMANDS = {
    "demo": "build, then run examples/ through MLX: what each computed, its error against NumPy, its time",
    "test": "build, then run every test; arguments select by name: ./dev test runtime cache",
    "check": "layering, formatting, clang-tidy, every public header alone; --fix formats, --all tidies every file",
    "bless": "rewrite generated pages and golden files, and show what changed",
    "bench": "cold compile, disk cache, memory cache, start-up: medians beside their aims; into build/bench.json or --json FILE; "
             "bench compile: stages of compilations, MLX's kernels among them; "
             "bench peers [ROW...]: our kernels beside C++, OpenCL, BLAS, NumPy, MLX (--help); "
             "bench kernels [ROW...]: the kernel library beside MLX's CPU operations, NumPy, LAPACK, C++ (--help); "
             "bench accuracy [--all] [FUNCTION...]: errors of math functions, into docs/accuracy.md",
    "fuzz": "libFuzzer with sanitizers, and random kernels against the same text as host C++: ./dev fuzz [SECONDS] [NAME]; findings in fuzz/findings/",
    "sweep": "the kernel library over all sizes up to 2,048 and conditions up to 1e7, against NumPy in double: ./dev sweep [FUNCTION...] [--page FILE]",
    "sanitize": "every test under AddressSanitizer and UBSan, then under ThreadSanitizer; ./dev sanitize address|thread for one",
    "mlx-tests": "MLX's own tests, unmodified: ./dev mlx-tests DIR, a checkout of MLX",
    "wheel": "dist/*.whl with LLVM inside, and a trial of it where neither LLVM nor compilers can be seen",
    "build": "build only; arguments are ninja's: ./dev build anymetal",
    "clean": "remove the build folders; --all also .venv and dist",
}


def help_text():
    lines = ["usage: ./dev COMMAND [ARGUMENTS]", ""]
    lines += [f"  {name:<10} {text}" for name, text in COMMANDS.items()]
    lines += ["", "Exit status: 0 well; 1 a test or check failed, or something is missing; 2 wrong usage."]
    return "\n".join(lines)


def main(arguments):
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(help_text())
        return 0
    name, rest = arguments[0], arguments[1:]
    if name not in COMMANDS:
        print(f"./dev: no command '{name}'\n\n{help_text()}", file=sys.stderr)
        return 2
    if "-h" in rest or "--help" in rest:
        print(f"./dev {name}: {COMMANDS[name]}")
        return 0
    module = importlib.import_module("dev." + name.replace("-", "_"))
    from dev.machine import Stop

    try:
        return module.run(rest)
    except Stop as stop:
        print(f"./dev {name}: {stop}", file=sys.stderr)
        return stop.status
    except KeyboardInterrupt:
        return 130
