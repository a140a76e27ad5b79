"""Prints the tables of a study created by Optuna: the sources of two fixtures.

    python3 tests/python/dump_schema.py > tests/fixtures/optuna-schema.sql
    python3 tests/python/dump_schema.py postgresql+psycopg://USER@/DATABASE?host=FOLDER \
        > tests/fixtures/optuna-schema-postgresql.txt

The database must be empty. describe_postgresql.sql describes its tables; a test describes ours by the
same file.
"""

import os
import pathlib
import sqlite3
import sys
import tempfile

import optuna


def dump_sqlite() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "optuna.db")
        optuna.create_study(storage=f"sqlite:///{path}", study_name="study")
        connection = sqlite3.connect(path)
        print(f"-- Optuna {optuna.__version__}, by tests/python/dump_schema.py")
        for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC, name"):
            print("\n".join(line.rstrip() for line in sql.splitlines()) + ";")
        for table in ("version_info", "alembic_version"):
            for row in connection.execute(f"SELECT * FROM {table}"):
                print(f"-- {table}: {row}")
        connection.close()


def dump_postgresql(url: str) -> None:
    import sqlalchemy

    storage = optuna.storages.RDBStorage(url)
    query = pathlib.Path(__file__).with_name("describe_postgresql.sql").read_text()
    print(f"-- Optuna {optuna.__version__}, by tests/python/dump_schema.py")
    with storage.engine.connect() as connection:
        # Without SQLAlchemy's parsing, which takes colons for names.
        for (line,) in connection.exec_driver_sql(query.replace("%", "%%")):
            print(line)


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if len(sys.argv) > 1:
        dump_postgresql(sys.argv[1])
    else:
        dump_sqlite()


if __name__ == "__main__":
    main()
