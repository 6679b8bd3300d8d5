"""What the machine must have: Debian packages, and Python packages in the checkout's own environment."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


class Stop(Exception):
    """Ends a command with a message for the user."""

    def __init__(self, message, status=1):
        super().__init__(message)
        self.status = status


def call(command, **options):
    """Runs a command and shows its output; a failure ends ours."""
    status = subprocess.run([str(part) for part in command], **options).returncode
    if status != 0:
        raise Stop(f"`{' '.join(str(part) for part in command)}` failed with status {status}", 1)


def debian_packages():
    lines = (HERE / "debian-packages.txt").read_text().splitlines()
    return [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]


def missing_packages():
    query = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *debian_packages()]
    try:
        found = subprocess.run(query, capture_output=True, text=True).stdout.splitlines()
    except FileNotFoundError:
        raise Stop("this is no Debian machine (no dpkg-query); see tools/dev/debian-packages.txt for what is needed")
    installed = {line.split()[0] for line in found if line.endswith(" installed")}
    return [name for name in debian_packages() if name not in installed]


def install_packages():
    missing = missing_packages()
    if not missing:
        return
    install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        raise Stop("these Debian packages are missing; please run\n\n  sudo apt-get update && sudo "
                   + " ".join(install) + "\n\nand then the same command again")
    print(f"installing {len(missing)} Debian packages: {' '.join(missing)}", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    call(["apt-get", "update", "-q"], env=quiet)
    call([*install, "-q"], env=quiet)


def install_python_packages():
    requirements = HERE / "requirements.txt"
    state = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    stamp = VENV / "installed"
    if stamp.exists() and stamp.read_text() == state:
        return
    print("installing Python packages into .venv", flush=True)
    call([sys.executable, "-m", "venv", "--clear", VENV])
    call([PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements])
    stamp.write_text(state)


def setup():
    if sys.version_info < (3, 11):
        raise Stop(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    install_packages()
    install_python_packages()
