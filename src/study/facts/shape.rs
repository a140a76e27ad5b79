//! The shape of a study's samples. With it a trial's network can be rebuilt without the data.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::study::Study;

/// Key of the study attribute that holds the [`DataShape`].
pub const DATA_SHAPE: &str = "tune:data_shape";

/// Key of the study attribute that holds the number of validation samples, on which networks are
/// scored.
pub const VALIDATION_SAMPLES: &str = "tune:validation_samples";

/// The number of validation samples of `study`, if the study stores it.
pub fn validation_samples(study: &Study) -> Option<usize> {
    usize::try_from(study.attributes.get(VALIDATION_SAMPLES)?.as_u64()?).ok()
}

/// Key of the study attribute that holds the number of test samples.
pub const TEST_SAMPLES: &str = "tune:test_samples";

/// The number of test samples of `study`, if the study stores it.
pub fn test_samples(study: &Study) -> Option<usize> {
    usize::try_from(study.attributes.get(TEST_SAMPLES)?.as_u64()?).ok()
}

/// The shape of a study's samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataShape {
    /// Height, width and channels of a sample, before input coding.
    pub sample: [usize; 3],
    /// The number of classes.
    pub classes: usize,
}

impl DataShape {
    /// The shape of the samples of `study`, if the study stores it.
    pub fn of(study: &Study) -> Option<Self> {
        serde_json::from_value(study.attributes.get(DATA_SHAPE)?.clone()).ok()
    }

    /// The value of the attribute [`DATA_SHAPE`].
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("numbers are JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_survives_its_attribute() {
        let shape = DataShape { sample: [28, 28, 1], classes: 10 };
        let attributes = [(DATA_SHAPE.to_owned(), shape.to_json())].into_iter().collect();
        assert_eq!(DataShape::of(&Study { attributes, ..Study::default() }), Some(shape));
        assert_eq!(DataShape::of(&Study::default()), None);
    }
}
