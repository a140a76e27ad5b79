//! Real-valued features, and how they become levels: whole numbers from 0 to 255.

use ndarray::{Array2, ArrayView2, Axis};

use crate::data::parts::{Parts, cut_test_part};
use crate::data::preprocessing::{LEVELS, level};
use crate::data::{Columns, DataError, InputScaling, Reading, Samples, Scaling, TableSchema};

/// Values within [0, 1] are kept if their largest is at least this, which is 16 levels. Smaller
/// values would fall on a few levels only, so they are scaled.
const LEAST_MAXIMUM: f64 = 16.0 / LEVELS as f64;

/// Bytes up to this are divided by the largest byte instead of 255. An image that uses less than
/// half of a byte's range was made with another range.
const NARROW: u8 = 127;

/// Samples with real features.
#[derive(Clone, Debug)]
pub(crate) struct Reals {
    /// The features, (N, I), finite.
    pub features: Array2<f64>,
    /// The classes, (N).
    pub labels: Vec<u16>,
}

/// Which features are scaled by the same factor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scale {
    /// Each column by its own range: the columns of a table have different units.
    PerColumn,
    /// Each column by its own range, even if its values are within [0, 1]. Built-in data sets use
    /// it, so that their levels never change.
    AlwaysPerColumn,
    /// All columns by the same range: the pixels of images.
    Common,
}

/// A data set with real features, before they are scaled to levels.
#[derive(Debug)]
pub(crate) struct Table {
    /// Height, width, channels; `[1, 1, I]` for a table.
    pub shape: [usize; 3],
    /// Which features are scaled by the same factor.
    pub scale: Scale,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The training part.
    pub train: Reals,
    /// The validation part, if the source has one.
    pub validation: Option<Reals>,
    /// The test part, if the source has one.
    pub test: Option<Reals>,
    /// Whether the test part was cut from the training part.
    pub is_test_cut: bool,
    /// How it was read.
    pub about: About,
}

/// How a table was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    /// Where the labels are, as people name it.
    pub label: Option<String>,
    /// Whether the first line names the columns; `None` if there are no lines.
    pub header: Option<bool>,
    /// The columns of a table in a file.
    pub columns: Option<Columns>,
    /// What was left out or changed.
    pub notes: Vec<String>,
    /// The columns that seem to number or to name the samples.
    pub identifiers: Vec<String>,
    /// How the columns became features, if they had to.
    pub schema: Option<TableSchema>,
    /// The group of each training sample, if there are groups.
    pub groups: Option<Vec<u32>>,
}

#[derive(Clone, Copy, Debug)]
struct Range {
    low: f64,
    high: f64,
}

impl Table {
    /// The parts with levels from 0 to 255 as inputs.
    ///
    /// If all values of the training part lie within [0, 1], a value x becomes round(255 x).
    /// Otherwise x becomes round(255 (x - low) / (high - low)). There low and high are the smallest
    /// and largest value in the training part: of the column for tables, of all columns for images.
    /// So nothing is learnt from the other parts. Their values outside this range are clamped, and
    /// a note says how many. A constant feature that is scaled has level 0.
    pub fn into_parts(self) -> Result<Parts, DataError> {
        let (train, test, is_test_cut) = match self.test {
            Some(test) => (self.train, test, self.is_test_cut),
            None => cut(&self.train).map(|(train, test)| (train, test, true))?,
        };
        let cut_part = is_test_cut.then(|| Range::whole(test.features.view()));
        let scaler = Scaler::of(train.features.view(), cut_part, self.scale);
        let About { label, header, columns, mut notes, identifiers, schema, groups } = self.about;
        notes.extend(scaler.coarse(self.scale));
        notes.extend(scaler.beyond("test", &test));
        notes.extend(self.validation.as_ref().and_then(|part| scaler.beyond("validation", part)));
        let levels =
            |part: Reals| Samples { inputs: scaler.scaled(part.features.view()), labels: part.labels };
        let Range { low, high } = scaler.whole;
        let reading = Reading {
            label,
            header,
            range: [low, high],
            scaling: scaler.scaling,
            inputs: scaler.inputs(),
            columns,
            is_test_cut,
            notes,
            identifiers,
            schema,
        };
        let (train, validation, test) = (levels(train), self.validation.map(levels), Some(levels(test)));
        Ok(Parts {
            shape: self.shape,
            levels: LEVELS,
            classes: self.classes,
            train,
            validation,
            test,
            reading,
            groups,
        })
    }
}

