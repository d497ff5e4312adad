"""The store, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect, text

from homutune.errors import UserError
from homutune.server import create_app
from homutune.server._database import connect
from homutune.server._migrations import MIGRATIONS, migrate
from homutune.server._store import CursorError, FileRow, JobRow, ModelRow, Store, TableBase
from homutune.settings import Settings
from postgres import cluster, new_database
from server.doubles import ScriptedEngine
from server.running import Local, lines, messages, upload, wait_for


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with cluster() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """None for the default database, else the URL of an empty PostgreSQL database."""
    if request.param == "sqlite":
        return None
    return new_database(request.getfixturevalue("postgres"), tmp_path.name)


@pytest.fixture
def store(home: Path, url: str | None) -> Iterator[Store]:
    opened = Store(home, url)
    yield opened
    opened.close()


def file(number: int, **values: Any) -> FileRow:
    given = {"bytes": 1, "filename": f"質問{number}.jsonl", "purpose": "fine-tune", **values}
    return FileRow(id=f"file-{number}", created_at=1_700_000_000, **given)


def job(number: int, **values: Any) -> JobRow:
    given = {
        "status": "queued",
        "model": "tiny",
        "training_file": "file-1",
        "seed": 2**31 - 1,
        "hyperparameters": {"n_epochs": "auto"},
        "tuned_name": f"ft:tiny:local::{number}",
        **values,
    }
    return JobRow(id=f"ftjob-{number}", created_at=1_700_000_000, **given)


def test_the_migrations_make_exactly_the_tables_of_the_classes(store: Store) -> None:
    found = inspect(store._engine)
    tables = TableBase.metadata.tables
    assert set(found.get_table_names()) == {*tables, "schema_version"}
    for name, table in tables.items():
        columns = {column["name"]: column for column in found.get_columns(name)}
        assert set(columns) == set(table.columns.keys())
        for column in table.columns:
            there = columns[column.name]
            assert there["nullable"] == column.nullable, f"{name}.{column.name}"
            assert getattr(there["type"], "length", None) == getattr(column.type, "length", None)
        indexed = {tuple(index["column_names"]) for index in found.get_indexes(name)}
        assert {(c.name,) for c in table.columns if c.index} <= indexed


def test_migrating_twice_changes_nothing_and_each_is_noted_once(
    home: Path, url: str | None
) -> None:
    for _ in range(2):
        Store(home, url).close()
    with connect(home, url).connect() as connection:
        versions = connection.scalars(text("SELECT version FROM schema_version ORDER BY version"))
        assert list(versions) == list(range(1, len(MIGRATIONS) + 1))


def test_a_database_of_the_first_version_is_brought_up_with_its_rows(
    home: Path, url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    engine = connect(home, url)
    with monkeypatch.context() as patch:
        patch.setattr("homutune.server._migrations.MIGRATIONS", MIGRATIONS[:1])
        migrate(engine)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO files (id, created_at, bytes, filename, purpose) "
                "VALUES ('file-old', 1, 1, 'q.jsonl', 'fine-tune')"
            )
        )
    engine.dispose()
    store = Store(home, url)
    assert store.get(FileRow, "file-old") is not None
    store.close()


def test_a_migration_that_breaks_off_leaves_nothing_behind(
    home: Path, url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(connection: Any) -> None:
        connection.execute(text("CREATE TABLE half (id INTEGER)"))
        raise RuntimeError

    home.mkdir()
    engine = connect(home, url)
    with monkeypatch.context() as patch:
        patch.setattr("homutune.server._migrations.MIGRATIONS", (*MIGRATIONS, half))
        with pytest.raises(RuntimeError):
            migrate(engine)
    assert not inspect(engine).has_table("half")
    engine.dispose()
    Store(home, url).close()


def test_pages_follow_each_other_also_when_seconds_tie_and_rows_go(store: Store) -> None:
    for number in range(5):
        store.add(file(number))
    first, more = store.page(FileRow, limit=2)
    assert [row.id for row in first] == ["file-4", "file-3"] and more
    rest, more = store.page(FileRow, after="file-3", limit=9)
    assert [row.id for row in rest] == ["file-2", "file-1", "file-0"] and not more
    upwards, _ = store.page(FileRow, after="file-1", limit=1, ascending=True)
    assert [row.id for row in upwards] == ["file-2"]
    store.delete(FileRow, "file-4")
    store.add(file(9))
    assert [row.id for row in store.page(FileRow, limit=2)[0]] == ["file-9", "file-3"]
    with pytest.raises(CursorError):
        store.page(FileRow, after="file-4", limit=1)


def test_a_job_changes_only_from_the_status_it_is_thought_to_have(store: Store) -> None:
    store.add(job(1, meta={"部署": "法務", "\0": "\0"}, suffix="a\0b"))
    assert store.update_job("ftjob-1", was=["running"], status="succeeded") is False
    assert store.update_job("ftjob-1", was=["queued"], status="running", restarts=2) is True
    row = store.get(JobRow, "ftjob-1")
    assert row is not None
    assert (row.status, row.restarts, row.suffix) == ("running", 2, "ab")
    assert row.meta is not None and row.meta["部署"] == "法務"
    assert row.result_files == [] and row.error is None
    assert store.first_job("running") is not None and store.first_job("queued") is None
    assert store.ended_jobs() == set()
    store.update_job("ftjob-1", was=["running"], status="failed", finished_at=1)
    assert store.ended_jobs() == {"ftjob-1"}


def test_adding_a_row_again_leaves_it_as_it_is(store: Store) -> None:
    for path in ("adapters/a", "adapters/b"):
        row = ModelRow(id="ft:x", created_at=1, parent="tiny", job_id="j", adapter_path=path)
        store.add(row)
    assert [model.adapter_path for model in store.models()] == ["adapters/a"]
    assert store.get(FileRow, "file-\0") is None


def test_expired_files_are_found(store: Store) -> None:
    store.add(file(1, expires_at=100))
    store.add(file(2, expires_at=200))
    store.add(file(3))
    assert [row.id for row in store.expired_files(150)] == ["file-1"]


def test_a_database_of_another_home_is_refused_and_an_empty_one_is_taken(
    tmp_path: Path, postgres: str
) -> None:
    url = new_database(postgres, "two-homes")
    first = Store(tmp_path / "first", url)
    first.add(file(1))
    first.close()
    with pytest.raises(UserError, match="別の保存先のもの"):
        Store(tmp_path / "second", url)
    Store(tmp_path / "second", new_database(postgres, "of-second")).close()
    with pytest.raises(UserError, match="別の保存先のもの"):
        Store(tmp_path / "second", url)
    Store(tmp_path / "first", url).close()


def test_a_second_server_on_one_postgresql_database_is_refused(
    tmp_path: Path, postgres: str
) -> None:
    url = new_database(postgres, "two-servers")
    first = Store(tmp_path / "home", url)
    with pytest.raises(UserError, match="別の homutune serve が使っています"):
        Store(tmp_path / "home", url)
    first.close()
    Store(tmp_path / "home", url).close()


def test_a_job_runs_to_its_end_with_postgresql_behind_the_server(
    start: Callable[..., Local], postgres: str
) -> None:
    local = start(database_url=new_database(postgres, "jobs"))
    file_id = upload(local.client, lines(12))
    created = local.client.fine_tuning.jobs.create(
        model="tiny", training_file=file_id, metadata={"部署": "法務"}, suffix="契約"
    )
    done = wait_for(local.client, created.id, "succeeded")
    assert messages(local.client, done.id)[-1] == "The job has successfully completed"
    assert not (local.home / "homutune.db").exists()


def test_a_database_that_cannot_be_used_is_told_calmly(home: Path) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed (make test-services)")
    for url, told in (
        ("postgresql://nobody@127.0.0.1:1/none", "データベースを開けません"),
        ("nonsense", "形式が正しくありません"),
    ):
        with pytest.raises(UserError, match=told):
            create_app(Settings(home=home, database_url=url), engine=ScriptedEngine(home))


def test_a_database_of_a_newer_version_is_refused(home: Path, url: str | None) -> None:
    Store(home, url).close()
    engine = create_engine(connect(home, url).url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO schema_version VALUES (99, 0)"))
    engine.dispose()
    with pytest.raises(UserError, match="新しい版"):
        Store(home, url)
