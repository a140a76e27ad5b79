"""What matters in the method: `results/method.json`, and every training in `results/method.csv`.

    TUNE_DATA_DIR=FOLDER python3 benches/results/method.py [--sets digits wdbc mnist10k] [--tables redundancy ...]

Each setting is trained with five seeds, which also split the data, for the same number of epochs as its neighbours
in the table; all else is fixed as `TABLES` says. A network that is dead (a layer fires for no sample) has no
accuracy: it is counted apart. FOLDER has wdbc, and mnist, whose first 10,000 training images and first 5,000 test
images are the set mnist10k. On one thread digits and wdbc take about 3 minutes each, mnist10k 25.
"""

import json

from common import arguments, first_images, point, run, spread, table_of, write, write_csv, write_file

SEEDS = range(5)
# Whetstone's dense example, and the same network with a surrogate slope, Adam and batch norm.
WHETSTONE = {
    "input_coding": "graded", "hidden_layers": 2, "width_1": 256, "width_2": 64, "redundancy": 10, "key_overlapping": True,
    "optimizer": "adadelta", "learning_rate": 4.0, "batch_size": 128, "method": "sharpen", "sharpener": "simple",
    "sharpen_start": 5, "sharpen_steps": 5,
}
ADAM = WHETSTONE | {"optimizer": "adam", "learning_rate": 0.003, "batch_norm": True, "temperature": 8.0}
SURROGATE = ADAM | {"method": "surrogate", "schedule": "cosine", "epochs": 20}


def redundancy():
    """20 epochs each."""
    of = lambda base, label: {f"{label}, {n} per class": base | {"redundancy": n} for n in (1, 2, 4, 8, 16, 32)}
    return of(WHETSTONE, "whetstone") | of(SURROGATE, "surrogate")


def sharpener():
    """30 epochs each; the adaptive one ends when all is sharp, at the latest after 30."""
    found = {}
    for label, base in (("adadelta", WHETSTONE), ("adam", ADAM)):
        found |= {
            f"{label}, simple": base | {"sharpen_start": 15, "sharpen_steps": 5},
            f"{label}, scheduled": base | {"sharpener": "scheduled", "sharpen_start": 15, "sharpen_duration": 5, "sharpen_intermission": 0},
            f"{label}, adaptive": base | {"sharpener": "adaptive", "epochs": 30},
            f"{label}, surrogate": base | {"method": "surrogate", "epochs": 30},
            f"{label}, hybrid": base | {"method": "hybrid", "sharpen_start": 10, "sharpen_steps": 5, "fine_tune": 5},
        }
    return found


def order():
    """50 epochs each: five soft ones, the rest in equal shares for each layer, or for all together."""
    found = {}
    for layers in (2, 4, 8):
        base = {key: value for key, value in ADAM.items() if key not in ("hidden_layers", "width_1", "width_2")}
        base |= {"dense": layers} | {f"dense.{item}.width": 128 for item in range(1, layers + 1)}
        for name in ("bottom-up", "uniform", "top-down"):
            steps = 45 if name == "uniform" else 45 // (layers + 1)
            found[f"{layers} layers, {name}"] = base | {"sharpen_order": name, "sharpen_start": 5, "sharpen_steps": steps}
    return found


def optimizer():
    """20 epochs each, the sharpener of Whetstone's example, without batch norm and at temperature 1."""
    rates = {"adadelta": (1.0, 2.0, 4.0), "adam": (0.001, 0.003, 0.01), "rmsprop": (0.0003, 0.001, 0.003), "sgd": (0.01, 0.03, 0.1)}
    momentum = lambda name: {"momentum": 0.9} if name == "sgd" else {}
    return {f"{name} at {rate}": WHETSTONE | {"optimizer": name, "learning_rate": rate} | momentum(name)
            for name, several in rates.items() for rate in several}


TABLES = {"redundancy": redundancy, "sharpener": sharpener, "order": order, "optimizer": optimizer}


def training(args, dataset, table, setting, values, seed):
    """One training: a line of the table. Kept in a file of the folder of work, so that it is done once."""
    name = f"method-{dataset}-{table}-{setting}-{seed}".replace(" ", "_")
    kept = args.work / f"{name}.json"
    if kept.exists():
        ended = json.loads(kept.read_text())
        if ended["values"] == values:
            return ended["line"]
    data = {"wdbc": lambda: table_of(args, "wdbc"), "mnist10k": lambda: first_images(args, "mnist", "mnist10k")}.get(dataset, lambda: dataset)()
    space = write_file(args, "method-space.json", point(values))
    out = args.work / "method-best.json"
    words = ["--dataset", data, "--space", space, "--budget", "1", "--confirm", "0", "--folds", "1", "--seed", str(seed)]
    words += ["--threads", "1", "--study", "s", "--storage", "method.db", "--fresh", "--out", out.name, "--quiet"]
    ended, seconds = run(args, words)
    line = {"set": dataset, "table": table, "setting": setting, "seed": seed, "test": "", "epochs": "", "seconds": round(seconds, 2)}
    if ended.returncode == 0:
        best = json.loads(out.read_text())
    if ended.returncode == 0 and best["test"]["values"][0] is not None:
        line |= {"test": round(best["test"]["values"][0], 5), "epochs": best["network"]["epochs"]}
    elif ended.returncode not in (0, 4):
        raise SystemExit(f"{name}: exit code {ended.returncode}: {ended.stderr}")
    kept.write_text(json.dumps({"values": values, "line": line}))
    return line


def main():
    args = arguments(__doc__, sets=["digits", "wdbc", "mnist10k"], tables=list(TABLES))
    lines, rows = [], []
    for dataset in args.sets:
        for table in args.tables:
            for setting, values in TABLES[table]().items():
                found = [training(args, dataset, table, setting, values, seed) for seed in SEEDS]
                lines += found
                alive = [line["test"] for line in found if line["test"] != ""]
                row = {"set": dataset, "table": table, "setting": setting, "alive": len(alive), "seeds": len(found)}
                row |= {"test": spread(alive), "epochs": max(line["epochs"] for line in found if line["test"] != "")} if alive else {}
                rows.append(row)
                print(row, flush=True)
                write_csv("method", lines)
                write("method", f"python3 benches/results/method.py --sets {' '.join(args.sets)} --tables {' '.join(args.tables)}", rows)


if __name__ == "__main__":
    main()