/// The level that stands for 1.0 if features are bytes with this `maximum`: 255, or the maximum if
/// it is far smaller.
pub(crate) fn levels_of_bytes(maximum: u8) -> u8 {
    if maximum > NARROW { LEVELS } else { maximum.max(1) }
}

/// How features become levels.
struct Scaler {
    scaling: Scaling,
    whole: Range,
    /// The range of the values of each column in the training part.
    columns: Vec<Range>,
    /// For each column, the values that become 0 and 1.
    ranges: Vec<Range>,
}

impl Scaler {
    /// The scaler for a training part. `cut_part` is the range of a test part that was cut from it.
    fn of(train: ArrayView2<f64>, cut_part: Option<Range>, scale: Scale) -> Self {
        let columns: Vec<Range> =
            train.columns().into_iter().map(|column| Range::of(column.iter().copied())).collect();
        let whole = Range::of(columns.iter().flat_map(|range| [range.low, range.high]));
        let is_within = |range: Range| range.low >= 0.0 && range.high <= 1.0;
        let may_keep = !matches!(scale, Scale::AlwaysPerColumn) && whole.high >= LEAST_MAXIMUM;
        let is_kept = may_keep && is_within(whole) && cut_part.is_none_or(is_within);
        let same = |range: Range| vec![range; columns.len()];
        let (scaling, ranges) = match scale {
            _ if is_kept => (Scaling::Kept, same(Range { low: 0.0, high: 1.0 })),
            Scale::PerColumn | Scale::AlwaysPerColumn => (Scaling::Columns, columns.clone()),
            Scale::Common => (Scaling::Whole { low: whole.low, high: whole.high }, same(whole)),
        };
        Self { scaling, whole, columns, ranges }
    }

    /// A note on the columns of a table that are kept although their values span few levels; `None`
    /// if there are none.
    fn coarse(&self, scale: Scale) -> Option<String> {
        let is_coarse = |range: &&Range| range.high > range.low && range.high - range.low < LEAST_MAXIMUM;
        let count = self.columns.iter().filter(is_coarse).count();
        let is_told = count > 0 && self.scaling == Scaling::Kept && matches!(scale, Scale::PerColumn);
        is_told.then(|| format!("{count} columns span less than 16 of the 255 levels from 0 to 1"))
    }

    /// The ranges, for samples that are read later.
    fn inputs(&self) -> InputScaling {
        match self.scaling {
            Scaling::Columns => InputScaling::Columns {
                low: self.ranges.iter().map(|range| range.low).collect(),
                high: self.ranges.iter().map(|range| range.high).collect(),
            },
            Scaling::Whole { low, high } => InputScaling::Whole { low, high },
            Scaling::Kept | Scaling::Divided { .. } => InputScaling::Whole { low: 0.0, high: 1.0 },
        }
    }

    fn scaled(&self, features: ArrayView2<f64>) -> Array2<u8> {
        let level = |(sample, column): (usize, usize)| self.ranges[column].level(features[(sample, column)]);
        Array2::from_shape_fn(features.dim(), level)
    }

