"""A reason → what people can do about it, in one sentence or two. Pure.

The reasons are those of docs/reasons.md, which says more; a test keeps both in step.
"""

from __future__ import annotations

_REPAIRED = "Tell its publisher, or wait for another version. What serves goes on serving."
_SOURCE = "It is tried again by itself. If it stays so: the network, the proxy, or the source's address."
_PODS = "Look at `kubectl describe fdb` and the pod's log; then another version, or try again."
_CHANGED = "Files on the disk were changed from outside. Try again: they are fetched anew."
_SIGNED = "Find out who published it; what serves goes on serving."

ADVICE = {
    "WrongChecksum": "Try again once: a broken download heals by that. If it stays, tell the publisher.",
    "WrongDigest": "The archive is not the one that the spec pins. Compare spec.digest with the publisher's.",
    "WrongVersion": _REPAIRED,
    "WrongArchive": _REPAIRED,
    "UnsafeArchive": _REPAIRED,
    "MissingFile": _REPAIRED,
    "UnexpectedFile": _REPAIRED,
    "InvalidManifest": _REPAIRED,
    "MissingSignature": _SIGNED,
    "InvalidSignature": _SIGNED,
    "CountMismatch": _REPAIRED,
    "BelowMinimum": "It is smaller than you allow. If that is right, lower the minimum and try again.",
    "IncompatiblePipeline": "It needs another sidecar. Update the sidecar, or wait for another version.",
    "CorruptDatabase": _REPAIRED,
    "CorruptIndex": _REPAIRED,
    "InvalidCatalog": _REPAIRED,
    "InvalidReceipt": _CHANGED,
    "AnotherRelease": _CHANGED,
    "VersionNotFound": "The source has no such version. Correct the version, or wait until it is published.",
    "AssetNotFound": "The release has no archive. Tell its publisher, or correct the pattern of its name.",
    "SourceUnavailable": _SOURCE,
    "SourceForbidden": "Give the source a token, or wait: a limit may be used up.",
    "NoSpace": "Make room on the disk (in a cluster: raise spec.storage.size), then try again.",
    "VolumeUnavailable": "The data folder cannot be written. Correct its mode and owner, then try again.",
    "Interrupted": "Try again: it goes on where it stopped.",
    "ProgressDeadlineExceeded": _PODS,
    "CrashLoop": "The new pod crashes. Look at its log; if OOMKilled, raise its memory limit; try again.",
    "LoadFailed": "It cannot be loaded here; the message says why. Try again, or another version.",
    "WrongReleaseServed": _CHANGED,
    "CheckFailed": "A check of the rollout said no. Look at what it asked; try again, or another version.",
    "Restarted": _PODS,
    "Degraded": _PODS,
    "Aborted": "Somebody ended the rollout. Try again when it suits.",
    "RolledBackByUser": "Somebody went back. Try again to go forward, or change the version that is wanted.",
    "Frozen": "The rollout stands still until somebody decides: kubectl facedb promote, abort or retry.",
    "InvalidSpec": "Correct the field that the message names.",
    "ModelMissing": "Download the models (Settings of the sidecar, or spec.models), then try again.",
    "InvalidModel": "Check where that model file comes from, and download it anew.",
    "DeviceUnavailable": "No GPU was got. Check driver and runtime, or set the device to cpu.",
    "InUse": "Another program uses the data folder. Wait for it, then try again.",
}
OTHERWISE = "Look at the log of the sidecar, or in a cluster at `kubectl describe fdb`; then try again."


def advice(reason: str | None) -> str:
    """What to do; a sentence of general use for a reason that nobody has described."""
    return ADVICE.get(reason or "", OTHERWISE)
