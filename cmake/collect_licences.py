"""Writes the licences of all that went into the wheel's binaries into a folder, one file for each work.

    collect_licences.py NINJA BUILD FOLDER

Nobody keeps a list, which would be wrong one day: what went in is what the compiler read (Ninja remembers each header) and the
archives on the linkers' lines. Each file belongs to a Debian package, which has its licence in /usr/share/doc, or to a
Python package, which has it in its metadata. A file that belongs to neither stops the build.
"""

import importlib.metadata
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

# Not in the wheel: it asks for these on the machine where it runs. What their headers leave in a program is free of
# conditions (exception for run-time libraries of GCC's licence; the LGPL's for headers).
RUN_TIME = re.compile(r"(glibc|linux|gcc-\d+|libxcrypt|python3\.\d+)$")
COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z0-9-]+(?:\.[0-9]+)*)")


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def files_that_went_in(ninja, build):
    """Headers and archives outside the project, as real paths."""
    headers = re.findall(r"^    (\S.*)$", output(ninja, "-C", str(build), "-t", "deps"), re.M)
    archives = re.findall(r"(?<=\s)/\S+\.a(?=\s)", (build / "build.ninja").read_text())
    project = Path(__file__).resolve().parents[1]
    real = {path.resolve() for path in (build / name for name in {*headers, *archives}) if path.exists()}
    interpreter = Path(sysconfig.get_path("include")).resolve()
    return {path for path in real if not path.is_relative_to(interpreter)
            and ("site-packages" in path.parts or not path.is_relative_to(project))}


def debian_sources(files):
    """({source package: one of its binary packages}, files that no package has). dpkg may know a file by the path that it
    had before /lib and /bin were joined with /usr."""
    known = {str(path): path for path in files}
    known |= {str(path).removeprefix("/usr"): path for path in files if str(path).startswith("/usr/lib")}
    done = subprocess.run(["dpkg-query", "-S", *known], capture_output=True, text=True)
    owners = {known[path]: names.split(",")[0] for names, path in re.findall(r"^(.+): (/.*)$", done.stdout, re.M)
              if path in known}
    packages = sorted(set(owners.values()))
    rows = output("dpkg-query", "-W", "-f", "${source:Package} ${Package}\n", *packages).splitlines()
    return dict(row.split() for row in rows), files - owners.keys()


def debian_text(package):
    text = Path(f"/usr/share/doc/{package}/copyright").read_text(errors="replace")
    for name in sorted(set(COMMON.findall(text))):
        text += f"\n\n/usr/share/common-licenses/{name}\n\n" + Path(f"/usr/share/common-licenses/{name}").read_text()
    return text


def python_texts(files):
    """{Python package: its licence}, and the files that no package has."""
    texts = {}
    for package in importlib.metadata.distributions():
        own = files & {Path(package.locate_file(file)).resolve() for file in package.files or ()}
        licences = [file for file in package.files or () if re.search(r"dist-info/(licenses/.*|LICEN[CS]E.*)$", str(file))]
        if own and licences:
            files = files - own
            texts[package.metadata["Name"]] = "\n\n".join(
                Path(package.locate_file(file)).read_text() for file in licences)
    return texts, files


def main(ninja, build, folder):
    sources, rest = debian_sources(files_that_went_in(ninja, Path(build)))
    texts = {source: debian_text(package) for source, package in sources.items() if not RUN_TIME.match(source)}
    python, rest = python_texts(rest)
    if rest:
        sys.exit("whose are these? Their licence must go into the wheel:\n" + "\n".join(sorted(map(str, rest))))
    texts |= python
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (Path(folder) / f"{name}.txt").write_text(text)
    print("licences:", ", ".join(sorted(texts)))


if __name__ == "__main__":
    main(*sys.argv[1:])
