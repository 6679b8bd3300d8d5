"""Runs a chapter of docs/tutorial/ as its reader does, block after block, and compares what is printed with what stands there.

    python test/docs/chapter.py docs/tutorial/01-first-kernel.md            # says what differs; exit status 1 if anything does
    python test/docs/chapter.py --write docs/tutorial/01-first-kernel.md    # puts what was printed into the chapter

A block is what its first line says:

    ```python               runs, in one process with all others of the chapter
    ```python soft_cap.py   is written to this file in an empty folder, and so is ```metal soft_cap.metal
    ```sh                   commands, one a line, which run in that folder
    ```output               all that the block before has printed; without it, a block must print nothing
    ```output varies        the same, but numbers may be others: times and ratios of times
    ```text                 is shown only

Before the second word may stand `needs=mlx.data`: where this module isn't installed, the block is passed over, and its output.
Any other block is an error, so that nothing untried gets in.
"""

import ctypes
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^(`{3,})([^\n`]+)\n(.*?)^\1$", re.M | re.S)
NUMBER = re.compile(r"\d[\d,.]*(?:e[-+]?\d+)?")
FOUND = 1  # the exit status of the linter if it finds something, and of commands whose text is wrong


@dataclass
class Block:
    kind: str
    words: list[str]
    text: str
    line: int
    start: int
    end: int
    output: "Block | None" = None

    @property
    def file(self):
        return next((word for word in self.words if "." in word and "=" not in word), None)

    @property
    def needs(self):
        return next((word.removeprefix("needs=") for word in self.words if word.startswith("needs=")), None)


def blocks(page: str) -> list[Block]:
    """All blocks of a page, outputs put to the blocks that they belong to."""
    found = []
    for match in BLOCK.finditer(page):
        kind, *words = match[2].split()
        block = Block(kind, words, match[3], page.count("\n", 0, match.start()) + 1, match.start(3), match.end(3))
        if kind == "output":
            if not found or found[-1].output or found[-1].file or found[-1].kind not in ("python", "sh"):
                raise ValueError(f"line {block.line}: this output stands below nothing that prints")
            found[-1].output = block
        elif kind not in ("python", "metal", "sh", "text") or (kind == "metal" and not block.file):
            raise ValueError(f"line {block.line}: nobody knows how to try a block of `{match[2]}`")
        else:
            found.append(block)
    return found


class Printed:
    """All that is printed while it is open, by Python, C++ and other processes, in the order in which it came."""

    def __enter__(self):
        sys.stdout.flush()
        sys.stderr.flush()
        self.file = tempfile.TemporaryFile()
        self.kept = [(number, os.dup(number)) for number in (1, 2)]
        for number, _ in self.kept:
            os.dup2(self.file.fileno(), number)
        return self

    def __exit__(self, *_):
        sys.stdout.flush()
        sys.stderr.flush()
        ctypes.CDLL(None).fflush(None)
        for number, kept in self.kept:
            os.dup2(kept, number)
            os.close(kept)
        self.file.seek(0)
        self.text = self.file.read().decode(errors="replace")
        self.file.close()


def run_python(block: Block, names: dict, path: str) -> None:
    # Lines as in the chapter, so that a traceback leads there.
    code = compile("\n" * block.line + block.text, path, "exec")
    exec(code, names)


def run_commands(block: Block) -> None:
    for line in block.text.splitlines():
        # What a reader types is shown by a terminal, which is wide enough here.
        done = subprocess.run(["bash", "-c", line], timeout=120, env={**os.environ, "COLUMNS": "200"}, stdin=subprocess.DEVNULL)
        if done.returncode not in (0, FOUND):
            raise RuntimeError(f"exit status {done.returncode}: {line}")


def run(block: Block, names: dict, path: str) -> tuple[str, str]:
    """What a block printed, and the traceback of what it raised."""
    fault = ""
    with Printed() as printed:
        try:
            run_python(block, names, path) if block.kind == "python" else run_commands(block)
        except BaseException:  # a chapter that ends the process hasn't been read to its end
            fault = traceback.format_exc()
    return printed.text, fault


def trimmed(text: str, varies: bool) -> str:
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    if varies:
        lines = [re.sub(r"\s+", " ", NUMBER.sub("#", line)) for line in lines]
    return "\n".join(lines)


def faults_of(page: str, path: str, instead: dict) -> list[str]:
    """What differs, as texts. What was printed goes to `instead`, by the block of output that it should stand in."""
    faults = []
    names = {"__name__": "__main__"}
    for block in blocks(page):
        if block.needs and importlib.util.find_spec(block.needs) is None:
            continue
        if block.file:
            Path(block.file).write_text(block.text)
            continue
        if block.kind == "text":
            continue
        printed, fault = run(block, names, path)
        if fault:
            return [*faults, f"{path}:{block.line}: {fault}\n{printed}"]
        varies = bool(block.output) and "varies" in block.output.words
        shown = block.output.text if block.output else ""
        if trimmed(printed, varies) != trimmed(shown, varies):
            faults.append(f"{path}:{block.line}: shown is\n{shown}\nbut printed was\n{printed}")
            if block.output:
                instead[block.output.start, block.output.end] = trimmed(printed, varies=False) + "\n"
    return faults


def main(arguments: list[str]) -> int:
    write = arguments[0] == "--write"
    chapter = Path(arguments[-1]).absolute()
    page = chapter.read_text()
    instead: dict = {}
    sys.stdout.reconfigure(line_buffering=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.path.insert(0, folder)
        faults = faults_of(page, str(chapter), instead)
        os.chdir("/")
    if write:
        for (start, end), text in sorted(instead.items(), reverse=True):
            page = page[:start] + text + page[end:]
        chapter.write_text(page)
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
