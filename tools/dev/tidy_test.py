"""What was clean isn't tidied again until something that it reads changes; what had findings is."""

import pytest

from dev import tidy
from dev.machine import ROOT


def test_dependencies_are_read_from_rules_of_make():
    text = "a.o: \\\n  /s/a.cc \\\n  /usr/with\\ space/x.h ../s/b.h\nb.o: /s/b.cc\n"
    assert tidy.read_dependencies("/build", text) == {
        "/s/a.cc": {"/s/a.cc", "/usr/with space/x.h", "/build/../s/b.h"}, "/s/b.cc": {"/s/b.cc"}}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A clang-tidy that has findings about `bad`, and keys that a test sets."""
    class Machine:
        keys = {str(ROOT / name): "1" for name in ("src/a.cc", "src/bad.cc")}
        seen = []

        def run(self):
            self.seen.clear()
            return list(tidy.check_files(tmp_path, ["src/a.cc", "src/bad.cc"]))

    machine = Machine()

    def one(database, name):
        machine.seen.append(name)
        return name, 0.0, int("bad" in name), "a finding"

    monkeypatch.setattr(tidy, "keys", lambda database: machine.keys)
    monkeypatch.setattr(tidy, "tidy", one)
    return machine


def test_only_what_changed_or_had_findings_is_tidied(machine):
    assert machine.run() == ["src/bad.cc: clang-tidy\na finding"] and sorted(machine.seen) == ["src/a.cc", "src/bad.cc"]
    assert machine.run() == ["src/bad.cc: clang-tidy\na finding"] and machine.seen == ["src/bad.cc"]
    machine.keys[str(ROOT / "src/a.cc")] = "2"
    machine.run()
    assert sorted(machine.seen) == ["src/a.cc", "src/bad.cc"]


def test_a_file_whose_dependencies_are_unknown_is_tidied_each_time(machine):
    del machine.keys[str(ROOT / "src/a.cc")]
    machine.run()
    machine.run()
    assert "src/a.cc" in machine.seen
