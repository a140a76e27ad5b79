//! The processor's matrix unit, Intel AMX with bytes: what it multiplies, and whether it is there.
//!
//! The one place that speaks to it, in assembly language, since the compiler's own functions for it are not stable.

use std::sync::OnceLock;

/// SimulatedLayer of inputs that a step multiplies.
pub(super) const ROWS: usize = 16;

/// Inputs of a row in a step.
pub(super) const INPUTS: usize = 64;

/// Neurons that a step adds to.
pub(super) const NEURONS: usize = 16;

/// The levels of some inputs, in a line of the cache.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub(super) struct Line(pub [u8; INPUTS]);

/// The weights of [`INPUTS`] inputs to [`NEURONS`] neurons, in the unit's order: a row holds four inputs of every
/// neuron.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Tile([i8; INPUTS * NEURONS]);

impl Tile {
    /// The tile of these weights, by input and neuron.
    pub fn new(weight: impl Fn(usize, usize) -> i8) -> Self {
        Self(std::array::from_fn(|at| weight(at / (4 * NEURONS) * 4 + at % 4, at / 4 % NEURONS)))
    }
}

/// The sums of two times [`NEURONS`] neurons for each of two times [`ROWS`] rows.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Square(pub [[i32; 2 * NEURONS]; 2 * ROWS]);

impl Default for Square {
    fn default() -> Self {
        Self([[0; 2 * NEURONS]; 2 * ROWS])
    }
}

/// Whether this process may use the unit.
pub(super) fn is_there() -> bool {
    static IS_THERE: OnceLock<bool> = OnceLock::new();
    *IS_THERE.get_or_init(machine::is_allowed)
}

/// The unit, set up on this thread until it is dropped.
pub(super) struct MatrixUnit(std::marker::PhantomData<*const ()>);

impl MatrixUnit {
    /// Sets it up.
    ///
    /// # Panics
    /// If it is not there.
    pub fn new() -> Self {
        assert!(is_there(), "the processor has a matrix unit");
        // SAFETY: it is there, and this process may use it.
        unsafe { machine::configure() };
        Self(std::marker::PhantomData)
    }

    /// Writes to `sums`, or with `adds` adds to them, modulo 2^32, the products of two tiles of rows with two of
    /// neurons, summed over all `rows` and `tiles`.
    ///
    /// A tile of rows has a line of each, and is followed by those of further inputs; so are the tiles of neurons.
    /// Behind the first of them lie the second.
    ///
    /// # Panics
    /// If there are none, or not as many of the ones as of the others.
    #[inline(always)]
    pub fn multiply(&self, rows: &[Line], tiles: &[Tile], sums: &mut Square, adds: bool) {
        let steps = tiles.len() / 2;
        assert!(steps > 0 && tiles.len() == 2 * steps && rows.len() == 2 * ROWS * steps);
        // SAFETY: the unit is set up; all rows and tiles that are read lie within their memory, as was just seen.
        unsafe { machine::multiply(rows.as_ptr(), tiles.as_ptr(), sums, steps, adds) }
    }
}

