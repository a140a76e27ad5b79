//! The peak of the processor: products and sums in registers, which no loop over memory can exceed.

use std::hint::black_box;

/// Independent sums: enough to hide the latency of a fused operation of four or five cycles.
const CHAINS: usize = 12;

/// Floating-point operations of [`fused`] in `rounds` rounds.
pub const fn operations(rounds: usize) -> usize {
    rounds * CHAINS * 8 * 2
}

/// Runs fused products and sums at the full rate of one thread.
#[cfg(target_arch = "x86_64")]
pub fn fused(rounds: usize) -> f32 {
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx2,fma")]
    fn wide(rounds: usize) -> f32 {
        let mut sums = [_mm256_set1_ps(1.0); CHAINS];
        let (factor, term) = (_mm256_set1_ps(0.5), _mm256_set1_ps(black_box(0.25)));
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(*sum, factor, term);
            }
        }
        sums.iter().map(|&sum| _mm256_cvtss_f32(sum)).sum()
    }

    let able = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    assert!(able, "the peak of this processor needs another loop");
    // SAFETY: the processor has the features.
    unsafe { wide(rounds) }
}

/// Runs products and sums at the full rate of one thread.
#[cfg(not(target_arch = "x86_64"))]
pub fn fused(rounds: usize) -> f32 {
    let mut sums = [[1.0f32; 8]; CHAINS];
    for _ in 0..rounds {
        for sum in sums.as_flattened_mut() {
            *sum = sum.mul_add(0.5, black_box(0.25));
        }
    }
    sums.as_flattened().iter().sum()
}
