//! Layers from the lists `convolutions` and `dense` of a point.
//!
//! A window is never larger than its image, and a pool that is larger than its image is left out.
//! So every list describes a network for images of any size.

use super::hyperparameters::{Hyperparameters, PlanError};
use super::lists::MOST_ITEMS;
use crate::network::{LayerSpec, Volume, Window};

/// Settings that all hidden layers have in common.
#[derive(Clone, Copy)]
pub(super) struct Common {
    /// Whether sums are normalized over the batch.
    pub batch_norm: bool,
    /// The share of activations dropped in training.
    pub dropout: f32,
}

/// The layers of the list `convolutions` on images of `input`; `None` if the point has no such list.
pub(super) fn convolutions(
    values: &Hyperparameters<'_>,
    input: Volume,
    common: Common,
) -> Result<Option<Vec<LayerSpec>>, PlanError> {
    let mut hidden = Vec::new();
    let mut image = input;
    let items = values.whole("convolutions", 0, MOST_ITEMS, 0)?;
    // The first item is read even from an empty list, so that its domains are known.
    for item in 1..=items.max(1) {
        let at = |name: &str| format!("convolutions.{item}.{name}");
        let channels = values.whole(&at("channels"), 1, 1 << 16, 16)? as usize;
        let window = window(values, &at, image)?;
        let below = image;
        (image.height, image.width) = window.positions(image);
        image.channels = channels;
        let Common { batch_norm, dropout } = common;
        hidden.push(LayerSpec::Convolution { channels, window, batch_norm, dropout });
        if let Some(pool) = pool(values, &at("pool"), &mut image)? {
            hidden.push(pool);
        }
        if item > items {
            values.truth(&at("residual"), false)?;
            return Ok(values.has("convolutions").then(Vec::new));
        }
        // A sum needs two layers of one shape.
        if values.truth(&at("residual"), false)? && item > 1 && image == below {
            hidden.push(LayerSpec::Residual { back: 1 });
        }
    }
    Ok(values.has("convolutions").then_some(hidden))
}

/// The window of a convolution, not larger than its image. With padding, a square window with odd
/// sides keeps the image's size at stride 1.
fn window(
    values: &Hyperparameters<'_>,
    at: &dyn Fn(&str) -> String,
    image: Volume,
) -> Result<Window, PlanError> {
    let side = values.whole(&at("height"), 1, 64, 3)?;
    let (height, width) = (side as usize, values.whole(&at("width"), 1, 64, side)? as usize);
    let (height, width) = (height.min(image.height), width.min(image.width));
    let stride = values.whole(&at("stride"), 1, 16, 1)? as usize;
    let padding = if values.truth(&at("padding"), false)? { (height.min(width) - 1) / 2 } else { 0 };
    Ok(Window { height, width, stride, padding })
}

/// The pooling of 2 x 2 squares that the parameter `name` asks for. `None` if it asks for none, or
/// `image` is too small for it. `image` becomes the size of the pooled image.
fn pool(
    values: &Hyperparameters<'_>,
    name: &str,
    image: &mut Volume,
) -> Result<Option<LayerSpec>, PlanError> {
    const SIDE: usize = 2;
    let (max, average) =
        (LayerSpec::MaxPool { size: SIDE, stride: SIDE }, LayerSpec::AveragePool { size: SIDE });
    let chosen = values.choice(name, &[("none", None), ("max", Some(max)), ("average", Some(average))])?;
    let sides = [image.height, image.width];
    let fits = match chosen {
        Some(LayerSpec::AveragePool { .. }) => sides.iter().all(|side| side % SIDE == 0),
        _ => sides.iter().all(|&side| side >= SIDE),
    };
    let chosen = chosen.filter(|_| fits);
    if chosen.is_some() {
        (image.height, image.width) = (image.height / SIDE, image.width / SIDE);
    }
    Ok(chosen)
}

