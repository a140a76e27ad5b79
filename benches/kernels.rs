//! The speed of the innermost loops on one thread, beside other crates on the same products.
//!
//! Throughput is in floating-point operations per second ("Gelem/s" reads GFLOP/s): 2 M K N for a
//! product of (M, K) with (K, N). Convolutions count the operations of the direct sum, 2 H W C O K²
//! per image, so that Winograd's convolution may exceed the peak. The first benchmark measures that
//! peak in the same run. Run with `taskset -c 1 cargo bench --bench kernels`; names at the end
//! select benchmarks.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gemm::Parallelism;
use ndarray::{Array2, ArrayView2, linalg::general_mat_mul};
use rand::RngExt;
use spiketune::network::kernels::{
    Images, ImagesMut, LANES, Lanes, Out, Rows, Runs, Winograd, WinogradErrors, floats, multiply,
    multiply_outer, panels,
};
use spiketune::seed::Seed;

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "each benchmark needs a part of it")]
mod support;

/// The products (M, K, N) of dense layers: batch, inputs, neurons.
const DENSE: [(usize, usize, usize); 5] =
    [(32, 784, 512), (128, 784, 512), (512, 784, 512), (128, 512, 512), (128, 512, 100)];

/// Convolutions (kernel, padding, side of the outputs, channels in, channels out, images per call).
/// A call takes about a millisecond.
const CONVOLUTIONS: [(usize, usize, usize, usize, usize, usize); 7] = [
    (3, 1, 32, 64, 64, 4),
    (3, 1, 16, 64, 128, 8),
    (3, 1, 16, 128, 128, 4),
    (3, 1, 8, 128, 128, 16),
    (3, 1, 8, 128, 256, 8),
    (5, 0, 8, 32, 64, 32),
    (5, 0, 8, 16, 32, 64),
];

/// Random numbers of both signs. Denormal numbers, which are slow, are very unlikely among them.
fn lanes(count: usize) -> Vec<Lanes> {
    let mut stream = Seed::root(1).stream();
    (0..count).map(|_| Lanes(std::array::from_fn(|_| stream.random::<f32>() - 0.5))).collect()
}

fn matrix(rows: usize, columns: usize) -> Array2<f32> {
    let mut stream = Seed::root(2).stream();
    Array2::from_shape_simple_fn((rows, columns), || stream.random::<f32>() - 0.5)
}

/// The peak of one thread: products and sums in registers only.
fn peak(criterion: &mut Criterion) {
    const ROUNDS: usize = 100_000;
    let mut group = criterion.benchmark_group("peak");
    group.throughput(Throughput::Elements(support::peak::operations(ROUNDS) as u64));
    group.bench_function("fma", |bencher| bencher.iter(|| support::peak::fused(black_box(ROUNDS))));
    group.finish();
}

