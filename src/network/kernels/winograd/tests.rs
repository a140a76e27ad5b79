//! Winograd's convolution against direct loops over the definition.

use super::*;
use crate::network::kernels::panels;
use crate::seed::Seed;
use proptest::prelude::*;
use rand::RngExt;

/// The largest error of an entry, relative to the largest entry.
fn tolerance(winograd: Winograd) -> f64 {
    match winograd.window() {
        6 => 4e-6,
        8 => 2e-5,
        _ => 2e-4,
    }
}

/// A convolution with random images, weights and errors.
struct Case {
    winograd: Winograd,
    count: usize,
    channels: (usize, usize),
    images: Vec<Lanes>,
    weights: Vec<Lanes>,
    errors: Vec<Lanes>,
    /// Whether the errors at the inputs are added to zeros, instead of replacing values.
    adds: bool,
}

/// The results of the three products.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    out: Vec<Lanes>,
    below: Vec<Lanes>,
    gradient: Vec<Lanes>,
}

impl Case {
    fn new(
        (kernel, padding): (usize, usize),
        (height, width): (usize, usize),
        channels: (usize, usize),
        count: usize,
    ) -> Self {
        let (inputs, outputs) = (panels(channels.0), panels(channels.1));
        let winograd = Winograd { kernel, padding, height, width, inputs, outputs };
        let mut stream = Seed::root(5).stream();
        let mut draw = || stream.random::<f32>() - 0.5;
        let mut case =
            Self { winograd, count, channels, images: vec![], weights: vec![], errors: vec![], adds: false };
        case.images = vec![Lanes::ZERO; count * case.image_len()];
        case.weights = vec![Lanes::ZERO; winograd.weights_len()];
        case.errors = vec![Lanes::ZERO; count * case.error_len()];
        for image in 0..count {
            let (rows, columns) = winograd.input();
            for (y, x) in positions(rows, columns) {
                for c in 0..channels.0 {
                    let at = case.image_at(image, c, y + padding, x + padding);
                    case.images[at].0[c % LANES] = draw();
                }
            }
            for (y, x) in positions(height, width) {
                for o in 0..channels.1 {
                    let at = case.error_at(image, o, y, x);
                    case.errors[at].0[o % LANES] = draw();
                }
            }
        }
        for (o, c) in positions(channels.1, channels.0) {
            for element in 0..kernel * kernel {
                let at = case.weight_at(o, c, element);
                case.weights[at].0[o % LANES] = draw();
            }
        }
        case
    }

    /// Rows and columns of the inputs, border included.
    fn bordered(&self) -> (usize, usize) {
        let (height, width) = self.winograd.input();
        (height + 2 * self.winograd.padding, width + 2 * self.winograd.padding)
    }

    fn image_len(&self) -> usize {
        let (rows, columns) = self.bordered();
        self.winograd.inputs * rows * columns
    }

    fn error_len(&self) -> usize {
        self.winograd.outputs * self.winograd.height * self.winograd.width
    }

    /// The index of a pixel; y and x count from the border.
    fn image_at(&self, image: usize, c: usize, y: usize, x: usize) -> usize {
        let (rows, columns) = self.bordered();
        image * self.image_len() + (c / LANES * rows + y) * columns + x
    }

    fn error_at(&self, image: usize, o: usize, y: usize, x: usize) -> usize {
        let Winograd { height, width, .. } = self.winograd;
        image * self.error_len() + (o / LANES * height + y) * width + x
    }

    fn weight_at(&self, o: usize, c: usize, element: usize) -> usize {
        ((o / LANES * self.winograd.inputs + c / LANES) * self.winograd.kernel.pow(2) + element) * LANES
            + c % LANES
    }

    /// Sets the border of images, whose values have no meaning in errors at the inputs, to
    /// `nothing`.
    fn clear_border<T: Clone>(&self, images: &mut [T], nothing: T) {
        let (padding, (rows, columns)) = (self.winograd.padding, self.bordered());
        for image in 0..self.count {
            for (y, x) in positions(rows, columns) {
                if y < padding || x < padding || y + padding >= rows || x + padding >= columns {
                    for panel in 0..self.winograd.inputs {
                        images[self.image_at(image, panel * LANES, y, x)] = nothing.clone();
                    }
                }
            }
        }
    }

