"""Would inherited weights rank topologies better than a short training from scratch?

    TUNE_DATA_DIR=FOLDER python3 benches/inherited_weights.py [--parents 30] [--seed 0]

FOLDER has `optdigits/optdigits.tes`. Random networks of binary activations are trained by PyTorch. Each has four
children by one mutation: another width, kernel or pooling, a layer more or less. A child inherits the weights that
fit; behind what has no counterpart all begins anew. Wider layers get copies of random units, whose outgoing weights
are shared; a layer more of the same width begins as the identity. These are exact: the child decides as its parent
did, which the script checks.

The script prints, for each way to judge a child, Spearman's correlation with its accuracy trained from scratch (16
epochs, mean of three other seeds, on validation and test samples): over all children, and within the children of a
parent. About 15 minutes of one thread.
"""

import argparse
import copy
import math
import os
import pathlib
import random
import statistics

import scipy.stats
import torch
from torch import nn

WIDTHS = {"convolutions": [4, 8, 12, 16, 24, 32, 48], "dense": [16, 32, 48, 64, 96, 128, 192]}
SIDE, CLASSES, OUTPUTS = 8, 10, 100
MOST_LAYERS, CHILDREN = 3, 4
WHOLE, HALF, SHORT = 16, 8, 4


def digits():
    """Training, validation and test samples: pixels from 0 to 1 and classes."""
    path = pathlib.Path(os.environ["TUNE_DATA_DIR"]) / "optdigits/optdigits.tes"
    rows = [[int(cell) for cell in line.split(",")] for line in path.read_text().split()]
    random.Random(0).shuffle(rows)
    table = torch.tensor(rows)
    pixels, classes = table[:, :-1].float().view(-1, 1, SIDE, SIDE) / 16, table[:, -1]
    return [(pixels[part], classes[part]) for part in (slice(0, 1150), slice(1150, 1450), slice(1450, None))]


class Step(torch.autograd.Function):
    """1 where the input reaches 0.5; backwards a boxcar of width 1."""

    @staticmethod
    def forward(context, inputs):
        context.save_for_backward(inputs)
        return (inputs >= 0.5).float()

    @staticmethod
    def backward(context, gradient):
        (inputs,) = context.saved_tensors
        return gradient * ((inputs - 0.5).abs() < 0.5)


