//! One picture becomes the bytes of its pixels.

use std::path::Path;

use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, ImageError, ImageReader, Limits, RgbImage};

use super::listing::FOREIGN_KIND;
use crate::data::ImageSize;

/// The largest side of a picture in pixels.
const LARGEST_SIDE: u32 = 1 << 15;

/// The most memory of a decoded picture in bytes.
const LARGEST_MEMORY: u64 = 1 << 28;

/// A picture in memory.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Picture {
    /// Height and width in pixels.
    pub size: ImageSize,
    /// The pixels by row, one byte each if `is_grey`, else three.
    pub values: Vec<u8>,
    /// Whether it has one channel.
    pub is_grey: bool,
    /// Whether some pixels are transparent.
    pub is_transparent: bool,
    /// Whether the channels of each pixel are equal.
    pub looks_grey: bool,
}

/// Reads a picture; the first one of an animation. Transparent pixels are shown on white.
///
/// # Errors
/// The picture is broken, or of a kind that is not read.
pub(super) fn decode(path: &Path, size: Option<ImageSize>, grey: bool) -> Result<Picture, String> {
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
    let mut reader = reader.map_err(|error| error.to_string())?;
    reader.limits(limits());
    let image = reader.decode().map_err(|error| match error {
        ImageError::Unsupported(_) => FOREIGN_KIND.to_owned(),
        error => error.to_string(),
    })?;
    let (width, height) = (image.width(), image.height());
    let (values, is_grey, is_transparent) = pixels(image);
    let looks_grey = is_grey || values.chunks_exact(3).all(|rgb| rgb[0] == rgb[1] && rgb[1] == rgb[2]);
    let (values, is_grey) =
        if grey && !is_grey { (values.chunks_exact(3).map(luma).collect(), true) } else { (values, is_grey) };
    let own = ImageSize { height, width };
    let (values, size) = match size {
        Some(size) if size != own => (resized(values, is_grey, own, size), size),
        _ => (values, own),
    };
    Ok(Picture { size, values, is_grey, is_transparent, looks_grey })
}

/// What a picture may need: a damaged one promises any number of pixels.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(LARGEST_MEMORY);
    limits
}

/// The pixels, whether they have one channel, and whether some are transparent.
fn pixels(image: DynamicImage) -> (Vec<u8>, bool, bool) {
    let is_grey = !image.color().has_color();
    match (is_grey, image.color().has_alpha()) {
        (true, false) => (image.into_luma8().into_raw(), true, false),
        (false, false) => (image.into_rgb8().into_raw(), false, false),
        (true, true) => on_white::<2>(&image.into_luma_alpha8().into_raw(), true),
        (false, true) => on_white::<4>(&image.into_rgba8().into_raw(), false),
    }
}

/// Pixels of `N` bytes, of which the last is the opacity, on white.
fn on_white<const N: usize>(values: &[u8], is_grey: bool) -> (Vec<u8>, bool, bool) {
    let (pixels, _) = values.as_chunks::<N>();
    let blend = |value: u8, opacity: u8| {
        let (value, opacity) = (u32::from(value), u32::from(opacity));
        ((value * opacity + 255 * (255 - opacity) + 127) / 255) as u8
    };
    let is_transparent = pixels.iter().any(|pixel| pixel[N - 1] < 255);
    let shown =
        pixels.iter().flat_map(|pixel| pixel[..N - 1].iter().map(|&value| blend(value, pixel[N - 1])));
    (shown.collect(), is_grey, is_transparent)
}

/// The brightness of a pixel as ITU-R BT.601 weighs colours, rounded as Python's Pillow does.
fn luma(rgb: &[u8]) -> u8 {
    let [red, green, blue] = [rgb[0], rgb[1], rgb[2]].map(u32::from);
    ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16) as u8
}

/// The picture in another size: each pixel is the mean of those that it covers, weighed by a triangle.
fn resized(values: Vec<u8>, is_grey: bool, own: ImageSize, size: ImageSize) -> Vec<u8> {
    let whole = "the picture has as many values as its size says";
    let ImageSize { height, width } = size;
    if is_grey {
        let image = GrayImage::from_raw(own.width, own.height, values).expect(whole);
        return imageops::resize(&image, width, height, FilterType::Triangle).into_raw();
    }
    let image = RgbImage::from_raw(own.width, own.height, values).expect(whole);
    imageops::resize(&image, width, height, FilterType::Triangle).into_raw()
}