    /// The results of all three products, with `at_once` images per call.
    fn run(&self, at_once: usize) -> Found {
        let Self { winograd, .. } = self;
        let fresh = |len: usize| vec![Lanes::splat(7.0); len];
        let (mut forward, mut back) = (fresh(winograd.transformed_len()), fresh(winograd.transformed_len()));
        winograd.transform(&self.weights, &mut forward);
        winograd.transform_exchanged(&self.weights, &mut back);
        let mut scratch = fresh(winograd.scratch_len());
        let mut sums = fresh(winograd.transformed_len());
        let (image_len, error_len) = (self.image_len(), self.error_len());
        let mut found = Found {
            out: fresh(self.errors.len()),
            below: if self.adds { vec![Lanes::ZERO; self.images.len()] } else { fresh(self.images.len()) },
            gradient: fresh(self.weights.len()),
        };
        for first in (0..self.count).step_by(at_once) {
            let count = at_once.min(self.count - first);
            let images = Images {
                lanes: &self.images[first * image_len..],
                stride: image_len,
                border: winograd.padding,
            };
            let errors = Images { lanes: &self.errors[first * error_len..], stride: error_len, border: 0 };
            let lanes = &mut found.out[first * error_len..];
            let out = ImagesMut { lanes, stride: error_len, border: 0 };
            winograd.forward(count, images, &forward, &mut scratch, out);
            let lanes = &mut found.below[first * image_len..];
            let below = ImagesMut { lanes, stride: image_len, border: winograd.padding };
            winograd.input_errors(
                count,
                errors,
                &mut scratch,
                WinogradErrors { transformed: &back, below, add: self.adds },
            );
        }
        // In one call, since each call overwrites the gradient.
        let images = Images { lanes: &self.images, stride: image_len, border: winograd.padding };
        let errors = Images { lanes: &self.errors, stride: error_len, border: 0 };
        winograd.weight_gradient(self.count, images, errors, &mut scratch, &mut sums);
        winograd.finish_gradient(&sums, &mut found.gradient);
        self.clear_border(&mut found.below, Lanes::ZERO);
        found
    }

    /// The results of loops over all positions and kernel elements, in f64.
    fn slow(&self) -> [Vec<[f64; LANES]>; 3] {
        let zeros = |len: usize| vec![[0.0; LANES]; len];
        let mut out = zeros(self.errors.len());
        let mut below = zeros(self.images.len());
        let mut gradient = zeros(self.weights.len());
        let Winograd { kernel, height, width, .. } = self.winograd;
        for image in 0..self.count {
            for (y, x) in positions(height, width) {
                for (o, c) in positions(self.channels.1, self.channels.0) {
                    let end = self.error_at(image, o, y, x);
                    for element in 0..kernel * kernel {
                        let start = self.image_at(image, c, y + element / kernel, x + element % kernel);
                        let at = self.weight_at(o, c, element);
                        let weight = f64::from(self.weights[at].0[o % LANES]);
                        let value = f64::from(self.images[start].0[c % LANES]);
                        let error = f64::from(self.errors[end].0[o % LANES]);
                        out[end][o % LANES] += weight * value;
                        below[start][c % LANES] += weight * error;
                        gradient[at][o % LANES] += value * error;
                    }
                }
            }
        }
        self.clear_border(&mut below, [0.0; LANES]);
        [out, below, gradient]
    }
}

fn positions(height: usize, width: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..height).flat_map(move |y| (0..width).map(move |x| (y, x)))
}

/// The largest difference, relative to the largest entry that is expected.
fn off(found: &[Lanes], expected: &[[f64; LANES]]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let pairs = || found.iter().flat_map(|lanes| lanes.0).zip(expected.as_flattened());
    let largest = pairs().map(|(_, expected)| expected.abs()).fold(0.0, f64::max);
    pairs().map(|(found, expected)| (f64::from(found) - expected).abs()).fold(0.0, f64::max) / largest
}

