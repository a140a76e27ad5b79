"""Tuned against default, per data set: `results/tuned.json`, and which hyperparameters matter: `results/importance.json`.

    TUNE_DATA_DIR=FOLDER python3 benches/results/tuned.py [--sets digits wdbc mnist:1] [--studies 5]

Three rows per set. `whetstone` is the published default, `untuned` a study that begins at Whetstone's default alone,
`started` one with the starting points of its space, which did well on such data before. Each study has a seed of its
own, which also splits the data; its winner is tested with five fresh seeds. `mnist:1` is one study of that set.
FOLDER has wdbc, wine, mnist and fashion-mnist. The tables take about a minute per study, digits 10 seconds, on one thread.

The rows of other sets stay as they are in the summaries, so that sets can be run one by one.

Not run at length: `--sets cifar10 cifar100 --studies 1` (CIFAR needs days of one thread; see `BUDGETS`).
"""

import json
import statistics

from common import arguments, read, read_csv, run, spread, study, table_of, write, write_csv, write_file

# Trials of a study, and the built-in space of the set.
BUDGETS = {
    "digits": (40, "small-images"), "wdbc": (40, "tables"), "winequality": (40, "tables"), "wine": (40, "tables"),
    "iris": (40, "tables"), "mnist": (20, "images"), "fashion-mnist": (20, "images"),
    "cifar10": (100, "images"), "cifar100": (100, "images"),
}
ARMS = ["whetstone", "untuned", "started"]


def words(args, dataset, arm, seed):
    """The command line of one study."""
    budget, space = BUDGETS[dataset]
    data = table_of(args, dataset) if dataset in ("wdbc", "wine") else dataset
    base = ["--dataset", data, "--seed", str(seed), "--confirm-seeds", "5"]
    if arm == "whetstone":
        return [*base, "--space", "whetstone", "--budget", "1"]
    if arm == "started":
        return [*base, "--budget", str(budget)]
    content = json.loads(run(args, ["spaces", "show", space])[0].stdout)
    content = {key: value for key, value in content.items() if key not in ("start", "$schema")}
    return [*base, "--budget", str(budget), "--space", write_file(args, f"{space}-untuned.json", content)]


def line(dataset, arm, seed, best):
    """What one study came to."""
    # No network of a study may live, and the confirmed one may die with every fresh seed.
    test = None if "no_result" in best else (best["test"] or {}).get("spread")
    if test is None:
        return {"set": dataset, "arm": arm, "seed": seed, "validation": "", "test": "", "sd": "", "trials": "", "cpu_seconds": best["cpu_seconds"]}
    return {
        "set": dataset, "arm": arm, "seed": seed, "validation": round(best["validation"]["spread"]["mean"], 5),
        "test": round(test["mean"], 5), "sd": round(test["sd"], 5), "trials": best["trials"], "cpu_seconds": best["cpu_seconds"],
    }


def summary(dataset, lines):
    """The arms of a set: mean over studies of the winners' test means, their spread, and the gain over Whetstone."""
    rows = []
    of = lambda arm, key: {row["seed"]: row[key] for row in lines if row["set"] == dataset and row["arm"] == arm and row[key] != ""}
    default = of("whetstone", "test")
    for arm in ARMS:
        if not of(arm, "cpu_seconds"):
            continue
        tests = of(arm, "test")
        row = {"set": dataset, "arm": arm, "studies": len(of(arm, "cpu_seconds")), "with_result": len(tests)}
        if tests:
            row |= {
                "test": spread(list(tests.values())), "sd_of_seeds": statistics.fmean(of(arm, "sd").values()),
                "trials": max(of(arm, "trials").values()),
            }
        row["cpu_seconds"] = round(statistics.fmean(of(arm, "cpu_seconds").values()), 1)
        both = [seed for seed in tests if seed in default]
        if arm != "whetstone" and both:
            gains = [100 * (tests[seed] - default[seed]) for seed in both]
            fewer = [1 - (1 - tests[seed]) / (1 - default[seed]) for seed in both if default[seed] < 1]
            row |= {"gain_points": spread(gains), "fewer_errors": spread(fewer)}
        rows.append(row)
    return rows


def importance(dataset, studies):
    """The largest shares of the variation, as medians over the studies, with the least and the most."""
    def table(key, name_of, share):
        found = {}
        for shown in studies:
            for item in shown["importance"][key]:
                found.setdefault(name_of(item), []).append(item[share])
        full = {name: shares + [0.0] * (len(studies) - len(shares)) for name, shares in found.items()}
        rows = [{"name": name, "median": statistics.median(shares), "least": min(shares), "most": max(shares)}
                for name, shares in full.items()]
        rounded = lambda row: {key: value if key == "name" else round(value, 4) for key, value in row.items()}
        return [rounded(row) for row in sorted(rows, key=lambda row: -row["median"])[:6]]
    return {
        "set": dataset, "studies": len(studies), "total": table("parameters", lambda item: item["name"], "total"),
        "alone": table("parameters", lambda item: item["name"], "alone"),
        "pairs": table("pairs", lambda item: " x ".join(sorted(item["names"])), "together"),
        "noise": spread([shown["importance"]["noise"] for shown in studies]),
    }


def command(rows):
    """The command that makes the `rows` of all sets."""
    studies = {row["set"]: row["studies"] for row in rows}
    return f"python3 benches/results/tuned.py --sets {' '.join(f'{dataset}:{count}' for dataset, count in studies.items())}"


def summarize(lines, shown):
    """Writes the summaries of what has ended; the importance of sets with three studies at least."""
    sets = [dataset for dataset in shown if any(line["set"] == dataset for line in lines)]
    important = [importance(dataset, shown[dataset]) for dataset in sets if len(shown[dataset]) >= 3]
    others = lambda name: [row for row in read(name) if row["set"] not in sets]
    rows, important = others("tuned") + [row for dataset in sets for row in summary(dataset, lines)], others("importance") + important
    write_csv("tuned", [line for line in read_csv("tuned") if line["set"] not in sets] + lines)
    write("tuned", command(rows), rows)
    if important:
        write("importance", command(important), important)


def main():
    args = arguments(__doc__, sets=["digits", "wdbc", "winequality", "wine", "iris"], studies=5)
    counts = {name: int(count or args.studies) for name, _, count in (one.partition(":") for one in args.sets)}
    lines, shown = [], {dataset: [] for dataset in counts}
    for dataset, studies in counts.items():
        for arm in ARMS:
            for seed in range(studies):
                best = study(args, f"tuned-{dataset}-{arm}-{seed}", words(args, dataset, arm, seed))
                lines.append(line(dataset, arm, seed, best))
                print(lines[-1], flush=True)
                if arm == "untuned" and best.get("shown", {}).get("importance"):
                    shown[dataset].append(best["shown"])
                summarize(lines, shown)


if __name__ == "__main__":
    main()
