"""The examples say what the code understands: variables, ports, users; the cluster suite runs them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.composed import pod_of, service_of
from crd_schema import defaulted, part, strangers
from facedb_operator.objects import fragments
from facedb_operator.spec import parse_spec

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / "examples" / "02-docker"
DOCKERFILE = (ROOT / "Dockerfile.sidecar").read_text()
SIDECAR = ROOT / "sidecar" / "src" / "facedb_sidecar"


def services(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((HOME / name).read_text())["services"]
    return found


@pytest.mark.parametrize("name", ["compose.yaml", "compose.gpu.yaml"])
def test_the_sidecar_reads_every_variable_that_the_example_sets(name: str) -> None:
    code = "".join(p.read_text() for p in SIDECAR.rglob("*.py"))
    for service in services(name).values():
        assert [v for v in service["environment"] if f'"{v}"' not in code] == []


def test_the_variables_of_the_readme_exist() -> None:
    code = "".join(p.read_text() for p in SIDECAR.rglob("*.py")) + (HOME / "compose.yaml").read_text()
    named = set(re.findall(r"\b(?:FACEDB|STASH)_[A-Z_]+\b", (HOME / "README.md").read_text()))
    assert [v for v in sorted(named) if v not in code] == []


def test_the_gpu_example_lies_on_top_of_the_other() -> None:
    base, gpu = services("compose.yaml"), services("compose.gpu.yaml")
    assert set(gpu) == set(base)
    assert base["facedb"]["environment"]["FACEDB_DEVICE"] == "cpu"
    assert gpu["facedb"]["environment"]["FACEDB_DEVICE"] == "gpu"
    assert gpu["facedb"]["build"]["args"] == {"CUDA": "1"}


def test_the_example_runs_the_image_as_locked_down_as_the_operator_does() -> None:
    service = service_of(HOME / "compose.yaml", {})
    pod = pod_of(service, "home", "default", image="sidecar:1", folder=Path("/srv"), more={})
    container = pod["spec"]["containers"][0]
    security = container["securityContext"]
    assert {k: security[k] for k in fragments.locked_down()} == fragments.locked_down()
    assert security["runAsUser"] == security["runAsGroup"] == fragments.USER_ID
    assert f"EXPOSE {container['ports'][0]['containerPort']}\n" in DOCKERFILE


def test_a_container_gets_longer_to_end_than_the_server_takes() -> None:
    graceful = re.search(r'"--timeout-graceful-shutdown", "(\d+)"', DOCKERFILE)
    assert graceful is not None
    service = service_of(HOME / "compose.yaml", {})
    assert int(service["stop_grace_period"].removesuffix("s")) > int(graceful[1]) + 5


def test_variables_of_the_user_come_into_the_example() -> None:
    given = {"STASH_URL": "http://stash:1", "FACEDB_USER": "1000:1000", "STASH_API_KEY": ""}
    service = service_of(HOME / "compose.yaml", given)
    assert (service["environment"]["STASH_URL"], service["user"]) == ("http://stash:1", "1000:1000")
    assert service["environment"]["STASH_API_KEY"] in ("", None)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples").glob("*/facedatabase.yaml")), ids=lambda p: p.parent.name
)
def test_a_declared_database_is_one_that_the_operator_understands(path: Path) -> None:
    """What the API server says of it is in test_crd_server."""
    body = yaml.safe_load(path.read_text())
    assert strangers(body["spec"], part("spec"), "spec") == []
    body["metadata"] |= {"namespace": "media", "uid": "u-1"}
    filled = {**body, "spec": defaulted(body["spec"], part("spec"))}
    assert parse_spec(filled, default_image="sidecar:1").models.files