    /// A note on the values of `part` outside the ranges of the training part; `None` if there are
    /// none.
    fn beyond(&self, name: &str, part: &Reals) -> Option<String> {
        let is_outside = |(column, value): (usize, &f64)| {
            let range = self.ranges[column];
            *value < range.low || *value > range.high
        };
        let rows = part.features.rows().into_iter();
        let count = rows.flat_map(|row| row.into_iter().enumerate()).filter(|&cell| is_outside(cell)).count();
        (count > 0)
            .then(|| format!("values of the {name} part beyond the training range are clamped: {count}"))
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

impl Range {
    fn whole(features: ArrayView2<f64>) -> Self {
        Self::of(features.iter().copied())
    }

    fn of(values: impl Iterator<Item = f64>) -> Self {
        let empty = Self { low: f64::INFINITY, high: f64::NEG_INFINITY };
        values.fold(empty, |range, x| Self { low: range.low.min(x), high: range.high.max(x) })
    }

    fn level(self, x: f64) -> u8 {
        level(x, (self.low, self.high), LEVELS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn parts(scale: Scale) -> Parts {
        let train = Reals { features: array![[-1.0, 0.0], [0.0, 10.0], [1.0, 5.0]], labels: vec![0, 1, 1] };
        let test = Some(Reals { features: array![[-9.0, 99.0], [0.5, 2.0]], labels: vec![0, 1] });
        table(scale, train, test).into_parts().unwrap()
    }

    fn table(scale: Scale, train: Reals, test: Option<Reals>) -> Table {
        let classes = vec!["a".into(), "b".into()];
        let (shape, validation, is_test_cut, about) = ([1, 1, 2], None, false, About::default());
        Table { shape, scale, classes, train, validation, test, is_test_cut, about }
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
    fn values_within_0_and_1_are_kept_by_any_scale() {
        for scale in [Scale::PerColumn, Scale::Common] {
            let train = Reals { features: array![[0.2, 0.4], [0.6, 0.8]], labels: vec![0, 1] };
            let test = Some(Reals { features: array![[1.0, 1.5], [-0.1, 0.0]], labels: vec![0, 1] });
            let parts = table(scale, train, test).into_parts().unwrap();
            assert_eq!(parts.train.inputs, array![[51, 102], [153, 204]]);
            assert_eq!(parts.test.unwrap().inputs, array![[255, 255], [0, 0]]);
            assert_eq!(parts.reading.scaling, Scaling::Kept);
            assert_eq!(
                parts.reading.notes,
                ["values of the test part beyond the training range are clamped: 2"]
            );
        }
    }

    #[test]
    fn values_that_would_share_few_levels_are_scaled_and_told() {
        let train = Reals { features: array![[0.0, 0.01], [0.02, 0.04]], labels: vec![0, 1] };
        let parts = table(Scale::Common, train.clone(), Some(train)).into_parts().unwrap();
        assert_eq!(parts.train.inputs, array![[0, 64], [128, 255]]);
        assert_eq!(parts.reading.scaling, Scaling::Whole { low: 0.0, high: 0.04 });
    }

    #[test]
    fn what_is_scaled_is_told_with_its_range() {
        let reading = parts(Scale::PerColumn).reading;
        assert_eq!((reading.range, reading.scaling), ([-1.0, 10.0], Scaling::Columns));
        assert_eq!(reading.notes, ["values of the test part beyond the training range are clamped: 2"]);
        let scaling = parts(Scale::Common).reading.scaling;
        assert_eq!(scaling, Scaling::Whole { low: -1.0, high: 10.0 });
    }

    #[test]
    fn bytes_of_a_narrow_range_are_divided_by_their_maximum() {
        assert_eq!([0, 1, 16, 127, 128, 200, 255].map(levels_of_bytes), [1, 1, 16, 127, 255, 255, 255]);
    }

    #[test]
    fn constant_and_enormous_columns_do_not_overflow() {
        assert_eq!(Range::of([3.0, 3.0].into_iter()).level(3.0), 0);
        let enormous = Range::of([-f64::MAX, f64::MAX].into_iter());
        assert_eq!([-f64::MAX, 0.0, f64::MAX].map(|x| enormous.level(x)), [0, 128, 255]);
    }
}
