"""A SQLite file of a release → how many rows its tables have. Runs in the child (reader.py).

The file is hostile until proven good: opened read-only and immutable, with small limits and a deadline for
all (a view that never ends passes integrity_check), and nothing in its schema may compute: no views,
triggers, virtual tables, generated columns, expressions in indices. Whatever SQLite has to be trusted with
happens here, in a process that may die of it.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

from facedb_release.errors import Reason, WrongRelease
from facedb_release.profiles import Table

MAX_ENTRIES = 256
MAX_VALUE_BYTES = 1 << 20
CACHE_KIB = 16_384
MAX_STATISTICS = 4096

_MAGIC = b"SQLite format 3\0"
_UTF8 = 1
_LIMITS = (
    (sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES),
    (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 100_000),
    (sqlite3.SQLITE_LIMIT_COLUMN, 500),
    (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 100),
    (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
    (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 0),
    (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
)
_SETTINGS = (
    "trusted_schema=off",
    "query_only=on",
    "cell_size_check=on",
    "mmap_size=0",
    "temp_store=memory",
    f"cache_size=-{CACHE_KIB}",
)
_ASKED_PRAGMAS = frozenset({"integrity_check", "table_xinfo", "index_list", "index_xinfo"})
_ASKED_FUNCTIONS = frozenset({"count", "coalesce", "typeof"})
# What reads like a call in a schema: not what follows REFERENCES or TABLE, and not a type with its length.
_NO_CODE = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
_NO_CALL = re.compile(r"\b(?:REFERENCES|TABLE)\s+[\w\"\]`]+\s*\(|[\w\"\]`]+\s*\([\s\d,+-]+\)", re.IGNORECASE)
_CALL = re.compile(r"([\w\"\]`]+)\s*\(|\b(REGEXP)\b", re.IGNORECASE)
_GRAMMAR = frozenset({"check", "key", "unique", "default", "in", "and", "or", "not", "when", "then", "else"})
# SQLite's own; nobody evaluates these while reading, so it is enough that they are no application's.
_HARMLESS = frozenset(
    {"abs", "coalesce", "date", "datetime", "hex", "ifnull", "julianday", "lower", "random", "randomblob"}
    | {"strftime", "time", "trim", "unixepoch", "upper", "length", "typeof", "substr", "instr", "round"}
    | {"json_valid", "min", "max", "glob", "like", "nullif"}
)
_STATISTIC = re.compile(r"\d+( \d+)*( (unordered|noskipscan|sz=\d+))*")


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """Check the database.

    Args:
        question: `path`; `tables`: name → the fields of its Table; `seconds`: for everything.

    Returns:
        `rows`: table → how many; `odd`: sentences about newer and missing columns.

    Raises:
        WrongRelease: CorruptDatabase.
    """
    path = Path(question["path"])
    wanted = {name: Table(**raw) for name, raw in question["tables"].items()}
    deadline = time.monotonic() + question["seconds"]
    _check_header(path)
    odd: list[str] = []
    try:
        with closing(_open(path)) as db:
            db.set_progress_handler(lambda: int(time.monotonic() > deadline), 1_000)
            there = _check_schema(db, path.name)
            checked = {}
            for name, table in wanted.items():
                columns = there.get(name)
                if columns is not None or table.needed:
                    odd += _check_columns(path.name, name, table, columns)
                    checked[name] = table
            _check_integrity(db, path.name)
            rows = {name: _check_rows(db, path.name, name, there[name], t) for name, t in checked.items()}
    except sqlite3.Error as e:
        _corrupt(path.name, f"SQLite says: {e}", "a database that can be read", str(e)[:200])
    return {"rows": rows, "odd": odd}


def _check_header(path: Path) -> None:
    """Check what the first 100 bytes say: kind, journal, encoding."""
    with path.open("rb") as f:
        head = f.read(100)
    if len(head) < 100 or not head.startswith(_MAGIC):
        _corrupt(path.name, "it is no SQLite database", "SQLite format 3", head[:16])
    if head[18:20] != b"\1\1":
        what = (
            "it is in WAL mode without its log; checkpoint it and set journal_mode=DELETE before publishing"
        )
        _corrupt(path.name, what, "1, 1", f"{head[18]}, {head[19]}")
    encoding = int.from_bytes(head[56:60], "big")
    if encoding != _UTF8:
        _corrupt(path.name, "its texts are not in UTF-8", _UTF8, encoding)


def _open(path: Path) -> sqlite3.Connection:
    """Open it so that as little of it as possible is believed."""
    db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True, isolation_level=None)
    for limit, value in _LIMITS:
        db.setlimit(limit, value)
    for setting in _SETTINGS:
        db.execute(f"PRAGMA {setting}")
    defensive = getattr(sqlite3, "SQLITE_DBCONFIG_DEFENSIVE", None)
    if defensive is not None:  # since Python 3.12
        getattr(db, "setconfig")(defensive, True)  # noqa: B009 - unknown to 3.11's types
    db.set_authorizer(_allow)
    return db


def _allow(action: int, first: str | None, second: str | None, database: str | None, by: str | None) -> int:
    """Allow what this module asks, and nothing that the file might add to it."""
    allowed = (
        action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ)
        or (action == sqlite3.SQLITE_PRAGMA and first in _ASKED_PRAGMAS)
        or (action == sqlite3.SQLITE_FUNCTION and second in _ASKED_FUNCTIONS)
    )
    return sqlite3.SQLITE_OK if allowed and not by else sqlite3.SQLITE_DENY


def _check_schema(db: sqlite3.Connection, file: str) -> dict[str, frozenset[str]]:
    """Refuse everything that computes; return the tables with their columns."""
    schema = "SELECT type, name, coalesce(sql, '') FROM sqlite_schema LIMIT ?"
    entries = db.execute(schema, (MAX_ENTRIES + 1,)).fetchall()
    if len(entries) > MAX_ENTRIES:
        _corrupt(file, "its schema is too large", f"at most {MAX_ENTRIES} entries", "more")
    for kind, name, sql in entries:
        words = str(sql).upper().split(maxsplit=2)[:2]
        if kind not in ("table", "index") or words == ["CREATE", "VIRTUAL"]:
            _corrupt(file, f"it holds the {kind} {name!r}", "tables and indexes only", kind)
    tables = {str(name): _plain_columns(db, file, str(name)) for kind, name, _ in entries if kind == "table"}
    for kind, name, sql in entries:
        if kind == "index":
            _check_index(db, file, str(name), str(sql))
        elif re.search(r"\bCHECK\b", str(sql), re.IGNORECASE):
            _refuse_calls(str(sql), file, f"a check of {name}")
    if "sqlite_stat1" in tables:
        _check_statistics(db, file)
    return tables


def _plain_columns(db: sqlite3.Connection, file: str, table: str) -> frozenset[str]:
    """Return a table's columns, none of them computed."""
    names = set()
    for _, name, _, _, default, _, hidden in db.execute(f"PRAGMA table_xinfo({_quoted(table)})"):
        if hidden:
            _corrupt(file, f"the table {table} computes the column {name!r}", "plain columns", name)
        _refuse_calls(str(default or ""), file, f"the default of {table}.{name}")
        names.add(str(name))
    return frozenset(names)


