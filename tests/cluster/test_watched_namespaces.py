"""An operator for one namespace: Roles are enough for it, and it leaves the others alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.places import Place
from cluster.stage import FIRST, database, install_chart
from cluster.world_of_one import Database

pytestmark = [pytest.mark.cluster, pytest.mark.alone]


@pytest.fixture(scope="module", autouse=True)
def one_namespace(place: Place, fdb: Database) -> Iterator[None]:
    """The chart with this module's namespace as the only one; afterwards for all again."""
    only = f"watchNamespaces={{{fdb.namespace}}}"
    install_chart(place.kubernetes, place.images, only, "clusterReads=false")
    yield
    install_chart(place.kubernetes, place.images)


@pytest.fixture
def other(place: Place, fdb: Database) -> Iterator[str]:
    """A namespace that is not watched."""
    name = f"{fdb.namespace}-other"
    place.kubernetes.ensure_namespace(name)
    yield name
    place.kubernetes.kubectl("delete", "namespace", name, "--wait=false")


def test_it_serves_in_its_namespace_without_a_cluster_role(fdb: Database, other: str) -> None:
    kubernetes = fdb.place.kubernetes
    kubernetes.apply(database("stranger", other, fdb.stage.spec(fdb.server, FIRST)))
    fdb.apply(FIRST)
    fdb.wait_serving(FIRST)
    roles = kubernetes.kubectl("get", "clusterroles", "-l", "app.kubernetes.io/instance=facedb", "-o", "name")
    assert roles == ""
    # As it was made: nobody has looked at it.
    assert kubernetes.get("fdb", "stranger", other)["status"] == {"observedGeneration": -1}
