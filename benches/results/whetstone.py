"""Whetstone's published defaults, trained by this program: `results/whetstone.json`.

    TUNE_DATA_DIR=FOLDER python3 benches/results/whetstone.py [--only mnist-lenet ...]

FOLDER has the IDX files of mnist and fashion-mnist. The dense network takes about 10 seconds per seed, LeNet
about 4 minutes, on one thread. One percent of the training images is left out as the validation part, since
every study has one; nothing is chosen by it.
"""

from common import PROJECT, arguments, spread, study, write

LENET = str(PROJECT / "configs/whetstone-lenet.json")
# Data set, space and fresh seeds of each row.
ROWS = {
    "mnist-dense": ("mnist", "whetstone", 5),
    "fashion-mnist-dense": ("fashion-mnist", "whetstone", 5),
    "mnist-lenet": ("mnist", LENET, 3),
    "fashion-mnist-lenet": ("fashion-mnist", LENET, 3),
}


def row(args, name):
    """One network on one data set."""
    dataset, space, seeds = ROWS[name]
    words = ["--dataset", dataset, "--space", space, "--validation", "0.01", "--budget", "1", "--confirm-seeds", str(seeds)]
    best = study(args, f"whetstone-{name}", words)
    if "no_result" in best:
        return {"name": name, "dataset": dataset, "no_result": best["no_result"], "cpu_seconds": best["cpu_seconds"]}
    network = best["network"]
    return {
        "name": name, "dataset": dataset, "topology": network["topology"], "parameters": network["parameters"],
        "epochs": network["epochs"], "test": spread(best["test"]["values"]), "values": best["test"]["values"],
        "ties": network["ties"], "activity": network["chip"]["activity"], "cpu_seconds": best["cpu_seconds"],
        "trainings": 1 + seeds, "program": best["program"],
    }


def main():
    args = arguments(__doc__, only=list(ROWS))
    rows = []
    for name in args.only:
        rows.append(row(args, name))
        print(rows[-1], flush=True)
    write("whetstone", f"python3 benches/results/whetstone.py --only {' '.join(args.only)}", rows)


if __name__ == "__main__":
    main()
