//! How long a step takes, by the profile's numbers.
//!
//! A core does its operations and updates one after the other. A step ends when the slowest core is done,
//! the farthest packet has arrived and all tiles in use have met at the barrier; on a chip with a fixed
//! step it takes that.

use super::constants::{Barrier, TimeConstants};
use super::profile::ChipProfile;
use crate::units::Seconds;

/// Durations of one inference.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Timing {
    /// The sum of its steps.
    pub latency: Seconds,
    /// The longest of its steps.
    pub period: Seconds,
}

impl Timing {
    pub(super) fn add_step(&mut self, step: Seconds) {
        self.latency += step;
        self.period = Seconds(self.period.0.max(step.0));
    }
}

/// Durations of the profile.
#[derive(Clone, Debug)]
pub(super) enum Clock {
    /// Every step takes the same time.
    Fixed(Seconds),
    /// A step ends when all is done.
    Barrier {
        operation: Seconds,
        active: Seconds,
        inactive: Seconds,
        packet: Seconds,
        hops: (Seconds, Seconds),
        barrier: Seconds,
    },
}

impl Clock {
    /// The clock, if the profile has the numbers.
    pub(super) fn new(profile: &ChipProfile, cores: usize) -> Option<Self> {
        let time = &profile.time;
        if let Some(step) = &time.step {
            return Some(Self::Fixed(step.time()));
        }
        Some(Self::Barrier {
            operation: time.synaptic_operation.as_ref()?.time(),
            active: time.neuron_active.as_ref()?.time(),
            inactive: time.neuron_inactive.as_ref()?.time(),
            packet: time.spike.as_ref()?.time(),
            hops: hop_times(time, profile.topology.mesh.is_some())?,
            barrier: time.barrier.as_ref()?.duration(profile.topology.tiles(cores)),
        })
    }

    /// The step of a layer with these placed neurons and operations on its cores, whose packets go these
    /// distances.
    pub(super) fn step<'a>(
        &self,
        neurons: &[u64],
        operations: &[u64],
        distances: impl Iterator<Item = &'a (u32, u32)>,
    ) -> Seconds {
        match self {
            Self::Fixed(step) => *step,
            Self::Barrier { operation, active, inactive, packet, hops, barrier } => {
                let core = |(&operations, &neurons): (&u64, &u64)| {
                    let update = if operations > 0 { *active } else { *inactive };
                    *operation * operations as f64 + update * neurons as f64
                };
                let flight = |&(x, y): &(u32, u32)| *packet + hops.0 * f64::from(x) + hops.1 * f64::from(y);
                slowest(operations.iter().zip(neurons).map(core)) + slowest(distances.map(flight)) + *barrier
            }
        }
    }
}

/// The longest, or zero if there is none.
fn slowest(times: impl Iterator<Item = Seconds>) -> Seconds {
    Seconds(times.map(|time| time.0).fold(0.0, f64::max))
}

fn hop_times(time: &TimeConstants, mesh: bool) -> Option<(Seconds, Seconds)> {
    match mesh {
        true => Some((time.hop_east_west.as_ref()?.time(), time.hop_north_south.as_ref()?.time())),
        false => Some((Seconds(0.0), Seconds(0.0))),
    }
}

impl Barrier {
    /// With this many tiles; outside the measured range the nearest end counts.
    fn duration(&self, tiles: u32) -> Seconds {
        let [few, many] = self.tiles;
        let share = f64::from(tiles.clamp(few, many) - few) / f64::from(many - few);
        self.shortest.time() * (1.0 - share) + self.longest.time() * share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_takes_longer_with_more_tiles() {
        let barrier = ChipProfile::builtin("loihi1").unwrap().time.barrier.unwrap();
        let close = |found: f64, expected: f64| assert!((found - expected).abs() <= expected * 1e-12);
        close(barrier.duration(0).0, 113e-9);
        close(barrier.duration(32).0, 465e-9);
        close(barrier.duration(2).0, (113.0 + 352.0 / 31.0) * 1e-9);
    }
}
