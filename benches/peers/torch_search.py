"""How long `tune` needs for what Optuna, driving PyTorch, reaches in a given time.

    TUNE_DATA_DIR=FOLDER python benches/peers/torch_search.py [--minutes 3] [--seeds 3] [--threads 2] [--sets digits mnist10k]

All programs search one space of dense networks with binary activations, from its default on, with the same
training and validation samples. Optuna's TPE and Gaussian process train by PyTorch, each without pruning and with
its median pruner. Steps pass a boxcar as gradient; a class has its own output neurons, whose spikes are counted.

One program runs after the other, with the same number of threads. A peer searches for `--minutes`. `tune` then
searches until one of its trials is as good as the best of all peers, at most for `--minutes`.
`results/torch_search.json` has, for each peer, the trials per hour, its best validation accuracy, when it first
had it, and when `tune` had it.
"""

import gzip
import json
import pathlib
import random
import subprocess
import sys
import time

import numpy
import optuna
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "results"))
from common import PROJECT, arguments, data_dir, write, write_file, write_npz  # noqa: E402

CLASSES = 10
FLOAT, INT = "float", "int"
# Kind, least, most, whether logarithmic, default.
SPACE = {
    "hidden_layers": (INT, 1, 2, False, 2), "width_1": (INT, 64, 512, True, 256), "width_2": (INT, 64, 512, True, 64),
    "dropout": (FLOAT, 0.0, 0.5, False, 0.0), "redundancy": (INT, 2, 32, True, 10), "batch_size": (INT, 32, 256, True, 128),
    "learning_rate": (FLOAT, 1e-4, 0.03, True, 1e-3), "temperature": (FLOAT, 1.0, 32.0, True, 1.0),
    "label_smoothing": (FLOAT, 0.0, 0.2, False, 0.0), "surrogate_width": (FLOAT, 0.25, 4.0, True, 1.0),
    "epochs": (INT, 8, 16, False, 16),
}
FIXED = {"input_coding": "graded", "batch_norm": True, "optimizer": "adam", "schedule": "cosine", "method": "surrogate",
         "slope": "boxcar", "key_overlapping": False}
PEERS = {
    "TPE": (optuna.samplers.TPESampler, optuna.pruners.NopPruner),
    "TPE, median pruner": (optuna.samplers.TPESampler, optuna.pruners.MedianPruner),
    "Gaussian process": (optuna.samplers.GPSampler, optuna.pruners.NopPruner),
    "Gaussian process, median pruner": (optuna.samplers.GPSampler, optuna.pruners.MedianPruner),
}
OURS = {"tune": [], "tune --fidelity bayes": ["--fidelity", "bayes"]}


def our_space():
    """The space as a file of `tune`."""
    parameters = {name: {"type": "fixed", "value": value} for name, value in FIXED.items()}
    for name, (kind, low, high, log, default) in SPACE.items():
        parameters[name] = {"type": kind, "low": low, "high": high, "log": log, "default": default}
    parameters["width_2"]["when"] = {"hidden_layers": [2]}
    return {"name": "torch-search", "parameters": parameters}


class Step(torch.autograd.Function):
    """1 where the input reaches 0.5; backwards a boxcar around it."""

    @staticmethod
    def forward(context, inputs, width):
        context.save_for_backward(inputs)
        context.width = width
        return (inputs >= 0.5).to(inputs.dtype)

    @staticmethod
    def backward(context, gradient):
        (inputs,) = context.saved_tensors
        return gradient * ((inputs - 0.5).abs() < context.width / 2) / context.width, None


