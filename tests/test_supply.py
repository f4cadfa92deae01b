"""What the images are made of: locked, listed, audited, and to be had for both kinds of machine."""

from __future__ import annotations

import json
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from supply.audit import judge, split
from supply.locked import IMAGES, requirements
from supply.sbom import sbom

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@cache
def names(image: str) -> frozenset[tuple[str, str]]:
    """Name and version of each package of an image."""
    heads = (re.match(r"([A-Za-z0-9._-]+)==([^ ;\\]+)", entry) for entry in split(requirements(image)))
    return frozenset((head[1], head[2]) for head in heads if head)


@pytest.mark.parametrize("image", IMAGES)
def test_the_bill_of_materials_lists_each_locked_package_with_its_hashes(image: str) -> None:
    listed: list[dict[str, Any]] = json.loads(sbom(image))["components"]
    assert {(c["name"], c["version"]) for c in listed} == names(image)
    assert [c["name"] for c in listed if not c["externalReferences"][0].get("hashes")] == []


def test_the_same_lock_gives_the_same_bill() -> None:
    assert sbom("operator") == sbom("operator")


@pytest.mark.parametrize("image", IMAGES)
def test_each_package_has_a_wheel_for_both_kinds_of_machine(image: str) -> None:
    """Images install wheels only, of the Dockerfiles' Python 3.13."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    markers = {entry.split("==")[0]: entry.splitlines()[0] for entry in split(requirements(image))}

    def has(package: dict[str, Any], machine: str) -> bool:
        files = [w["url"].rpartition("/")[2] for w in package.get("wheels", ())]
        own = [f for f in files if "-none-any" in f or ("manylinux" in f and machine in f)]
        return any(re.search(r"cp313|abi3|py3-none", f) or "-none-any" in f for f in own)

    for name, version in names(image):
        package = next(p for p in lock if p["name"] == name and p["version"] == version)
        for machine in ("x86_64", "aarch64"):
            assert has(package, machine) or f"platform_machine != '{machine}'" in markers[name], (
                name,
                machine,
            )


REPORT = {
    "dependencies": [
        {"name": "good", "version": "1", "vulns": []},
        {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]},
    ]
}
UNKNOWN = {"dependencies": [{"name": "odd", "skip_reason": "Dependency not found on PyPI"}]}


def test_a_known_vulnerability_fails_and_is_named_with_what_mends_it() -> None:
    code, lines = judge(REPORT, strict=False)
    assert code == 1
    assert "bad 2: PYSEC-1, fixed in 3" in lines


@pytest.mark.parametrize(("strict", "code"), [(False, 0), (True, 1)])
def test_what_nobody_could_audit_is_told_and_fails_where_it_must(strict: bool, code: int) -> None:
    found, lines = judge(UNKNOWN, strict=strict)
    assert found == code
    assert any("1 NOT audited" in line for line in lines)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_a_workflow_may_do_little_and_runs_what_there_is(path: Path) -> None:
    text = path.read_text()
    found = yaml.safe_load(text)
    # YAML 1.1 reads the key "on" as true.
    assert found[True]
    assert found["permissions"] == {"contents": "read"}
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.M))
    assert [t for t in re.findall(r"run: make ([a-z-]+)", text) if t not in targets] == []
    assert [u for u in re.findall(r"uses: (\S+)", text) if not re.search(r"@v\d", u)] == []
    assert [f for f in re.findall(r"file: (Dockerfile[\w.]+)", text) if not (ROOT / f).exists()] == []


@pytest.mark.parametrize("name", ["operator", "sidecar"])
def test_an_image_says_what_it_is_and_runs_as_nobody(name: str) -> None:
    text = (ROOT / f"Dockerfile.{name}").read_text()
    for label in ("title", "description", "source", "version", "revision"):
        assert f"org.opencontainers.image.{label}=" in text
    # What changes with each build would make no two images alike.
    assert "image.created" not in text
    last = text[text.rindex("\nFROM ") :]
    assert "\nUSER 65532:65532\n" in last
    assert not re.search(r"\.onnx|\.voy", text)