/// The layers of the list `dense`; `None` if the point has no such list.
pub(super) fn dense(
    values: &Hyperparameters<'_>,
    common: Common,
) -> Result<Option<Vec<LayerSpec>>, PlanError> {
    let Common { batch_norm, dropout } = common;
    let layer = |item| {
        let width = values.whole(&format!("dense.{item}.width"), 1, 1 << 20, 64)? as usize;
        Ok(LayerSpec::Dense { width, batch_norm, dropout })
    };
    let items = values.whole("dense", 0, MOST_ITEMS, 0)?;
    let layers: Vec<LayerSpec> = (1..=items.max(1)).map(layer).collect::<Result<_, _>>()?;
    Ok(values.has("dense").then(|| layers.into_iter().take(items as usize).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::Plan;
    use crate::space::Point;

    fn hidden(text: &str, shape: [usize; 3]) -> Vec<LayerSpec> {
        let point: Point = serde_json::from_str(text).expect("a point");
        Plan::new(&point, shape, 10).expect("a plan").spec.hidden
    }

    fn convolution(channels: usize, [height, width, stride, padding]: [usize; 4]) -> LayerSpec {
        let window = Window { height, width, stride, padding };
        LayerSpec::Convolution { channels, window, batch_norm: false, dropout: 0.0 }
    }

    fn dense(width: usize) -> LayerSpec {
        LayerSpec::Dense { width, batch_norm: false, dropout: 0.0 }
    }

    #[test]
    fn lists_take_the_place_of_numbered_layers() {
        let text = r#"{"convolutions": 2, "convolutions.1.channels": 8, "convolutions.1.height": 5,
            "convolutions.1.pool": "max", "convolutions.2.channels": 12, "convolutions.2.padding": true,
            "dense": 1, "dense.1.width": 40}"#;
        let expected = [
            convolution(8, [5, 5, 1, 0]),
            LayerSpec::MaxPool { size: 2, stride: 2 },
            convolution(12, [3, 3, 1, 1]),
            dense(40),
        ];
        assert_eq!(hidden(text, [28, 28, 1]), expected);
        assert_eq!(hidden(r#"{"convolutions": 0, "dense": 0}"#, [28, 28, 1]), []);
        let dense_alone = hidden(r#"{"dense": 2, "dense.2.width": 7}"#, [1, 1, 30]);
        assert_eq!(dense_alone, [dense(64), dense(7)]);
    }

    #[test]
    fn a_window_is_no_larger_than_its_image_and_a_pool_needs_its_square() {
        let text = r#"{"convolutions": 1, "convolutions.1.height": 5, "convolutions.1.width": 7,
            "convolutions.1.stride": 2, "convolutions.1.padding": true, "convolutions.1.pool": "max", "dense": 0}"#;
        assert_eq!(hidden(text, [1, 40, 1]), [convolution(16, [1, 7, 2, 0])]);
        let average = r#"{"convolutions": 1, "convolutions.1.pool": "average", "dense": 0}"#;
        assert_eq!(hidden(average, [9, 9, 1]).len(), 1, "7 rows are not divisible by 2");
        assert_eq!(hidden(average, [10, 10, 1]).len(), 2);
    }

    #[test]
    fn a_residual_connection_needs_two_layers_of_one_shape() {
        let text = |channels: u32| {
            format!(
                r#"{{"convolutions": 2, "convolutions.1.channels": 8, "convolutions.1.padding": true,
                "convolutions.1.residual": true, "convolutions.2.channels": {channels},
                "convolutions.2.padding": true, "convolutions.2.residual": true, "dense": 0}}"#
            )
        };
        let same = hidden(&text(8), [6, 6, 1]);
        assert_eq!(
            same,
            [convolution(8, [3, 3, 1, 1]), convolution(8, [3, 3, 1, 1]), LayerSpec::Residual { back: 1 }]
        );
        assert_eq!(hidden(&text(9), [6, 6, 1]).len(), 2);
    }

    #[test]
    fn unknown_names_and_items_are_refused() {
        let refused = |name: &str| {
            let point: Point = [(name, 1)].into_iter().collect();
            Plan::new(&point, [8, 8, 1], 10).is_err()
        };
        for name in
            ["convolutions.1.depth", "convolutions.0.channels", "dense.65.width", "dense.x.width", "lists"]
        {
            assert!(refused(name), "{name}");
        }
        assert!(!refused("convolutions.64.channels") && !refused("dense.3.width"));
    }
}
