"""The `facedb` command. Its answer is an exit code and a message."""

from __future__ import annotations

import typer

from facedb_release.cli.checking import check_http_command, check_prometheus_command
from facedb_release.cli.diff import diff_command
from facedb_release.cli.export import export_command
from facedb_release.cli.fetching import fetch_command, versions_command
from facedb_release.cli.importing import import_command
from facedb_release.cli.inspecting import inspect_command
from facedb_release.cli.lookup import lookup_command
from facedb_release.cli.models import fetch_models_command
from facedb_release.cli.verifying import verify_command

app = typer.Typer(
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Fetch, verify, inspect, compare and publish face-recognition data releases.",
)
app.command("fetch")(fetch_command)
app.command("lookup")(lookup_command)
app.command("versions")(versions_command)
app.command("verify")(verify_command)
app.command("inspect")(inspect_command)
app.command("diff")(diff_command)
app.command("import")(import_command)
app.command("export")(export_command)
app.command("fetch-models")(fetch_models_command)
app.command("check-http")(check_http_command)
app.command("check-prometheus")(check_prometheus_command)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
