"""256 against 15 (Parsa et al. 2020, figure 1): a grid trained once, and searches on its table.

    python3 benches/results/grid.py [--repeats 50] [--peers tpe gp]

The grid has four hyperparameters of Whetstone with four values each; all else is Whetstone's default (784 inputs
become 64). Every point is trained on digits with eight seeds and splits, about 6 minutes of one thread;
`results/grid-table.csv` keeps the means, so that a later run only searches. Then every search begins at Whetstone's
default and proceeds until it has seen the optimum of the grid: `results/grid.json`. No starting point is tuned.
`--peers` needs Optuna (for gp, PyTorch too); gp is run for 10 seeds of at most 60 evaluations.
"""

import itertools
import json
import random
import statistics

from common import Session, arguments, point, quantile, read_csv, run, spread, write, write_csv, write_file

# The values of the grid, and Whetstone's default among them.
GRID = {
    "learning_rate": ([0.5, 1.0, 2.0, 4.0], 4.0), "batch_size": ([16, 32, 64, 128], 128),
    "redundancy": ([2, 5, 10, 20], 10), "sharpen_steps": ([1, 3, 5, 8], 5),
}
FIXED = {
    "input_coding": "graded", "hidden_layers": 2, "width_1": 256, "width_2": 64, "key_overlapping": True,
    "optimizer": "adadelta", "sharpener": "simple", "sharpen_start": 5,
}
SEEDS = range(8)
# Validation accuracy that counts as equal to the optimum, and as near it.
EQUAL, NEAR = 1e-9, 0.001


def points():
    """All points of the grid."""
    return [dict(zip(GRID, values)) for values in itertools.product(*(values for values, _ in GRID.values()))]


def train(args):
    """The mean validation accuracy of each point; None where a seed's network died."""
    space = point(FIXED)
    for name, (values, default) in GRID.items():
        space["parameters"][name] = {"type": "categorical", "choices": values, "default": default}
    space["start"] = points()
    space = write_file(args, "grid-space.json", space)
    values = {tuple(one.values()): [] for one in points()}
    for seed in SEEDS:
        words = ["--dataset", "digits", "--space", space, "--budget", str(len(values) + 1), "--confirm", "0", "--seed", str(seed)]
        ended, _ = run(args, [*words, "--threads", "1", "--study", f"grid{seed}", "--storage", "grid.db", "--quiet",
                              "--out", "grid-best.json"])
        if ended.returncode != 0:
            raise SystemExit(f"grid: exit code {ended.returncode}: {ended.stderr}")
        table, _ = run(args, ["export", "jsonl", "--study", f"grid{seed}", "--storage", "grid.db"])
        # A study begins with the default, which is among the points of the grid too.
        for line in table.stdout.splitlines()[1:]:
            trial = json.loads(line)
            value = (trial.get("values") or {}).get("accuracy")
            values[tuple(trial["point"][name] for name in GRID)].append(value)
    rows = []
    for at, found in values.items():
        if len(found) != len(SEEDS):
            raise SystemExit(f"grid: {at} has {len(found)} values")
        died = sum(value is None for value in found)
        kept = {"mean": "", "sd": ""} if died else {key: round(of, 6) for key, of in spread(found).items()}
        rows.append(dict(zip(GRID, at)) | {"accuracy": kept["mean"], "sd": kept["sd"], "died": died})
    write_csv("grid-table", rows)


def table():
    """The accuracy of each point by the numbers of its values; None where it has none."""
    found = {}
    for row in read_csv("grid-table"):
        at = tuple(values.index(type(values[0])(row[name])) for name, (values, _) in GRID.items())
        found[at] = float(row["accuracy"]) if row["accuracy"] else None
    return found


def space():
    """The numbers of the values as whole numbers in their order."""
    numbers = {name: (len(values) - 1, values.index(default)) for name, (values, default) in GRID.items()}
    return {"name": "grid", "parameters": {
        name: {"type": "int", "low": 0, "high": high, "default": default} for name, (high, default) in numbers.items()}}


def ours(args, search, seed):
    """The points that `tune serve` proposes, told their accuracy by `send`."""
    session = Session(args, space(), search=search, seed=seed)
    try:
        while True:
            trial = session.ask(op="ask")
            value = yield tuple(trial["point"][name] for name in GRID)
            session.ask(op="tell", trial=trial["trial"], **({"failure": "died"} if value is None else {"values": [value]}))
    finally:
        session.close()


