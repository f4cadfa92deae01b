"""The operator's own settings, read once from the environment at start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from facedb_operator.fleet import Limits
from facedb_operator.spec.fields import ObjectKey, duration
from facedb_operator.spec.network import Network

# As Jobs get them; the operator itself is told of them as FACEDB_JOB_HTTPS_PROXY and so on.
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Settings:
    """What the chart tells the operator.

    Attributes:
        sidecar_image: used where ``spec.sidecar.image`` is absent.
        namespaces: the namespaces to watch; empty means all of them.
        own_namespace: where the leader's Lease lives.
        identity: this process's name in the Lease; the pod's name, so that a restarted container
            takes up its own Lease at once.
        health_port: serves ``/healthz`` (kopf's liveness) on this port.
        metrics_port: serves ``/metrics`` on this port; 0 for none.
        fleet: how rollouts of all databases are spread.
        network_policies: whether databases get NetworkPolicies.
        network: how Jobs reach sources that do not say it themselves.
    """

    sidecar_image: str
    namespaces: tuple[str, ...]
    own_namespace: str
    identity: str
    health_port: int
    metrics_port: int
    fleet: Limits
    network_policies: bool
    network: Network

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Read ``FACEDB_*``; absent ones have defaults that suit a run by hand."""
        return cls(
            sidecar_image=env.get("FACEDB_SIDECAR_IMAGE", "ghcr.io/facedb/sidecar:0.1.0"),
            namespaces=tuple(n for n in env.get("FACEDB_NAMESPACES", "").split(",") if n),
            own_namespace=env.get("FACEDB_OWN_NAMESPACE", "default"),
            identity=env.get("FACEDB_IDENTITY") or env.get("HOSTNAME", "facedb-operator"),
            health_port=int(env.get("FACEDB_HEALTH_PORT", "8080")),
            metrics_port=int(env.get("FACEDB_METRICS_PORT", "9090")),
            fleet=Limits(
                most=int(env.get("FACEDB_MAX_CONCURRENT_ROLLOUTS") or 0),
                delay=_delay(env.get("FACEDB_ROLLOUT_DELAY", "")),
            ),
            network_policies=env.get("FACEDB_NETWORK_POLICIES", "").lower() in ("1", "true", "yes"),
            network=_network(env),
        )


def _delay(text: str) -> timedelta:
    return duration(text, "FACEDB_ROLLOUT_DELAY") if text else timedelta(0)


def _network(env: Mapping[str, str]) -> Network:
    proxies = {name: env.get(f"FACEDB_JOB_{name}", "") for name in PROXIES}
    config_map = env.get("FACEDB_JOB_CA_CONFIG_MAP", "")
    return Network(
        proxies=tuple((name, value) for name, value in proxies.items() if value),
        ca_bundle=ObjectKey(config_map, env.get("FACEDB_JOB_CA_KEY") or "ca.crt") if config_map else None,
    )
