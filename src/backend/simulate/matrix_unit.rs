//! The processor's matrix unit: Intel AMX, with products of bytes.
//!
//! Only this file uses the unit. It does so in assembly language, because Rust's functions for AMX
//! are not stable.

use std::sync::OnceLock;

/// Rows of inputs in a tile.
pub(super) const ROWS: usize = 16;

/// Inputs of a row in a tile.
pub(super) const INPUTS: usize = 64;

/// Neurons in a tile.
pub(super) const NEURONS: usize = 16;

/// Levels of [`INPUTS`] inputs, in one cache line.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub(super) struct Line(pub [u8; INPUTS]);

/// Weights from [`INPUTS`] inputs to [`NEURONS`] neurons, in the order that the matrix unit wants:
/// a row holds four inputs of every neuron.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Tile([i8; INPUTS * NEURONS]);

impl Tile {
    /// The tile of the weights `weight(input, neuron)`.
    pub fn new(weight: impl Fn(usize, usize) -> i8) -> Self {
        Self(std::array::from_fn(|at| weight(at / (4 * NEURONS) * 4 + at % 4, at / 4 % NEURONS)))
    }
}

/// Sums of twice [`NEURONS`] neurons for twice [`ROWS`] rows.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Square(pub [[i32; 2 * NEURONS]; 2 * ROWS]);

impl Default for Square {
    fn default() -> Self {
        Self([[0; 2 * NEURONS]; 2 * ROWS])
    }
}

/// Whether this process may use the matrix unit.
pub(super) fn is_there() -> bool {
    static IS_THERE: OnceLock<bool> = OnceLock::new();
    *IS_THERE.get_or_init(machine::is_allowed)
}

/// The matrix unit, configured for this thread until it is dropped.
pub(super) struct MatrixUnit(std::marker::PhantomData<*const ()>);

impl MatrixUnit {
    /// Configures the matrix unit for this thread.
    ///
    /// # Panics
    /// If [`is_there`] is false.
    pub fn new() -> Self {
        assert!(is_there(), "the processor has a matrix unit");
        // SAFETY: the unit is there, and this process may use it.
        unsafe { machine::configure() };
        Self(std::marker::PhantomData)
    }

    /// Multiplies inputs with weights: sums of two tiles of rows for two tiles of neurons, over all
    /// inputs, modulo 2^32.
    ///
    /// Writes the sums to `sums`, or adds them if `adds` is true. `rows` has the inputs of the
    /// first 16 rows, [`INPUTS`] at a time, then those of the second 16 rows. `tiles` has the
    /// weights of the first 16 neurons in the same order, then those of the second 16.
    ///
    /// # Panics
    /// If there are no tiles, or the numbers of rows and tiles do not match.
    #[inline(always)]
    pub fn multiply(&self, rows: &[Line], tiles: &[Tile], sums: &mut Square, adds: bool) {
        let steps = tiles.len() / 2;
        assert!(steps > 0 && tiles.len() == 2 * steps && rows.len() == 2 * ROWS * steps);
        // SAFETY: the unit is configured, and all rows and tiles read lie within their slices, as
        // just checked.
        unsafe { machine::multiply(rows.as_ptr(), tiles.as_ptr(), sums, steps, adds) }
    }
}

impl Drop for MatrixUnit {
    fn drop(&mut self) {
        // SAFETY: the unit was configured on this thread, which it cannot leave.
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
        /// The request `ARCH_REQ_XCOMP_PERM` to the kernel, and the state to permit: number 18, the
        /// data of tiles.
        const ASK: (libc::c_long, libc::c_long) = (0x1023, 18);
        /// Bits of the processor's features: tiles, and products of bytes in tiles.
        const FEATURES: u32 = 0b11 << 24;
        let has_features = __cpuid_count(0, 0).eax >= 7 && __cpuid_count(7, 0).edx & FEATURES == FEATURES;
        // SAFETY: the call reads and writes no memory of ours; kernels without it return an error.
        has_features && unsafe { libc::syscall(libc::SYS_arch_prctl, ASK.0, ASK.1) } == 0
    }

    /// Configures all eight tiles of the matrix unit with 16 rows of 64 bytes.
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
        // SAFETY: the instruction reads 64 bytes, which `shapes` has.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) shapes.0.as_ptr(), options(nostack, preserves_flags, readonly));
        }
    }

    /// Releases the matrix unit.
    ///
    /// # Safety
    /// The process may use the unit.
    pub unsafe fn release() {
        // SAFETY: the instruction changes nothing but the unit.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags, nomem)) };
    }

    /// [`super::MatrixUnit::multiply`] on the tiles of the unit: sums are in tiles 0 to 3, rows of
    /// inputs in 4 and 5, weights in 6 and 7.
    ///
    /// # Safety
    /// The unit is configured on this thread. `rows` has 32 times `steps` lines, `tiles` twice
    /// `steps` tiles, and `steps` is at least 1.
    #[inline(always)]
    pub unsafe fn multiply(
        rows: *const Line,
        tiles: *const Tile,
        sums: &mut Square,
        steps: usize,
        adds: bool,
    ) {
        let sums = sums.0.as_mut_ptr();
        // SAFETY: the caller guarantees the pointers; the tiles are declared as changed.
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

/// Stands in on other processors. They have no matrix unit, so only `is_allowed` is called.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
mod machine {
    use super::{Line, Square, Tile};

    /// Always false.
    pub fn is_allowed() -> bool {
        false
    }

    /// Never called.
    pub unsafe fn configure() {
        unreachable!("there is no unit");
    }

    /// Never called.
    pub unsafe fn release() {
        unreachable!("there is no unit");
    }

    /// Never called.
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
            // Without a matrix unit there is nothing to test.
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
