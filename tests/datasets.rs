//! The readers against the real files, for who has them: `TUNE_DATA_DIR` names their folder. Sets that are not
//! there are named as skipped.

#![expect(clippy::print_stderr, reason = "a skipped test must say so")]

use std::path::{Path, PathBuf};

use spiketune::data::{DataError, Dataset, OpenOptions, Samples, Sources};

fn open(name: &str, folder: &Path) -> Option<Dataset> {
    let mut sources = Sources::new(Some(folder)).expect("the folder exists").offline();
    sources.folders.truncate(1);
    sources.cache = None;
    match Dataset::open(name, &OpenOptions::default(), &sources, &mut |_| {}) {
        Err(DataError::NotFound { .. }) => {
            eprintln!("skipped: {name} is not in {}", folder.display());
            None
        }
        opened => Some(opened.expect("the files are right")),
    }
}

fn real(name: &str) -> Option<Dataset> {
    match std::env::var_os("TUNE_DATA_DIR") {
        Some(folder) => open(name, &PathBuf::from(folder)),
        None => {
            eprintln!("skipped: TUNE_DATA_DIR names no folder with {name}");
            None
        }
    }
}

/// Samples per class.
fn counts(samples: &Samples) -> Vec<usize> {
    let mut counts = vec![0; 10];
    samples.labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
    counts
}

/// Mean and standard deviation of the inputs as parts of 1.
fn moments(samples: &Samples) -> (f64, f64) {
    let count = samples.inputs.len() as f64;
    let (sum, squares) = samples.inputs.iter().fold((0u64, 0u64), |(sum, squares), &input| {
        (sum + u64::from(input), squares + u64::from(input) * u64::from(input))
    });
    let mean = sum as f64 / count;
    (mean / 255.0, (squares as f64 / count - mean * mean).sqrt() / 255.0)
}

fn assert_near((mean, deviation): (f64, f64), expected: (f64, f64)) {
    assert!((mean - expected.0).abs() < 5e-5, "mean {mean}");
    assert!((deviation - expected.1).abs() < 5e-5, "standard deviation {deviation}");
}

/// Counts and moments as published with the set.
#[test]
fn mnist_has_its_published_counts_and_moments() {
    let Some(mnist) = real("mnist") else { return };
    assert_eq!(mnist.train.inputs.dim(), (60_000, 784));
    assert_eq!(mnist.test.inputs.dim(), (10_000, 784));
    assert_eq!(counts(&mnist.train), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    assert_eq!(mnist.train.labels[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(mnist.test.labels[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    assert_near(moments(&mnist.train), (0.1307, 0.3081));
}

#[test]
fn fashion_mnist_has_its_published_counts_and_moments() {
    let Some(fashion) = real("fashion-mnist") else { return };
    assert_eq!(counts(&fashion.train), [6000; 10]);
    assert_eq!(counts(&fashion.test), [1000; 10]);
    assert_eq!(fashion.test.labels[..10], [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]);
    assert_near(moments(&fashion.train), (0.2860, 0.3530));
}

/// The folder may hold a part of CIFAR-10 only: batches of fewer than 10,000 records.
#[test]
fn cifar10_is_read_to_the_end_of_every_batch() {
    let Some(cifar) = real("cifar10") else { return };
    assert!([50_000, 49_923].contains(&cifar.train.len()), "{}", cifar.train.len());
    assert!([10_000, 9980].contains(&cifar.test.len()), "{}", cifar.test.len());
    assert_eq!(cifar.train.labels[..10], [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]);
    assert_eq!(cifar.test.labels[..10], [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]);
    let mut sums = [0u64; 3];
    cifar.train.inputs.iter().enumerate().for_each(|(at, &input)| sums[at % 3] += u64::from(input));
    let means = sums.map(|sum| sum as f64 / (cifar.train.inputs.len() as f64 / 3.0) / 255.0);
    for (mean, expected) in means.into_iter().zip([0.4914, 0.4822, 0.4465]) {
        assert!((mean - expected).abs() < 2e-4, "{means:?}");
    }
}

/// Both sets name their files alike; here MNIST's lie where those of Fashion-MNIST would be looked for.
#[test]
fn files_of_another_set_are_passed_over() {
    let Some(folder) = std::env::var_os("TUNE_DATA_DIR") else {
        return eprintln!("skipped: no TUNE_DATA_DIR");
    };
    let mnist = PathBuf::from(folder).join("mnist");
    if !mnist.is_dir() {
        return eprintln!("skipped: no {}", mnist.display());
    }
    assert!(open("mnist", &mnist).is_some());
    assert!(open("fashion-mnist", &mnist).is_none());
}
