"""Specs that the API server must refuse, with what it must say, and specs that it must take.

Each is a set of changes to a small right spec: path → value, DROP to leave it out.
"""

from __future__ import annotations

import copy
from typing import Any

DROP = object()
SHA = "0" * 64
KEY = "RW" + "A" * 54
FILE = {"name": "arcface.onnx", "size": 3, "sha256": SHA}
SMALL: dict[str, Any] = {"version": "2026.02.18", "models": {"files": [FILE]}}
GITHUB = "source.github"
CHANNEL: dict[str, Any] = {"version": DROP, "channel": {}}
STEPS = [{"percent": 20, "pause": "10m"}, {"percent": 50}]
LONG = "x" * 5000

Changes = dict[str, Any]


def spec_of(changes: Changes) -> dict[str, Any]:
    """The small spec with these changes; `a.b.c` makes what lies between."""
    spec = copy.deepcopy(SMALL)
    for path, value in changes.items():
        *folders, last = path.split(".")
        at = spec
        for name in folders:
            at = at.setdefault(name, {})
        if value is DROP:
            at.pop(last)
        else:
            at[last] = copy.deepcopy(value)
    return spec


def body_of(changes: Changes, name: str = "stash") -> dict[str, Any]:
    """The whole resource."""
    meta = {"name": name, "namespace": "default"}
    return {
        "apiVersion": "facedb.dev/v1alpha1",
        "kind": "FaceDatabase",
        "metadata": meta,
        "spec": spec_of(changes),
    }


def check(**kind: Any) -> Changes:
    """One check."""
    return {"rollout.checks": [{"name": "one", **kind}]}


def in_channel(**fields: Any) -> Changes:
    """A channel instead of the version."""
    return {"version": DROP, "channel": fields}


def window(**fields: Any) -> Changes:
    """A channel's window."""
    return in_channel(window={"duration": "2h", **fields})