def _check_index(db: sqlite3.Connection, file: str, index: str, sql: str) -> None:
    """Refuse an index over expressions, or over the rows that an expression chooses."""
    columns = [row[1] for row in db.execute(f"PRAGMA index_xinfo({_quoted(index)})")]
    chosen = re.split(r"\bWHERE\b", sql, maxsplit=1, flags=re.IGNORECASE)[1:]
    if -2 in columns or any("(" in part for part in chosen):
        _corrupt(file, f"the index {index!r} computes", "an index of columns", sql[:200])


def _refuse_calls(sql: str, file: str, where: str) -> None:
    """Refuse functions that are not SQLite's own: an application that has them would run them."""
    plain = _NO_CALL.sub(" ", _NO_CODE.sub(" ", sql))
    for called, operator in _CALL.findall(plain):
        if operator or called.lower() not in _HARMLESS | _GRAMMAR:
            _corrupt(file, f"{where} calls a function of unknown origin", "SQLite's own", called or operator)


def _check_statistics(db: sqlite3.Connection, file: str) -> None:
    """Check the planner's statistics, which every later query of a reader believes."""
    rows = db.execute("SELECT stat FROM sqlite_stat1 LIMIT ?", (MAX_STATISTICS + 1,)).fetchall()
    odd = next((s for (s,) in rows if not isinstance(s, str) or not _STATISTIC.fullmatch(s)), None)
    if len(rows) > MAX_STATISTICS or odd is not None:
        _corrupt(file, "its query statistics are no numbers; drop sqlite_stat1", "numbers", str(odd)[:80])


def _check_columns(file: str, name: str, table: Table, there: frozenset[str] | None) -> Iterator[str]:
    """Compare the columns; yield what is newer, or missing where readers do without."""
    if there is None:
        _corrupt(file, f"the table {name} is missing", name, "no such table")
    missing = ", ".join(sorted(set(table.required) - there))
    if missing and table.needed:
        _corrupt(file, f"the table {name} lacks columns", missing, ", ".join(sorted(there))[:200])
    if missing:
        yield f"{file}: {name} lacks {missing}; readers will find nothing in it"
    newer = sorted(there.difference(table.required, table.optional))
    if newer:
        yield f"{file}: {name} has columns this program does not know: {', '.join(newer)[:200]}"


def _check_integrity(db: sqlite3.Connection, file: str) -> None:
    said = [str(row[0]) for row in db.execute("PRAGMA integrity_check(3)")]
    if said != ["ok"]:
        _corrupt(file, f"integrity_check finds: {'; '.join(said)[:300]}", "ok", said[0][:200])


def _check_rows(db: sqlite3.Connection, file: str, name: str, there: frozenset[str], table: Table) -> int:
    """Count the rows, with their kinds of value and the encoding of their texts; return how many."""
    integers = [_quoted(c) for c in sorted(there.intersection(table.integers))]
    texts = [_quoted(c) for c in sorted(there.intersection(table.texts))]
    kinds = [f"typeof({c}) NOT IN ('integer', 'null')" for c in integers]
    kinds += [f"typeof({c}) = 'blob'" for c in texts]
    if kinds:
        sql = f"SELECT count(*) FROM {_quoted(name)} WHERE {' OR '.join(kinds)}"  # noqa: S608 - our own names
        (wrong,) = db.execute(sql).fetchone()
        if wrong:
            what = f"{name} holds values of the wrong kind in {', '.join(integers + texts)}"
            _corrupt(file, what, "integers in ids, text in names", f"{wrong} rows")
    joined = " || ".join(f"coalesce({c}, '')" for c in texts) or "''"
    rows = 0
    # The module turns each into text, and refuses what is not UTF-8, or too long.
    for _ in db.execute(f"SELECT {joined} FROM {_quoted(name)}"):  # noqa: S608 - our own names
        rows += 1
    return rows


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _corrupt(file: str, what: str, expected: object, found: object) -> NoReturn:
    raise WrongRelease(
        Reason.CORRUPT_DATABASE,
        f"{file} cannot serve: {what}. Publish it again.",
        file=file,
        expected=expected,
        found=found,
    )
