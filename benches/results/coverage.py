"""Whether the printed intervals hold: `results/coverage.json` and the studies in `results/coverage.csv`.

    TUNE_DATA_DIR=FOLDER python3 benches/results/coverage.py [--same 100] [--new 100]

FOLDER has `optdigits/optdigits.tra` and `.tes` of UCI. Each study is `--budget 15` on digits. Two questions:

- `same`: the built-in digits. Ten fresh seeds are trained on the same split. Their mean on the same test samples
  leaves out the luck of the samples, which the interval also counts, so it should lie inside nearly always.
- `new`: 1,797 of the 5,620 digits of both UCI files are drawn for each study, and split as digits are. Five fresh
  seeds are tested on the 3,823 others. This is what the interval speaks of; 95 % should hold.

A study of either kind takes about 5 seconds of one thread.
"""

import json
import random

from common import arguments, data_dir, point, run, spread, study, write, write_csv, write_file, write_npz

TRAINING, TEST = 1438, 359


def facts(best, fresh, kind, seed):
    """One line of the table: what was printed, and what fresh seeds say."""
    low, high = best["test_interval"]
    mean = spread(fresh)["mean"]
    rounded = lambda value: round(value, 5)
    return {
        "kind": kind, "seed": seed, "searched": rounded(best["searched"]),
        "validation": rounded(best["validation"]["spread"]["mean"]), "test": rounded(best["test"]["spread"]["mean"]),
        "low": rounded(low), "high": rounded(high), "fresh": rounded(mean), "inside": int(low <= mean <= high),
    }


def same(args, seed):
    """A study on the built-in digits, and ten more seeds of its winner."""
    name = f"coverage-same-{seed}"
    best = study(args, name, ["--dataset", "digits", "--budget", "15", "--seed", str(seed)])
    kept = args.work / f"{name}.fresh.json"
    if not kept.exists():
        have = len(best["test"]["values"])
        words = ["rerun", f"{name}.json", "--seeds", str(have + 10), "--threads", "1", "--json"]
        ended, _ = run(args, words)
        if ended.returncode != 0:
            raise SystemExit(f"{name}: rerun: exit code {ended.returncode}: {ended.stderr}{ended.stdout}")
        kept.write_text(json.dumps([trained["test"] for trained in json.loads(ended.stdout)["seeds"][have:]]))
    return facts(best, json.loads(kept.read_text()), "same", seed)


def pool():
    """All digits of the two files: 64 bytes and the class."""
    files = [data_dir() / "optdigits" / f"optdigits.{part}" for part in ("tra", "tes")]
    rows = [[int(cell) for cell in line.split(",")] for file in files for line in file.read_text().split()]
    return [(bytes(row[:64]), row[64]) for row in rows]


def parts(args, name, training, test):
    """An NPZ file with a training and a test part."""
    arrays = {}
    for part, rows in (("train", training), ("test", test)):
        arrays[f"x_{part}"] = ([len(rows), 8, 8], b"".join(pixels for pixels, _ in rows))
        arrays[f"y_{part}"] = ([len(rows)], bytes(label for _, label in rows))
    write_npz(args.work / name, arrays)
    return name


def new(args, digits, seed):
    """A study on drawn digits, and five more seeds of its winner on all others."""
    name = f"coverage-new-{seed}"
    drawn = random.Random(seed).sample(digits, len(digits))
    training, test, others = drawn[:TRAINING], drawn[TRAINING:TRAINING + TEST], drawn[TRAINING + TEST:]
    data = parts(args, "coverage.npz", training, test)
    best = study(args, name, ["--dataset", data, "--budget", "15", "--seed", str(seed)])
    have = len(best["test"]["values"])
    data = parts(args, "coverage-others.npz", training, others)
    space = write_file(args, "coverage-point.json", point(best["hyperparameters"]))
    words = ["--dataset", data, "--space", space, "--budget", "1", "--confirm-seeds", str(have + 5), "--seed", str(seed)]
    fresh = study(args, f"{name}-others", words)
    return facts(best, fresh["test"]["values"][have:], "new", seed)


def summary(rows, kind):
    """What the studies of one kind say together."""
    rows = [row for row in rows if row["kind"] == kind]
    gap = lambda before, after: spread([100 * (row[before] - row[after]) for row in rows])
    return {
        "kind": kind, "studies": len(rows), "inside": sum(row["inside"] for row in rows),
        "above": sum(row["fresh"] > row["high"] for row in rows), "below": sum(row["fresh"] < row["low"] for row in rows),
        "width_points": spread([100 * (row["high"] - row["low"]) for row in rows]),
        "searched_minus_fresh_points": gap("searched", "fresh"), "validation_minus_fresh_points": gap("validation", "fresh"),
        "test_minus_fresh_points": gap("test", "fresh"),
    }


def main():
    args = arguments(__doc__, same=100, new=100)
    rows = [same(args, seed) for seed in range(args.same)]
    digits = pool() if args.new else []
    rows += [new(args, digits, seed) for seed in range(args.new)]
    write_csv("coverage", rows)
    kinds = [kind for kind in ("same", "new") if any(row["kind"] == kind for row in rows)]
    summaries = [summary(rows, kind) for kind in kinds]
    write("coverage", f"python3 benches/results/coverage.py --same {args.same} --new {args.new}", summaries)
    print(*summaries, sep="\n")


if __name__ == "__main__":
    main()
