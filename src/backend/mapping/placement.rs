//! Placement: where on the mesh the cores of a network lie.
//!
//! Every hop of a packet costs energy and time, so cores that exchange packets should be
//! neighbours. Placement minimizes the sum of hops over all connections, as if every neuron fired
//! equally often. A local search swaps cores, and moves them to free places, while that sum falls.
//! It runs twice, from tiles row by row and from a compact block, and the better result is kept.
//! The number of tiles in use stays at its minimum.

use std::collections::HashMap;

use super::core::{LayerMapping, Mapping};
use super::route::for_each_packet;
use crate::backend::profile::{Counting, OutputCounting, Placement, Topology};

/// Most distances between two cores that the search computes. Networks of a few hundred cores need
/// far fewer.
const BUDGET: u64 = 1 << 24;

/// With more than [`FEW`] places, the search tries only places within this number of hops.
const NEAR: u32 = 2;

/// Up to this number of places, the search tries every place for every core.
const FEW: usize = 256;

/// Moves the cores of `mapping` to shorten the paths of spikes.
///
/// Does nothing without a mesh, on several chips, or if the profile asks for cores row by row.
pub(crate) fn place(mapping: &mut Mapping, topology: &Topology, counting: &Counting) {
    let cores = mapping.cores();
    let has_several_tiles = mapping.size(topology).tiles > 1;
    let is_one_chip = mapping.size(topology).chips == 1;
    let Some(mesh) = topology.mesh else { return };
    if topology.placement == Placement::RowMajor || !has_several_tiles || !is_one_chip {
        return;
    }
    let traffic = Traffic::new(mapping, cores, counting);
    let tiles = cores.div_ceil(topology.cores_per_tile as usize);
    let starts = [row_major(tiles), on_chip(block(tiles, mesh), topology)];
    let descended = starts.map(|tiles| Descent::new(&traffic, &tiles, topology).run());
    let places = descended.into_iter().min_by_key(|&(_, hops)| hops).map(|(places, _)| places);
    for core in mapping.layers.iter_mut().flat_map(|layer| &mut layer.cores) {
        core.number = places.as_ref().expect("one of two starts")[core.number];
    }
}

/// The first tiles in row-major order.
fn row_major(tiles: usize) -> Vec<usize> {
    (0..tiles).collect()
}

/// The tiles of a block that is about as wide as high; every second row runs backwards.
fn block(tiles: usize, [width, height]: [u32; 2]) -> Vec<usize> {
    let (width, height) = (width as usize, height as usize);
    let side = (1..=width).find(|side| side * side >= tiles).unwrap_or(width).max(tiles.div_ceil(height));
    let column = |index: usize| match index / side % 2 {
        0 => index % side,
        _ => side - 1 - index % side,
    };
    (0..tiles).map(|index| index / side * width + column(index)).collect()
}

/// The tiles of `order` that have all of their cores, then as many others in row-major order as are
/// missing. A mesh may have more places than the chip has cores; the last places are then empty.
fn on_chip(order: Vec<usize>, topology: &Topology) -> Vec<usize> {
    let whole = topology.cores.map_or(usize::MAX, |cores| (cores / topology.cores_per_tile) as usize);
    let mut tiles: Vec<usize> = order.iter().copied().filter(|&tile| tile < whole).collect();
    let others: Vec<usize> =
        (0..).filter(|tile| !tiles.contains(tile)).take(order.len() - tiles.len()).collect();
    tiles.extend(others);
    tiles
}

/// Numbers of connections between cores.
struct Traffic {
    /// For each core the other cores that it exchanges packets with, each with the number of
    /// connections in both directions together.
    partners: Vec<Vec<(usize, u64)>>,
    /// For each core the number of connections from the network's input and to its output.
    outside: Vec<u64>,
}

impl Traffic {
    fn new(mapping: &Mapping, cores: usize, counting: &Counting) -> Self {
        let mut counts: HashMap<(usize, usize), u64> = HashMap::new();
        let mut outside = vec![0; cores];
        for input in 0..mapping.layers.first().map_or(0, LayerMapping::inputs) {
            for_each_packet(&[0], &mapping.axons(0, input), counting.packets, |_, to| outside[to] += 1);
        }
        for (index, layer) in mapping.layers.iter().enumerate() {
            let is_output = index + 1 == mapping.layers.len();
            for neuron in 0..layer.neurons {
                let axons = mapping.axons(index + 1, neuron);
                for_each_packet(
                    &layer.copies_of(neuron),
                    &axons,
                    counting.packets,
                    |from, to| match is_output {
                        false => *counts.entry((from.min(to), from.max(to))).or_default() += 1,
                        true => outside[from] += u64::from(counting.outputs == OutputCounting::Sent),
                    },
                );
            }
        }
        let mut partners = vec![Vec::new(); cores];
        for ((one, other), count) in counts.into_iter().filter(|&((one, other), _)| one != other) {
            partners[one].push((other, count));
            partners[other].push((one, count));
        }
        // The order of a hash map is random; sums of whole numbers do not depend on it.
        Self { partners, outside }
    }
}

