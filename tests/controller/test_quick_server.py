"""What the operator asks a real API server for, from a change of a spec to the Job that fetches it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api_server import ApiServer
from bench.operator.scale import database
from facedb_operator import names
from operator_process import OperatorProcess, audited, install, requests, until

pytestmark = pytest.mark.cluster

NAMESPACE, COUNT = "quick", 8
PATH = f"/apis/{names.API_VERSION}/namespaces/{NAMESPACE}/{names.PLURAL}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ApiServer, Path]]:
    folder = tmp_path_factory.mktemp("quick")
    flags, audit = audited(folder)
    with ApiServer(folder / "api", *flags) as api:
        install(api)
        api.kubectl("create", "namespace", NAMESPACE)
        with OperatorProcess(api, folder) as operator:
            until(operator.leads, "the operator leads")
            yield api, audit


def jobs(api: ApiServer) -> dict[str, str]:
    """Job → its database."""
    found: Any = api.request("GET", f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs")[1]
    return {j["metadata"]["name"]: j["metadata"]["labels"][names.DATABASE_LABEL] for j in found["items"]}


def told(api: ApiServer, name: str) -> bool:
    status: Any = api.request("GET", f"{PATH}/{name}")[1].get("status") or {}
    return any(c["reason"] == "Fetching" for c in status.get("conditions") or ())


def asked(audit: Path, name: str) -> list[str]:
    """Verb and resource of all requests about this database, in the order in which they came."""
    mine = [e for e in requests(audit) if str((e.get("objectRef") or {}).get("name", "")).startswith(name)]
    mine.sort(key=lambda e: str(e["requestReceivedTimestamp"]))
    refs = [(e["verb"], e["objectRef"]) for e in mine]
    return ["/".join(filter(None, (verb, ref["resource"], ref.get("subresource")))) for verb, ref in refs]


def test_between_a_spec_and_its_job_nothing_is_read_and_little_is_written(
    place: tuple[ApiServer, Path],
) -> None:
    api, audit = place
    bodies = [database(number, "2026.01.01") for number in range(COUNT)]
    for body in bodies:
        body["metadata"]["namespace"] = NAMESPACE
    api.kubectl("create", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": bodies})
    all_names = {str(body["metadata"]["name"]) for body in bodies}
    until(lambda: set(jobs(api).values()) == all_names, "the first Jobs, for the models")
    until(lambda: all("create/events" in asked(audit, name) for name in all_names), "all is told")
    until(lambda: all(told(api, name) for name in all_names), "every status speaks of its Job")
    known, before = jobs(api), {name: len(asked(audit, name)) for name in all_names}
    # Other models are another volume and another Job, as another version is: nobody plays the Jobs here.
    files = [{"name": "other.onnx", "size": 1, "sha256": "0" * 64}]
    for name in sorted(all_names):
        change = {"spec": {"models": {"files": files}}}
        done = api.request("PATCH", f"{PATH}/{name}", change, Content_Type="application/merge-patch+json")
        assert done[0] == 200
    until(lambda: {jobs(api)[job] for job in jobs(api).keys() - known} == all_names, "the Jobs of the change")
    for name in sorted(all_names):
        since = [what for what in asked(audit, name)[before[name] :] if "events" not in what]
        ahead = since[: since.index("patch/jobs")]
        assert ahead[-1] == "patch/persistentvolumeclaims"
        # The Job that fetched what is not wanted any more goes first, and that is told.
        assert set(ahead[:-1]) <= {"delete/jobs", "patch/facedatabases/status"}
