//! The latency model: how long each step of the chip takes, by the constants of its profile.
//!
//! A core computes its synaptic operations and neurons one after the other. A step ends when the
//! slowest core is done, the farthest packet has arrived, and all tiles in use have met at the
//! barrier. On a chip with a fixed step, every step takes that time.

use super::core_activity::CoreActivity;
use crate::backend::mapping::core::Size;
use crate::backend::mapping::route::Path;
use crate::backend::profile::ChipProfile;
use crate::backend::profile::constants::{Barrier, NeuronCost, TimeConstants};
use crate::backend::quantize::IntegerNetwork;
use crate::units::Seconds;

/// Durations of one inference.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Timing {
    /// The sum of all steps.
    pub latency: Seconds,
    /// The time from the beginning of one inference to the beginning of the next.
    pub period: Seconds,
}

/// The layer of a part, and the number of the core that it lies on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub layer: usize,
    pub core: usize,
}

/// Durations of steps on one chip.
#[derive(Clone, Debug)]
pub(crate) enum LatencyModel {
    /// Every step takes the same time.
    Fixed(Seconds),
    /// A step ends when cores, packets and barrier are done.
    Barrier(Durations),
}

/// The durations that make up a step.
#[derive(Clone, Debug)]
pub(crate) struct Durations {
    /// Duration of an operation in each layer.
    operations: Vec<Seconds>,
    neuron: NeuronCost<Seconds>,
    packet: Seconds,
    hops: (Seconds, Seconds),
    crossing: Seconds,
    barrier: Seconds,
}

impl LatencyModel {
    /// The latency model for `network`, which occupies `size` (chips, tiles and cores). `None` if
    /// the profile lacks a constant that the model needs.
    pub(crate) fn new(profile: &ChipProfile, network: &IntegerNetwork, size: Size) -> Option<Self> {
        let time = &profile.time;
        if let Some(step) = &time.step {
            return Some(Self::Fixed(step.time()));
        }
        let operation = time.synaptic_operation.as_ref()?;
        Some(Self::Barrier(Durations {
            operations: network.layers.iter().map(|layer| operation.of(&layer.connectivity).time()).collect(),
            neuron: time.neuron.as_ref()?.map(|number| number.time()),
            packet: time.spike.as_ref()?.time(),
            hops: hop_times(time, profile.topology.mesh.is_some())?,
            crossing: match size.chips {
                0 | 1 => Seconds(0.0),
                _ => time.chip_crossing.as_ref()?.time(),
            },
            barrier: barrier_time(time.barrier.as_ref()?, size.tiles),
        }))
    }

    /// The duration of a step. `parts` has the activity of each part of a layer, `paths` the paths of
    /// all packets. The parts on one core are computed one after the other. The memory of `cores` is
    /// reused.
    pub(crate) fn step<'a>(
        &self,
        parts: impl Iterator<Item = (Part, &'a CoreActivity)>,
        paths: impl Iterator<Item = &'a Path>,
        cores: &mut Vec<Seconds>,
    ) -> Seconds {
        match self {
            Self::Fixed(step) => *step,
            Self::Barrier(durations) => {
                cores.clear();
                for (part, activity) in parts {
                    cores.resize(cores.len().max(part.core + 1), Seconds(0.0));
                    cores[part.core] += durations.part(part.layer, activity);
                }
                let core = slowest(cores.iter().copied());
                core + slowest(paths.map(|path| durations.flight(path))) + durations.barrier
            }
        }
    }
}

impl Durations {
    fn part(&self, layer: usize, activity: &CoreActivity) -> Seconds {
        self.operations[layer] * activity.operations as f64 + self.neuron.of(activity)
    }

    fn flight(&self, path: &Path) -> Seconds {
        self.packet
            + self.hops.0 * f64::from(path.east_west)
            + self.hops.1 * f64::from(path.north_south)
            + self.crossing * f64::from(path.crossings)
    }
}

/// The longest of `times`, or zero if there are none.
fn slowest(times: impl Iterator<Item = Seconds>) -> Seconds {
    Seconds(times.map(|time| time.0).fold(0.0, f64::max))
}

fn hop_times(time: &TimeConstants, mesh: bool) -> Option<(Seconds, Seconds)> {
    match mesh {
        true => Some((time.hop_east_west.as_ref()?.time(), time.hop_north_south.as_ref()?.time())),
        false => Some((Seconds(0.0), Seconds(0.0))),
    }
}

/// How long the barrier takes at the end of a step, if `tiles` tiles are in use. Interpolates
/// linearly between two entries of `table`; the first and last entry count beyond the ends.
fn barrier_time(table: &[Barrier], tiles: u32) -> Seconds {
    let above = table.partition_point(|entry| entry.tiles < tiles);
    match (above.checked_sub(1).map(|below| &table[below]), table.get(above)) {
        (None, None) => Seconds(0.0),
        (Some(end), None) | (None, Some(end)) => end.duration.time(),
        (Some(below), Some(above)) => {
            let share = f64::from(tiles - below.tiles) / f64::from(above.tiles - below.tiles);
            below.duration.time() * (1.0 - share) + above.duration.time() * share
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_takes_longer_with_more_tiles() {
        let table = ChipProfile::builtin("loihi1").unwrap().time.barrier.unwrap();
        let close = |tiles, expected: f64| {
            let found = barrier_time(&table, tiles).0;
            assert!((found - expected).abs() <= expected * 1e-12, "{tiles}: {found}");
        };
        close(0, 113e-9);
        close(1, 113e-9);
        close(32, 465e-9);
        close(99, 465e-9);
        close(2, (113.0 + 352.0 / 31.0) * 1e-9);
    }
}
