"""Prints the tables of a study that Optuna makes, as SQL: the source of tests/fixtures/optuna-schema.sql.

    python3 tests/python/dump_schema.py > tests/fixtures/optuna-schema.sql
"""

import os
import sqlite3
import tempfile

import optuna


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
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


if __name__ == "__main__":
    main()
