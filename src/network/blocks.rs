//! Neurons in blocks that run in parallel: the same blocks for any number of threads.

use ndarray::{ArrayView2, ArrayViewMut2, Axis};

/// The most neurons in a block: enough for a matrix product at full speed, few enough to share out.
const BLOCK: usize = 64;
/// Blocks begin at multiples of this: whole vector registers, and whole cache lines where rows allow.
const LANES: usize = 16;

/// Something with an entry per neuron that can be cut between two neurons.
pub(super) trait Columns: Sized + Send {
    /// Number of neurons.
    fn width(&self) -> usize;
    /// The part before `column` and the rest.
    fn split_at(self, column: usize) -> (Self, Self);
}

/// Runs `task(first, block)` on every block of `columns`, where `first` is the block's first neuron.
pub(super) fn for_each_block<C: Columns>(columns: C, task: &(impl Fn(usize, C) + Sync)) {
    run(0, columns, task);
}

fn run<C: Columns>(first: usize, columns: C, task: &(impl Fn(usize, C) + Sync)) {
    let width = columns.width();
    if width <= BLOCK {
        return task(first, columns);
    }
    let middle = width / 2 / LANES * LANES;
    let (left, right) = columns.split_at(middle);
    rayon::join(|| run(first, left, task), || run(first + middle, right, task));
}

/// The rows of a block of a row-major matrix.
pub(super) fn rows<'a>(block: &'a ArrayView2<'_, f32>) -> impl Iterator<Item = &'a [f32]> {
    block.outer_iter().map(|row| row.to_slice().expect("a row of a row-major matrix is contiguous"))
}

/// The rows of a block of a row-major matrix, to write to.
pub(super) fn rows_mut<'a>(block: &'a mut ArrayViewMut2<'_, f32>) -> impl Iterator<Item = &'a mut [f32]> {
    block.outer_iter_mut().map(|row| row.into_slice().expect("a row of a row-major matrix is contiguous"))
}

impl<T: Sync> Columns for ArrayView2<'_, T> {
    fn width(&self) -> usize {
        self.ncols()
    }
    fn split_at(self, column: usize) -> (Self, Self) {
        ArrayView2::split_at(self, Axis(1), column)
    }
}

impl<T: Send> Columns for ArrayViewMut2<'_, T> {
    fn width(&self) -> usize {
        self.ncols()
    }
    fn split_at(self, column: usize) -> (Self, Self) {
        ArrayViewMut2::split_at(self, Axis(1), column)
    }
}

impl<T: Sync> Columns for &[T] {
    fn width(&self) -> usize {
        self.len()
    }
    fn split_at(self, column: usize) -> (Self, Self) {
        <[T]>::split_at(self, column)
    }
}

impl<T: Send> Columns for &mut [T] {
    fn width(&self) -> usize {
        self.len()
    }
    fn split_at(self, column: usize) -> (Self, Self) {
        <[T]>::split_at_mut(self, column)
    }
}

/// An absent part is absent in every block.
impl<C: Columns> Columns for Option<C> {
    fn width(&self) -> usize {
        self.as_ref().map_or(0, Columns::width)
    }
    fn split_at(self, column: usize) -> (Self, Self) {
        self.map(|columns| columns.split_at(column)).unzip()
    }
}

/// Parts that are cut together; the first tells the width.
macro_rules! columns_of_a_tuple {
    ($($part:ident),+) => {
        impl<$($part: Columns),+> Columns for ($($part,)+) {
            fn width(&self) -> usize {
                self.0.width()
            }
            #[expect(non_snake_case, reason = "each part is named after its type")]
            fn split_at(self, column: usize) -> (Self, Self) {
                let ($($part,)+) = self;
                $(let $part = $part.split_at(column);)+
                (($($part.0,)+), ($($part.1,)+))
            }
        }
    };
}
columns_of_a_tuple!(A, B);
columns_of_a_tuple!(A, B, C);
columns_of_a_tuple!(A, B, C, D);
columns_of_a_tuple!(A, B, C, D, E);

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;
    use std::sync::Mutex;

    proptest! {
        #[test]
        fn blocks_cover_every_neuron_once_and_begin_at_whole_lanes(width in 1usize..700) {
            let mut hits = Array2::<u8>::zeros((2, width));
            let starts = Mutex::new(Vec::new());
            for_each_block(hits.view_mut(), &|first, mut block| {
                block += 1;
                starts.lock().expect("no task panics").push((first, block.ncols()));
            });
            prop_assert!(hits.iter().all(|&hit| hit == 1));
            let starts = starts.into_inner().expect("no task panics");
            prop_assert!(starts.iter().all(|&(first, size)| first % LANES == 0 && (1..=BLOCK).contains(&size)));
        }
    }
}