/// Kernel and padding, and rows and columns of outputs, large enough that there are inputs.
fn shapes() -> impl Strategy<Value = ((usize, usize), (usize, usize))> {
    let kinds = prop::sample::select(vec![(3, 0), (3, 1), (3, 2), (5, 0), (5, 2), (5, 4)]);
    let large = prop::sample::select(vec![(8, 8), (16, 8), (8, 16)]);
    let sizes = prop_oneof![2 => (5usize..14, 5usize..14), 1 => large];
    (kinds, sizes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_products_are_those_of_direct_convolution(
        (kind, size) in shapes(),
        channels in (1usize..40, 1usize..40),
        count in 1usize..4,
    ) {
        let case = Case::new(kind, size, channels, count);
        let (found, [out, below, gradient]) = (case.run(count), case.slow());
        let most = tolerance(case.winograd);
        prop_assert!(off(&found.out, &out) < most, "out: {}", off(&found.out, &out));
        prop_assert!(off(&found.below, &below) < most, "below: {}", off(&found.below, &below));
        let gradient = off(&found.gradient, &gradient);
        prop_assert!(gradient < most, "gradient: {gradient}");
    }

    #[test]
    fn the_backward_pass_at_once_gives_the_same_bits(
        (kind, size) in shapes(),
        channels in (1usize..40, 1usize..40),
        count in 1usize..20,
        adds: bool,
    ) {
        let case = Case { adds, ..Case::new(kind, size, channels, count) };
        let found = case.run(count);
        prop_assert!(backward(&case) == (found.below, found.gradient));
    }

    #[test]
    fn any_number_of_images_per_call_gives_the_same_bits(
        (kind, size) in shapes(),
        channels in (1usize..40, 1usize..40),
        at_once in 1usize..20,
    ) {
        let case = Case::new(kind, size, channels, 20);
        prop_assert!(case.run(at_once) == case.run(20));
    }
}

/// The errors at the inputs and the gradient, computed at once.
fn backward(case: &Case) -> (Vec<Lanes>, Vec<Lanes>) {
    let winograd = case.winograd;
    let fresh = |len: usize| vec![Lanes::splat(7.0); len];
    let mut back = fresh(winograd.transformed_len());
    winograd.transform_exchanged(&case.weights, &mut back);
    let (mut scratch, mut sums) = (fresh(winograd.scratch_len()), fresh(winograd.transformed_len()));
    let (mut lanes, mut gradient) = (fresh(case.images.len()), fresh(case.weights.len()));
    let stride = case.image_len();
    let images = Images { lanes: &case.images, stride, border: winograd.padding };
    let errors = Images { lanes: &case.errors, stride: case.error_len(), border: 0 };
    let below = ImagesMut { lanes: &mut lanes, stride, border: winograd.padding };
    let back = WinogradErrors { transformed: &back, below, add: false };
    winograd.backward(case.count, images, errors, &mut scratch, &mut sums, back);
    winograd.finish_gradient(&sums, &mut gradient);
    case.clear_border(&mut lanes, Lanes::ZERO);
    (lanes, gradient)
}

#[test]
fn lanes_beyond_the_channels_stay_zero() {
    let case = Case::new((3, 1), (8, 4), (5, 18), 2);
    let found = case.run(2);
    for (lanes, used) in [(&found.out[8 * 4..][..8 * 4], 2), (&found.gradient[9 * LANES..], 2)] {
        assert!(lanes.iter().all(|lanes| lanes.0[used..].iter().all(|&value| value == 0.0)));
    }
    assert!(found.below.iter().all(|lanes| lanes.0[5..].iter().all(|&value| value == 0.0)));
}

#[test]
fn only_square_kernels_of_3_and_5_with_stride_1_are_accepted() {
    assert!(Winograd::applies((3, 3), 1, 1) && Winograd::applies((5, 5), 1, 0));
    for (kernel, stride, padding) in [((5, 3), 1, 1), ((3, 3), 2, 1), ((3, 3), 1, 3), ((4, 4), 1, 0)] {
        assert!(!Winograd::applies(kernel, stride, padding));
    }
}
