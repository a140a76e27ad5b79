//! Connections between the inputs of a layer and its cores.

use std::ops::Range;

use ndarray::s;

use crate::backend::quantize::IntegerLayer;

/// The connections of a layer: pairs of an input and a neuron whose weight is not zero.
pub(crate) struct Connections<'a> {
    layer: &'a IntegerLayer,
    /// (elements): whether any channel has a weight other than zero.
    used: Vec<bool>,
}

impl<'a> Connections<'a> {
    pub(crate) fn new(layer: &'a IntegerLayer) -> Self {
        let used = layer.weights.rows().into_iter().map(|row| row.iter().any(|&weight| weight != 0));
        Self { layer, used: used.collect() }
    }

    /// Calls `visit(input, element, channels)` for every connection of an input to some of the
    /// neurons `placed`. `placed` is a range of the layer's placed neurons, where each neuron may
    /// have copies.
    ///
    /// `element` is the kernel element, a row of the layer's weights. `channels` are the channels
    /// of `placed` at one position of the window. Each position, and each copy of it, gets its own
    /// call.
    pub(crate) fn for_each(&self, placed: Range<usize>, mut visit: impl FnMut(usize, usize, Range<usize>)) {
        let (neurons, channels) = (self.layer.neurons(), self.layer.channels());
        let mut next = placed.start;
        while next < placed.end {
            let (position, channel) = (next % neurons / channels, next % channels);
            let end = channels.min(channel + placed.end - next);
            self.layer.connectivity.for_each_input(position, |input, element| {
                if self.used[element]
                    && ((channel, end) == (0, channels) || self.reaches(element, channel..end))
                {
                    visit(input, element, channel..end);
                }
            });
            next += end - channel;
        }
    }

    /// Whether any of these channels has a weight at `element`.
    fn reaches(&self, element: usize, channels: Range<usize>) -> bool {
        self.layer.weights.slice(s![element, channels]).iter().any(|&weight| weight != 0)
    }

    /// An upper bound of [`fan_in`](Self::fan_in): the inputs of all channels of a position together.
    pub(crate) fn most_inputs(&self) -> u64 {
        let inputs = |position: usize| {
            let mut count = 0;
            self.layer
                .connectivity
                .for_each_input(position, |_, element| count += u64::from(self.used[element]));
            count
        };
        (0..self.layer.connectivity.positions()).map(inputs).max().unwrap_or(0)
    }

    /// The number of inputs of the neuron that has most.
    pub(crate) fn fan_in(&self) -> u64 {
        let mut counts = vec![0; self.layer.channels()];
        let mut inputs = |position: usize| {
            counts.fill(0);
            self.layer.connectivity.for_each_input(position, |_, element| {
                let weights = self.layer.weights.row(element);
                counts.iter_mut().zip(weights).for_each(|(count, &weight)| *count += u64::from(weight != 0));
            });
            counts.iter().copied().max().unwrap_or(0)
        };
        (0..self.layer.connectivity.positions()).map(&mut inputs).max().unwrap_or(0)
    }
}

/// Adds up numbers by input, for one core at a time; the memory is reused.
pub(crate) struct Counter {
    counts: Vec<u32>,
    touched: Vec<u32>,
}

impl Counter {
    pub(crate) fn new(inputs: usize) -> Self {
        Self { counts: vec![0; inputs], touched: Vec::new() }
    }

    pub(crate) fn add(&mut self, input: usize, count: usize) {
        if self.counts[input] == 0 && count > 0 {
            self.touched.push(input as u32);
        }
        self.counts[input] += count as u32;
    }

    /// Pairs of an input and its sum, for every input whose sum is not zero. Resets all sums.
    pub(crate) fn take(&mut self) -> Vec<(u32, u32)> {
        let take = |input: u32| (input, std::mem::take(&mut self.counts[input as usize]));
        self.touched.drain(..).map(take).collect()
    }
}

/// For each input the cores that receive it, in rising order, with one number for each core. The
/// number is a count of neurons or of synaptic operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CoresByInput {
    /// Entries of input i lie from `ends[i]` to `ends[i + 1]`.
    entries: Vec<(u32, u32)>,
    ends: Vec<usize>,
    /// One number per input if there is a single core: 0 where it does not receive the input.
    alone: Option<Vec<u32>>,
}

