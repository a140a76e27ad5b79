//! The Yin-Yang data set, generated: a small task that no linear classifier solves.
//!
//! Kriener, Göltz, Petrovici 2021, "The Yin-Yang dataset", arXiv:2102.08211. Points of a disc of
//! radius 0.5 belong to yin, yang or one of two dots of radius 0.1. The points have the same
//! distribution as those of the authors' program, but come from other random numbers.

use ndarray::Array2;
use rand::RngExt;

use super::DataError;
use super::format::table::{About, Reals, Scale, Table};
use super::parts::Parts;
use crate::seed::{Seed, Stream};

const TRAIN_SAMPLES: usize = 5000;
const TEST_SAMPLES: usize = 1000;

/// Radius of the disc, which touches the sides of the unit square.
const RADIUS: f64 = 0.5;
/// Radius of each dot.
const DOT_RADIUS: f64 = 0.1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Yin,
    Yang,
    Dot,
}

const CLASSES: [Class; 3] = [Class::Yin, Class::Yang, Class::Dot];

/// 5,000 training and 1,000 test points, equally many of each class. The inputs of a point are x,
/// y, 1 - x and 1 - y.
pub(super) fn generate() -> Result<Parts, DataError> {
    let seed = Seed::root(0).child("yinyang");
    Table {
        shape: [1, 1, 4],
        scale: Scale::AlwaysPerColumn,
        classes: CLASSES.map(|class| format!("{class:?}").to_lowercase()).to_vec(),
        train: draw(TRAIN_SAMPLES, &seed.child("train")),
        validation: None,
        test: Some(draw(TEST_SAMPLES, &seed.child("test"))),
        is_test_cut: false,
        about: About::default(),
    }
    .into_parts()
}

fn draw(samples: usize, seed: &Seed) -> Reals {
    let mut stream = seed.stream();
    let mut features = Array2::zeros((samples, 4));
    let mut labels = Vec::with_capacity(samples);
    for (index, mut row) in features.rows_mut().into_iter().enumerate() {
        let class = CLASSES[index % CLASSES.len()];
        let (x, y) = point_of(class, &mut stream);
        row.assign(&ndarray::array![x, y, 1.0 - x, 1.0 - y]);
        labels.push(class as u16);
    }
    Reals { features, labels }
}

/// A random point, uniform in the area of `class`. Points are drawn until one lies in that area.
fn point_of(class: Class, stream: &mut Stream) -> (f64, f64) {
    loop {
        let (x, y): (f64, f64) = (stream.random(), stream.random());
        if class_of(x, y) == Some(class) {
            return (x, y);
        }
    }
}

/// The class of a point of the unit square; `None` outside the disc.
///
/// The line y = 0.5 halves the disc. Two circles of half the disc's radius, the lobes, lie on that
/// line, each with a dot in its middle. Yin is the upper half without the right lobe, and the left
/// lobe.
fn class_of(x: f64, y: f64) -> Option<Class> {
    let to_centre = distance(x, y, RADIUS);
    let (to_left, to_right) = (distance(x, y, RADIUS / 2.0), distance(x, y, RADIUS * 1.5));
    if to_centre > RADIUS {
        return None;
    }
    if to_left < DOT_RADIUS || to_right < DOT_RADIUS {
        return Some(Class::Dot);
    }
    let is_left_lobe = to_left <= RADIUS / 2.0;
    let is_upper = y > RADIUS && to_right > RADIUS / 2.0;
    Some(if is_left_lobe || is_upper { Class::Yin } else { Class::Yang })
}

/// The distance from (x, y) to (`at`, 0.5). It does not use `hypot`, whose last bit depends on the
/// platform.
fn distance(x: f64, y: f64, at: f64) -> f64 {
    ((x - at).powi(2) + (y - RADIUS).powi(2)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classes_lie_where_the_figure_shows_them() {
        for (x, y, class) in [
            (0.25, 0.5, Some(Class::Dot)),
            (0.75, 0.55, Some(Class::Dot)),
            (0.5, 0.9, Some(Class::Yin)),
            (0.25, 0.35, Some(Class::Yin)),
            (0.5, 0.1, Some(Class::Yang)),
            (0.75, 0.65, Some(Class::Yang)),
            (0.02, 0.02, None),
        ] {
            assert_eq!(class_of(x, y), class, "({x}, {y})");
        }
    }

    #[test]
    fn yin_and_yang_are_each_others_rotation() {
        let mut stream = Seed::root(1).stream();
        for _ in 0..2000 {
            let (x, y): (f64, f64) = (stream.random(), stream.random());
            let turned = match class_of(x, y) {
                Some(Class::Yin) => Some(Class::Yang),
                Some(Class::Yang) => Some(Class::Yin),
                other => other,
            };
            assert_eq!(class_of(1.0 - x, 1.0 - y), turned, "({x}, {y})");
        }
    }

    #[test]
    fn the_set_has_its_published_size_and_balance() {
        let parts = generate().unwrap();
        let count = |labels: &[u16], class| labels.iter().filter(|&&label| label == class).count();
        assert_eq!([0, 1, 2].map(|class| count(&parts.train.labels, class)), [1667, 1667, 1666]);
        assert_eq!(
            [0, 1, 2].map(|class| count(&parts.test.as_ref().unwrap().labels, class)),
            [334, 333, 333]
        );
        assert_eq!(parts.classes, ["yin", "yang", "dot"]);
        assert_eq!(parts.shape, [1, 1, 4]);
    }
}