def without_repetition(args, search, seed):
    """Whetstone's default, then all other points in a random order."""
    first = tuple(values.index(default) for values, default in GRID.values())
    others = [at for at in itertools.product(range(4), repeat=4) if at != first]
    random.Random(seed).shuffle(others)
    for at in [first, *others]:
        yield at


def optunas(args, search, seed):
    """The points that a sampler of Optuna proposes."""
    import optuna
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    samplers = {"optuna-tpe": optuna.samplers.TPESampler, "optuna-gp": optuna.samplers.GPSampler}
    study = optuna.create_study(direction="maximize", sampler=samplers[search](seed=seed))
    study.enqueue_trial({name: values.index(default) for name, (values, default) in GRID.items()})
    while True:
        trial = study.ask()
        value = yield tuple(trial.suggest_int(name, 0, len(values) - 1) for name, (values, _) in GRID.items())
        study.tell(trial, value) if value is not None else study.tell(trial, state=optuna.trial.TrialState.FAIL)


def search(steps, accuracies, most):
    """Evaluations until the optimum and until near it (None: not within `most`), and the regret after 15."""
    best, optimum, reached, near, after = 0.0, max(value for value in accuracies.values() if value), None, None, None
    at = next(steps)
    for count in range(1, most + 1):
        value = accuracies[at]
        best = max(best, value or 0.0)
        near = count if near is None and best >= optimum - NEAR - EQUAL else near
        reached = count if reached is None and best >= optimum - EQUAL else reached
        after = optimum - best if count == 15 else after
        if reached and count >= 15:
            break
        at = steps.send(value) if count < most else at
    steps.close()
    return {"optimum": reached, "near": near, "regret_15": round(after, 6)}


SOLVERS = {
    "bayes": (ours, "bayes", 256), "tpe": (ours, "tpe", 256), "random": (without_repetition, "random", 256),
    "optuna-tpe": (optunas, "optuna-tpe", 256), "optuna-gp": (optunas, "optuna-gp", 60),
}


def summary(name, runs, most):
    """The distribution over the repeats; a quantile beyond the most evaluations is None."""
    def of(key):
        counts = [one[key] or most + 1 for one in runs]
        shares = {"quarter": 0.25, "median": 0.5, "three_quarters": 0.75, "nine_tenths": 0.9}
        found = {label: quantile(counts, share) for label, share in shares.items()}
        return {label: count if count <= most else None for label, count in found.items()}
    within = lambda key, count: sum(1 for one in runs if one[key] and one[key] <= count)
    return {
        "search": name, "repeats": len(runs), "most": most, "optimum": of("optimum"), "near": of("near"),
        "optimum_in_15": within("optimum", 15), "near_in_15": within("near", 15),
        "regret_15_points": round(100 * statistics.fmean(one["regret_15"] for one in runs), 4),
    }


def main():
    args = arguments(__doc__, repeats=50, peers=[])
    if not read_csv("grid-table"):
        train(args)
    accuracies = table()
    names = ["bayes", "tpe", "random", *(f"optuna-{peer}" for peer in args.peers)]
    rows = []
    for name in names:
        solver, of, most = SOLVERS[name]
        repeats = min(args.repeats, 10) if name == "optuna-gp" else args.repeats
        kept = args.work / f"grid-{name}-{repeats}.json"
        if not kept.exists():
            runs = [search(solver(args, of, seed), accuracies, most) for seed in range(repeats)]
            kept.write_text(json.dumps(summary(name, runs, most)))
        rows.append(json.loads(kept.read_text()))
        print(rows[-1], flush=True)
    values = sorted((value for value in accuracies.values() if value is not None), reverse=True)
    default = accuracies[tuple(values.index(default) for values, default in GRID.values())]
    write("grid", f"python3 benches/results/grid.py --repeats {args.repeats} --peers {' '.join(args.peers)}".removesuffix(" --peers "), rows, points=len(accuracies),
          died=sum(value is None for value in accuracies.values()), best=values[0], second=values[1], default=default,
          near_points=sum(value >= values[0] - NEAR - EQUAL for value in values), median=statistics.median(values))


if __name__ == "__main__":
    main()
