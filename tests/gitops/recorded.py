"""FaceDatabases as an API server shows them after each pass of the operator in every story, each kind once.

Nothing here is written by hand: specs are the stories', statuses what the operator's own code makes of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

import kubectl.test_kubectl_and_operator as plugin
import status_stories
from controller.test_rollouts import STORIES, build, play
from crd_schema import defaulted, part
from facedb_kubectl.readings import look
from facedb_operator import names
from facedb_operator.spec import InvalidSpec, parse_spec
from facedb_operator.status import invalid_status, refused_status
from facedb_operator.steps import Plan
from gitops.more_stories import MORE
from kubectl.test_kubectl_and_operator import refusal
from world import EPOCH, World
from world_objects import base_spec

VERBS = ("promote", "abort", "retry", "rollback", "approve", "pause", "resume")
# Ready's reason, Ready, Stalled.
State = tuple[str, str, str]
Body = dict[str, Any]


@dataclass(frozen=True)
class Recorded:
    """A FaceDatabase; `may`: verbs that `kubectl facedb` would let through, and the version each names."""

    state: State
    body: Body
    may: dict[str, str | None]

    @property
    def id(self) -> str:
        """The state, what is told beside it, and what may be asked for."""
        beside = [c["type"] for c in self.body["status"]["conditions"] if c["status"] == "True"]
        return "-".join(
            (*self.state, *sorted({"Degraded", "UpdateAvailable"} & {*beside}), *sorted(self.may))
        )


@cache
def recorded() -> tuple[Recorded, ...]:
    """One of each state and of what may be asked for in it, and the states that have no story."""
    found: dict[str, Recorded] = {}

    def keep(body: Body) -> None:
        each = read(body)
        found.setdefault(each.id, each)

    with _listening(keep):
        for story in status_stories.STORIES:
            story()
        for told in STORIES:
            play(told, build(told, base_spec()))
        for name in plugin.STORIES:
            plugin.moments(plugin.STORIES[name])
        for more in MORE:
            more()
    serving = next(r.body for r in found.values() if r.state[0] == "Serving")
    for body in (_invalid(serving), *_refused(serving)):
        keep(body)
    return tuple(found.values())


def read(body: Body) -> Recorded:
    """What is to be expected of a FaceDatabase, as the operator's code and the plugin see it."""
    view = look(body, EPOCH)
    found = {c["type"]: c for c in body["status"]["conditions"]}
    state = (found["Ready"]["reason"], found["Ready"]["status"], found["Stalled"]["status"])
    judged = {verb: refusal(view, verb) for verb in VERBS}
    return Recorded(state, body, {verb: version for verb, (version, why) in judged.items() if not why})


def unseen() -> Body:
    """A FaceDatabase that no operator has looked at."""
    return _body(base_spec(), {}, 1, {})


def _body(spec: Body, annotations: dict[str, str], generation: int, status: Body) -> Body:
    meta = {"name": "stash", "namespace": "default", "generation": generation}
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {**meta, **({"annotations": annotations} if annotations else {})},
        # As the API server fills it in.
        "spec": defaulted(spec, part("spec")),
        **({"status": status} if status else {}),
    }
    copied: Body = json.loads(json.dumps(body))
    return copied


@contextmanager
def _listening(keep: Callable[[Body], None]) -> Iterator[None]:
    """Every pass of every World is told to `keep`."""
    a_pass = World.one_pass

    def told(world: World) -> Plan:
        todo = a_pass(world)
        keep(_body(world.spec, world.annotations, world.generation, world.status))
        return todo

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(World, "one_pass", told)
        yield


def _invalid(body: Body) -> Body:
    """The spec names a range that no version can fit; the operator says so."""
    spec = {k: v for k, v in body["spec"].items() if k != "version"}
    wrong = {**body, "spec": {**spec, "channel": {"policy": "Auto", "range": ">=yesterday"}}}
    with pytest.raises(InvalidSpec) as why:
        parse_spec({**wrong, "metadata": {**body["metadata"], "uid": "u-1"}}, default_image="sidecar:1")
    return {**wrong, "status": invalid_status(wrong, why.value.field, why.value.why, EPOCH)}


REFUSED = "The API server does not take Job stash-fetch: no"


def _refused(body: Body) -> Iterator[Body]:
    """The API server does not take an object of the operator's; for now, or as things are."""
    for stalled in (False, True):
        told = refused_status(body, body["status"], REFUSED, EPOCH, stalled=stalled)
        yield {**body, "status": told}
