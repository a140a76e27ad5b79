"""Tables of one's own: `tune` beside scikit-learn's logistic regression and boosted trees.

    python tables.py FOLDER [--tune target/release/tune] [--splits 20] [--budget 40] [--sets wine,iris,wdbc]
        [--first 0] [--space FILE]

FOLDER has UCI's files wine/wine.data, iris/iris.data, wdbc/wdbc.data and winequality/winequality-red.csv. Each split holds out a fifth as
the test, drawn by its number. `tune` sees the training part alone and reports the mean test accuracy of
its winner over three fresh seeds. Prints the mean and the standard deviation over the splits.
"""

import argparse
import csv
import json
import pathlib
import statistics
import subprocess
import tempfile

import numpy
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# The file, the column of the labels, and a column that is left out.
SETS = {
    "wine": ("wine/wine.data", 0, None),
    "iris": ("iris/iris.data", 4, None),
    "wdbc": ("wdbc/wdbc.data", 1, 0),
    "winequality": ("winequality/winequality-red.csv", 11, None),
}


def read(folder, name):
    """Features (N, F) and labels (N)."""
    path, label, dropped = SETS[name]
    text = (folder / path).read_text()
    lines = text.splitlines()[text[0].isalpha() or text[0] == '"' :]
    rows = [row for row in csv.reader(lines, delimiter=";" if ";" in text else ",") if row]
    kept = [at for at in range(len(rows[0])) if at not in (label, dropped)]
    return numpy.array([[float(row[at]) for at in kept] for row in rows]), numpy.array([row[label] for row in rows])


def write(path, x, y):
    """A table with a header and the labels last."""
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow([*(f"f{at}" for at in range(x.shape[1])), "label"])
        out.writerows([*row, f"c{label}"] for row, label in zip(x.tolist(), y.tolist()))


def tuned(args, x, y, x_test, y_test, seed):
    """The mean test accuracy of the winner by fresh seeds."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write(folder / "train.csv", x, y)
        write(folder / "test.csv", x_test, y_test)
        command = [args.tune, "--dataset", "train.csv", "--test", "test.csv", "--label", "label", "--budget", str(args.budget)]
        command += ["--seed", str(seed), "--threads", "1", "--quiet"]
        command += ["--space", str(args.space.resolve())] if args.space else []
        subprocess.run(command, cwd=folder, check=True)
        tested = json.loads((folder / "best.json").read_text())["test"]["values"]
        return statistics.mean(value for value in tested if value is not None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tune", default="target/release/tune")
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--space", type=pathlib.Path, help="a search space in a file, in place of the program's own")
    parser.add_argument("--sets", default="wine,iris,wdbc")
    args = parser.parse_args()
    args.tune = str(pathlib.Path(args.tune).resolve())
    for name in args.sets.split(","):
        x, y = read(args.folder, name)
        scores = {"tune": [], "logistic regression": [], "boosted trees": []}
        for split in range(args.first, args.first + args.splits):
            parts = train_test_split(x, y, test_size=0.2, random_state=split, stratify=y)
            x_train, x_test, y_train, y_test = parts
            linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x_train, y_train)
            trees = HistGradientBoostingClassifier(random_state=split).fit(x_train, y_train)
            scores["logistic regression"].append(linear.score(x_test, y_test))
            scores["boosted trees"].append(trees.score(x_test, y_test))
            scores["tune"].append(tuned(args, x_train, y_train, x_test, y_test, split))
            print(name, split, {key: round(values[-1], 4) for key, values in scores.items()}, flush=True)
        for key, values in scores.items():
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            print(f"{name:5} {key:20} {statistics.mean(values):.4f} ± {spread:.4f}", flush=True)


if __name__ == "__main__":
    main()
