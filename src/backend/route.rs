//! The ways of spikes over the mesh.
//!
//! A packet goes east or west first, then north or south, by the shortest way. Inputs enter, and the output
//! neurons' spikes leave, at the tile of core 0.

use super::mapping::LayerMapping;
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

/// From the input port to every core of `layer`, over one or several axons each.
pub(super) fn from_input(layer: &LayerMapping, topology: &Topology, counting: PacketCounting) -> Route {
    let mut route = Route::default();
    let packets = match counting {
        PacketCounting::PerDestinationCore => 1,
        PacketCounting::PerDestinationAxon => layer.axons_per_input,
    };
    for core in &layer.cores {
        for _ in 0..packets {
            route.add(topology.distance(0, core.number));
        }
    }
    route
}

/// From neuron `neuron` of `layer` to every core of the layer `above`; `None`: to the output port.
pub(super) fn between(
    layer: &LayerMapping,
    neuron: usize,
    above: Option<&LayerMapping>,
    topology: &Topology,
    counting: PacketCounting,
) -> Route {
    let mut route = Route::default();
    let per_copy = layer.targets.div_ceil(layer.copies);
    let mut last = None;
    for target in 0..layer.targets {
        let copy = target / per_copy;
        let destination = above.map_or(0, |above| above.cores[target / above.axons_per_input].number);
        let repeated = last.replace((copy, destination)) == Some((copy, destination));
        if counting == PacketCounting::PerDestinationAxon || !repeated {
            let source = &layer.cores[layer.core_of(copy * layer.neurons + neuron)];
            route.add(topology.distance(source.number, destination));
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
    use super::super::mapping::Core;
    use super::*;

    const MESH: Topology = Topology { cores: Some(128), cores_per_tile: 4, mesh: Some([8, 4]) };

    fn layer(numbers: &[usize], neurons: usize, copies: usize, targets: usize) -> LayerMapping {
        let each = neurons * copies / numbers.len();
        let core = |(index, &number)| Core {
            number,
            first: index * each,
            neurons: each,
            in_axons: 0,
            out_axons: 0,
            synapse_bits: 0,
        };
        let cores = numbers.iter().enumerate().map(core).collect();
        LayerMapping { cores, neurons, copies, targets, axons_per_input: 2 }
    }

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
        let above = layer(&[4, 36], 2, 1, 1);
        let below = layer(&[0], 6, 1, 4);
        let cores = between(&below, 5, Some(&above), &MESH, PacketCounting::PerDestinationCore);
        assert_eq!((cores.packets, cores.hops_east_west, cores.hops_north_south), (2, 2, 1));
        let axons = between(&below, 5, Some(&above), &MESH, PacketCounting::PerDestinationAxon);
        assert_eq!((axons.packets, axons.hops_east_west, axons.hops_north_south), (4, 4, 2));
        assert_eq!(from_input(&above, &MESH, PacketCounting::PerDestinationAxon), axons);
    }

    #[test]
    fn each_copy_sends_from_its_own_core() {
        // Copies 0 and 1 of the three neurons lie on cores 0 and 8; the target on core 8 has two axons.
        let below = layer(&[0, 8], 3, 2, 2);
        let above = layer(&[8], 2, 1, 1);
        let route = between(&below, 1, Some(&above), &MESH, PacketCounting::PerDestinationAxon);
        assert_eq!((route.packets, route.hops_east_west, route.hops_north_south), (2, 2, 0));
    }
}
