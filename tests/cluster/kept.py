"""What a database keeps, and where its bytes lie on this machine; releases that share files with another."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from builders import archive_name, rezip
from cluster.csi.driver_layout import driver_dir
from cluster.stage import DATA_REPOSITORY, FIRST
from cluster.waiting import wait_until
from cluster.world_of_one import Database, Json

RELEASE = "app.kubernetes.io/component=release"
CLAIMS, SNAPSHOTS = "pvc", "volumesnapshot"


def neighbour(database: Database, version: str, of: str = FIRST) -> Path:
    """Publish a release that differs from another one in its manifest and in performers.json alone."""
    root = database.stage.root / DATA_REPOSITORY
    first = root / f"v{of}" / archive_name(of)
    with zipfile.ZipFile(first) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        people = json.dumps(json.loads(archive.read("performers.json")), indent=3).encode()
    # Only then nothing but the version changes in the manifest.
    assert "performers.json" not in manifest["checksums"]
    changed = {
        "manifest.json": json.dumps({**manifest, "version": version}).encode(),
        "performers.json": people,
    }
    return rezip(first, changed, suffix="", out=root / f"v{version}" / archive_name(version))


def annotate(database: Database, verb: str, token: str) -> None:
    """As somebody's `kubectl annotate`."""
    note = f"facedb.dev/{verb}={token}"
    kubectl = database.place.kubernetes.kubectl
    kubectl("annotate", "--overwrite", "fdb", database.name, "-n", database.namespace, note)


def objects_of(database: Database, kind: str) -> dict[str, Json]:
    """Claims or snapshots of releases that are not on their way out, by version."""
    selector = f"facedb.dev/database={database.name},{RELEASE}"
    found = database.place.kubernetes.items(kind, database.namespace, selector)
    there = (o for o in found if "deletionTimestamp" not in o["metadata"])
    return {o["metadata"]["labels"]["facedb.dev/version"]: o for o in there}


def kept(database: Database, kind: str) -> list[str]:
    """The versions that are kept as this kind of object, ready or bound."""
    return sorted(version for version, thing in objects_of(database, kind).items() if _stands(thing))


def wait_kept(database: Database, **wanted: list[str]) -> None:
    """Wait until these versions, and no others, are kept as ``claims`` and as ``snapshots``."""
    kinds = {"claims": CLAIMS, "snapshots": SNAPSHOTS}

    def now() -> dict[str, list[str]]:
        return {name: kept(database, kinds[name]) for name in wanted}

    def tell() -> str:
        return f"{now()}\n{database.describe()}"

    wait_until(lambda: now() == wanted, f"{wanted}", timeout_s=120, tell=tell)


def wait_told(database: Database, *words: str, reason: str = "") -> Json:
    """Wait until the message of Ready has all these words, and return the condition."""

    def found() -> Json | None:
        ready = database.condition("Ready")
        said = all(word in ready.get("message", "") for word in words)
        return ready if said and reason in ("", ready.get("reason")) else None

    what = f"Ready to tell {reason} {' '.join(words)}"
    return wait_until(found, what, timeout_s=120, tell=database.describe) or {}


def wait_event(database: Database, reason: str, *words: str) -> None:
    """Wait until an Event of the database has this reason and all these words: news of a moment, too."""

    def found() -> bool:
        events = database.place.kubernetes.items("events", database.namespace)
        mine = (e for e in events if e["involvedObject"]["kind"] == "FaceDatabase" and e["reason"] == reason)
        return any(all(word in e["message"] for word in words) for e in mine)

    wait_until(found, f"an Event {reason} {' '.join(words)}", timeout_s=120, tell=database.describe)


def folder_of(database: Database, version: str) -> Path:
    """Where the bytes of a release's volume lie, of a class of the tests' CSI driver."""
    name = objects_of(database, CLAIMS)[version]["spec"]["volumeName"]
    volume = database.place.kubernetes.get("pv", name, "default")
    return driver_dir() / "volumes" / str(volume["spec"]["csi"]["volumeHandle"])


def flip_a_bit(path: Path) -> None:
    """The file's last byte is another one; its size is not."""
    with path.open("r+b") as file:
        file.seek(-1, 2)
        byte = file.read(1)[0]
        file.seek(-1, 2)
        file.write(bytes([byte ^ 1]))


def _stands(thing: Json) -> bool:
    status = thing.get("status", {})
    return bool(status.get("readyToUse") or status.get("phase") == "Bound")
