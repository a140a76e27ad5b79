//! Registers of sixteen floats, for each kind of processor.
//!
//! Functions that are generic over a [`Register`] must be inlined into a function that is compiled
//! for the features of the processor. So all of them are `#[inline(always)]`, closures included.

use super::Lanes;

/// Sixteen floats in one or two registers of the processor.
///
/// Making a value is unsafe. The value then proves that the processor has the features that the
/// methods need.
pub trait Register: Copy {
    /// All 0.
    ///
    /// # Safety
    /// The processor has the features that this kind of register needs.
    unsafe fn zero() -> Self;

    /// The floats at `from`.
    ///
    /// # Safety
    /// The processor has the features that this kind of register needs, and `from` is readable.
    unsafe fn load(from: *const Lanes) -> Self;

    /// Writes the floats to `to`.
    ///
    /// # Safety
    /// `to` is writable.
    unsafe fn store(self, to: *mut Lanes);

    /// `self + factor other`, rounded once, or twice on a processor without fused multiply-add.
    fn plus(self, factor: f32, other: Self) -> Self;

    /// `factor self`
    fn times(self, factor: f32) -> Self;

    /// `self + other`
    fn sum(self, other: Self) -> Self;

    /// `self - other`
    fn difference(self, other: Self) -> Self;
}

/// Plain floats, for any processor.
impl Register for Lanes {
    #[inline(always)]
    unsafe fn zero() -> Self {
        Self::ZERO
    }

    #[inline(always)]
    unsafe fn load(from: *const Lanes) -> Self {
        // SAFETY: the caller's promise.
        unsafe { *from }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut Lanes) {
        // SAFETY: the caller's promise.
        unsafe { *to = self };
    }

    #[inline(always)]
    fn plus(mut self, factor: f32, other: Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(lane, other)| *lane += factor * other);
        self
    }

    #[inline(always)]
    fn times(mut self, factor: f32) -> Self {
        self.0.iter_mut().for_each(|lane| *lane *= factor);
        self
    }

    #[inline(always)]
    fn sum(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(lane, other)| *lane += other);
        self
    }

    #[inline(always)]
    fn difference(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(lane, other)| *lane -= other);
        self
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Lanes, Register};

    /// AVX2 and FMA: the lower and the upper eight floats.
    #[derive(Clone, Copy)]
    pub struct Halves(__m256, __m256);

    impl Register for Halves {
        #[inline(always)]
        unsafe fn zero() -> Self {
            // SAFETY: the caller's promise.
            unsafe { Self(_mm256_setzero_ps(), _mm256_setzero_ps()) }
        }

        #[inline(always)]
        unsafe fn load(from: *const Lanes) -> Self {
            let from = from.cast::<f32>();
            // SAFETY: the caller's promise.
            unsafe { Self(_mm256_load_ps(from), _mm256_load_ps(from.add(8))) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut Lanes) {
            let to = to.cast::<f32>();
            // SAFETY: the caller's promise.
            unsafe {
                _mm256_store_ps(to, self.0);
                _mm256_store_ps(to.add(8), self.1);
            }
        }

        #[inline(always)]
        fn plus(self, factor: f32, other: Self) -> Self {
            // SAFETY: `self` proves the features, here and below.
            unsafe {
                let factor = _mm256_set1_ps(factor);
                Self(_mm256_fmadd_ps(factor, other.0, self.0), _mm256_fmadd_ps(factor, other.1, self.1))
            }
        }

        #[inline(always)]
        fn times(self, factor: f32) -> Self {
            // SAFETY: as above.
            unsafe {
                let factor = _mm256_set1_ps(factor);
                Self(_mm256_mul_ps(factor, self.0), _mm256_mul_ps(factor, self.1))
            }
        }

        #[inline(always)]
        fn sum(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
        }

        #[inline(always)]
        fn difference(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { Self(_mm256_sub_ps(self.0, other.0), _mm256_sub_ps(self.1, other.1)) }
        }
    }

    /// AVX-512.
    #[derive(Clone, Copy)]
    pub struct Wide(__m512);

    impl Register for Wide {
        #[inline(always)]
        unsafe fn zero() -> Self {
            // SAFETY: the caller's promise.
            unsafe { Self(_mm512_setzero_ps()) }
        }

        #[inline(always)]
        unsafe fn load(from: *const Lanes) -> Self {
            // SAFETY: the caller's promise.
            unsafe { Self(_mm512_load_ps(from.cast())) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut Lanes) {
            // SAFETY: the caller's promise.
            unsafe { _mm512_store_ps(to.cast(), self.0) };
        }

        #[inline(always)]
        fn plus(self, factor: f32, other: Self) -> Self {
            // SAFETY: `self` proves the features, here and below.
            unsafe { Self(_mm512_fmadd_ps(_mm512_set1_ps(factor), other.0, self.0)) }
        }

        #[inline(always)]
        fn times(self, factor: f32) -> Self {
            // SAFETY: as above.
            unsafe { Self(_mm512_mul_ps(_mm512_set1_ps(factor), self.0)) }
        }

        #[inline(always)]
        fn sum(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { Self(_mm512_add_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn difference(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { Self(_mm512_sub_ps(self.0, other.0)) }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Halves, Wide};

/// The kind of registers of a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Any processor: [`Lanes`].
    Portable,
    /// AVX2 with FMA: two registers of 8 floats, [`Halves`].
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512: one register of 16 floats, [`Wide`].
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The widest kind of this processor.
    #[inline]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                return Self::Avx512;
            }
            if has_avx2() {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// All kinds that this processor has.
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        let all = [
            (Self::Portable, true),
            #[cfg(target_arch = "x86_64")]
            (Self::Avx2, has_avx2()),
            #[cfg(target_arch = "x86_64")]
            (Self::Avx512, is_x86_feature_detected!("avx512f")),
        ];
        all.into_iter().filter(|(_, there)| *there).map(|(level, _)| level).collect()
    }
}

/// Whether this processor has AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}
