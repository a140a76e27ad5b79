//! A tensor: a batch of volumes in memory.

use ndarray::{ArrayView2, ShapeBuilder};

use crate::network::Volume;
use crate::network::kernels::{LANES, Lanes, floats, panels};

/// A batch of samples of one shape, each with a border of zeros.
///
/// A sample lies as [panel][row][column] of [`Lanes`], and a panel holds 16 channels. Samples lie
/// an odd number of cache lines apart. So the same element of successive samples does not fall on
/// the same set of the cache.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    /// The shape of a sample.
    pub volume: Volume,
    /// Rows and columns of zeros on every side of the volume.
    pub border: usize,
    /// Distance from one sample to the next, in lanes.
    pub stride: usize,
    /// The memory of all samples.
    pub lanes: Vec<Lanes>,
}

impl Tensor {
    /// A tensor of `samples` samples, all 0.
    pub fn new(volume: Volume, border: usize, samples: usize) -> Self {
        let mut tensor = Self { volume, border, stride: 0, lanes: Vec::new() };
        tensor.stride = tensor.sample_lanes() | 1;
        tensor.lanes = vec![Lanes::ZERO; tensor.stride * samples];
        tensor
    }

    /// Number of columns of a row in memory, border included.
    pub fn columns(&self) -> usize {
        self.volume.width + 2 * self.border
    }

    /// Length of a panel (16 channels), border included, in lanes.
    pub fn plane(&self) -> usize {
        (self.volume.height + 2 * self.border) * self.columns()
    }

    /// Number of panels, of 16 channels each.
    pub fn panels(&self) -> usize {
        panels(self.volume.channels)
    }

    fn sample_lanes(&self) -> usize {
        self.panels() * self.plane()
    }

    /// The index in a sample of the first lane of row `y` of panel `panel`, after the border.
    pub fn row_start(&self, panel: usize, y: usize) -> usize {
        panel * self.plane() + (y + self.border) * self.columns() + self.border
    }

    /// The first `count` samples.
    pub fn first(&self, count: usize) -> &[Lanes] {
        &self.lanes[..count * self.stride]
    }

    /// The first `count` samples, to write to.
    pub fn first_mut(&mut self, count: usize) -> &mut [Lanes] {
        &mut self.lanes[..count * self.stride]
    }

    /// The first `count` samples of a flat volume as a matrix: (B samples, C channels).
    pub fn matrix(&self, count: usize) -> ArrayView2<'_, f32> {
        debug_assert_eq!(self.volume.area(), 1);
        let shape = (count, self.volume.channels).strides((self.stride * LANES, 1));
        ArrayView2::from_shape(shape, floats(self.first(count))).expect("samples lie a stride apart")
    }
}

#[cfg(test)]
impl Tensor {
    /// The first `count` samples of a flat volume as a matrix (B samples, C channels), to write to.
    pub fn matrix_mut(&mut self, count: usize) -> ndarray::ArrayViewMut2<'_, f32> {
        debug_assert_eq!(self.volume.area(), 1);
        let shape = (count, self.volume.channels).strides((self.stride * LANES, 1));
        let floats = crate::network::kernels::floats_mut(self.first_mut(count));
        ndarray::ArrayViewMut2::from_shape(shape, floats).expect("samples lie a stride apart")
    }
}
