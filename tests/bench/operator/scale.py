"""A thousand FaceDatabases on a real API server, and one operator in its own process: what it takes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from api_server import ApiServer
from facedb_operator import names
from operator_process import free_port, install

from ..main import ROOT
from .client import Body, Client
from .pretender import Pretender

NAMESPACE = "fleet"
FIRST, STARTED_AS = "2026.01.01", "facedb-operator"
PATH = f"/apis/{names.API_VERSION}/namespaces/{NAMESPACE}/{names.PLURAL}"
# How long nothing may happen before it counts as rest, and how long all may take to come to it.
QUIET_S, PATIENCE_S = 5.0, 1200.0

# Only what the operator asks, without bodies.
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata"}],
}

Say = Callable[[str], None]


async def measure(
    folder: Path, *, databases: int, changes: int, rounds: int, rest_s: float, say: Say
) -> Body:
    """Return all numbers.

    Args:
        folder: for the API server's files.
        databases: how many there are.
        changes: how many specs change at once.
        rounds: how often they do.
        rest_s: seconds over which the rest is measured.
        say: is told how it goes.
    """
    policy = folder / "audit.json"
    policy.write_text(json.dumps(AUDIT))
    audit = folder / "audit.log"
    flags = (f"--audit-policy-file={policy}", f"--audit-log-path={audit}")
    with ApiServer(folder / "api", *flags) as api:
        install(api)
        api.kubectl("create", "namespace", NAMESPACE)
        async with Client(api) as client, playing(client) as pretender, operator(api, folder) as pid:
            say(f"{databases} databases are created, fetched and rolled out")
            began = time.monotonic()
            await _create(client, pretender, databases)
            await _until(lambda: _all_serve(client, databases), say)
            results: Body = {"databases": databases, "install_s": time.monotonic() - began}
            results["startup"] = _memory(pid)
            say(f"all serve after {results['install_s']:.0f} s; rest")
            await _until_quiet(audit)
            results["rest"] = await _rest(pid, audit, rest_s)
            results |= {"changes": [], "change_cpu_s": []}
            for number in range(rounds):
                say(f"round {number + 1} of {rounds}: {changes} specs change at once")
                cpu = _cpu_s(pid)
                results["changes"].append(await _change(client, pretender, number, changes))
                results["change_cpu_s"].append(_cpu_s(pid) - cpu)
                await _until(lambda: _all_serve(client, databases), say)
                await _until_quiet(audit)
            results["after"] = _memory(pid)
    return results


@asynccontextmanager
async def playing(client: Client) -> AsyncIterator[Pretender]:
    """The rest of the cluster."""
    pretender = Pretender(client)
    await pretender.start()
    try:
        yield pretender
    finally:
        await pretender.stop()


@asynccontextmanager
async def operator(api: ApiServer, folder: Path) -> AsyncIterator[int]:
    """The operator in its own process, as its image starts it."""
    env = {
        **os.environ,
        **image_env(),
        "KUBECONFIG": str(api.kubeconfig),
        "FACEDB_HEALTH_PORT": str(free_port()),
        "FACEDB_METRICS_PORT": "0",
    }
    # Bytecode is kept, as in the image: to compile a thousand modules takes memory too.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    with (folder / "operator.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "facedb_operator", env=env, stdout=log, stderr=log
        )
    try:
        yield process.pid
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()


def image_env() -> dict[str, str]:
    """How the image has the allocator behave: memory is measured with that."""
    pairs = re.findall(r"(MALLOC_\w+)=(\S+)", (ROOT / "Dockerfile.operator").read_text())
    assert pairs, "Dockerfile.operator sets nothing of the allocator any more"
    return dict(pairs)


def database(number: int, version: str) -> Body:
    """A FaceDatabase such as people write them."""
    models = [{"name": f"m{n}.onnx", "size": 1000 + n, "sha256": f"{n:064x}"} for n in range(3)]
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": f"db-{number:04}", "namespace": NAMESPACE},
        "spec": {
            "version": version,
            "source": {"http": {"urls": ["https://releases.example.org/{version}.zip"]}},
            "models": {"source": {"http": {"urls": ["https://models.example.org/{file}"]}}, "files": models},
            "storage": {"size": "4Gi", "modelsSize": "1Gi"},
            "sidecar": {"replicas": 1, "device": "cpu"},
        },
    }


async def _create(client: Client, pretender: Pretender, count: int) -> None:
    slots = asyncio.Semaphore(8)

    async def one(number: int) -> None:
        async with slots:
            await client.create(PATH, database(number, FIRST))

    pretender.versions |= {f"db-{n:04}": FIRST for n in range(count)}
    await asyncio.gather(*(one(number) for number in range(count)))


async def _change(client: Client, pretender: Pretender, number: int, count: int) -> list[float]:
    """Seconds from the request that changes a spec to the Job that fetches what it asks for, each."""
    version = f"2026.02.{number + 1:02}"
    mine = [f"db-{n:04}" for n in range(number * count, (number + 1) * count)]
    pretender.versions |= dict.fromkeys(mine, version)
    sent = dict.fromkeys(mine, time.monotonic())
    body = {"spec": {"version": version}}
    await asyncio.gather(*(client.merge(f"{PATH}/{name}", body) for name in mine))
    await _until(lambda: _all_fetch(pretender, mine, version), lambda _: None, every_s=0.2)
    return sorted(pretender.fetches[name, version] - sent[name] for name in mine)


async def _all_fetch(pretender: Pretender, mine: list[str], version: str) -> str:
    left = [name for name in mine if (name, version) not in pretender.fetches]
    return f"{len(left)} have no Job yet" if left else ""


async def _all_serve(client: Client, count: int) -> str:
    """Empty when everything is Ready, else what is missing."""
    reasons: Counter[str] = Counter()
    for item in (await client.get(PATH))["items"]:
        status = item.get("status") or {}
        ready = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), {})
        current = status.get("observedGeneration") == item["metadata"]["generation"]
        reasons["" if ready.get("status") == "True" and current else str(ready.get("reason"))] += 1
    missing = {k: v for k, v in reasons.items() if k}
    return "" if not missing and reasons[""] == count else f"{reasons['']} serve; {missing}"


async def _until(missing: Callable[[], Awaitable[str]], say: Say, every_s: float = 5.0) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while what := await missing():
        say(what)
        if time.monotonic() > deadline:
            raise RuntimeError(f"it does not come to an end: {what}")
        await asyncio.sleep(every_s)


async def _until_quiet(audit: Path) -> None:
    """Until the operator has written nothing for a while."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        before = _writes(requests(audit, 0))
        await asyncio.sleep(QUIET_S)
        if _writes(requests(audit, 0)) == before:
            return
    raise RuntimeError("the operator does not come to rest")


