"""`anymetal port`: the kernels of whole `.metal` files as modules for MLX, proven beside the originals.

What is known of each kernel comes from src/port; here are the command, the files, and what is printed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ._bench import HelpFormatter, guarded
from ._errors import CompileError, UnsupportedError
from ._kernel_file import Array, sizes
from ._library import Library, _native
from ._port_text import Ported, read
from ._report import Failure, Progress, styled, write_text

EXAMPLES = """\
examples:
  anymetal port soft_cap.metal                        a module with every kernel of the file, on standard output
  anymetal port mlstm.metal mlstm_step -o mlstm.py    one kernel, into a file
  anymetal port kernels/*.metal -o ported/            a module for each file
  anymetal port --cpp soft_cap.metal -o soft_cap.h    for MLX's C++ API
  anymetal port --to-metal exp_body.metal             the whole file of a body that says in //! lines what it gets
  anymetal port gemm.metal --threadgroup 16,16 --argument n=64 --argument A:float32[64,64]    sizes that the proof shall use
"""
MOST_BYTES = 64 << 20


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="anymetal port", allow_abbrev=False, formatter_class=HelpFormatter, usage="anymetal port [options] FILE.metal... [KERNEL...]",
                                   description="Makes the kernels of whole .metal files modules for mx.fast.metal_kernel: a header and a body, and a typed function "
                                               "that makes the call. Runs the original and the port side by side, and says whether they agree.", epilog=EXAMPLES)
    made.add_argument("words", nargs="*", metavar="FILE.metal... [KERNEL...]")
    made.add_argument("-o", "--output", metavar="FILE", help="where the module goes; a folder if there are several files")
    made.add_argument("--cpp", action="store_true", help="a C++ header for MLX's C++ API instead of a Python module (the proof is the module's)")
    made.add_argument("--to-metal", action="store_true", help="the other way: FILE is a body with //! lines, what is made the whole .metal file, for Xcode")
    made.add_argument("--to-torch", action="store_true", help="the same as a module for torch.mps.compile_shader")
    made.add_argument("--trials", action="store_true", help=argparse.SUPPRESS)  # which sizes the originals can bear, as JSON
    made.add_argument("--no-proof", action="store_true", help="doesn't run anything")
    made.add_argument("-D", dest="macro", action="append", default=[], metavar="NAME=VALUE")
    made.add_argument("-I", dest="include", action="append", default=[], metavar="FOLDER")
    group = made.add_argument_group("what the proof uses instead of sizes of its own (for one kernel)")
    group.add_argument("--grid", metavar="X,Y,Z", help="threads")
    group.add_argument("--threadgroup", metavar="X,Y,Z")
    group.add_argument("--argument", action="append", default=[], metavar="x:float32[64,64]", help="an array; or NAME=VALUE for numbers")
    group.add_argument("--constant", action="append", default=[], metavar="NAME=VALUE", help="a function constant")
    group.add_argument("--threadgroup-memory", action="append", default=[], metavar="NAME=BYTES")
    return made


def main(words: list[str]) -> int:
    # Sizes with which an original leaves its buffers prove nothing, so it must say when it does.
    os.environ.setdefault("ANYMETAL_BOUNDS", "error")
    made = parser()
    options = made.parse_intermixed_args(words)
    options.all_words, options.valid = words, None
    files = [each for each in options.words if _is_file(each)]
    kernels = [each for each in options.words if not _is_file(each)]
    if not files:
        made.print_usage(sys.stderr)
        raise Failure("which .metal file?", 2)
    if len(files) > 1 and options.output is None:
        raise Failure(f"{len(files)} files: -o FOLDER says where their modules go", 2)
    given = _given(options)
    status = 0
    with Progress(len(files)) as progress:
        for path in files:
            progress.step(path)
            if options.to_metal or options.to_torch:
                status = max(status, _whole_file(path, options, len(files) > 1))
            else:
                status = max(status, _port_file(path, kernels, given, options, len(files) > 1))
    return status


def _whole_file(path: str, options: argparse.Namespace, is_one_of_many: bool) -> int:
    from ._port_whole import Body, write_metal, write_torch

    try:
        text = _text_of(path)
        command = f"anymetal port --to-{'torch' if options.to_torch else 'metal'} {Path(path).name}"
        made = (write_torch if options.to_torch else write_metal)(path, text, command)
        folders = [str(Path(path).absolute().parent), *options.include]
        library = Library(Body(path, text).metal(), include_dirs=[*folders, *_include_of_mlx()], name=f"{path} with its signature")
        library.kernel(library.kernels[0])
    except Failure as failure:
        return complain(str(failure))
    except (CompileError, UnsupportedError) as error:
        return complain(f"{path}: the whole file can't be compiled: {error}")
    _put(path, made, ".py" if options.to_torch else ".metal", options, is_one_of_many)
    return 0


def _include_of_mlx() -> list[str]:
    spec = importlib.util.find_spec("mlx")
    folders = [os.path.join(each, "include") for each in (spec.submodule_search_locations or [])] if spec else []
    return [each for each in folders if os.path.isdir(each)]


def _is_file(word: str) -> bool:
    return word.endswith((".metal", ".h", ".hpp", ".txt")) or os.sep in word or os.path.exists(word)


def _given(options: argparse.Namespace) -> Any:
    from ._kernel_file import _pairs, _value
    from ._port_proof import Given

    given = Given()
    for word in options.argument:
        name, colon, _ = word.partition(":")
        if colon and "=" not in name:
            one = Array(word)
            given.arrays[one.name] = one
        else:
            key, value = _pairs([word], "argument")[0]
            given.values[key] = _value(value)
    given.constants = {key: _value(value) for key, value in _pairs(options.constant, "constant")}
    given.memory = {key: int(value) for key, value in _pairs(options.threadgroup_memory, "threadgroup-memory")}
    if options.grid:
        given.grid = tuple(sizes(options.grid, "grid"))
    if options.threadgroup:
        given.threadgroup = tuple(sizes(options.threadgroup, "threadgroup"))
    return given


def complain(text: str) -> int:
    print(f"{styled('anymetal port:', 'red', sys.stderr)} {text}", file=sys.stderr)
    return 2


def _text_of(path: str) -> str:
    """Raises Failure for what is no text."""
    try:
        if os.path.isdir(path):
            raise Failure(f"{path} is a folder: name its files, {path.rstrip('/')}/*.metal")
        if os.path.getsize(path) > MOST_BYTES:
            raise Failure(f"{path} has more than 64 MiB: that is no kernel's text")
        data = Path(path).read_bytes()
    except OSError as error:
        raise Failure(f"{path} can't be read: {error.strerror}") from None
    if b"\0" in data:
        what = "a compiled Metal library: the text that it was made from is needed" if data.startswith(b"MTLB") else "a binary file, not Metal text"
        raise Failure(f"{path}:1: byte {data.index(bytes(1))} is 0: this is {what}")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[:error.start].count(b"\n") + 1
        raise Failure(f"{path}:{line}: byte {error.start} is no UTF-8: save the file as UTF-8") from None


def _port_file(path: str, kernels: list[str], given: Any, options: argparse.Namespace, is_one_of_many: bool) -> int:
    try:
        text = _text_of(path)
        folders = [str(Path(path).absolute().parent), *options.include]
        macros = [(name, value if equals else "1") for name, equals, value in (each.partition("=") for each in options.macro)]
        found = _native().port(text, path, folders, macros, kernels)
    except Failure as failure:
        return complain(str(failure))
    except (CompileError, UnsupportedError) as error:
        return complain(f"{path}: {error}")
    status = 0
    for message in found["unknown"]:
        status = complain(message)
    ported = read(found)
    refused = [each for each in ported if each.refusals]
    made = [each for each in ported if not each.refusals]
    for each in refused:
        print(f"{styled('anymetal port:', 'red', sys.stderr)} kernel `{each.name}` can't be ported as it is:\n{each.refusals}", file=sys.stderr, end="")
        status = max(status, 1)
    if not ported and not found["unknown"]:
        return complain(f"{path} has no kernel: `kernel void name(...)` is one; bodies without a signature are what metal_kernel takes already")
    if not made:
        return status
    verdicts = [] if options.no_proof else _prove(path, made, text, folders, macros, given, options)
    for verdict in verdicts:
        colour = "green" if verdict.is_proven else "red"
        print(styled(verdict.text(), colour, sys.stderr), file=sys.stderr)
        if not verdict.is_proven:
            status = max(status, 1)
    if not options.trials:
        _write(path, made, verdicts, options, is_one_of_many)
    return status


def command_text(path: str, options: argparse.Namespace) -> str:
    words = [f"-D {each}" for each in options.macro]
    return " ".join(["anymetal port", *words, Path(path).name])


def _module(path: str, made: list[Ported], options: argparse.Namespace, proof: str = "") -> str:
    from ._port_python import Writer

    return Writer(path, made, command_text(path, options), proof).text()


def _prove(path: str, made: list[Ported], text: str, folders: list[str], macros: list[tuple[str, str]], given: Any, options: argparse.Namespace) -> list[Any]:
    try:
        from .__main__ import emulate

        emulate()
        import mlx.core as mx
    except ImportError as error:
        print(f"not proven: the port runs on MLX, which can't be imported ({error}): pip install \"mlx[cpu]\"", file=sys.stderr)
        return []
    from ._port_proof import Runner, Verdict

    library = Library(text if "\n" in text else text + "\n", include_dirs=folders, macros=dict(macros), name=path)
    module: dict[str, Any] = {"__name__": "ported"}
    try:
        exec(compile(_module(path, made, options), f"<port of {path}>", "exec", dont_inherit=True), module)
    except Exception as error:  # our own text: whatever is wrong with it is ours
        raise Failure(f"internal error (please report it): the module made from {path} can't be executed: {type(error).__name__}: {error}", 4) from error
    verdicts = []
    if options.trials:
        kernels = [instance for kernel in made for instance in kernel.instances]
        print(json.dumps({f"{path} {each.name}": [n for n, _ in Runner(each, library, None, mx, given).prove().trials] for each in kernels}))
        return []
    if options.valid is None:
        options.valid = {} if os.environ["ANYMETAL_BOUNDS"] == "error" else _valid_trials(options)
    for kernel in made:
        for instance in kernel.instances:
            for mine, its in zip(kernel.arguments, instance.arguments):
                its.python = mine.python
            for mine, its in zip(kernel.constants, instance.constants):
                its.python = mine.python
            try:
                verdicts.append(Runner(instance, library, module[kernel.python], mx, given).prove(options.valid.get(f"{path} {instance.name}")))
            except (CompileError, UnsupportedError) as error:
                verdicts.append(Verdict(instance, failure=str(error)))
    return verdicts


def _valid_trials(options: argparse.Namespace) -> dict[str, list[int]]:
    """Of all files of this command, from a process in which accesses outside of buffers are errors."""
    words = [sys.executable, "-m", "anymetal._port", "--trials", *options.all_words]
    found: dict[str, list[int]] = {}
    for line in subprocess.run(words, env={**os.environ, "ANYMETAL_BOUNDS": "error"}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.split("\n"):
        if line.startswith("{"):
            found.update(json.loads(line))
    return found


def _write(path: str, made: list[Ported], verdicts: list[Any], options: argparse.Namespace, is_one_of_many: bool) -> None:
    if not verdicts:
        proof = ""
    elif all(each.is_proven for each in verdicts):
        runs, elements = sum(each.runs for each in verdicts), sum(each.written for each in verdicts)
        proof = f"Checked beside the original: {runs} runs, {elements:,} elements, all equal" + (" within rounding." if any(each.is_close for each in verdicts) else ".")
    else:
        proof = "NOT proven: " + ", ".join(each.kernel.name for each in verdicts if not each.is_proven) + "."
    if options.cpp:
        from ._port_cpp import write

        text, suffix = write(path, made, command_text(path, options), proof), ".h"
    else:
        text, suffix = _module(path, made, options, proof), ".py"
    _put(path, text, suffix, options, is_one_of_many)


def _put(path: str, text: str, suffix: str, options: argparse.Namespace, is_one_of_many: bool) -> None:
    if options.output is None:
        sys.stdout.write(text)
        return
    target = Path(options.output)
    if is_one_of_many or target.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        target = target / (Path(path).stem.replace("-", "_") + suffix)
    write_text(str(target), text)


if __name__ == "__main__":
    from anymetal import _port

    sys.exit(guarded(_port.main, sys.argv[1:]))
