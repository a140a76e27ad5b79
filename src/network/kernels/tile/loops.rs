//! The two innermost loops over terms, for any kind of register.

#![expect(
    clippy::needless_range_loop,
    reason = "a register's index is that of the formulas, and these loops vanish"
)]

use super::{LoopNest, Runs};
use crate::network::kernels::register::Register;
use crate::network::kernels::{LANES, Lanes};

/// [`super::gather`] with M rows.
///
/// # Safety
/// As [`super::gather`], on a processor that has the features of R.
#[inline(always)]
pub unsafe fn gather<R: Register, const M: usize>(
    rows: &[*const f32],
    runs: &Runs,
    panel: *const Lanes,
    out: &[*mut Lanes],
    add: bool,
) {
    // SAFETY: as promised by the caller.
    unsafe {
        let mut starts = [std::ptr::null::<f32>(); M];
        starts.copy_from_slice(&rows[..M]);
        let mut sums = [R::zero(); M];
        if add {
            for r in 0..M {
                sums[r] = R::load(out[r]);
            }
        }
        let mut panel = panel;
        for outer in 0..runs.outer.0 {
            for inner in 0..runs.inner.0 {
                let offset = outer * runs.outer.1 + inner * runs.inner.1;
                let rows = starts.map(|row| row.wrapping_add(offset));
                for k in 0..runs.length {
                    let lanes = R::load(panel);
                    for r in 0..M {
                        sums[r] = sums[r].plus(*rows[r].add(k), lanes);
                    }
                    panel = panel.add(1);
                }
            }
        }
        for r in 0..M {
            sums[r].store(out[r]);
        }
    }
}

/// [`super::outer`] with M rows.
///
/// # Safety
/// As [`super::outer`], on a processor that has the features of R.
#[inline(always)]
pub unsafe fn outer<R: Register, const M: usize>(
    left: *const f32,
    right: *const Lanes,
    nest: &LoopNest,
    out: *mut Lanes,
    add: bool,
) {
    let [planes, lines, positions] = *nest;
    let right = right.cast::<f32>();
    // SAFETY: as promised by the caller.
    unsafe {
        let mut sums = [R::zero(); M];
        if add {
            for r in 0..M {
                sums[r] = R::load(out.add(r));
            }
        }
        for plane in 0..planes.0 {
            for line in 0..lines.0 {
                let mut a = left.add(plane * planes.1 + line * lines.1);
                let mut b = right.add((plane * planes.2 + line * lines.2) * LANES);
                for _ in 0..positions.0 {
                    let lanes = R::load(b.cast());
                    for r in 0..M {
                        sums[r] = sums[r].plus(*a.add(r), lanes);
                    }
                    a = a.wrapping_add(positions.1);
                    b = b.wrapping_add(positions.2 * LANES);
                }
            }
        }
        for r in 0..M {
            sums[r].store(out.add(r));
        }
    }
}