async def _rest(pid: int, audit: Path, seconds: float) -> Body:
    start, cpu = audit.stat().st_size, _cpu_s(pid)
    await asyncio.sleep(seconds)
    return {
        "seconds": seconds,
        "requests": dict(requests(audit, start)),
        "cpu_s": _cpu_s(pid) - cpu,
        **_memory(pid),
    }


def requests(audit: Path, start: int) -> Counter[str]:
    """Verb and resource → how often the operator asked, from this offset of the audit log on."""
    counted: Counter[str] = Counter()
    with audit.open("rb") as log:
        log.seek(start)
        for line in log:
            event = json.loads(line)
            if event.get("userAgent") == STARTED_AS:
                ref: dict[str, Any] = event.get("objectRef") or {}
                counted[f"{event['verb']} {ref.get('resource', event['requestURI'])}"] += 1
    return counted


def _writes(counted: Counter[str]) -> int:
    quiet = ("watch", "get", "list")
    return sum(n for what, n in counted.items() if not what.startswith(quiet) and "leases" not in what)


def _memory(pid: int) -> Body:
    """MiB; fails when the operator has ended."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {
        "rss_mib": int(lines["VmRSS"].split()[0]) / 1024,
        "peak_mib": int(lines["VmHWM"].split()[0]) / 1024,
    }


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
