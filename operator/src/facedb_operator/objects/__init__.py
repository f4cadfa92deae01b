"""Whole Kubernetes objects from a database and a step. Pure builders: they call nothing."""

from facedb_operator.objects.access import access
from facedb_operator.objects.check_jobs import check_job
from facedb_operator.objects.claims import claim, restored_claim
from facedb_operator.objects.fetch_jobs import fetch_job
from facedb_operator.objects.lookup_jobs import lookup_job
from facedb_operator.objects.protection import budget, policies
from facedb_operator.objects.service import service
from facedb_operator.objects.serving_pods import deployment
from facedb_operator.objects.snapshots import snapshot

__all__ = [
    "access",
    "budget",
    "check_job",
    "claim",
    "deployment",
    "fetch_job",
    "lookup_job",
    "policies",
    "restored_claim",
    "service",
    "snapshot",
]
