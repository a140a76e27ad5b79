//! Routes of spikes over the mesh.
//!
//! A packet goes east or west first, then north or south, on the shortest path. Inputs enter, and
//! the spikes of output neurons leave, at the tile of core 0.

use crate::backend::profile::{PacketCounting, Topology};

/// The path of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path {
    /// Number of hops to the east or west.
    pub east_west: u32,
    /// Number of hops to the north or south.
    pub north_south: u32,
    /// Number of crossings from a chip to the next.
    pub crossings: u32,
}

/// The packets that one spike of one neuron sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    /// Number of packets.
    pub packets: u64,
    /// Hops of all packets to the east or west.
    pub hops_east_west: u64,
    /// Hops of all packets to the north or south.
    pub hops_north_south: u64,
    /// Crossings of all packets from a chip to the next.
    pub crossings: u64,
    /// The distinct paths of the packets.
    pub paths: Vec<Path>,
}

impl Route {
    fn add(&mut self, path: Path) {
        self.packets += 1;
        self.hops_east_west += u64::from(path.east_west);
        self.hops_north_south += u64::from(path.north_south);
        self.crossings += u64::from(path.crossings);
        if !self.paths.contains(&path) {
            self.paths.push(path);
        }
    }
}

/// The packets of one spike. `axons` has the core of every receiving axon, `copies` the cores with
/// the copies of the neuron that fires; see [`for_each_packet`].
pub(crate) fn route(
    copies: &[usize],
    axons: &[usize],
    topology: &Topology,
    counting: PacketCounting,
) -> Route {
    let mut route = Route::default();
    for_each_packet(copies, axons, counting, |from, to| route.add(topology.path(from, to)));
    route
}

/// Calls `visit(from, to)` with the sending and the receiving core of every packet of a spike.
///
/// `axons` has the core number of every receiving axon; axons of one core follow one another. Each
/// copy of the neuron sends to an equal share of the axons. The copies lie on the cores `copies`.
pub(crate) fn for_each_packet(
    copies: &[usize],
    axons: &[usize],
    counting: PacketCounting,
    mut visit: impl FnMut(usize, usize),
) {
    let per_copy = axons.len().div_ceil(copies.len()).max(1);
    for (copy, axons) in copies.iter().zip(axons.chunks(per_copy)) {
        let mut last = None;
        for &destination in axons {
            let repeated = last.replace(destination) == Some(destination);
            if counting == PacketCounting::PerDestinationAxon || !repeated {
                visit(*copy, destination);
            }
        }
    }
}

impl Topology {
    /// The path from one core to another.
    pub(crate) fn path(&self, from: usize, to: usize) -> Path {
        let crossings = self.chip(from).abs_diff(self.chip(to));
        let Some([width, _]) = self.mesh else { return Path { crossings, ..Path::default() } };
        let place = |core: usize| {
            let tile = (core - self.chip(core) as usize * self.cores_of_chip()) as u32 / self.cores_per_tile;
            (self.chip(core) * width + tile % width, tile / width)
        };
        let ((x, y), (to_x, to_y)) = (place(from), place(to));
        Path { east_west: x.abs_diff(to_x), north_south: y.abs_diff(to_y), crossings }
    }

    /// The number of the chip that a core lies on.
    pub(crate) fn chip(&self, core: usize) -> u32 {
        (core / self.cores_of_chip()) as u32
    }

    /// The number of cores of all chips; `None`: no limit.
    pub(super) fn all_cores(&self) -> Option<u64> {
        self.cores.map(|cores| u64::from(cores) * u64::from(self.chips))
    }

    fn cores_of_chip(&self) -> usize {
        self.cores.map_or(usize::MAX, |cores| cores as usize)
    }

    /// The number of tiles that these cores lie on.
    pub(crate) fn tiles(&self, cores: impl Iterator<Item = usize>) -> u32 {
        let mut tiles: Vec<(u32, usize)> = cores
            .map(|core| {
                let chip = self.chip(core);
                (chip, (core - chip as usize * self.cores_of_chip()) / self.cores_per_tile as usize)
            })
            .collect();
        tiles.sort_unstable();
        tiles.dedup();
        tiles.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Placement;

    const MESH: Topology = Topology {
        chips: 2,
        cores: Some(128),
        layers_share_cores: false,
        cores_per_tile: 4,
        mesh: Some([8, 4]),
        placement: Placement::RowMajor,
    };

    fn path(from: usize, to: usize) -> (u32, u32, u32) {
        let Path { east_west, north_south, crossings } = MESH.path(from, to);
        (east_west, north_south, crossings)
    }

    #[test]
    fn hops_are_counted_between_tiles_in_row_major_order() {
        assert_eq!(path(0, 3), (0, 0, 0));
        assert_eq!(path(3, 4), (1, 0, 0));
        assert_eq!(path(0, 8 * 4), (0, 1, 0));
        assert_eq!(path(127, 0), (7, 3, 0));
        assert_eq!([0, 1, 4, 5, 128, 129].map(|cores| MESH.tiles(0..cores)), [0, 1, 1, 2, 32, 33]);
    }

    #[test]
    fn the_next_chip_lies_to_the_east() {
        assert_eq!(path(0, 128), (8, 0, 1));
        assert_eq!(path(31, 128), (1, 0, 1));
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
        // With fewer axons than copies, the last copies have none.
        assert_eq!(route(&[0, 8, 127], &[8]), (1, 2, 0));
        assert_eq!(route(&[0], &[]), (0, 0, 0));
    }
}
