"""`kubectl facedb verify`: is the release that serves still a good one? By a Job that only reads."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import typer

from facedb_kubectl import options
from facedb_kubectl.client import DATABASES, JOBS, PODS, Cluster
from facedb_kubectl.edge import Answer, Asked, Output, run
from facedb_kubectl.errors import ExitCode, Interrupted, NotFound, NoVerdict, TimedOut, Trouble, Unreachable
from facedb_kubectl.fields import Raw, part, parts, printable, text
from facedb_kubectl.follow import TICK_S, changes
from facedb_kubectl.verify_job import COMPONENT, Place, place_of, verify_job
from facedb_kubectl.wording import sentence, span_text
from facedb_operator import names
from facedb_operator.names import Component

PATIENCE = "30m"


def verify_command(
    name: options.Name,
    timeout: options.JobTimeout = PATIENCE,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.OutputOption = Output.TEXT,
) -> None:
    """Verify the release in traffic anew, from the bytes on its volume, and list every fault.

    A short-lived Job reads the volume beside the serving pod: read-only, without a token, gone at the end.
    Nothing is changed, also when there are faults; the exit code is 1 then.
    """
    asked = Asked("verify", namespace, name)
    patience = options.duration_of(timeout)
    where = options.where(namespace, context, kubeconfig)
    run(asked, output, lambda: _verify(Cluster(where), name, patience, output))


def _verify(cluster: Cluster, name: str, patience: timedelta, output: Output) -> Answer:
    namespace = cluster.namespace
    body = cluster.get(DATABASES, namespace, name)
    selector = f"{names.DATABASE_LABEL}={name},{names.COMPONENT_LABEL}={Component.SIDECAR.value}"
    pods = cluster.items(PODS, namespace, labelSelector=selector)
    place = place_of(name, text(body, "status", "active", "version"), pods)
    job = verify_job(body, place, secrets.token_hex(4), max(1, int(patience.total_seconds())))
    made = text(cluster.create(JOBS, namespace, job), "metadata", "name") or ""
    if not output.structured:
        typer.echo(f"Job {made} verifies {place.version} on {place.claim}.", err=True)
    try:
        pod = _ended_pod(cluster, made, patience)
        verdict = _verdict(cluster, pod)
    finally:
        # The owner and the Job's time to live take it away when this does not.
        with suppress(Trouble):
            cluster.delete(JOBS, namespace, made)
    return _told(Asked("verify", namespace, name), place, verdict)


def _ended_pod(cluster: Cluster, job: str, patience: timedelta) -> Raw:
    """The Job's pod, once its container has ended.

    Raises:
        TimedOut: it has not in time; the message has what it waits for.
        NoVerdict: the pod is gone.
    """
    deadline, why, seen = time.monotonic() + patience.total_seconds(), "", False
    selector = f"batch.kubernetes.io/job-name={job}"
    try:
        for found in changes(cluster, PODS, cluster.namespace, tick_s=TICK_S, labelSelector=selector):
            if isinstance(found, tuple) and found:
                seen, why = True, _waits_for(found[0])
                if text(found[0], "status", "phase") in ("Succeeded", "Failed"):
                    return found[0]
            elif isinstance(found, tuple) and seen:
                raise NoVerdict(f"The pod of Job {job} was taken away before it had ended.")
            if time.monotonic() > deadline:
                raise TimedOut(f"Job {job} has not ended in {span_text(patience)}. {why}".rstrip())
    except KeyboardInterrupt as error:
        raise Interrupted(f"Job {job} was stopped before it had ended; nothing is known.") from error
    raise AssertionError("a watch has no end")


def _waits_for(pod: Raw) -> str:
    """What keeps a pod from running, in the cluster's words."""
    status = part(pod, "status")
    lacking = [c for c in parts(status, "conditions") if text(c, "reason") == "Unschedulable"]
    waiting = [part(c, "state", "waiting") for c in parts(status, "containerStatuses")]
    words = [text(w, "message") or text(w, "reason") for w in (*lacking, *waiting)]
    return " ".join(sentence(word) for word in words if word)


def _verdict(cluster: Cluster, pod: Raw) -> Mapping[str, Any]:
    """What `facedb verify` has said.

    Raises:
        NoVerdict: the container ended without a word of it.
    """
    name = text(pod, "metadata", "name") or ""
    lines: Sequence[str] = ()
    with suppress(NotFound, Unreachable):
        lines = list(cluster.log(cluster.namespace, name, container=COMPONENT))
    told = "\n".join(lines)
    # Its log stands before its answer, where something was worth a line.
    begin = next((i for i, line in enumerate(lines) if line == "{"), None)
    try:
        found = json.loads("\n".join(lines[begin:]) if begin is not None else told)
    except ValueError as error:
        raise NoVerdict(f"The Job ended without a verdict. {_last_words(pod, lines)}".rstrip()) from error
    if not isinstance(found, dict) or not isinstance(found.get("ok"), bool):
        raise NoVerdict(f"The Job ended with an answer that is none: {printable(told)[:200]}")
    return found


def _last_words(pod: Raw, lines: Sequence[str]) -> str:
    ended = [part(c, "state", "terminated") for c in parts(pod, "status", "containerStatuses")]
    words = [text(e, "reason") for e in ended] + [text(pod, "status", "message")]
    words += [printable(lines[-1])] if lines else []
    return " ".join(sentence(word) for word in words if word)


def _told(asked: Asked, place: Place, verdict: Mapping[str, Any]) -> Answer:
    """The findings: the first fault is the message, the rest are lines."""
    good, reason, message = verdict["ok"], text(verdict, "reason") or "", text(verdict, "message") or ""
    faults = [dict(fault) for fault in parts(verdict, "faults")]
    warnings = [printable(str(w)) for w in verdict.get("warnings") or ()]
    details = {
        **asked.answer(reason, message, version=place.version, claim=place.claim),
        "ok": good,
        "faults": faults,
        "warnings": warnings,
    }
    lines = [sentence(message) if good else f"{reason}: {sentence(message)}"]
    lines += [f"  also {text(f, 'reason')}: {sentence(text(f, 'message') or '')}" for f in faults[1:]]
    lines += [f"  warning: {warning}" for warning in warnings]
    return Answer(details, lines, exit_code=ExitCode.GOOD if good else ExitCode.REFUSED)
