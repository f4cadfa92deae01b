"""Specs that the API server must take, written as `crd_specs` does, and what must come back in them."""

from __future__ import annotations

from crd_specs import CHANNEL, DROP, FILE, KEY, SHA, STEPS, Changes, check, in_channel, window

AROUND: Changes = {
    "caBundleRef": {"name": "ca", "key": "ca.crt"},
    "proxy": "http://proxy:3128",
    "headersSecretRef": {"name": "headers", "key": "lines"},
}
BUCKET: Changes = {
    "endpoint": "https://s3.example.org",
    "region": "eu-central-1",
    "credentialsSecretRef": {"name": "aws"},
}
ENV: list[dict[str, object]] = [
    {"name": "A", "value": "1"},
    {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
    {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k", "optional": False}}},
    {"name": "D", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.hostIP"}}},
    {
        "name": "E",
        "valueFrom": {"resourceFieldRef": {"containerName": "x", "resource": "limits.cpu", "divisor": "1m"}},
    },
]
EVERYTHING: Changes = {
    "version": "2026.02.18",
    "digest": f"sha256:{SHA}",
    "source": {
        "s3": {
            "url": "s3://bucket/faces/{version}.zip",
            **BUCKET,
        },
        **AROUND,
    },
    "models": {
        "source": {"oci": {"reference": "a.example/models:1", "credentialsSecretRef": {"name": "docker"}}},
        "files": [FILE],
    },
    "verification": {
        "mode": "Warn",
        "signature": {"publicKeys": [KEY]},
        "minimums": {"faces": 1000, "maxFaceDropPercent": 10, "maxPerformerDropPercent": 0},
    },
    "storage": {
        "strategy": "Snapshot",
        "distribution": "PerPod",
        "storageClassName": "fast",
        "volumeSnapshotClassName": "fast",
        "size": "4Gi",
        "modelsSize": "500M",
        "keep": 3,
    },
    "sidecar": {
        "replicas": 3,
        "image": "registry.example/sidecar:1",
        "imagePullSecrets": [{"name": "pull"}],
        "device": "gpu",
        "resources": {"limits": {"nvidia.com/gpu": 1, "memory": "4Gi"}, "requests": {"cpu": "250m"}},
        "runtimeClassName": "nvidia",
        "nodeSelector": {"gpu": "yes"},
        "tolerations": [
            {"key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60},
            {"key": "a", "operator": "Equal", "value": "b"},
        ],
        "affinity": {
            "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []},
            "podAffinity": {},
            "podAntiAffinity": {},
        },
        "stash": {"url": "http://stash:9999", "apiKeySecretRef": {"name": "stash", "key": "api-key"}},
        "state": {"size": "2Gi", "storageClassName": "safe", "deletionPolicy": "Delete"},
        "apiKeySecretRef": {"name": "own", "key": "key"},
        "updates": "Disabled",
        "env": ENV,
        "service": {"type": "NodePort", "port": 80, "nodePort": 30500, "annotations": {"a": "b"}},
    },
    "rollout": {
        "strategy": "Canary",
        "steps": STEPS,
        "progressDeadline": "1h30m",
        "bake": "10m",
        "drain": "20s",
        "checks": [
            {"name": "recall", "recall": {"min": 0.99}},
            {"name": "latency", "latency": {"maxRatio": 1.5}},
            {
                "name": "http",
                "when": "Step",
                "timeout": "5s",
                "http": {"url": "{service}/health", "status": 204},
            },
            {
                "name": "prometheus",
                "when": "Bake",
                "prometheus": {"url": "http://p:9090", "query": "up", "min": 0.5, "max": 1},
            },
            {
                "name": "job",
                "job": {"image": "i:1", "command": ["true"], "env": ENV},
            },
        ],
        "onFailure": "Freeze",
        "gate": "Required",
    },
    "suspend": True,
    "deletionPolicy": "Retain",
}
# The branches that one spec cannot hold besides.
REST: Changes = {
    "version": DROP,
    "channel": {
        "range": ">=2026.02 <2026.04",
        "policy": "Automatic",
        "interval": "6h",
        "soak": "2d",
        "window": {"days": ["Sat", "Sun"], "start": "02:30", "duration": "4h", "timeZone": "Europe/Berlin"},
    },
    "source": {
        "github": {
            "repository": "owner/data",
            "apiURL": "https://github.example.org/api/v3",
            "assetPattern": "faces-{version}.zip",
            "tokenSecretRef": {"name": "github", "key": "token"},
        }
    },
    "models": {
        "source": {
            "github": {
                "repository": "owner/app",
                "tag": "models",
                "apiURL": "https://github.example.org/api/v3",
                "tokenSecretRef": {"name": "github", "key": "token"},
            }
        },
        "files": [FILE],
    },
}

# What is right → (the changes, path → what comes back there).
RIGHT: dict[str, tuple[Changes, dict[str, object]]] = {
    "the least": (
        {},
        {
            "source.github.repository": "carrotwaxr/stash-sense-data",
            "models.source.github.repository": "carrotwaxr/stash-sense",
            "models.source.github.tag": "models",
            "verification.mode": "Enforce",
            "storage.strategy": "Auto",
            "storage.distribution": "Shared",
            "storage.keep": 2,
            "storage.modelsSize": "1Gi",
            "sidecar.replicas": 1,
            "sidecar.device": "gpu",
            "sidecar.updates": "Enabled",
            "sidecar.state.size": "1Gi",
            "sidecar.state.deletionPolicy": "Retain",
            "sidecar.service.type": "ClusterIP",
            "sidecar.service.port": 5000,
            "rollout.strategy": "Auto",
            "rollout.progressDeadline": "10m",
            "rollout.bake": "0s",
            "rollout.drain": "10s",
            "rollout.onFailure": "Rollback",
            "rollout.gate": "Required",
            "suspend": False,
            "deletionPolicy": "Delete",
        },
    ),
    "everything": (EVERYTHING, {"rollout.strategy": "Canary"}),
    "the rest": (REST, {"channel.window.start": "02:30"}),
    "a channel": (CHANNEL, {"channel.policy": "Notify", "channel.interval": "1h", "channel.soak": "0s"}),
    "a window": (window(), {"channel.window.start": "00:00", "channel.window.timeZone": "UTC"}),
    "a year": (in_channel(range="2026.x"), {}),
    "a month": (in_channel(range="~2026.02"), {}),
    "clauses with commas": (in_channel(range=">= 2026.02.01, <=2026.03"), {}),
    "a second version of a day": ({"version": "2026.02.18.2"}, {}),
    "a pinned digest": ({"digest": f"sha256:{SHA}"}, {}),
    "mirrors": ({"source.http.urls": ["https://a.example/{version}.zip"] * 2}, {}),
    "a bucket": ({"source.s3.url": "s3://bucket/{version}.zip"}, {}),
    "a registry": ({"source.oci.reference": "localhost:5000/a/b:{version}"}, {}),
    "an artifact": ({"source.oci.reference": f"a.example/b@sha256:{SHA}"}, {}),
    "a registry with a key": (
        {"source.oci": {"reference": "a.example/b:{version}", "credentialsSecretRef": {"name": "docker"}}},
        {},
    ),
    "a model's bucket with everything": (
        {"models.source": {"s3": {"url": "s3://bucket/{file}", **BUCKET}, **AROUND}},
        {},
    ),
    "a model's mirror": ({"models.source": {"http": {"urls": ["https://a.example/{file}"]}}}, {}),
    "a model's folder": ({"models.source": {"volume": {"claimName": "m", "path": "onnx"}}}, {}),
    "a volume": ({"source.volume": {"claimName": "mirror"}}, {"source.volume.path": ""}),
    "a folder of a volume": ({"source.volume": {"claimName": "mirror", "path": "a/b..c"}}, {}),
    "a model's bucket": ({"models.source": {"s3": {"url": "s3://bucket/{file}"}}}, {}),
    "a model's volume": ({"models.source": {"volume": {"claimName": "m"}}}, {}),
    "a size in bytes": ({"storage.size": 4000000000}, {"storage.size": 4000000000}),
    "half a gigabyte": ({"storage.size": "0.5Gi"}, {}),
    "no size": ({"storage.keep": 1}, {"storage.size": None}),
    "own volumes where they can be": ({"storage.distribution": "PerPod"}, {"storage.strategy": "Auto"}),
    "no pods": ({"sidecar.replicas": 0}, {}),
    "blue and green": ({"rollout.strategy": "BlueGreen"}, {}),
    "no gate": ({"rollout": {"strategy": "Recreate", "gate": "Disabled"}}, {}),
    "a canary that waits": ({"rollout": {"strategy": "Canary", "steps": [{"percent": 100}]}}, {}),
    "a check before traffic": (check(http={"url": "{pod}/health"}), {}),
    "an upper bound": (check(prometheus={"url": "http://p", "query": "-up", "max": -5}), {}),
    "days as durations": ({"rollout.bake": "1d12h"}, {}),
    "a load balancer's port": ({"sidecar.service": {"type": "LoadBalancer", "nodePort": 30500}}, {}),
}
