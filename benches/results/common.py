"""What the scripts of this folder share: studies that resume, data of the UCI files, and summaries.

A script keeps its studies in a folder of work (`--work`). What has ended there is not run again. It writes
summaries to the folder `results` of the project; `page.py` puts them into RESULTS.md.
"""

import argparse
import csv
import gzip
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import zipfile

PROJECT = pathlib.Path(__file__).resolve().parents[2]


def arguments(doc, **more):
    """The options that every script has, and those of `more`: name and default."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tune", default=str(PROJECT / "target/release/tune"), help="the program")
    parser.add_argument("--work", type=pathlib.Path, default=PROJECT / "target/results", help="folder of studies")
    for name, default in more.items():
        kind = {"nargs": "*", "default": default} if isinstance(default, list) else {"type": type(default), "default": default}
        parser.add_argument(f"--{name}", **kind)
    args = parser.parse_args()
    args.tune, args.work = str(pathlib.Path(args.tune).resolve()), args.work.resolve()
    args.work.mkdir(parents=True, exist_ok=True)
    return args


def data_dir():
    """The folder of data sets that are files."""
    folder = os.environ.get("TUNE_DATA_DIR")
    return pathlib.Path(folder) if folder else PROJECT / "datasets"


def run(args, words, **more):
    """A run of the program in the folder of work: its result and the seconds of CPU time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run([args.tune, *words], cwd=args.work, capture_output=True, text=True, **more)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def study(args, name, words, threads=1):
    """The winner of a study as in best.json, with its `cpu_seconds`; or {"no_result": why} where none has a value.

    Each study has a database of its own, which goes when it has ended, so that one is not slowed by the others.
    """
    out, kept = args.work / f"{name}.json", args.work / f"{name}.ended.json"
    if kept.exists():
        ended = json.loads(kept.read_text())
        if ended["words"] == words:
            return ended["best"]
    words_run = [*words, "--threads", str(threads), "--study", "s", "--storage", f"{name}.db", "--out", out.name, "--quiet"]
    ended, seconds = run(args, words_run)
    if ended.returncode not in (0, 4):
        raise SystemExit(f"{name}: {' '.join(words_run)}: exit code {ended.returncode}: {ended.stderr.strip()}")
    best = json.loads(out.read_text()) if ended.returncode == 0 else {"no_result": ended.stderr.strip().splitlines()[-1]}
    best["cpu_seconds"] = round(seconds, 2)
    if ended.returncode == 0:
        shown, _ = run(args, ["show", "s", "--storage", f"{name}.db", "--json", "--top", "1"])
        best["shown"] = json.loads(shown.stdout)
    kept.write_text(json.dumps({"words": words, "best": best}))
    return best


class Session:
    """A study in `tune serve`, which another program evaluates."""

    def __init__(self, args, space, **options):
        self.server = subprocess.Popen([args.tune, "serve", "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ask(op="open", space=space, metrics=[{"name": "accuracy", "direction": "maximize"}], **options)

    def ask(self, **message):
        """The reply to a message."""
        self.server.stdin.write(json.dumps(message) + "\n")
        self.server.stdin.flush()
        reply = json.loads(self.server.stdout.readline())
        if reply["reply"] == "error":
            raise SystemExit(f"tune serve: {reply}")
        return reply

    def close(self):
        self.server.stdin.close()
        self.server.wait()


def point(values):
    """A space of one point."""
    return {"name": "point", "parameters": {name: {"type": "fixed", "value": value} for name, value in values.items()}}


def write_file(args, name, content):
    """A JSON file in the folder of work, written only where it differs; its name."""
    text, path = json.dumps(content, indent=1), args.work / name
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return name


def table_of(args, name):
    """The UCI set `wdbc`, `wine` or `optdigits` as a CSV file with its classes last; the file's name."""
    path = args.work / f"{name}.csv"
    if not path.exists():
        lines = [line.split(",") for line in (data_dir() / name / f"{name}.data").read_text().split()]
        rows = [row[2:] + [row[1]] if name == "wdbc" else row[1:] + [row[0]] for row in lines]
        header = [f"x{column}" for column in range(len(rows[0]) - 1)] + ["class"]
        path.write_text("".join(",".join(row) + "\n" for row in [header, *rows]))
    return path.name


def first_images(args, dataset, name, side=28):
    """The first 10,000 training and 5,000 test images of an IDX set as NPZ, scaled to `side`; the file's name.

    A side of 14 takes the mean of two by two pixels.
    """
    path = args.work / f"{name}.npz"
    if not path.exists():
        folder, arrays = data_dir() / dataset, {}
        for part, file, count in (("train", "train", 10_000), ("test", "t10k", 5_000)):
            pixels = gzip.open(folder / f"{file}-images-idx3-ubyte.gz").read()[16:16 + 784 * count]
            labels = gzip.open(folder / f"{file}-labels-idx1-ubyte.gz").read()[8:8 + count]
            if side == 14:
                pixels = halved(pixels)
            arrays |= {f"x_{part}": ([count, side, side], pixels), f"y_{part}": ([count], labels)}
        write_npz(path, arrays)
    return path.name


def halved(pixels):
    """Images of 28 by 28 bytes with the mean of two by two pixels, rounded."""
    rows = [pixels[at:at + 28] for at in range(0, len(pixels), 28)]
    pairs = ([*zip(upper[::2], upper[1::2], lower[::2], lower[1::2])] for upper, lower in zip(rows[::2], rows[1::2]))
    return bytes((sum(four) + 2) // 4 for row in pairs for four in row)


def spread(values):
    """Mean and standard deviation."""
    return {"mean": statistics.fmean(values), "sd": statistics.stdev(values) if len(values) > 1 else 0.0}


def quantile(values, share):
    """The smallest value that at least this share of all does not exceed."""
    return sorted(values)[max(0, -(-len(values) * share // 1).__int__() - 1)]


def machine():
    """The processor's name."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def write(name, command, rows, **facts):
    """The summary `results/NAME.json`: rows and facts, with the command that makes them, and the machine."""
    folder = PROJECT / "results"
    folder.mkdir(exist_ok=True)
    content = {"command": command, "machine": machine(), **facts, "rows": rows}
    (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


def read(name):
    """The rows of `results/NAME.json`, or none."""
    path = PROJECT / "results" / f"{name}.json"
    return json.loads(path.read_text())["rows"] if path.exists() else []


def write_csv(name, rows):
    """The table `results/NAME.csv` of many rows, each a dictionary with the same keys."""
    with open(PROJECT / "results" / f"{name}.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_csv(name):
    """The rows of `results/NAME.csv`, or none."""
    path = PROJECT / "results" / f"{name}.csv"
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write_npz(path, arrays):
    """An NPZ file of arrays of bytes: `arrays` maps a name to a shape and the bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, (shape, content) in arrays.items():
            head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
            head = head.ljust((len(head) + 11 + 63) // 64 * 64 - 11) + "\n"
            data = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + content
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), data)