impl CoresByInput {
    /// Makes the table from the pairs (input, number) of each core.
    pub(crate) fn new(inputs: usize, cores: &[Vec<(u32, u32)>]) -> Self {
        let mut ends = vec![0; inputs + 1];
        cores.iter().flatten().for_each(|&(input, _)| ends[input as usize + 1] += 1);
        (0..inputs).for_each(|input| ends[input + 1] += ends[input]);
        let mut next = ends.clone();
        let mut entries = vec![(0, 0); ends[inputs]];
        for (core, inputs) in (0..).zip(cores) {
            for &(input, number) in inputs {
                entries[next[input as usize]] = (core, number);
                next[input as usize] += 1;
            }
        }
        let alone = match cores {
            [core] => {
                let mut numbers = vec![0; inputs];
                core.iter().for_each(|&(input, number)| numbers[input as usize] = number);
                Some(numbers)
            }
            _ => None,
        };
        Self { entries, ends, alone }
    }

    /// Adds up the numbers of `inputs` for each core: calls `visit(core, part)` at least once for
    /// every core that receives one of them. The parts of a core make up its sum.
    pub(crate) fn for_each_sum(&self, inputs: &[u32], mut visit: impl FnMut(usize, u64)) {
        if let Some(numbers) = &self.alone {
            return visit(0, inputs.iter().map(|&input| u64::from(numbers[input as usize])).sum());
        }
        for &input in inputs {
            self.of(input as usize)
                .iter()
                .for_each(|&(core, number)| visit(core as usize, u64::from(number)));
        }
    }

    /// The sum of all inputs' numbers, input i counted `times[i]` times.
    pub(crate) fn sum(&self, times: &[u32]) -> u64 {
        let sum = |(&times, numbers): (&u32, u64)| u64::from(times) * numbers;
        match &self.alone {
            Some(numbers) => times.iter().zip(numbers.iter().map(|&number| u64::from(number))).map(sum).sum(),
            None => {
                let of = |input| self.of(input).iter().map(|&(_, number)| u64::from(number)).sum();
                times.iter().zip((0..).map(of)).map(sum).sum()
            }
        }
    }

    /// The number of inputs.
    pub(crate) fn inputs(&self) -> usize {
        self.ends.len() - 1
    }

    /// (core, number) of each core that receives `input`.
    pub(crate) fn of(&self, input: usize) -> &[(u32, u32)] {
        &self.entries[self.ends[input]..self.ends[input + 1]]
    }

    /// The same inputs and cores, with the same `number` for each of them.
    pub(crate) fn with(&self, number: u32) -> Self {
        let entries = self.entries.iter().map(|&(core, _)| (core, number)).collect();
        let changed = |&old: &u32| if old > 0 { number } else { 0 };
        let alone = self.alone.as_ref().map(|numbers| numbers.iter().map(changed).collect());
        Self { entries, ends: self.ends.clone(), alone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fan_lists_the_cores_of_each_input() {
        let mut counter = Counter::new(3);
        counter.add(2, 1);
        counter.add(0, 0);
        counter.add(2, 4);
        let first = counter.take();
        counter.add(2, 7);
        counter.add(1, 3);
        let fan = CoresByInput::new(3, &[first, counter.take()]);
        assert_eq!(
            [0, 1, 2].map(|input| fan.of(input).to_vec()),
            [vec![], vec![(1, 3)], vec![(0, 5), (1, 7)]]
        );
        assert_eq!(fan.with(9).of(1), [(1, 9)]);
        let sums = |fan: &CoresByInput| {
            let mut sums = [0, 0];
            fan.for_each_sum(&[0, 1, 2], |core, number| sums[core] += number);
            sums
        };
        assert_eq!((sums(&fan), sums(&fan.with(9))), ([5, 10], [9, 18]));
        assert_eq!((fan.sum(&[1, 1, 1]), fan.sum(&[7, 2, 3])), (15, 42));
        let alone = CoresByInput::new(3, &[vec![(0, 4), (2, 5)]]);
        assert_eq!(alone.sum(&[2, 7, 3]), 23);
        assert_eq!((sums(&alone), sums(&alone.with(9))), ([9, 0], [18, 0]));
    }
}
