"""`kubectl facedb`: kubectl finds it on PATH as `kubectl-facedb`. Its answer is an exit code and words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import typer

from facedb_kubectl.asking import COMMANDS
from facedb_kubectl.logs import logs_command
from facedb_kubectl.looking import history_command, status_command
from facedb_kubectl.verifying import verify_command

# Verb → what it does, and lines that show it.
VERBS: Mapping[str, tuple[Callable[..., None], tuple[str, ...]]] = MappingProxyType(
    {
        "status": (status_command, ("status", "status faces --watch", "status -A -o wide")),
        "history": (history_command, ("history faces", "history faces -o json")),
        "promote": (COMMANDS["promote"], ("promote faces --wait",)),
        "abort": (COMMANDS["abort"], ("abort faces --wait --timeout 5m",)),
        "retry": (COMMANDS["retry"], ("retry faces --wait",)),
        "pause": (COMMANDS["pause"], ("pause faces --wait",)),
        "resume": (COMMANDS["resume"], ("resume faces",)),
        "rollback": (COMMANDS["rollback"], ("rollback faces", "rollback faces 2026.02.10 --yes --wait")),
        "approve": (COMMANDS["approve"], ("approve faces", "approve faces 2026.03.01 -o json")),
        "verify": (verify_command, ("verify faces", "verify faces -o json --timeout 1h")),
        "logs": (logs_command, ("logs faces -f", "logs faces --fetch", "logs faces --previous --tail 50")),
    }
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Look at FaceDatabases, and ask the operator for things without changing their spec.",
    epilog="Exit codes: 0 done, 1 refused by the state, 2 wrong command line, 3 no cluster or no permission, "
    "4 timed out.",
)
for _verb, (_command, _lines) in VERBS.items():
    _shown = "\n\n".join(f"kubectl facedb {line}" for line in _lines)
    app.command(_verb, epilog=f"Examples:\n\n{_shown}")(_command)


def main() -> None:
    """Run the command line."""
    app(prog_name="kubectl facedb")


if __name__ == "__main__":
    main()