# What is wrong → (the changes, the field, what is said to be expected).
WRONG: dict[str, tuple[Changes, str, str]] = {
    "neither version nor channel": ({"version": DROP}, "spec", "exactly one of version and channel"),
    "version and channel": ({"channel": {}}, "spec", "exactly one of version and channel"),
    "a leading v": ({"version": "v2026.02.18"}, "spec.version", "without a leading v"),
    "no calendar month": ({"version": "2026.13.01"}, "spec.version", "YYYY.MM.DD"),
    "latest as a version": ({"version": "latest"}, "spec.version", "YYYY.MM.DD"),
    "a version that is long": ({"version": "2" * 30}, "spec.version", "20"),
    "a number as a version": ({"version": 2026.02}, "spec.version", "string"),
    "a digest with a channel": ({**CHANNEL, "digest": f"sha256:{SHA}"}, "spec", "goes with version only"),
    "a digest without its kind": ({"digest": SHA}, "spec.digest", "sha256: and 64"),
    "a digest in upper case": ({"digest": "sha256:" + "A" * 64}, "spec.digest", "lower-case"),
    "a digest that is short": ({"digest": "sha256:ab"}, "spec.digest", "64"),
    "a range that is none": (in_channel(range="newest"), "spec.channel.range", ">=2026.02 <2026.04"),
    "latest as a range": (in_channel(range="latest"), "spec.channel.range", "without a range"),
    "a policy that is none": (in_channel(policy="Auto"), "spec.channel.policy", '"Notify", "Automatic"'),
    "an interval of 2 s": (in_channel(interval="2s"), "spec.channel.interval", "at least 10s"),
    "a soak that is none": (in_channel(soak="one day"), "spec.channel.soak", "a duration such as"),
    "a window without end": (in_channel(window={}), "spec.channel.window.duration", "Required"),
    "a window of no length": (window(duration="0m"), "spec.channel.window.duration", "longer than nothing"),
    "a day that is none": (window(days=["Monday"]), "spec.channel.window.days", '"Mon"'),
    "no day at all": (window(days=[]), "spec.channel.window.days", "at least 1"),
    "a day twice": (window(days=["Mon", "Mon"]), "spec.channel.window.days", "Duplicate"),
    "an hour that is none": (window(start="24:00"), "spec.channel.window.start", "00:00 to 23:59"),
    "a time zone that is a path": (
        window(timeZone="../UTC"),
        "spec.channel.window.timeZone",
        "Europe/Berlin",
    ),
    "no kind of source": ({"source": {}}, "spec.source", "exactly one of github, http, s3, oci and volume"),
    "two kinds of source": (
        {"source": {"github": {}, "oci": {"reference": "a.example/b"}}},
        "spec.source",
        "exactly one of",
    ),
    "no repository": ({f"{GITHUB}.repository": "stash"}, "spec.source.github.repository", "OWNER/NAME"),
    "an option as a repository": (
        {f"{GITHUB}.repository": "--into/x"},
        "spec.source.github.repository",
        "OWNER/NAME",
    ),
    "a file as a URL": (
        {f"{GITHUB}.apiURL": "file:///etc"},
        "spec.source.github.apiURL",
        "http or https URL",
    ),
    "a password in a URL": (
        {f"{GITHUB}.apiURL": "https://me:word@a.example"},
        "spec.source.github.apiURL",
        "must not hold a password",
    ),
    "half a reference to a Secret": (
        {f"{GITHUB}.tokenSecretRef": {"name": "a"}},
        "spec.source.github.tokenSecretRef.key",
        "Required",
    ),
    "no mirror": ({"source.http.urls": []}, "spec.source.http.urls", "at least 1"),
    "a mirror without version": (
        {"source.http.urls": ["https://a.example/x.zip"]},
        "spec.source.http.urls[0]",
        "{version}",
    ),
    "nine mirrors": (
        {"source.http.urls": [f"https://{n}.example/{{version}}" for n in range(9)]},
        "spec.source.http.urls",
        "at most 8",
    ),
    "a bucket without version": ({"source.s3.url": "s3://bucket/key"}, "spec.source.s3.url", "{version}"),
    "a region that is an option": (
        {"source.s3": {"url": "s3://bucket/{version}", "region": "-x"}},
        "spec.source.s3.region",
        "a region such as",
    ),
    "no reference": ({"source.oci.reference": "Faces"}, "spec.source.oci.reference", "REGISTRY/NAME"),
    "a claim that is none": ({"source.volume.claimName": "-x"}, "spec.source.volume.claimName", "lower case"),
    "a path that leaves the claim": (
        {"source.volume": {"claimName": "a", "path": "b/../../c"}},
        "spec.source.volume.path",
        "without ..",
    ),
    "a path from the root": (
        {"source.volume": {"claimName": "a", "path": "/b"}},
        "spec.source.volume.path",
        "relative path",
    ),
    "a proxy for a volume": (
        {"source.volume": {"claimName": "a"}, "source.proxy": "http://a:1"},
        "spec.source",
        "without a network",
    ),
    "no models": ({"models": DROP}, "spec.models", "Required"),
    "no model file": ({"models.files": []}, "spec.models.files", "at least 1"),
    "a model twice": ({"models.files": [FILE, FILE]}, "spec.models.files[1]", "Duplicate"),
    "a model in a folder": (
        {"models.files": [{**FILE, "name": "../x"}]},
        "spec.models.files[0].name",
        "plain file name",
    ),
    "a model of no bytes": ({"models.files": [{**FILE, "size": 0}]}, "spec.models.files[0].size", "1"),
    "a model without its sha256": (
        {"models.files": [{"name": "a", "size": 1}]},
        "spec.models.files[0].sha256",
        "Required",
    ),
    "a model mirror without file": (
        {"models.source": {"http": {"urls": ["https://a.example/{version}"]}}},
        "spec.models.source.http.urls[0]",
        "{file}",
    ),
    "a key that is none": (
        {"verification.signature.publicKeys": ["ssh-ed25519"]},
        "spec.verification.signature.publicKeys[0]",
        "minisign",
    ),
    "no key": (
        {"verification.signature.publicKeys": []},
        "spec.verification.signature.publicKeys",
        "at least 1",
    ),
    "101 percent": (
        {"verification.minimums.maxFaceDropPercent": 101},
        "spec.verification.minimums.maxFaceDropPercent",
        "100",
    ),
    "own volumes without snapshots": (
        {"storage": {"strategy": "Volume", "distribution": "PerPod"}},
        "spec.storage",
        "Snapshot or Auto",
    ),
    "a snapshot class without snapshots": (
        {"storage": {"strategy": "Volume", "volumeSnapshotClassName": "a"}},
        "spec.storage",
        "makes no snapshots",
    ),
    "a size in words": ({"storage.size": "4 gigs"}, "spec.storage.size", "4Gi or 500M"),
    "no size": ({"storage.size": 0}, "spec.storage.size", "above 0"),
    "a size below 0": ({"storage.modelsSize": "-1Gi"}, "spec.storage.modelsSize", "above 0"),
    "nothing kept": ({"storage.keep": 0}, "spec.storage.keep", "1"),
    "too many pods": ({"sidecar.replicas": 101}, "spec.sidecar.replicas", "100"),
    "a device that is none": ({"sidecar.device": "tpu"}, "spec.sidecar.device", '"gpu", "cpu"'),
    "no amount": (
        {"sidecar.resources.limits": {"memory": "much"}},
        "spec.sidecar.resources.limits.memory",
        "should match",
    ),
    "a Stash without address": ({"sidecar.stash": {}}, "spec.sidecar.stash.url", "Required"),
    "a variable twice": (
        {"sidecar.env": [{"name": "A"}, {"name": "A"}]},
        "spec.sidecar.env[1]",
        "Duplicate",
    ),
    "a variable with two values": (
        {"sidecar.env": [{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]},
        "spec.sidecar.env[0]",
        "at most one of value and valueFrom",
    ),
    "a value from nowhere": (
        {"sidecar.env": [{"name": "A", "valueFrom": {}}]},
        "spec.sidecar.env[0].valueFrom",
        "at least 1",
    ),
    "a long value": (
        {"sidecar.env": [{"name": "A", "value": LONG * 2}]},
        "spec.sidecar.env[0].value",
        "8192",
    ),
    "a node's port on a ClusterIP": ({"sidecar.service.nodePort": 30500}, "spec.sidecar.service", "NodePort"),
    "a port that is none": ({"sidecar.service.port": 65536}, "spec.sidecar.service.port", "65535"),
    "a toleration that is none": (
        {"sidecar.tolerations": [{"operator": "Like"}]},
        "spec.sidecar.tolerations[0].operator",
        '"Exists", "Equal"',
    ),
    "a canary without steps": ({"rollout.strategy": "Canary"}, "spec.rollout", "needs steps"),
    "steps without a canary": ({"rollout.steps": STEPS}, "spec.rollout", "Canary only"),
    "steps that fall": (
        {"rollout": {"strategy": "Canary", "steps": STEPS[::-1]}},
        "spec.rollout.steps",
        "rise from step to step",
    ),
    "a step twice": (
        {"rollout": {"strategy": "Canary", "steps": [{"percent": 20}, {"percent": 20}]}},
        "spec.rollout.steps",
        "rise from step to step",
    ),
    "a step beyond all": (
        {"rollout": {"strategy": "Canary", "steps": [{"percent": 120}]}},
        "spec.rollout.steps[0].percent",
        "100",
    ),
    "blue and green without a gate": (
        {"rollout": {"strategy": "BlueGreen", "gate": "Disabled"}},
        "spec.rollout",
        "gate must be Required",
    ),
    "a deadline of nothing": ({"rollout.progressDeadline": "0s"}, "spec.rollout.progressDeadline", "longer"),
    "a deadline in words": ({"rollout.drain": "soon"}, "spec.rollout.drain", "a duration such as"),
    "a duration without unit": ({"rollout.bake": "10"}, "spec.rollout.bake", "a duration such as"),
    "a check of nothing": (check(), "spec.rollout.checks[0]", "exactly one of recall"),
    "a check of two things": (
        check(recall={"min": 1}, latency={"maxRatio": 2}),
        "spec.rollout.checks[0]",
        "exactly one of recall",
    ),
    "a check's name in words": (
        {"rollout.checks": [{"name": "My check", "recall": {"min": 1}}]},
        "spec.rollout.checks[0].name",
        "lower-case letters",
    ),
    "a recall above all": (check(recall={"min": 2}), "spec.rollout.checks[0].recall.min", "1"),
    "a recall at another time": (
        check(recall={"min": 1}, when="BeforeTraffic"),
        "spec.rollout.checks[0]",
        "judged before traffic",
    ),
    "a check of steps without a canary": (
        check(http={"url": "{pod}/health"}, when="Step"),
        "spec.rollout",
        "between the steps",
    ),
    "a check of a bake that is none": (
        check(http={"url": "{pod}/health"}, when="Bake"),
        "spec.rollout",
        "bake is 0s",
    ),
    "an address that is an option": (
        check(http={"url": "--output=/x"}),
        "spec.rollout.checks[0].http.url",
        "{service} or {pod}",
    ),
    "a query without bounds": (
        check(prometheus={"url": "http://p", "query": "up"}),
        "spec.rollout.checks[0].prometheus",
        "min, max or both",
    ),
    "bounds the wrong way round": (
        check(prometheus={"url": "http://p", "query": "up", "min": 2, "max": 1}),
        "spec.rollout.checks[0].prometheus",
        "min must not be above max",
    ),
    "a Job without command": (check(job={"command": []}), "spec.rollout.checks[0].job.command", "at least 1"),
    "a word of policy that is none": (
        {"deletionPolicy": "Orphan"},
        "spec.deletionPolicy",
        '"Delete", "Retain"',
    ),
    "a field that is none": ({"verison": "2026.02.18"}, "spec.verison", "unknown field"),
    "a field of another place": (
        {"storage.deletionPolicy": "Retain"},
        "spec.storage.deletionPolicy",
        "unknown",
    ),
}
