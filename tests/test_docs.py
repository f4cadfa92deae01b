"""What users read is compared with what the code says."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import prometheus_client
import pytest

import cli_tables
from facedb_kubectl import view
from facedb_kubectl.errors import ExitCode as PluginCode
from facedb_operator.names import Condition
from facedb_operator.names import Reason as OperatorReason
from facedb_release import receipt, volume
from facedb_release.errors import ExitCode
from facedb_release.errors import Reason as ReleaseReason
from facedb_release.profiles import PROFILES, FileSet
from facedb_sidecar import metrics

ROOT = Path(__file__).resolve().parents[1]
REASONS = (ROOT / "docs" / "reasons.md").read_text()
README = (ROOT / "README.md").read_text()
PIPELINE = (ROOT / "docs" / "release-pipeline.md").read_text()
COMMAND = (ROOT / "docs" / "facedb-command.md").read_text()
KUBECTL = (ROOT / "docs" / "kubectl.md").read_text()
RELEASE = ROOT / "release" / "src" / "facedb_release"
SIDECAR = (ROOT / "docs" / "sidecar.md").read_text()
SIDECAR_CODE = ROOT / "sidecar" / "src" / "facedb_sidecar"


@pytest.mark.parametrize("word", [*Condition, *OperatorReason, *ReleaseReason])
def test_every_condition_and_reason_is_explained(word: str) -> None:
    assert f"`{word}`" in REASONS


def test_every_reason_that_the_engine_raises_is_explained() -> None:
    engine = ROOT / "sidecar" / "src" / "facedb_sidecar"
    raised = {
        word
        for file in engine.rglob("*.py")
        for word in re.findall(r'(?:LoadError|_fail)\(\s*"([A-Z]\w+)"', file.read_text())
    }
    assert raised
    assert [word for word in sorted(raised) if f"`{word}`" not in REASONS] == []


@pytest.mark.parametrize("target", re.findall(r"^make ([a-z-]+)", README, re.MULTILINE))
def test_commands_of_the_readme_exist(target: str) -> None:
    assert re.search(rf"^{target}:.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=str
)
def test_links_lead_somewhere(path: Path) -> None:
    local = [link for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text()) if "//" not in link]
    assert [link for link in local if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("name", sorted(cli_tables.commands()))
def test_every_command_has_a_section_with_every_option(name: str) -> None:
    section = COMMAND.partition(f"## facedb {name}\n")[2].partition("\n## ")[0]
    shown = set(re.findall(r"^\| `([^` ]+)", section.replace("\\|", "|"), re.MULTILINE))
    wanted = {option.split()[0] for option in cli_tables.options(cli_tables.commands()[name])}
    assert wanted - shown == set(), "write it: python tests/cli_tables.py"


def test_the_tables_of_options_are_those_of_the_program() -> None:
    assert cli_tables.with_tables(COMMAND, cli_tables.commands()) == COMMAND, (
        "write them: python tests/cli_tables.py"
    )


def test_every_option_that_the_pages_name_exists() -> None:
    known = {option for c in cli_tables.commands().values() for option in cli_tables.options(c)}
    others = {"--install-completion"}
    pages = COMMAND + PIPELINE + README.partition("## Without a cluster")[2].partition("\n## ")[0]
    # Not those of other programs: a line that begins with another one, and Markdown's rules.
    lines = [line for line in pages.splitlines() if not re.search(r"helm|docker|kubectl|uv |pip ", line)]
    named = {o for line in lines for o in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", line)}
    assert named - known - others == set()


@pytest.mark.parametrize("verb", sorted(cli_tables.kubectl_verbs()))
def test_every_verb_of_kubectl_has_a_section_with_every_option(verb: str) -> None:
    section = KUBECTL.partition(f"## kubectl facedb {verb}\n")[2].partition("\n## ")[0]
    shown = set(re.findall(r"^\| `([^` ]+)", section.replace("\\|", "|"), re.MULTILINE))
    options = cli_tables.options(cli_tables.kubectl_verbs()[verb])
    # A row begins with the long name.
    wanted = {option for option in options if not re.fullmatch(r"-[a-zA-Z]", option)}
    assert wanted - {each.rstrip(",") for each in shown} == set(), "write it: python tests/cli_tables.py"
    assert f"](#kubectl-facedb-{verb})" in KUBECTL


def test_the_tables_of_kubectl_are_those_of_the_plugin() -> None:
    assert cli_tables.with_tables(KUBECTL, cli_tables.kubectl_verbs()) == KUBECTL, (
        "python tests/cli_tables.py"
    )


def test_every_option_that_the_page_of_kubectl_names_exists() -> None:
    known = {option for verb in cli_tables.kubectl_verbs().values() for option in cli_tables.options(verb)}
    # Not those of kubectl's own commands.
    lines = [line for line in KUBECTL.splitlines() if not re.search(r"kubectl (?!facedb)", line)]
    named = {o for line in lines for o in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", line)}
    assert "--watch" in named
    assert named - known == set()


@pytest.mark.parametrize("code", PluginCode)
def test_every_exit_code_of_kubectl_is_explained(code: PluginCode) -> None:
    assert re.search(rf"^\| {code.value} \|", KUBECTL, re.MULTILINE)


@pytest.mark.parametrize("thing", [view.View, view.Target, view.Transfer, view.Canary, view.Offer, view.Past])
def test_every_field_of_kubectls_json_is_explained(thing: type) -> None:
    fields = KUBECTL.partition("\n## JSON\n")[2]
    assert [f.name for f in dataclasses.fields(thing) if f"`{f.name}`" not in fields] == []


def test_every_variable_of_the_environment_is_explained() -> None:
    code = "".join(file.read_text() for file in RELEASE.rglob("*.py"))
    named = set(re.findall(r"\b(?:FACEDB|AWS)_[A-Z0-9_]*[A-Z0-9]\b", code))
    # Of the variables that only say that there are credentials, the page speaks in general.
    named = {name for name in named if not name.startswith(("AWS_WEB_", "AWS_CONTAINER_"))}
    assert "FACEDB_TOKEN" in named
    assert [name for name in sorted(named) if name not in PIPELINE + COMMAND] == []


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_explained(code: ExitCode) -> None:
    assert re.search(rf"^\| {code.value} \|", PIPELINE, re.MULTILINE)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: str(profile.name))
def test_every_file_of_a_release_and_of_its_folder_is_explained(profile: FileSet) -> None:
    own = (receipt.NAME, volume.PARTIAL, volume.JOURNAL)
    assert [name for name in (*profile.known, *own) if f"`{name}" not in PIPELINE] == []


def test_every_variable_of_the_sidecar_is_explained_and_exists() -> None:
    code = "".join((SIDECAR_CODE / name).read_text() for name in ("settings.py", "values.py"))
    read = set(re.findall(r'"((?:FACEDB|STASH)_[A-Z_]+|DATA_DIR|LOG_LEVEL)"', code))
    assert "FACEDB_WAITING_LIMIT" in read
    table = SIDECAR.partition("\n## Settings\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([A-Z_]+)`", table, re.MULTILINE)) == read


def test_every_metric_of_the_sidecar_is_explained_and_exists() -> None:
    families = [f for f in prometheus_client.REGISTRY.collect() if f.name.startswith("facedb_sidecar")]
    assert set(vars(metrics)) >= {"REQUESTS"}
    names = {f"{f.name}_total" if f.type == "counter" else f.name for f in families}
    assert set(re.findall(r"^\| `(facedb_sidecar_\w+)`", SIDECAR, re.MULTILINE)) == names