impl Drop for MatrixUnit {
    fn drop(&mut self) {
        // SAFETY: it was set up on this thread, which it cannot leave.
        unsafe { machine::release() };
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod machine {
    use std::arch::asm;
    use std::arch::x86_64::__cpuid_count;

    use super::{INPUTS, Line, NEURONS, ROWS, Square, Tile};

    /// Whether the processor has the unit and the kernel lets this process use it.
    pub fn is_allowed() -> bool {
        /// `ARCH_REQ_XCOMP_PERM`, and the state that is asked for: the tiles' data.
        const ASK: (libc::c_long, libc::c_long) = (0x1023, 18);
        /// Tiles, and products of bytes.
        const FEATURES: u32 = 0b11 << 24;
        let has_features = __cpuid_count(0, 0).eax >= 7 && __cpuid_count(7, 0).edx & FEATURES == FEATURES;
        // SAFETY: the call reads and writes no memory of ours; kernels that do not know it answer with an error.
        has_features && unsafe { libc::syscall(libc::SYS_arch_prctl, ASK.0, ASK.1) } == 0
    }

    /// Tells the unit that all eight tiles have 16 rows of 64 bytes.
    ///
    /// # Safety
    /// The process may use the unit.
    pub unsafe fn configure() {
        #[repr(C, align(64))]
        struct Shapes([u8; 64]);
        let mut shapes = Shapes([0; 64]);
        shapes.0[0] = 1;
        for tile in 0..8 {
            shapes.0[16 + 2 * tile] = INPUTS as u8;
            shapes.0[48 + tile] = ROWS as u8;
        }
        // SAFETY: the shapes are 64 bytes of the form that the instruction reads.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) shapes.0.as_ptr(), options(nostack, preserves_flags, readonly));
        }
    }

    /// Sets the unit back.
    ///
    /// # Safety
    /// The process may use the unit.
    pub unsafe fn release() {
        // SAFETY: the instruction touches the unit alone.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags, nomem)) };
    }

    /// What [`super::MatrixUnit::multiply`] says: sums in tiles 0 to 3, rows in 4 and 5, weights in 6 and 7.
    ///
    /// # Safety
    /// The unit is set up on this thread. Readable are 32 times `steps` lines and twice `steps` tiles. There is a step.
    #[inline(always)]
    pub unsafe fn multiply(
        rows: *const Line,
        tiles: *const Tile,
        sums: &mut Square,
        steps: usize,
        adds: bool,
    ) {
        let sums = sums.0.as_mut_ptr();
        // SAFETY: the caller's promise; the tiles are named as changed.
        unsafe {
            asm!(
                "test {adds}, {adds}",
                "jnz 3f",
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "jmp 2f",
                "3:",
                "tileloadd tmm0, [{sums} + {pitch}*1]",
                "tileloadd tmm1, [{sums} + {pitch}*1 + 64]",
                "tileloadd tmm2, [{below} + {pitch}*1]",
                "tileloadd tmm3, [{below} + {pitch}*1 + 64]",
                "2:",
                "tileloadd tmm4, [{rows} + {line}*1]",
                "tileloadd tmm6, [{tiles} + {line}*1]",
                "tdpbusd tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{others} + {line}*1]",
                "tdpbusd tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{later} + {line}*1]",
                "tdpbusd tmm2, tmm5, tmm6",
                "tdpbusd tmm3, tmm5, tmm7",
                "add {rows}, 1024",
                "add {later}, 1024",
                "add {tiles}, 1024",
                "add {others}, 1024",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{sums} + {pitch}*1], tmm0",
                "tilestored [{sums} + {pitch}*1 + 64], tmm1",
                "tilestored [{below} + {pitch}*1], tmm2",
                "tilestored [{below} + {pitch}*1 + 64], tmm3",
                sums = in(reg) sums,
                below = in(reg) sums.wrapping_add(ROWS),
                pitch = in(reg) 2 * NEURONS * size_of::<i32>(),
                rows = inout(reg) rows => _,
                later = inout(reg) rows.wrapping_add(ROWS * steps) => _,
                adds = in(reg) usize::from(adds),
                tiles = inout(reg) tiles => _,
                others = inout(reg) tiles.wrapping_add(steps) => _,
                line = in(reg) size_of::<Line>(),
                steps = inout(reg) steps => _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}

/// Other processors have no such unit, so nothing here is ever called but the question for it.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
mod machine {
    use super::{Line, Square, Tile};

    pub fn is_allowed() -> bool {
        false
    }

    pub unsafe fn configure() {
        unreachable!("there is no unit");
    }

    pub unsafe fn release() {
        unreachable!("there is no unit");
    }

    pub unsafe fn multiply(_: *const Line, _: *const Tile, _: &mut Square, _: usize, _: bool) {
        unreachable!("there is no unit");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::RngExt;

    use super::*;
    use crate::seed::Seed;

    proptest! {
        #[test]
        fn sums_are_the_products_of_all_bytes(steps in 1usize..4, adds: bool, seed: u64) {
            // Elsewhere there is nothing to test: no tile is ever made.
            if !is_there() {
                return Ok(());
            }
            let mut stream = Seed::root(seed).stream();
            let rows: Vec<Line> =
                (0..2 * ROWS * steps).map(|_| Line(std::array::from_fn(|_| stream.random()))).collect();
            let weights: Vec<[[i8; NEURONS]; INPUTS]> = (0..2 * steps)
                .map(|_| std::array::from_fn(|_| std::array::from_fn(|_| stream.random())))
                .collect();
            let tiles: Vec<Tile> =
                weights.iter().map(|tile| Tile::new(|input, neuron| tile[input][neuron])).collect();
            let before = Square(std::array::from_fn(|_| std::array::from_fn(|_| stream.random())));
            let mut sums = before.clone();
            MatrixUnit::new().multiply(&rows, &tiles, &mut sums, adds);
            for (row, (sums, before)) in sums.0.iter().zip(&before.0).enumerate() {
                for (neuron, (&sum, &before)) in sums.iter().zip(before).enumerate() {
                    let product = |step: usize| {
                        let weights = &weights[neuron / NEURONS * steps + step];
                        let levels = rows[(row / ROWS * steps + step) * ROWS + row % ROWS].0;
                        let of = |i: usize| i32::from(levels[i]) * i32::from(weights[i][neuron % NEURONS]);
                        (0..INPUTS).map(of).sum()
                    };
                    let start = if adds { before } else { 0 };
                    prop_assert_eq!(sum, (0..steps).map(product).fold(start, i32::wrapping_add));
                }
            }
        }
    }
}
