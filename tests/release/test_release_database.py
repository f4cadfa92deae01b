"""Databases that were made to harm whoever opens them: each is refused, and no check dies, hangs or grows."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facedb_release.errors import Reason, WrongRelease
from facedb_release.profiles import PROFILE
from facedb_release.verify import database
from facedb_release.verify.database import DatabaseFacts, read_database
from release_schema import SCHEMA, performer_row

TABLES = PROFILE.databases["performers.db"]
Change = Callable[[sqlite3.Connection], object]
PAGE = 4096


def sql(*statements: str) -> Change:
    def change(db: sqlite3.Connection) -> None:
        for statement in statements:
            db.execute(statement)

    return change


def schema(*statements: str) -> Change:
    """Statements that may write into the schema itself."""
    return sql("PRAGMA writable_schema = on", *statements, "PRAGMA writable_schema = reset")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plain") / "performers.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(SCHEMA)
        for i in range(300):
            row = performer_row(i, f"Performer {i}", "US", 2)
            db.execute(f"INSERT INTO performers VALUES ({','.join('?' * 19)})", row)
            db.execute("INSERT INTO stashbox_ids VALUES (?, 'stashdb', ?, NULL)", (i + 1, f"uuid-{i}"))
            db.execute("INSERT INTO aliases VALUES (NULL, ?, ?, NULL, NULL)", (i + 1, f"alias {i}"))
            face = (i + 1, i, i, "https://images.example/x", "stashdb", 0.5, "now")
            db.execute("INSERT INTO faces VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, 0, 0.0)", face)
        db.commit()
    return path


@pytest.fixture
def path(plain: Path, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(plain, tmp_path / "performers.db"))


def edited(path: Path, change: Change) -> Path:
    with closing(sqlite3.connect(path)) as db:
        for name in ("evil", "regexp"):
            db.create_function(name, -1, lambda *_: 1, deterministic=True)
        change(db)
        db.commit()
    return path


def read(path: Path, *, seconds: float = 60.0) -> DatabaseFacts:
    return read_database(path, TABLES, seconds=seconds)


def refusal(path: Path, *, seconds: float = 60.0) -> WrongRelease:
    with pytest.raises(WrongRelease) as caught:
        read(path, seconds=seconds)
    return caught.value


def test_a_good_database_is_read_and_counted(path: Path) -> None:
    before = path.stat()

    facts = read(path)

    assert (facts.rows["performers"], facts.rows["faces"], facts.odd) == (300, 300, ())
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (before.st_mtime_ns, before.st_size)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


ENDLESS = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id FROM n"
STAT = "UPDATE sqlite_stat1 SET stat = "
COMPUTES: dict[str, Change] = {
    "a view in place of a table": sql(
        "DROP TABLE aliases", "CREATE VIEW aliases AS SELECT 1 id, 1 performer_id"
    ),
    "an endless view in place of a table": sql(
        "DROP TABLE performers", f"CREATE VIEW performers AS {ENDLESS}"
    ),
    "a view beside the tables": sql("CREATE VIEW v AS SELECT 1"),
    "a trigger": sql("CREATE TRIGGER t AFTER INSERT ON faces BEGIN DELETE FROM performers; END"),
    "a full-text table": sql("CREATE VIRTUAL TABLE names USING fts5(name)"),
    "a virtual table of an unknown kind": schema(
        "INSERT INTO sqlite_schema VALUES ('table', 'v', 'v', 0, 'CREATE VIRTUAL TABLE v USING evil(x)')"
    ),
    "a virtual table behind a comment": schema(
        "INSERT INTO sqlite_schema VALUES ('table', 'v', 'v', 0, 'CREATE/**/VIRTUAL TABLE v USING fts5(x)')"
    ),
    "a generated column": sql("ALTER TABLE faces ADD COLUMN twice INTEGER AS (facenet_index * 2) VIRTUAL"),
    "a generated column elsewhere": sql("CREATE TABLE other (a INTEGER, b INTEGER AS (a * 2) STORED)"),
    "an index over an expression": sql("CREATE INDEX i ON performers (lower(canonical_name))"),
    "an index over an application's function": sql("CREATE INDEX i ON performers (evil(canonical_name))"),
    "an index over rows that a function chooses": sql("CREATE INDEX i ON performers (id) WHERE evil(id)"),
    "a check by an application's function": sql("CREATE TABLE other (a CHECK (evil(a)))"),
    "a check by an operator of an application": sql("CREATE TABLE other (a CHECK (a REGEXP 'x'))"),
    "a default from an application's function": sql("CREATE TABLE other (a DEFAULT (evil()))"),
    "a default from a quoted function": sql('CREATE TABLE other (a DEFAULT ("evil"()))'),
    "a table's SQL that is a SELECT": schema(
        "UPDATE sqlite_schema SET sql = 'SELECT 1' WHERE name = 'aliases'"
    ),
    "a table that shares another's pages": schema(
        "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'faces') "
        "WHERE name = 'aliases'"
    ),
    "a root page beyond the end": schema("UPDATE sqlite_schema SET rootpage = 9999 WHERE name = 'aliases'"),
    "a kind that there is not": schema("UPDATE sqlite_schema SET type = 'tabel' WHERE name = 'aliases'"),
    "an index that is none": schema("UPDATE sqlite_schema SET sql = 'CREATE INDEX x' WHERE type = 'index'"),
    "statistics that are no numbers": sql("ANALYZE", STAT + "'9999999999999999999999 x'"),
    "statistics that are a blob": sql("ANALYZE", STAT + "zeroblob(1000)"),
    "statistics that are very many": sql(
        "ANALYZE",
        "INSERT INTO sqlite_stat1 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9999) "
        "SELECT 'faces', NULL, '1' FROM n",
    ),
    "statistics that are a view": schema(
        "INSERT INTO sqlite_schema VALUES ('view', 'sqlite_stat1', 'sqlite_stat1', 0, "
        "'CREATE VIEW sqlite_stat1 AS SELECT 1 tbl, 2 idx, 3 stat')"
    ),
}
VALUES: dict[str, Change] = {
    "text for a label": sql("UPDATE faces SET facenet_index = 'one' WHERE id = 7"),
    "a fraction for a label": sql("UPDATE faces SET arcface_index = 1.5 WHERE id = 7"),
    "a blob for an owner": sql("UPDATE aliases SET performer_id = x'00' WHERE id = 7"),
    "a blob for a name": sql("UPDATE performers SET canonical_name = x'41' WHERE id = 7"),
    "a name that is not UTF-8": sql(
        "UPDATE performers SET canonical_name = CAST(x'ff41' AS TEXT) WHERE id = 7"
    ),
    "half of a character": sql("UPDATE aliases SET alias = CAST(x'eda080' AS TEXT) WHERE id = 7"),
    "a name of 2 MiB": lambda db: db.execute("UPDATE aliases SET alias = ? WHERE id = 7", ("x" * (2 << 20),)),
    "a name of 2 MiB zeros": sql(
        "UPDATE stashbox_ids SET endpoint = zeroblob(2097152) WHERE performer_id = 7"
    ),
}


@pytest.mark.parametrize("change", {**COMPUTES, **VALUES}.values(), ids={**COMPUTES, **VALUES}.keys())
def test_what_computes_or_is_of_the_wrong_kind_is_refused(path: Path, change: Change) -> None:
    begun = time.monotonic()

    error = refusal(edited(path, change))

    assert (error.reason, error.file) == (Reason.CORRUPT_DATABASE, "performers.db")
    assert time.monotonic() - begun < 500


def many_tables(db: sqlite3.Connection) -> None:
    db.execute("BEGIN")
    for i in range(5000):
        db.execute(f"CREATE TABLE t{i} (a)")


def long_sql(db: sqlite3.Connection) -> None:
    db.execute(f"CREATE TABLE other ({', '.join(f'c{i} TEXT DEFAULT {i}' for i in range(1900))})")


@pytest.mark.parametrize("change", [many_tables, long_sql], ids=lambda f: f.__name__)
def test_a_schema_far_beyond_a_releases_is_refused(path: Path, change: Change) -> None:
    assert refusal(edited(path, change)).reason is Reason.CORRUPT_DATABASE


FINE: dict[str, Change] = {
    "defaults of SQLite's own": sql(
        "CREATE TABLE other (a DEFAULT (datetime('now')), b DEFAULT CURRENT_TIMESTAMP)"
    ),
    "a column with a length": sql("CREATE TABLE other (a VARCHAR(10), b DECIMAL(10, 5))"),
    "an index of some rows": sql(
        "CREATE UNIQUE INDEX i ON faces (facenet_index) WHERE facenet_index IS NOT NULL"
    ),
    "true statistics": sql("ANALYZE"),
    "a check of SQLite's own": sql(
        "CREATE TABLE other (a CHECK (length(a) < 9 AND a IN ('x', 'evil(y)')), b VARCHAR (9), "
        "c REFERENCES faces (id))",
        "INSERT INTO other VALUES ('x', NULL, NULL)",
    ),
    "a table without rowid": sql(
        "CREATE TABLE twin (performer_id INTEGER, endpoint TEXT, stashbox_performer_id TEXT, "
        "created_at TEXT, PRIMARY KEY (endpoint, stashbox_performer_id)) WITHOUT ROWID",
        "INSERT INTO twin SELECT * FROM stashbox_ids",
        "DROP TABLE stashbox_ids",
        "ALTER TABLE twin RENAME TO stashbox_ids",
    ),
    "faces without a label": sql("UPDATE faces SET facenet_index = NULL"),
    "names in every script": sql(
        "UPDATE performers SET canonical_name = 'Ž ' || char(128512) || char(27721)"
    ),
    "no optional tables": sql("DROP TABLE tattoos", "DROP TABLE piercings", "DROP TABLE tattoo_detections"),
}


@pytest.mark.parametrize("change", FINE.values(), ids=FINE.keys())
def test_what_honest_publishers_write_is_read(path: Path, change: Change) -> None:
    facts = read(edited(path, change))

    assert (facts.rows["performers"], facts.rows["stashbox_ids"]) == (300, 300)


@pytest.mark.parametrize("size", [512, 1024, 8192, 65536])
def test_pages_of_every_size_are_read(path: Path, size: int) -> None:
    edited(path, sql(f"PRAGMA page_size = {size}", "VACUUM"))

    assert path.read_bytes()[16:18] == struct.pack(">H", 1 if size == 65536 else size)
    assert read(path).rows["faces"] == 300


def with_bytes(path: Path, at: int, new: bytes) -> Path:
    with path.open("r+b") as f:
        f.seek(at)
        f.write(new)
    return path


HEADERS = {
    "no SQLite": (0, b"SQLite format 4"),
    "WAL mode": (18, b"\2\2"),
    "WAL mode for readers only": (19, b"\2"),
    "a format of the future": (18, b"\3\3"),
    "a page size that is none": (16, b"\x0f\xff"),
    "another page size": (16, struct.pack(">H", 1024)),
    "a page that is mostly reserved": (20, b"\xff"),
    "UTF-16, little end": (56, struct.pack(">I", 2)),
    "UTF-16, big end": (56, struct.pack(">I", 3)),
    "an encoding that there is not": (56, struct.pack(">I", 9)),
    "more pages than there are": (28, struct.pack(">I", 1 << 20)),
    "a free list that leads elsewhere": (32, struct.pack(">2I", 1 << 20, 7)),
    "a schema format of the future": (44, struct.pack(">I", 9)),
}


@pytest.mark.parametrize(("at", "new"), HEADERS.values(), ids=HEADERS.keys())
def test_a_header_that_lies_is_refused(path: Path, at: int, new: bytes) -> None:
    assert refusal(with_bytes(path, at, new)).reason is Reason.CORRUPT_DATABASE


def test_real_utf_16_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path / "performers.db", sql("PRAGMA encoding = 'UTF-16le'", "CREATE TABLE t (a)"))

    assert "UTF-8" in refusal(path).message


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
def test_a_log_or_a_hot_journal_beside_it_is_refused_unopened(path: Path, end: str) -> None:
    path.with_name(path.name + end).write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(504))

    error = refusal(path)

    assert (error.reason, error.file) == (Reason.UNEXPECTED_FILE, f"performers.db{end}")


def test_a_database_in_wal_mode_without_its_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "performers.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = wal")
        db.executescript(SCHEMA)
        copied = Path(shutil.copyfile(path, tmp_path / "copy.db"))

    assert "WAL" in refusal(copied).message


def test_random_pages_are_found(path: Path) -> None:
    for page in range(1, path.stat().st_size // PAGE, 3):
        damaged = Path(shutil.copyfile(path, path.with_name("damaged.db")))
        with_bytes(damaged, page * PAGE, os.urandom(PAGE))

        assert refusal(damaged).reason is Reason.CORRUPT_DATABASE


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 1 << 20), st.binary(min_size=1, max_size=8)), min_size=1, max_size=8),
    st.integers(0, 3),
)
def test_no_bytes_make_the_check_of_a_database_raise_anything_but_a_refusal(
    path: Path, edits: list[tuple[int, bytes]], cut: int
) -> None:
    damaged = Path(shutil.copyfile(path, path.with_name("damaged.db")))
    for at, new in edits:
        with_bytes(damaged, at % damaged.stat().st_size, new)
    os.truncate(damaged, damaged.stat().st_size - cut * 100)

    with suppress(WrongRelease):
        assert read(damaged).rows["performers"] <= 400


def test_a_check_that_does_not_end_is_stopped_by_its_own_clock(path: Path) -> None:
    begun = time.monotonic()

    assert refusal(path, seconds=-1).found == "interrupted"
    assert time.monotonic() - begun < 50


def test_the_parent_opens_no_database(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("opened here")

    monkeypatch.setattr(sqlite3, "connect", never)

    assert read(path).rows["faces"] == 300
    assert not hasattr(database, "sqlite3")