/// A local search for places of the cores.
struct Descent<'a> {
    traffic: &'a Traffic,
    /// The core numbers that the network may take, one for each place of the search.
    numbers: Vec<usize>,
    /// For each place its tile: from west to east, from north to south.
    tiles: Vec<(u32, u32)>,
    /// For each core its place, an index in `numbers`.
    places: Vec<usize>,
    /// For each place its core.
    owners: Vec<Option<usize>>,
    budget: u64,
}

impl<'a> Descent<'a> {
    fn new(traffic: &'a Traffic, order: &[usize], topology: &Topology) -> Self {
        let [width, _] = topology.mesh.unwrap_or([1, 1]);
        let per_tile = topology.cores_per_tile as usize;
        let on_chip = topology.cores.map_or(usize::MAX, |cores| cores as usize);
        let tile = |&number: &usize| {
            let tile = (number / per_tile) as u32;
            (tile % width, tile / width)
        };
        let numbers = order.iter().flat_map(|tile| tile * per_tile..(tile + 1) * per_tile);
        let numbers: Vec<usize> = numbers.filter(|&number| number < on_chip).collect();
        let cores = traffic.partners.len();
        Self {
            traffic,
            tiles: numbers.iter().map(tile).collect(),
            places: (0..cores).collect(),
            owners: (0..numbers.len()).map(|place| Some(place).filter(|&core| core < cores)).collect(),
            numbers,
            budget: BUDGET,
        }
    }

    /// Runs the search; returns the number of each core and the hops of all connections.
    fn run(mut self) -> (Vec<usize>, u64) {
        while self.pass() {}
        let hops = |core: usize| {
            let partners = &self.traffic.partners[core];
            let inside: u64 = partners
                .iter()
                .map(|&(other, count)| count * self.hops(self.places[core], self.places[other]))
                .sum();
            // Each pair of partners is counted twice.
            inside + 2 * self.traffic.outside[core] * self.hops_to_the_first(self.places[core])
        };
        let sum = (0..self.places.len()).map(hops).sum::<u64>() / 2;
        (self.places.iter().map(|&place| self.numbers[place]).collect(), sum)
    }

    /// Tries to move every core once; returns whether another pass can help.
    fn pass(&mut self) -> bool {
        let mut helped = false;
        for core in 0..self.places.len() {
            for to in 0..self.numbers.len() {
                let from = self.places[core];
                let is_near = self.numbers.len() <= FEW || self.hops(from, to) <= u64::from(NEAR);
                if self.tiles[from] != self.tiles[to] && is_near && self.gain(core, to) > 0 {
                    self.swap(core, to);
                    helped = true;
                }
            }
        }
        helped && self.budget > 0
    }

    /// The hops saved if `core` moves to place `to` and the core there takes its old place.
    fn gain(&mut self, core: usize, to: usize) -> i64 {
        let (from, other) = (self.places[core], self.owners[to]);
        let partners = |core: usize| self.traffic.partners[core].len() as u64 + 1;
        let distances = partners(core) + other.map_or(0, partners);
        if self.budget < distances {
            self.budget = 0;
            return 0;
        }
        self.budget -= distances;
        let change = |core: usize, from: usize, to: usize, except: Option<usize>| {
            let far = |end: usize| self.hops(from, end) as i64 - self.hops(to, end) as i64;
            let partners = self.traffic.partners[core].iter().filter(|&&(other, _)| Some(other) != except);
            let inside: i64 = partners.map(|&(other, count)| count as i64 * far(self.places[other])).sum();
            let first = self.hops_to_the_first(from) as i64 - self.hops_to_the_first(to) as i64;
            inside + self.traffic.outside[core] as i64 * first
        };
        let others = other.map_or(0, |other| change(other, to, from, Some(core)));
        change(core, from, to, other) + others
    }

    fn swap(&mut self, core: usize, to: usize) {
        let from = self.places[core];
        let other = self.owners[to];
        self.owners.swap(from, to);
        self.places[core] = to;
        other.into_iter().for_each(|other| self.places[other] = from);
    }

    fn hops(&self, from: usize, to: usize) -> u64 {
        let ((x, y), (to_x, to_y)) = (self.tiles[from], self.tiles[to]);
        u64::from(x.abs_diff(to_x) + y.abs_diff(to_y))
    }

