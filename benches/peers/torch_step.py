"""Times PyTorch on the networks of the Rust benchmarks, one measurement for each line of input.

    python torch_step.py [--images PATH]
        [--train-images PATH --train-labels PATH --test-images PATH --test-labels PATH]

A driver that compares several programs starts each once and asks them alternately, so all meet the
same load of the machine. Each line asks for one measurement; one line of JSON answers it. An empty
line or the end of the input ends the program. Before the first answer it prints
{"ready": true, "torch": version}.

    NET BATCH THREADS REPEATS       times REPEATS training steps; NET is mlp, lenet or vgg
    train THREADS [EPOCHS]          times a whole training on the given images (default: 21 epochs)

The answer to the first has net, batch, threads, layout ("default" or "channels_last", the faster in
a short trial), repeats, wall_min, wall_median, cpu_min, cpu_median. Times are seconds per step; CPU
seconds are those of all threads of the process together.

The answer to the second has net, batch, threads, epochs, wall, cpu (seconds from the first step to
the last evaluation, without loading) and accuracies, one per epoch. After a failure the answer is
{"error": reason}, and the program reads the next line.

A step is zero_grad, forward, cross-entropy, backward and fused Adam. All nets have biases, no norm
and no dropout. Activations are the bounded step at sharpness 0, clamp((x - 1/2) / 1.001 + 1/2, 0, 1).
The 100 output neurons have it too. A key of 10 classes with 10 neurons each turns them into scores
(2a - 1)(2K' - 1).

    mlp     784, 512, 512, 100
    lenet   28x28x1: conv 5x5x32, max pool 2, conv 5x5x64, max pool 2, dense 512, 100
    vgg     32x32x3: conv 3x3 padding 1 of 64, 64, pool, 128, 128, pool, dense 256, 100

Pooling comes before the activation. Since the activation is monotonic, outputs are the same, for a
quarter of the work. Images are MNIST's (--images, an IDX file, .gz or not, or an .npy array of
bytes), cut or padded to the net's shape. Without --images they are random with 19 % of the pixels
on. Initial weights are scaled down and initial biases are 1/2, so neurons start in the middle of
the step, where gradients flow.

train: 784, 256, 64, 100, Adadelta (rate 4, rho 0.95, epsilon 1e-7), batch 128, including a last
short batch. Samples are shuffled in each epoch, and each epoch ends with the accuracy on the test
images.
"""

import argparse
import gzip
import json
import statistics
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

CLASSES, NEURONS = 10, 10
SHAPES = {"mlp": (784,), "lenet": (1, 28, 28), "vgg": (3, 32, 32)}


def bounded(x):
    """The sharpened step at sharpness 0."""
    return torch.clamp((x - 0.5) / 1.001 + 0.5, 0.0, 1.0)


class Step(nn.Module):
    """`bounded` as a layer."""

    def forward(self, x):
        return bounded(x)


class Head(nn.Module):
    """Scores of the classes from the activations of the output neurons."""

    def __init__(self):
        super().__init__()
        key = torch.eye(CLASSES).repeat_interleave(NEURONS, dim=1)
        self.register_buffer("signs", (2 * key - 1).t().contiguous())

    def forward(self, a):
        return (2 * a - 1) @ self.signs


def dense(*widths):
    """Dense layers, each with its step."""
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), Step()]
    return layers


def build(net):
    """The network of that name."""
    torch.manual_seed(1)
    pool = nn.MaxPool2d(2)
    outputs = CLASSES * NEURONS
    if net == "mlp":
        layers = dense(784, 512, 512, outputs)
    elif net == "lenet":
        layers = [nn.Conv2d(1, 32, 5), pool, Step(), nn.Conv2d(32, 64, 5), pool, Step()]
        layers += [nn.Flatten(), *dense(1024, 512, outputs)]
    elif net == "vgg":
        layers = []
        for inputs, width in ((3, 64), (64, 128)):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), Step()]
            layers += [nn.Conv2d(width, width, 3, padding=1), pool, Step()]
        layers += [nn.Flatten(), *dense(8192, 256, outputs)]
    else:
        layers = dense(784, 256, 64, outputs)
    model = nn.Sequential(*layers, Head())
    for layer in model:
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            nn.init.constant_(layer.bias, 0.5)
            with torch.no_grad():
                layer.weight.mul_(0.5)
    return model


