"""Winners to use without a search: `configs/winners/SET.json`, which `tune rerun` makes again bit for bit.

    TUNE_DATA_DIR=FOLDER python3 benches/results/winners.py [--sets digits wdbc winequality] [--budget 60]

FOLDER has wdbc; its table is written to the folder of work, and `tune rerun configs/winners/wdbc.json --dataset
wdbc.csv` reads it. The network itself is left out. About three minutes of one thread.
"""

import shutil

from common import PROJECT, arguments, run, table_of


def main():
    args = arguments(__doc__, sets=["digits", "wdbc", "winequality"], budget=60)
    folder = PROJECT / "configs/winners"
    folder.mkdir(exist_ok=True)
    for name in args.sets:
        data = table_of(args, name) if name in ("wdbc", "wine") else name
        words = ["--dataset", data, "--budget", str(args.budget), "--confirm-seeds", "5", "--out", f"{name}.json"]
        ended, _ = run(args, [*words, "--threads", "1", "--study", name, "--storage", "winners.db", "--quiet"])
        if ended.returncode != 0:
            raise SystemExit(f"{name}: exit code {ended.returncode}: {ended.stderr}")
        shutil.copyfile(args.work / f"{name}.json", folder / f"{name}.json")
        print(folder / f"{name}.json", flush=True)


if __name__ == "__main__":
    main()