    /// Hops to the tile of core 0, where inputs enter and outputs leave.
    fn hops_to_the_first(&self, place: usize) -> u64 {
        let (x, y) = self.tiles[place];
        u64::from(x + y)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::route::route;
    use super::*;
    use crate::backend::fixtures::full;
    use crate::backend::quantize::IntegerNetwork;
    use crate::backend::{ChipProfile, DeployOptions};
    use crate::network::fixtures;

    /// Hops of all connections, path by path.
    fn hops(mapping: &Mapping, profile: &ChipProfile) -> u64 {
        let (topology, packets) = (&profile.topology, profile.counting.packets);
        let of = |copies: &[usize], axons: &[usize]| {
            let route = route(copies, axons, topology, packets);
            route.hops_east_west + route.hops_north_south
        };
        let inputs: u64 =
            (0..mapping.layers[0].inputs()).map(|input| of(&[0], &mapping.axons(0, input))).sum();
        let layers = mapping.layers.iter().enumerate();
        let sent = |(index, layer): (usize, &LayerMapping)| -> u64 {
            (0..layer.neurons)
                .map(|neuron| of(&layer.copies_of(neuron), &mapping.axons(index + 1, neuron)))
                .sum()
        };
        inputs + layers.map(sent).sum::<u64>()
    }

    fn mapped(profile: &ChipProfile, network: &crate::network::BinaryNetwork) -> Mapping {
        let integers = IntegerNetwork::new(network, profile, &DeployOptions::default()).unwrap();
        Mapping::new(&integers, profile).unwrap()
    }

    /// Hops with row-major order, and with short paths.
    fn both(mut profile: ChipProfile, network: &crate::network::BinaryNetwork) -> (u64, u64) {
        profile.topology.placement = Placement::RowMajor;
        let before = hops(&mapped(&profile, network), &profile);
        profile.topology.placement = Placement::ShortWays;
        (before, hops(&mapped(&profile, network), &profile))
    }

    #[test]
    fn a_block_is_as_wide_as_high_within_the_mesh() {
        assert_eq!(block(5, [8, 4]), [0, 1, 2, 10, 9]);
        assert_eq!(block(4, [8, 1]), [0, 1, 2, 3]);
        assert_eq!(row_major(3), [0, 1, 2]);
    }

    #[test]
    fn a_deep_network_saves_a_fifth_of_its_hops() {
        let mut profile = ChipProfile::builtin("loihi1").unwrap();
        profile.core.neurons = Some(16);
        let network = full(&[64, 256, 256, 256, 256, 32]);
        let (before, after) = both(profile, &network);
        assert!((after as f64) < 0.8 * before as f64, "{after} of {before}");
    }

    #[test]
    fn places_of_the_mesh_without_a_core_stay_empty() {
        // 25 of the 32 tiles have all of their cores, and one has two of four. A block of 25 tiles
        // would be seven tiles wide and reach beyond them.
        let mut profile = ChipProfile::builtin("loihi1").unwrap();
        profile.topology.cores = Some(102);
        profile.core.neurons = Some(10);
        for cores in 90..=102 {
            let mapping = mapped(&profile, &full(&[3, 10 * cores - 10, 10]));
            let mut numbers: Vec<usize> = mapping.parts().map(|core| core.number).collect();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), cores);
            assert!(numbers.iter().all(|&number| number < 102), "{cores}: {numbers:?}");
            assert_eq!(mapping.size(&profile.topology).tiles as usize, cores.div_ceil(4));
        }
    }

    #[test]
    fn the_size_of_the_mesh_costs_no_memory() {
        let mut profile = ChipProfile::builtin("loihi1").unwrap();
        profile.core.neurons = Some(10);
        let network = full(&[3, 190, 10]);
        let small = mapped(&profile, &network);
        profile.topology.mesh = Some([65_535, 65_535]);
        profile.topology.cores = Some(u32::MAX);
        let large = mapped(&profile, &network);
        assert_eq!((small.cores(), large.cores()), (20, 20));
        assert!(hops(&large, &profile) <= hops(&small, &ChipProfile::builtin("loihi1").unwrap()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn no_network_has_more_hops_than_row_by_row(seed: u64, neurons in 6u32..20) {
            let mut profile = ChipProfile::builtin("loihi1").unwrap();
            profile.core.neurons = Some(neurons);
            profile.topology.cores = Some(512);
            profile.topology.mesh = Some([16, 8]);
            let network = fixtures::network(seed, 1, 3, 0);
            let (before, after) = both(profile.clone(), &network);
            prop_assert!(after <= before, "{} after {}", after, before);
            let mapping = mapped(&profile, &network);
            let parts = mapping.parts().count();
            prop_assert_eq!(mapping.cores(), parts, "every part has a core of its own");
            let tiles = parts.div_ceil(4) as u32;
            prop_assert_eq!(mapping.size(&profile.topology).tiles, tiles);
        }
    }
}