class Network(torch.nn.Module):
    """Dense layers of steps, and output neurons that are counted per class."""

    def __init__(self, point, inputs):
        super().__init__()
        widths = [point["width_1"], point.get("width_2")][:point["hidden_layers"]] + [CLASSES * point["redundancy"]]
        self.linear = torch.nn.ModuleList(torch.nn.Linear(*pair) for pair in zip([inputs, *widths], widths))
        self.norm = torch.nn.ModuleList(torch.nn.BatchNorm1d(width) for width in widths[:-1])
        self.dropout, self.point = torch.nn.Dropout(point["dropout"]), point

    def forward(self, inputs):
        for layer, linear in enumerate(self.linear):
            inputs = linear(inputs)
            is_hidden = layer < len(self.norm)
            inputs = self.norm[layer](inputs) if is_hidden else inputs
            inputs = Step.apply(inputs, self.point["surrogate_width"])
            inputs = self.dropout(inputs) if is_hidden else inputs
        return inputs.view(len(inputs), CLASSES, -1).sum(2) * 2 / self.point["temperature"]


def epochs(point, data, seed):
    """The network after each epoch of its training."""
    torch.manual_seed(seed)
    inputs, labels = data
    network = Network(point, inputs.shape[1])
    optimizer = torch.optim.Adam(network.parameters(), lr=point["learning_rate"], fused=True)
    batches = -(-len(inputs) // point["batch_size"])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, batches * point["epochs"])
    loss = torch.nn.CrossEntropyLoss(label_smoothing=point["label_smoothing"])
    for _ in range(point["epochs"]):
        network.train()
        for chosen in torch.randperm(len(inputs)).split(point["batch_size"]):
            if len(chosen) > 1:
                optimizer.zero_grad()
                loss(network(inputs[chosen]), labels[chosen]).backward()
                optimizer.step()
                schedule.step()
        yield network.eval()


def accuracy(network, data):
    """The share of right answers; the first of equal classes wins."""
    with torch.no_grad():
        return (network(data[0]).argmax(1) == data[1]).float().mean().item()


def propose(trial):
    """A point of the space; width_2 only of two hidden layers."""
    point = {}
    for name, (kind, low, high, log, _) in SPACE.items():
        if name == "width_2" and point["hidden_layers"] == 1:
            continue
        ask = trial.suggest_float if kind == FLOAT else trial.suggest_int
        point[name] = ask(name, low, high, log=log)
    return point


def theirs(args, peer, parts, seed):
    """What a peer reaches: (seconds, accuracy) of each complete trial, and its trials per hour."""
    sampler, pruner = PEERS[peer]
    training, validation = [(torch.from_numpy(pixels).float(), torch.from_numpy(labels)) for pixels, labels in parts]
    begin, reached = time.perf_counter(), []

    def objective(trial):
        for epoch, network in enumerate(epochs(propose(trial), training, seed)):
            if isinstance(trial.study.pruner, optuna.pruners.MedianPruner):
                trial.report(accuracy(network, validation), epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned
            if time.perf_counter() - begin > 60 * args.minutes:
                raise optuna.TrialPruned  # the time is over
        value = accuracy(network, validation)
        reached.append((time.perf_counter() - begin, value))
        return value

    searched = optuna.create_study(direction="maximize", sampler=sampler(seed=seed), pruner=pruner())
    searched.enqueue_trial({name: default for name, (_, _, _, _, default) in SPACE.items()})
    searched.optimize(objective, timeout=60 * args.minutes)
    return reached, round(3600 * len(searched.trials) / (time.perf_counter() - begin))


def ours(args, name, data, seed, target):
    """The same of `tune`, which ends once a trial reaches `target`."""
    words = ["--dataset", data, "--space", write_file(args, "torch-space.json", our_space()), "--seed", str(seed)]
    words += ["--budget", "100000", "--stop-when", f"target={target!r}", "--stop-when", f"time={60 * args.minutes}s"]
    words += ["--threads", str(args.threads), "--confirm", "0", "--json", "--study", "s", "--fresh"]
    words += ["--storage", "torch-search.db", "--out", "torch-search.json", *OURS[name]]
    begin, reached, trials = time.perf_counter(), [], 0
    with subprocess.Popen([args.tune, *words], cwd=args.work, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            event = json.loads(line)
            trials += event["event"] == "trial_started"
            if event["event"] == "trial_finished" and event["state"] == "complete":
                reached.append((time.perf_counter() - begin, event["values"][0]))
    if process.returncode:
        raise SystemExit(f"tune {' '.join(words)}: exit code {process.returncode}")
    return reached, round(3600 * trials / (time.perf_counter() - begin))


def samples(args, name, seed):
    """Training, validation and test part of a set: pixels as bytes and classes."""
    if name == "digits":
        rows = [[int(cell) for cell in line.split(",")] for line in (data_dir() / "optdigits/optdigits.tes").read_text().split()]
        pixels, labels = numpy.array([row[:64] for row in rows], "u1").reshape(-1, 8, 8), numpy.array([row[64] for row in rows], "u1")
    else:
        read = lambda kind, skip: numpy.frombuffer(gzip.open(data_dir() / f"mnist/train-{kind}-ubyte.gz").read(), "u1", offset=skip)
        pixels, labels = read("images-idx3", 16).reshape(-1, 28, 28)[:13_000], read("labels-idx1", 8)[:13_000]
    order = list(range(len(pixels)))
    random.Random(seed).shuffle(order)
    ends = [len(order) * 10 // 13, len(order) * 12 // 13]
    return [(pixels[part], labels[part]) for part in numpy.split(numpy.array(order), ends)]


def write_parts(args, name, seed, parts):
    """The parts as an NPZ file; its name."""
    arrays = {}
    for part, (pixels, labels) in zip(("train", "val", "test"), parts):
        arrays |= {f"{part}_images": (pixels.shape, pixels.tobytes()), f"{part}_labels": (labels.shape, labels.tobytes())}
    write_npz(args.work / f"torch-{name}-{seed}.npz", arrays)
    return f"torch-{name}-{seed}.npz"


def first(reached, value):
    """When a trial first had at least `value`, in seconds; `None` if none had."""
    return next((round(seconds, 1) for seconds, other in reached if other >= value), None)


def compare(args, name, seed):
    """The rows of one set and seed."""
    parts = samples(args, name, seed)
    data, top = write_parts(args, name, seed, parts), 16 if name == "digits" else 255
    scaled = [(pixels.reshape(len(pixels), -1) / numpy.float32(top), labels.astype("i8")) for pixels, labels in parts[:2]]
    peers = {peer: theirs(args, peer, scaled, seed) for peer in args.peers}
    best = {peer: max(value for _, value in reached) for peer, (reached, _) in peers.items()}
    # Accuracies of PyTorch have single precision.
    least = {peer: value - 1e-6 for peer, value in best.items()}
    searched = {own: ours(args, own, data, seed, max(least.values())) for own in OURS}
    row = lambda program, reached, per_hour: {
        "set": name, "seed": seed, "minutes": args.minutes, "program": program, "trials_per_hour": per_hour,
        "validation": round(max(value for _, value in reached), 5)}
    rows = [row(own, *found) for own, found in searched.items()]
    return rows + [row(peer, *found) | {
        "seconds": first(found[0], least[peer]),
        "seconds_of": {own: first(reached, least[peer]) for own, (reached, _) in searched.items()},
    } for peer, found in peers.items()]


def earlier(args):
    """The rows of an earlier run on other sets."""
    path = PROJECT / "results/torch_search.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    return [row for row in rows if row["set"] not in args.sets]


def main():
    args = arguments(__doc__, minutes=3.0, seeds=3, threads=2, sets=["digits", "mnist10k"], peers=list(PEERS))
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(args.threads)
    rows = earlier(args)
    for name in args.sets:
        for seed in range(args.seeds):
            rows += compare(args, name, seed)
            print(*rows[-len(args.peers) - len(OURS):], sep="\n", flush=True)
            command = f"python benches/peers/torch_search.py --seeds {args.seeds} --threads {args.threads} --minutes MINUTES"
            write("torch_search", command, rows, threads=args.threads, peers=f"Optuna {optuna.__version__}, PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
