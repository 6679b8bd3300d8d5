"""How findings are written: for people, for programs, for code scanning, for GitHub's annotations."""

from __future__ import annotations

from . import as_github, as_json, as_sarif, as_text

FORMATS = {"text": as_text, "json": as_json, "sarif": as_sarif, "github": as_github}