def read(path):
    """An IDX or .npy file as an array of bytes."""
    if path.endswith(".npy"):
        return np.load(path)
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        content = file.read()
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is not an IDX file of bytes")
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def batch_of(net, batch, images):
    """Inputs in the net's shape and labels."""
    shape = SHAPES[net]
    generator = torch.Generator().manual_seed(2)
    labels = torch.randint(CLASSES, (batch,), generator=generator)
    if images is None:
        on = torch.rand((batch, *shape), generator=generator) < 0.19
        return on * torch.rand((batch, *shape), generator=generator), labels
    images = torch.from_numpy(images[np.arange(batch) % len(images)].astype(np.float32) / 255)
    images = images.reshape(batch, -1, 28, 28)[:, :1]
    if net == "mlp":
        return images.reshape(batch, 784), labels
    side = shape[1] - 28
    padded = F.pad(images, (side // 2, side - side // 2, side // 2, side - side // 2))
    return padded.expand(batch, *shape).contiguous(), labels


def stepper(net, layout, inputs, labels):
    """A function that runs one training step."""
    model = build(net)
    if layout == "channels_last":
        model = model.to(memory_format=torch.channels_last)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()

    return step


def timed(step, repeats):
    """Wall and CPU seconds of each of `repeats` steps."""
    wall, cpu = [], []
    for _ in range(repeats):
        started = time.perf_counter(), time.process_time()
        step()
        wall.append(time.perf_counter() - started[0])
        cpu.append(time.process_time() - started[1])
    return wall, cpu


def measure_step(net, batch, threads, repeats, images):
    """Times the training step of a net in the faster layout."""
    if net not in SHAPES:
        raise ValueError(f"no net {net}: there are {', '.join(SHAPES)}")
    torch.set_num_threads(threads)
    data = batch_of(net, batch, images)
    layouts = ["default"] if net == "mlp" else ["default", "channels_last"]
    steps = {layout: stepper(net, layout, *data) for layout in layouts}
    trials = {}
    for layout, step in steps.items():
        step()
        trials[layout] = min(timed(step, 3)[0]) if len(layouts) > 1 else 0.0
    layout = min(trials, key=trials.get)
    wall, cpu = timed(steps[layout], repeats)
    return {
        "net": net,
        "batch": batch,
        "threads": threads,
        "layout": layout,
        "repeats": repeats,
        "wall_min": min(wall),
        "wall_median": statistics.median(wall),
        "cpu_min": min(cpu),
        "cpu_median": statistics.median(cpu),
    }


def measure_training(threads, epochs, paths):
    """Times a whole training, evaluations included."""
    if None in paths:
        raise ValueError("train needs --train-images, --train-labels, --test-images and --test-labels")
    torch.set_num_threads(threads)
    sets = (torch.from_numpy(read(path).copy()) for path in paths)
    train_images, train_labels, test_images, test_labels = sets
    train_images, test_images = (x.reshape(len(x), -1).float() / 255 for x in (train_images, test_images))
    train_labels, test_labels = train_labels.long(), test_labels.long()
    model = build("training")
    optimizer = torch.optim.Adadelta(model.parameters(), lr=4.0, rho=0.95, eps=1e-7)
    accuracies = []
    started = time.perf_counter(), time.process_time()
    for _ in range(epochs):
        for chosen in torch.randperm(len(train_images)).split(128):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(train_images[chosen]), train_labels[chosen])
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            right = model(test_images).argmax(1) == test_labels
            accuracies.append(round(right.float().mean().item(), 4))
    return {
        "net": "784-256-64-100",
        "batch": 128,
        "threads": threads,
        "epochs": epochs,
        "wall": time.perf_counter() - started[0],
        "cpu": time.process_time() - started[1],
        "accuracies": accuracies,
    }


def answer(words, images, paths):
    """The answer to a line of words."""
    if words[0] == "train":
        threads, epochs = (int(word) for word in (words[1:] + ["21"])[:2])
        return measure_training(threads, epochs, paths)
    net, (batch, threads, repeats) = words[0], (int(word) for word in words[1:])
    return measure_step(net, batch, threads, repeats, images)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", help="images for the steps; random if left out")
    names = ["train-images", "train-labels", "test-images", "test-labels"]
    for name in names:
        parser.add_argument(f"--{name}", help="an IDX file, .gz or not, for `train`")
    arguments = vars(parser.parse_args())
    images = arguments["images"] and read(arguments["images"])
    paths = [arguments[name.replace("-", "_")] for name in names]
    print(json.dumps({"ready": True, "torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        words = line.split()
        if not words:
            break
        try:
            result = answer(words, images, paths)
        except ValueError as error:
            result = {"error": str(error)}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