/// (M, K) times (K, N) with the `gemm` crate.
fn gemm_product(left: ArrayView2<'_, f32>, right: ArrayView2<'_, f32>, out: &mut Array2<f32>) {
    let ((m, k), n) = (left.dim(), right.ncols());
    let (l, r) = (left.strides(), right.strides());
    // SAFETY: sizes and strides are those of the arrays, and `out` is borrowed mutably.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            false,
            left.as_ptr(),
            l[1],
            l[0],
            right.as_ptr(),
            r[1],
            r[0],
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// The product of a dense layer: `x W`.
fn forward(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("product");
    for (m, k, n) in DENSE {
        let shape = format!("{m}x{k}x{n}");
        group.throughput(Throughput::Elements((2 * m * k * n) as u64));
        let (x, weights) = (lanes(m * panels(k)), lanes(panels(n) * k));
        let mut out = lanes(m * panels(n));
        group.bench_function(BenchmarkId::new("tiles", &shape), |bencher| {
            let start = |row| row * panels(k) * LANES;
            let rows = Rows { lanes: &x, count: m, start, runs: Runs::one(k) };
            bencher.iter(|| {
                let out = Out { lanes: &mut out, start: |row| row * panels(n), panel: 1 };
                multiply(&rows, &weights, k, out, false);
            });
        });
        let (x, weights, mut out) = (matrix(m, k), matrix(k, n), matrix(m, n));
        group.bench_function(BenchmarkId::new("gemm", &shape), |bencher| {
            bencher.iter(|| gemm_product(x.view(), weights.view(), &mut out));
        });
        group.bench_function(BenchmarkId::new("ndarray", &shape), |bencher| {
            bencher.iter(|| general_mat_mul(1.0, &x, &weights, 0.0, &mut out));
        });
    }
    group.finish();
}

/// The gradient of the weights of a dense layer: `xᵀ e`, named inputs x batch x neurons.
fn gradient(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("gradient");
    for (batch, m, n) in DENSE {
        let shape = format!("{m}x{batch}x{n}");
        group.throughput(Throughput::Elements((2 * m * batch * n) as u64));
        let (x, errors) = (lanes(panels(m) * batch), lanes(panels(n) * batch));
        let mut out = lanes(panels(n) * panels(m) * LANES);
        group.bench_function(BenchmarkId::new("tiles", &shape), |bencher| {
            let nest = [(1, 0, 0), (1, 0, 0), (batch, LANES, 1)];
            bencher.iter(|| {
                for (block, out) in out.chunks_exact_mut(LANES).enumerate() {
                    let (to, from) = (block / panels(m), block % panels(m));
                    let (left, right) = (floats(&x[from * batch..]), &errors[to * batch..]);
                    multiply_outer(left, right, &nest, LANES, out, false);
                }
            });
        });
        let (x, errors, mut out) = (matrix(batch, m), matrix(batch, n), matrix(m, n));
        group.bench_function(BenchmarkId::new("gemm", &shape), |bencher| {
            bencher.iter(|| gemm_product(x.t(), errors.view(), &mut out));
        });
        group.bench_function(BenchmarkId::new("ndarray", &shape), |bencher| {
            bencher.iter(|| general_mat_mul(1.0, &x.t(), &errors, 0.0, &mut out));
        });
    }
    group.finish();
}

/// The three products of convolutions. The other crates multiply matrices of the same size; the
/// time to arrange the inputs for them is not counted.
fn convolution(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("convolution");
    for (kernel, padding, side, inputs, outputs, count) in CONVOLUTIONS {
        let shape = format!("{kernel}x{kernel} {side}x{side}x{inputs} to {outputs}, {count} images");
        let (positions, elements) = (count * side * side, kernel * kernel);
        group.throughput(Throughput::Elements((2 * positions * inputs * outputs * elements) as u64));
        let (panels_in, panels_out) = (panels(inputs), panels(outputs));
        let winograd =
            Winograd { kernel, padding, height: side, width: side, inputs: panels_in, outputs: panels_out };
        let image_len = winograd.inputs * (side + kernel - 1).pow(2);
        let error_len = winograd.outputs * side * side;
        let (mut images, mut errors) = (lanes(count * image_len), lanes(count * error_len));
        let weights = lanes(winograd.transformed_len());
        let mut scratch = lanes(winograd.scratch_len());
        group.bench_function(BenchmarkId::new("winograd", &shape), |bencher| {
            let images = Images { lanes: &images, stride: image_len, border: padding };
            bencher.iter(|| {
                let out = ImagesMut { lanes: &mut errors, stride: error_len, border: 0 };
                winograd.forward(count, images, &weights, &mut scratch, out);
            });
        });
        group.bench_function(BenchmarkId::new("winograd back", &shape), |bencher| {
            let errors = Images { lanes: &errors, stride: error_len, border: 0 };
            bencher.iter(|| {
                let below = ImagesMut { lanes: &mut images, stride: image_len, border: padding };
                let back = WinogradErrors { transformed: &weights, below, add: false };
                winograd.input_errors(count, errors, &mut scratch, back);
            });
        });
        let mut sums = vec![Lanes::ZERO; winograd.transformed_len()];
        group.bench_function(BenchmarkId::new("winograd gradient", &shape), |bencher| {
            let images = Images { lanes: &images, stride: image_len, border: padding };
            let errors = Images { lanes: &errors, stride: error_len, border: 0 };
            bencher.iter(|| winograd.weight_gradient(count, images, errors, &mut scratch, &mut sums));
        });
        let (x, filter, mut out) = (
            matrix(positions, inputs * elements),
            matrix(inputs * elements, outputs),
            matrix(positions, outputs),
        );
        group.bench_function(BenchmarkId::new("gemm", &shape), |bencher| {
            bencher.iter(|| gemm_product(x.view(), filter.view(), &mut out));
        });
        group.bench_function(BenchmarkId::new("ndarray", &shape), |bencher| {
            bencher.iter(|| general_mat_mul(1.0, &x, &filter, 0.0, &mut out));
        });
    }
    group.finish();
}

/// The transforms that a training step runs once per layer of Winograd's convolution, for any
/// batch. Throughput is in weights per second.
fn transforms(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("weights");
    for (kernel, inputs, outputs) in [(3, 64, 64), (3, 128, 128), (5, 32, 64)] {
        let (panels_in, panels_out) = (panels(inputs), panels(outputs));
        let winograd =
            Winograd { kernel, padding: 0, height: 8, width: 8, inputs: panels_in, outputs: panels_out };
        let elements = kernel * kernel;
        let mut weights = lanes(elements * inputs * panels_out);
        let mut transformed = lanes(winograd.transformed_len());
        let shape = format!("{kernel}x{kernel}x{inputs} to {outputs}");
        group.throughput(Throughput::Elements((elements * inputs * outputs) as u64));
        group.bench_function(BenchmarkId::new("transform", &shape), |bencher| {
            bencher.iter(|| winograd.transform(&weights, &mut transformed));
        });
        group.bench_function(BenchmarkId::new("transform back", &shape), |bencher| {
            bencher.iter(|| winograd.transform_exchanged(&weights, &mut transformed));
        });
        group.bench_function(BenchmarkId::new("finish gradient", &shape), |bencher| {
            bencher.iter(|| winograd.finish_gradient(&transformed, &mut weights));
        });
    }
    group.finish();
}

criterion_group!(benches, peak, forward, gradient, convolution, transforms);
criterion_main!(benches);
