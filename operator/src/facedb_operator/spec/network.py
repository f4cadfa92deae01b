"""How Jobs reach a source that does not say it itself: the operator's settings, for all databases. Pure."""

from dataclasses import dataclass

from facedb_operator.spec.fields import ObjectKey


@dataclass(frozen=True)
class Network:
    """What the operator was told of the network. No part of any key: another proxy is no other release.

    Attributes:
        proxies: variables of the environment with their values, such as HTTPS_PROXY.
        ca_bundle: a key of a ConfigMap with authorities, PEM, in each database's namespace.
    """

    proxies: tuple[tuple[str, str], ...] = ()
    ca_bundle: ObjectKey | None = None