class Network(nn.Module):
    """Convolutions (channels, kernel, whether pooled), dense layers (width), and outputs counted per class."""

    def __init__(self, genome):
        super().__init__()
        self.genome, self.layers, self.norms = genome, nn.ModuleList(), nn.ModuleList()
        channels = 1
        for width, kernel, _ in genome["convolutions"]:
            self.layers.append(nn.Conv2d(channels, width, kernel, padding=kernel // 2))
            self.norms.append(nn.BatchNorm2d(width))
            channels = width
        inputs = channels * side(genome) ** 2
        for width in genome["dense"]:
            self.layers.append(nn.Linear(inputs, width))
            self.norms.append(nn.BatchNorm1d(width))
            inputs = width
        self.layers.append(nn.Linear(inputs, OUTPUTS))

    def forward(self, inputs):
        convolutions = len(self.genome["convolutions"])
        for index, (layer, norm) in enumerate(zip(self.layers, self.norms)):
            inputs = Step.apply(norm(layer(inputs if index < convolutions else inputs.flatten(1))))
            if index < convolutions and self.genome["convolutions"][index][2] and inputs.shape[-1] >= 4:
                inputs = nn.functional.max_pool2d(inputs, 2)
        return Step.apply(self.layers[-1](inputs.flatten(1))).view(len(inputs), CLASSES, -1).sum(2) / 4


def side(genome):
    """The side of the image behind the convolutions."""
    length = SIDE
    for _, _, is_pooled in genome["convolutions"]:
        length //= 2 if is_pooled and length >= 4 else 1
    return length


def train(network, data, epochs, seed):
    """The network after `epochs` epochs of Adam with a cosine."""
    torch.manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * -(-len(data[0]) // 64))
    network.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(data[0])).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(data[0][chosen]), data[1][chosen]).backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def fresh(genome, seed):
    """A network before its training."""
    torch.manual_seed(seed)
    return Network(genome)


def right(network, *parts):
    """The share of right answers on all samples of `parts`."""
    with torch.no_grad():
        hits = sum((network(pixels).argmax(1) == classes).sum().item() for pixels, classes in parts)
    return hits / sum(len(classes) for _, classes in parts)


def draw(stream):
    """A random genome of one to four layers."""
    while True:
        convolutions = [draw_layer("convolutions", stream) for _ in range(stream.randint(0, 2))]
        dense = [draw_layer("dense", stream) for _ in range(stream.randint(0, 2))]
        if convolutions or dense:
            return {"convolutions": convolutions, "dense": dense}


def draw_layer(kind, stream):
    if kind == "dense":
        return stream.choice(WIDTHS[kind])
    return stream.choice(WIDTHS[kind][:5]), stream.choice([3, 5]), stream.random() < 0.5


def mutant(parent, stream):
    """A child by one mutation and, for each of its layers, the number of the parent's layer; None for a new one."""
    while True:
        child, origins = copy.deepcopy(parent), {kind: list(range(len(parent[kind]))) for kind in parent}
        kind, change = stream.choice(list(WIDTHS)), stream.choice(["width", "width", "more", "less", "window"])
        layers, at = child[kind], stream.randrange(len(child[kind])) if child[kind] else None
        if change == "more" and len(layers) < MOST_LAYERS:
            at = stream.randint(0, len(layers))
            is_copy = at > 0 and stream.random() < 0.5
            layer = layers[at - 1] if is_copy else draw_layer(kind, stream)
            layers.insert(at, (*layer[:2], False) if kind == "convolutions" else layer)
            origins[kind].insert(at, None)
        elif change == "less" and layers:
            del layers[at], origins[kind][at]
        elif change == "width" and layers:
            width = stream.choice(WIDTHS[kind])
            layers[at] = (width, *layers[at][1:]) if kind == "convolutions" else width
        elif change == "window" and layers and kind == "convolutions":
            width, kernel, is_pooled = layers[at]
            layers[at] = (width, 8 - kernel, is_pooled) if stream.random() < 0.5 else (width, kernel, not is_pooled)
        if child != parent:
            return child, origins


def copied_units(old, new, stream):
    """For each of `new` units the one of `old` units that it copies, and its share of the outgoing weights."""
    sources = [*range(min(old, new)), *(stream.randrange(old) for _ in range(new - old))]
    return torch.tensor(sources), torch.tensor([1 / sources.count(source) for source in sources])


def window(weights, kernel):
    """The weights in a window of another size, around the same centre."""
    grown = (kernel - weights.shape[-1]) // 2
    return nn.functional.pad(weights, [grown] * 4) if grown else weights


def become_identity(layer, norm):
    """A new layer passes on its inputs, which are 0 or 1."""
    layer.weight.zero_()
    middle = [layer.kernel_size[0] // 2] * 2 if isinstance(layer, nn.Conv2d) else []
    for unit in range(len(layer.weight)):
        layer.weight[(unit, unit, *middle)] = 1
    layer.bias.zero_()
    norm.weight.fill_(math.sqrt(1 + norm.eps))


def inherit(parent, genome, origins, seed):
    """The child `genome` of the network `parent`, with the weights that fit."""
    child, stream = fresh(genome, seed), random.Random(seed)
    convolutions, old = len(genome["convolutions"]), len(parent.genome["convolutions"])
    numbers = [*origins["convolutions"], *(None if of is None else old + of for of in origins["dense"]), len(parent.layers) - 1]
    # The parent's units that feed the layer, and their shares; None once they are unknown.
    sources, shares, before = torch.tensor([0]), torch.ones(1), -1
    with torch.no_grad():
        for index, (layer, number) in enumerate(zip(child.layers, numbers)):
            if index == convolutions and sources is not None:
                area = side(genome) ** 2
                is_same = area == side(parent.genome) ** 2
                sources = (sources[:, None] * area + torch.arange(area)).flatten() if is_same else None
                shares = shares.repeat_interleave(area)
            inputs = layer.weight.shape[1]
            if number is None:
                if sources is not None and inputs == len(layer.weight):
                    become_identity(layer, child.norms[index])
                else:
                    sources = None
                continue
            origin, follows, before = parent.layers[number], number == before + 1, number
            if sources is None or not follows or len(sources) != inputs:
                sources = None
                continue
            units, next_shares = copied_units(len(origin.weight), len(layer.weight), stream)
            weights = origin.weight[units][:, sources] * shares.view(-1, *[1] * (origin.weight.dim() - 2))
            layer.weight.copy_(window(weights, layer.weight.shape[-1]) if weights.dim() == 4 else weights)
            layer.bias.copy_(origin.bias[units])
            if index < len(child.norms):
                for name in ("weight", "bias", "running_mean", "running_var"):
                    getattr(child.norms[index], name).copy_(getattr(parent.norms[number], name)[units])
            sources, shares = units, next_shares
    return child.eval()


def check_exact(training, validation):
    """Wider and deeper children decide as their parent does, before any training."""
    genome = {"convolutions": [(8, 3, False)], "dense": [32]}
    parent = train(fresh(genome, 1), training, HALF, 1)
    same = {"convolutions": [0], "dense": [0]}
    children = [
        ({**genome, "convolutions": [(16, 3, False)]}, same), ({**genome, "dense": [64]}, same),
        ({**genome, "convolutions": [(8, 5, False)]}, same), ({**genome, "dense": [32, 32]}, {**same, "dense": [0, None]}),
        ({**genome, "convolutions": [(8, 3, False)] * 2}, {**same, "convolutions": [0, None]}),
    ]
    for child, origins in children:
        decided = inherit(parent, child, origins, 3)(validation[0]).argmax(1)
        assert torch.equal(decided, parent(validation[0]).argmax(1)), child


def judge(parent, genome, origins, parts, seed):
    """The accuracy of a child trained from scratch, and by each way to judge it."""
    training, validation, test = parts
    scratch = lambda epochs, more: train(fresh(genome, seed + more), training, epochs, seed + more)
    heir = inherit(parent, genome, origins, seed)
    return {
        "accuracy": statistics.fmean(right(scratch(WHOLE, more), validation, test) for more in (1, 2, 3)),
        f"{WHOLE} epochs": right(scratch(WHOLE, 4), validation), f"{HALF} epochs": right(scratch(HALF, 5), validation),
        f"{SHORT} epochs": right(scratch(SHORT, 6), validation), "inherited": right(heir, validation),
        f"inherited, {SHORT} epochs": right(train(heir, training, SHORT, seed + 6), validation),
    }


def correlation(children, way):
    """Spearman's correlation with the accuracy; None where all children are judged alike."""
    known = [child["accuracy"] for child in children], [child[way] for child in children]
    return None if min(len(set(values)) for values in known) == 1 else scipy.stats.spearmanr(*known)[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parents", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    parts, stream, families = digits(), random.Random(args.seed), []
    check_exact(*parts[:2])
    for number in range(args.parents):
        seed = 1000 * (args.parents * args.seed + number)
        genome = draw(stream)
        parent = train(fresh(genome, seed), parts[0], WHOLE, seed)
        families.append([judge(parent, *mutant(genome, stream), parts, seed + 10 * child) for child in range(1, CHILDREN + 1)])
    everyone = [child for family in families for child in family]
    print(f"{len(everyone)} children, mean accuracy {statistics.fmean(child['accuracy'] for child in everyone):.4f}")
    print("| judged by | mean | correlation | within a family |\n|---|---|---|---|")
    for way in list(everyone[0])[1:]:
        within = [found for family in families if (found := correlation(family, way)) is not None]
        mean = statistics.fmean(child[way] for child in everyone)
        print(f"| {way} | {mean:.4f} | {correlation(everyone, way):.2f} | {statistics.fmean(within):.2f} |")


if __name__ == "__main__":
    main()
