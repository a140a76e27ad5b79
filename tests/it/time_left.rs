//! The time that a study is said to take: nearly true from a third of it on, and it never stands still.

#[path = "../../benches/support/replay.rs"]
mod replay;

use replay::{KINDS, Played, median_and_ninth};

/// The largest median of the relative errors.
const MOST: f64 = 0.25;

#[test]
fn from_a_third_of_a_study_on_the_time_left_is_nearly_true() {
    for kind in KINDS {
        let errors: Vec<f64> = (0..17).flat_map(|seed| Played::simulated(kind, seed).errors(40)).collect();
        let [median, _] = median_and_ninth(errors);
        assert!(median <= MOST, "{kind}: {median}");
    }
    let recorded = Played::recorded();
    assert!(KINDS.iter().all(|kind| recorded.iter().any(|study| study.kind == *kind)));
    let errors = recorded.iter().flat_map(|study| study.errors(40)).collect();
    let [median, _] = median_and_ninth(errors);
    assert!(median <= MOST, "recorded studies: {median}");
}

#[test]
fn the_time_left_never_stands_still_for_more_than_ten_seconds() {
    for kind in KINDS {
        for seed in 0..3 {
            let study = Played::simulated(kind, seed);
            let (mut shown, mut since) = (None, 0.0);
            for second in 0..study.length() as u32 {
                let now = f64::from(second);
                let left = study.left_at(now).map(f64::round);
                if left != shown || left.is_none() {
                    (shown, since) = (left, now);
                }
                // A pause is shorter than this, and the display counts it down.
                assert!(now - since <= 10.0, "{kind} {seed}: {left:?} from {since} s to {now} s");
            }
        }
    }
}
