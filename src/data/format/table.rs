//! Tables of real features, and their scaling to levels.

use ndarray::{Array2, ArrayView2, Axis};

use crate::data::parts::{Parts, cut_test_part};
use crate::data::{DataError, Samples};

/// The level of the largest value of a feature; the smallest has level 0.
const LEVELS: u8 = 255;

/// Samples with real features.
#[derive(Clone, Debug)]
pub(crate) struct Reals {
    /// The features, (N, I), finite.
    pub features: Array2<f64>,
    /// The classes, (N).
    pub labels: Vec<u16>,
}

/// The features that share a scale.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scale {
    /// Each column has its own: the columns of a table have different units.
    PerColumn,
    /// All have the same: the pixels of images.
    Common,
}

/// A data set with real features, before they are scaled to levels.
#[derive(Debug)]
pub(crate) struct Table {
    /// Height, width, channels; `[1, 1, I]` for a table.
    pub shape: [usize; 3],
    /// The features that share a scale.
    pub scale: Scale,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The training part.
    pub train: Reals,
    /// The test part, if the source has one.
    pub test: Option<Reals>,
}

#[derive(Clone, Copy)]
struct Range {
    low: f64,
    high: f64,
}

impl Table {
    /// The parts with the levels round(255 (x - low) / (high - low)) as inputs.
    ///
    /// Here low and high are the extremes of the training part, so that nothing is learnt from the
    /// test part. Test values outside are clamped. A constant feature has level 0.
    pub fn into_parts(self) -> Result<Parts, DataError> {
        let (train, test) = match self.test {
            Some(test) => (self.train, test),
            None => cut(&self.train)?,
        };
        let ranges = ranges(train.features.view(), self.scale);
        let levels =
            |part: Reals| Samples { inputs: scaled(part.features.view(), &ranges), labels: part.labels };
        let (train, test) = (levels(train), Some(levels(test)));
        Ok(Parts { shape: self.shape, levels: LEVELS, classes: self.classes, train, test })
    }
}

fn cut(all: &Reals) -> Result<(Reals, Reals), DataError> {
    let (rest, held_out) = cut_test_part(&all.labels)?;
    let select = |indices: &[usize]| Reals {
        features: all.features.select(Axis(0), indices),
        labels: indices.iter().map(|&index| all.labels[index]).collect(),
    };
    Ok((select(&rest), select(&held_out)))
}

fn ranges(features: ArrayView2<f64>, scale: Scale) -> Vec<Range> {
    let columns = features.columns().into_iter();
    let per_column: Vec<Range> = columns.map(|column| Range::of(column.iter().copied())).collect();
    match scale {
        Scale::PerColumn => per_column,
        Scale::Common => {
            let whole = Range::of(per_column.iter().flat_map(|range| [range.low, range.high]));
            vec![whole; per_column.len()]
        }
    }
}

fn scaled(features: ArrayView2<f64>, ranges: &[Range]) -> Array2<u8> {
    Array2::from_shape_fn(features.dim(), |(sample, column)| ranges[column].level(features[(sample, column)]))
}

impl Range {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let empty = Self { low: f64::INFINITY, high: f64::NEG_INFINITY };
        values.fold(empty, |range, x| Self { low: range.low.min(x), high: range.high.max(x) })
    }

    fn level(self, x: f64) -> u8 {
        if self.high <= self.low {
            return 0;
        }
        // Halved first, since the difference of two finite numbers may be infinite.
        let share = (x / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        (share.clamp(0.0, 1.0) * f64::from(LEVELS)).round() as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn parts(scale: Scale) -> Parts {
        let train = Reals { features: array![[-1.0, 0.0], [0.0, 10.0], [1.0, 5.0]], labels: vec![0, 1, 1] };
        let test = Some(Reals { features: array![[-9.0, 99.0], [0.5, 2.0]], labels: vec![0, 1] });
        let classes = vec!["a".into(), "b".into()];
        Table { shape: [1, 1, 2], scale, classes, train, test }.into_parts().unwrap()
    }

    #[test]
    fn each_column_of_a_table_spans_the_levels_and_test_values_are_clamped() {
        let parts = parts(Scale::PerColumn);
        assert_eq!(parts.levels, 255);
        assert_eq!(parts.train.inputs, array![[0, 0], [128, 255], [255, 128]]);
        assert_eq!(parts.test.unwrap().inputs, array![[0, 255], [191, 51]]);
    }

    #[test]
    fn pixels_share_one_scale() {
        // From -1 to 10: 255 / 11 = 23.18 levels a unit.
        assert_eq!(parts(Scale::Common).train.inputs, array![[0, 23], [23, 255], [46, 139]]);
    }

    #[test]
    fn constant_and_enormous_columns_do_not_overflow() {
        assert_eq!(Range::of([3.0, 3.0].into_iter()).level(3.0), 0);
        let enormous = Range::of([-f64::MAX, f64::MAX].into_iter());
        assert_eq!([-f64::MAX, 0.0, f64::MAX].map(|x| enormous.level(x)), [0, 128, 255]);
    }
}
