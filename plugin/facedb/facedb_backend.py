"""The plugin's process: Stash writes a mode and arguments to stdin, and reads ``{"output": …}`` from stdout.

It ends with 0 and says JSON whatever comes: an error is an output too, with a text, a status and a pause.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from facedb_arguments import BadArguments
from facedb_log import DEBUG, ERROR, INFO, WARNING, log
from facedb_modes import Request, request_of

DEFAULT_URL = "http://localhost:5000"


def answer(raw: bytes) -> Any:
    """What Stash wrote → the output. Raises nothing."""
    try:
        return _answer(raw)
    except BadArguments as error:
        return _failure(str(error))
    except ImportError as error:
        return _failure(
            f"Python's package {error.name} is missing: install it for the Python that Stash runs "
            f"({sys.executable} -m pip install {error.name})"
        )
    except Exception as error:  # noqa: BLE001 (the edge of the process: Stash shows no traceback)
        log(ERROR, f"{type(error).__name__}: {error}")
        return _failure(f"The plugin failed: {type(error).__name__}")


def main() -> None:
    """Read, ask, tell."""
    sys.stdout.write(f"{text_of(sys.stdin.buffer.read())}\n")


def text_of(raw: bytes) -> str:
    """What Stash wrote → what it reads: JSON in ASCII, so that no console's encoding matters."""
    try:
        return json.dumps({"output": answer(raw)}, allow_nan=False)
    except (ValueError, RecursionError):
        return json.dumps({"output": _failure("Request failed: the answer is no JSON that Stash can read")})


def _answer(raw: bytes) -> Any:
    args, connection = _understood(raw)
    request = request_of(args)
    # Only now: a Python without requests can still tell what is wrong.
    import facedb_call
    import facedb_stash
    import facedb_wire

    is_task = not args.get("sidecar_url")
    try:
        settings = facedb_stash.settings_of(connection) if is_task and connection else {}
    except facedb_stash.NotTold as error:
        log(ERROR, str(error))
        return _failure(str(error))
    url = args.get("sidecar_url") or settings.get("sidecarUrl") or DEFAULT_URL
    key = args.get("api_key") or settings.get("apiKey") or ""
    try:
        site = facedb_wire.site_of(str(url), str(key))
    except facedb_wire.NotSent as error:
        return _failure(f"Request failed: {error}")
    said = facedb_call.call(site, request)
    _tell(request, said, loud=is_task or request.name.startswith("identify_"))
    return said


def _understood(raw: bytes) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The arguments, and how Stash itself can be asked."""
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadArguments("Stash's input is not JSON") from error
    args = said.get("args") if isinstance(said, dict) else None
    if args is None:
        args = {}
    if not isinstance(said, dict) or not isinstance(args, dict):
        raise BadArguments("Stash's input has no arguments")
    connection = said.get("server_connection")
    return args, connection if isinstance(connection, dict) else {}


def _tell(request: Request, said: Any, *, loud: bool) -> None:
    """One line in Stash's log; a page's polling is not worth one that is seen."""
    fields = said if isinstance(said, dict) else {}
    if "retry_after" in fields and fields.get("error"):
        log(WARNING if loud else DEBUG, f"{request.name}: {fields['error']}")
        return
    text = f"{request.name}: done"
    if request.name == "db_check_update":
        text = f"The sidecar serves {fields.get('current_version')}; {_offer(fields)}"
    log(INFO if loud else DEBUG, text)


def _offer(fields: Mapping[str, Any]) -> str:
    if fields.get("error"):
        return f"nobody knows whether there is a newer one: {fields['error']}"
    if fields.get("update_available"):
        return f"{fields.get('latest_version')} is available"
    return "there is no newer one"


def _failure(error: str) -> dict[str, Any]:
    return {"error": error, "status": None, "retry_after": None}


if __name__ == "__main__":
    main()
