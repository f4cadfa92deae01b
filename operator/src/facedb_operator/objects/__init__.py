"""Whole Kubernetes objects from a database and a step. Pure builders: they call nothing."""

from facedb_operator.objects.access import access
from facedb_operator.objects.claims import claim
from facedb_operator.objects.fetch_jobs import fetch_job
from facedb_operator.objects.service import service
from facedb_operator.objects.serving_pods import deployment

__all__ = ["access", "claim", "deployment", "fetch_job", "service"]
