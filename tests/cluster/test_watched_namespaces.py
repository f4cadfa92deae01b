"""An operator for one namespace: Roles are enough for it, and it leaves the others alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.places import Place
from cluster.stage import FIRST, database, install_chart
from cluster.world_of_one import Database

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module", autouse=True)
def one_namespace(place: Place, fdb: Database) -> Iterator[None]:
    """The chart with this module's namespace as the only one; afterwards for all again."""
    only = f"watchNamespaces={{{fdb.namespace}}}"
    install_chart(place.kubernetes, place.images, only, "clusterReads=false")
    yield
    install_chart(place.kubernetes, place.images)


def test_it_serves_in_its_namespace_without_a_cluster_role(fdb: Database) -> None:
    kubernetes = fdb.place.kubernetes
    other = f"{fdb.namespace}-other"
    kubernetes.ensure_namespace(other)
    kubernetes.apply(database("stranger", other, fdb.stage.spec(fdb.server, FIRST)))
    fdb.apply(FIRST)
    fdb.wait_serving(FIRST)
    roles = kubernetes.kubectl("get", "clusterroles", "-l", "app.kubernetes.io/instance=facedb", "-o", "name")
    assert roles == ""
    assert "status" not in kubernetes.get("fdb", "stranger", other)
    kubernetes.kubectl("delete", "namespace", other, "--wait=false")
