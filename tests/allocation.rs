//! Training allocates for an epoch, not for a batch.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::Array2;
use spiketune::data::Coded;
use spiketune::network::{HeadSpec, LayerSpec, Network, Spec, Volume, Window};
use spiketune::seed::Seed;
use spiketune::training::{Distillation, Method, Rule, Trainer, TrainingConfig};

/// The system's allocator, counted.
struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of an epoch over so many samples on so many threads. Two epochs before may still make
/// room. The fewer of the next two count, since a thread that ends elsewhere may allocate meanwhile.
fn allocations(samples: usize, hidden: &[LayerSpec], threads: usize) -> usize {
    let side = 8;
    let inputs = Array2::from_shape_fn((samples, side * side), |(s, i)| ((s * 31 + i * 17) % 7) as u8);
    let labels = (0..samples).map(|sample| (sample % 3) as u16).collect();
    let set = Coded { inputs, shape: [side, side, 1], max: 6, labels };
    let head = HeadSpec { classes: 3, redundancy: 4, overlapping: false, batch_norm: false };
    let input = Volume { height: side, width: side, channels: 1 };
    let spec = Spec { input, hidden: hidden.to_vec(), head };
    let mut network = Network::build(&spec, &Seed::root(1)).expect("the plan is right");
    let config = TrainingConfig {
        batch_size: 16,
        epochs: 5,
        rule: Rule::adam(0.001),
        method: Method::Surrogate { shape: spiketune::network::Shape::Boxcar, width: 1.0, final_width: 1.0 },
        distillation: Some(Distillation { epochs: 1, share: 0.5 }),
        label_smoothing: 0.1,
        rate_penalty: 0.01,
        ..TrainingConfig::whetstone()
    };
    let validation = Coded { inputs: set.inputs.clone(), labels: set.labels.clone(), ..set };
    let seed = Seed::root(2);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread starts");
    pool.install(|| {
        let mut trainer =
            Trainer::new(&mut network, &set, &validation, &config, &seed).expect("the settings are right");
        trainer.epoch().expect("nothing diverges");
        trainer.epoch().expect("nothing diverges");
        let mut epoch = || {
            let before = COUNT.load(Ordering::Relaxed);
            trainer.epoch().expect("nothing diverges");
            COUNT.load(Ordering::Relaxed) - before
        };
        epoch().min(epoch())
    })
}

#[test]
fn more_batches_take_no_more_allocations() {
    let dense = LayerSpec::Dense { width: 40, batch_norm: true, dropout: 0.2 };
    let window = Window::square(3, 1);
    let convolution = LayerSpec::Convolution { channels: 20, window, batch_norm: true, dropout: 0.1 };
    let pool = LayerSpec::MaxPool { size: 2, stride: 2 };
    // Without convolutions, which have scratch memory for each thread that comes to work on one.
    let hidden = [dense.clone(), dense.clone()];
    assert_eq!(allocations(320, &hidden, 2), allocations(640, &hidden, 2));
    for hidden in [vec![dense.clone(), dense.clone()], vec![convolution.clone(), pool, convolution, dense]] {
        assert_eq!(allocations(320, &hidden, 1), allocations(640, &hidden, 1), "{hidden:?}");
    }
}
