"""The findings in the guides' own code are exactly those of the reviewed file."""

import guide_findings


def test_findings_are_those_of_the_reviewed_file():
    expected = guide_findings.GOLDEN.read_text().splitlines()
    if guide_findings.lint_kernel() is None:
        expected = guide_findings.without_kernels(expected)
    assert guide_findings.found() == expected


def test_what_the_guides_call_wrong_and_is():
    """By block: the guides' own words for wrong code, as far as MLX agrees."""
    lines = guide_findings.found()
    for piece in ("m2-bert-guide_01.py:3:7 GRAPH-BREAK-001", "m2-bert-guide_06.py:2:4 GRAPH-BREAK-001", "m2-bert-guide_06.py:6:7 GRAPH-BREAK-001",
                  "m2-bert-guide_06.py:7:7 GRAPH-BREAK-001", "m2-bert-guide_08.py:61:13 KERNEL-GRID-001", "m2-bert-guide_09.py:3:38 KERNEL-SIGNATURE-001",
                  "porting-metal-files_01.py:8:13 KERNEL-NAMES-001"):
        assert any(line.startswith(piece) for line in lines), piece
