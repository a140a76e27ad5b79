//! The ways of spikes over the mesh.
//!
//! A packet goes east or west first, then north or south, by the shortest way. Inputs enter, and the output
//! neurons' spikes leave, at the tile of core 0.

use super::profile::{PacketCounting, Topology};

/// What one spike of one neuron sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Route {
    /// Packets.
    pub packets: u64,
    /// Hops of all packets to the east or west.
    pub hops_east_west: u64,
    /// Hops of all packets to the north or south.
    pub hops_north_south: u64,
    /// Every distance that a packet goes, east-west and north-south.
    pub distances: Vec<(u32, u32)>,
}

impl Route {
    fn add(&mut self, (east_west, north_south): (u32, u32)) {
        self.packets += 1;
        self.hops_east_west += u64::from(east_west);
        self.hops_north_south += u64::from(north_south);
        if !self.distances.contains(&(east_west, north_south)) {
            self.distances.push((east_west, north_south));
        }
    }
}

/// What a spike sends to `axons`, which lie on the cores of these numbers: those of one core follow one
/// another. They are shared out evenly among the copies of its neuron, which lie on the cores `copies`.
pub(super) fn route(
    copies: &[usize],
    axons: &[usize],
    topology: &Topology,
    counting: PacketCounting,
) -> Route {
    let mut route = Route::default();
    let per_copy = axons.len().div_ceil(copies.len()).max(1);
    for (copy, axons) in copies.iter().zip(axons.chunks(per_copy)) {
        let mut last = None;
        for &destination in axons {
            let repeated = last.replace(destination) == Some(destination);
            if counting == PacketCounting::PerDestinationAxon || !repeated {
                route.add(topology.distance(*copy, destination));
            }
        }
    }
    route
}

impl Topology {
    /// Hops east-west and north-south between two cores.
    fn distance(&self, from: usize, to: usize) -> (u32, u32) {
        let Some([width, _]) = self.mesh else { return (0, 0) };
        let place = |core: usize| {
            let tile = core as u32 / self.cores_per_tile;
            (tile % width, tile / width)
        };
        let ((x, y), (to_x, to_y)) = (place(from), place(to));
        (x.abs_diff(to_x), y.abs_diff(to_y))
    }

    /// Tiles that the first `cores` cores lie on.
    pub(super) fn tiles(&self, cores: usize) -> u32 {
        (cores as u32).div_ceil(self.cores_per_tile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESH: Topology = Topology { cores: Some(128), cores_per_tile: 4, mesh: Some([8, 4]) };

    #[test]
    fn hops_are_counted_between_tiles_in_row_major_order() {
        assert_eq!(MESH.distance(0, 3), (0, 0));
        assert_eq!(MESH.distance(3, 4), (1, 0));
        assert_eq!(MESH.distance(0, 8 * 4), (0, 1));
        assert_eq!(MESH.distance(127, 0), (7, 3));
        assert_eq!([0, 1, 4, 5, 128].map(|cores| MESH.tiles(cores)), [0, 1, 1, 2, 32]);
    }

    #[test]
    fn a_packet_goes_to_every_core_or_to_every_axon() {
        let axons = [4, 4, 36, 36];
        let cores = route(&[0], &axons, &MESH, PacketCounting::PerDestinationCore);
        assert_eq!((cores.packets, cores.hops_east_west, cores.hops_north_south), (2, 2, 1));
        let axons = route(&[0], &axons, &MESH, PacketCounting::PerDestinationAxon);
        assert_eq!((axons.packets, axons.hops_east_west, axons.hops_north_south), (4, 4, 2));
    }

    #[test]
    fn each_copy_sends_from_its_own_core() {
        let route = |copies: &[usize], axons: &[usize]| {
            let route = route(copies, axons, &MESH, PacketCounting::PerDestinationAxon);
            (route.packets, route.hops_east_west, route.hops_north_south)
        };
        assert_eq!(route(&[0, 8], &[8, 8]), (2, 2, 0));
        // Where there are fewer axons than copies, the last copies have none.
        assert_eq!(route(&[0, 8, 127], &[8]), (1, 2, 0));
        assert_eq!(route(&[0], &[]), (0, 0, 0));
    }
}
