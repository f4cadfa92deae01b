"""`python -m supply.audit [--strict]`: ask the package index for known vulnerabilities of everything locked.

Exits 1 where one is known. Where the index has no advisories (a mirror) or does not answer, it says so, and
only --strict fails: the release workflow is strict.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from .locked import IMAGES, requirements, tool


def judge(report: dict[str, Any], *, strict: bool) -> tuple[int, list[str]]:
    """pip-audit's report as JSON → the exit code, and what to say."""
    found = report["dependencies"]
    bad = [d for d in found if d.get("vulns")]
    unknown = [d["name"] for d in found if "skip_reason" in d]
    lines = [
        f"{d['name']} {d['version']}: {v['id']}, fixed in {', '.join(v['fix_versions']) or 'no version yet'}"
        for d in bad
        for v in d["vulns"]
    ]
    lines.append(f"{len(found) - len(unknown)} packages audited, {len(bad)} with known vulnerabilities")
    if unknown:
        lines.append(
            f"{len(unknown)} NOT audited, the index has no advisories of them: {', '.join(unknown[:5])} …"
        )
    return int(bool(bad) or (strict and bool(unknown))), lines


def main() -> None:
    """Audit the packages of both images together."""
    strict = "--strict" in sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "requirements.txt"
        # Both images install from one lock: a package has one version, and one entry.
        entries = {entry for image in IMAGES for entry in split(requirements(image))}
        listed.write_text("\n".join(sorted(entries)))
        words = ("--requirement", str(listed), "--no-deps", "--disable-pip", "--require-hashes")
        done = tool("pip-audit", *words, "--format", "json", "--progress-spinner", "off")
    try:
        report = json.loads(done.stdout)
    except ValueError:
        lines = done.stderr.strip().splitlines()[-1:] or ["no answer"]
        code, lines = int(strict), [f"NOT audited: pip-audit could not ask: {lines[0]}"]
    else:
        code, lines = judge(report, strict=strict)
    sys.stdout.write("\n".join(lines) + "\n")
    sys.exit(code)


def split(text: str) -> list[str]:
    """A requirements file → its entries, each with the hashes that follow it."""
    entries: list[str] = []
    for line in text.splitlines():
        if line.startswith(" "):
            entries[-1] += f"\n{line}"
        elif line.strip():
            entries.append(line)
    return entries


if __name__ == "__main__":
    main()
