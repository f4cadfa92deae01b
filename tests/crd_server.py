"""An API server that knows FaceDatabases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api_server import ApiServer

CRD = Path(__file__).resolve().parents[1] / "crds" / "facedatabases.yaml"
PATH = "/apis/facedb.dev/v1alpha1/namespaces/default/facedatabases"
# Fields that are not declared are refused instead of dropped.
STRICT = "fieldValidation=Strict"


@contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """An API server that has taken the definition, and so the costs of its rules."""
    with ApiServer(folder) as running:
        running.kubectl("apply", "--server-side", "-f", str(CRD))
        running.wait_for_definition("facedatabases.facedb.dev")
        yield running
