//! The file of a binary network: in the format safetensors, which any language can read.
//!
//! Tensors: `layers.L.weights` (channels, kernel elements) and `layers.L.thresholds` (channels) of
//! layer L, in `f64`, and `key` (K classes, N output neurons), zeros and ones. A neuron of channel
//! c of layer L fires where `weights[c] . inputs >= thresholds[c]`.
//!
//! Metadata: `format`; `input_max`, the largest input; `layers.L.exponent`, where weights and
//! thresholds are whole multiples of 2^exponent; `layers.L.wiring`, a
//! [`Connectivity`](crate::network::Connectivity) as JSON; `layers.L.sources`, the list of
//! presynaptic layers as JSON, where 0 is the network's input and l stands for the spikes of layer
//! l - 1. `sha256` is the checksum of the file; files of 0.1 have none. A file may have remarks under
//! other names.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use ndarray::{Array1, Array2};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::checksum;

use crate::network::{BinaryLayer, BinaryNetwork, Key, Malformed};
use crate::output;

/// Value of the metadata key `format`.
const FORMAT: &str = "binary-network-2";

/// Remarks on a network: metadata of its file under names that the format itself does not use.
pub type Remarks = HashMap<String, String>;

/// Whole numbers that a file of a network holds beside it, under a name that the format does not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntegerTensor {
    /// The name.
    pub name: String,
    /// The dimensions.
    pub shape: Vec<usize>,
    /// The values in row-major order, as many as the shape says.
    pub values: Vec<i64>,
}

impl IntegerTensor {
    /// The narrowest type that holds every value, and the values in it.
    fn narrowed(&self) -> (Dtype, Vec<u8>) {
        let fits = |low: i64, high: i64| self.values.iter().all(|&value| (low..=high).contains(&value));
        match () {
            () if fits(i8::MIN.into(), i8::MAX.into()) => {
                (Dtype::I8, self.bytes(|value| [value as i8 as u8]))
            }
            () if fits(i16::MIN.into(), i16::MAX.into()) => {
                (Dtype::I16, self.bytes(|value| (value as i16).to_le_bytes()))
            }
            () if fits(i32::MIN.into(), i32::MAX.into()) => {
                (Dtype::I32, self.bytes(|value| (value as i32).to_le_bytes()))
            }
            () => (Dtype::I64, self.bytes(i64::to_le_bytes)),
        }
    }

    fn bytes<const N: usize>(&self, bytes: impl Fn(i64) -> [u8; N]) -> Vec<u8> {
        self.values.iter().flat_map(|&value| bytes(value)).collect()
    }
}

/// An error of reading a file as a binary network.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file is not in the safetensors format.
    #[error("not a safetensors file, such as tune saves networks in")]
    Form(#[from] safetensors::SafeTensorError),
    /// The file is another kind of safetensors file, or damaged.
    #[error("{0}: not as `tune` writes it")]
    Content(String),
    /// The checksum in the file is not that of its content.
    #[error(
        "damaged: its content does not have the SHA-256 that it names: copy it again; if another program changed it on \
         purpose, delete sha256 from its metadata"
    )]
    Damaged,
    /// A remark on the network breaks a rule.
    #[error("metadata {name}: {problem}")]
    Remark {
        /// The name of the remark.
        name: &'static str,
        /// The value and the rule.
        problem: String,
    },
    /// The layers do not fit together.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl BinaryNetwork {
    /// Writes the network with `remarks` and `integers` to `file`, atomically: a reader sees the old
    /// file or the new one. The same arguments give the same bytes.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, remarks: &Remarks, integers: &[IntegerTensor], file: &Path) -> io::Result<()> {
        output::write(file, &self.to_bytes(remarks, integers))
    }

    fn to_bytes(&self, remarks: &Remarks, integers: &[IntegerTensor]) -> Vec<u8> {
        let mut metadata = remarks.clone();
        metadata.insert("format".to_owned(), FORMAT.to_owned());
        metadata.insert(checksum::NAME.to_owned(), checksum::PLACE.to_owned());
        metadata.insert("input_max".to_owned(), self.input_max.to_string());
        let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            metadata.insert(format!("layers.{index}.exponent"), layer.exponent.to_string());
            metadata.insert(format!("layers.{index}.wiring"), json(&layer.connectivity));
            metadata.insert(format!("layers.{index}.sources"), json(&layer.sources));
            let (weights, thresholds) = (bytes(layer.weights.iter()), bytes(layer.thresholds.iter()));
            let shape = vec![layer.weights.nrows(), layer.weights.ncols()];
            tensors.push((format!("layers.{index}.weights"), Dtype::F64, shape, weights));
            tensors.push((
                format!("layers.{index}.thresholds"),
                Dtype::F64,
                vec![layer.thresholds.len()],
                thresholds,
            ));
        }
        let members = self.key.members();
        let key = members.iter().map(|&member| u8::from(member)).collect();
        tensors.push(("key".to_owned(), Dtype::U8, vec![members.nrows(), members.ncols()], key));
        tensors.extend(integers.iter().map(|tensor| {
            let (dtype, bytes) = tensor.narrowed();
            (tensor.name.clone(), dtype, tensor.shape.clone(), bytes)
        }));
        let views = tensors.iter().map(|(name, dtype, shape, data)| {
            let view = TensorView::new(*dtype, shape.clone(), data).expect("as many bytes as the shape says");
            (name.as_str(), view)
        });
        let file = safetensors::serialize(views, Some(metadata)).expect("views are valid");
        checksum::filled(with_sorted_metadata(file))
    }

    /// Reads the bytes of a file that [`BinaryNetwork::save`] wrote. Returns the network and all
    /// metadata.
    ///
    /// # Errors
    /// The bytes are not those of such a file.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, Remarks), FileError> {
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let metadata = metadata.metadata().clone().unwrap_or_default();
        let number = |name: &str| {
            let found = metadata.get(name).and_then(|text| text.parse::<i32>().ok());
            found.ok_or_else(|| FileError::Content(format!("metadata {name}")))
        };
        if metadata.get("format").map(String::as_str) != Some(FORMAT) {
            return Err(FileError::Content("metadata format".to_owned()));
        }
        if metadata.get(checksum::NAME).is_some_and(|named| !checksum::is_of(bytes, named)) {
            return Err(FileError::Damaged);
        }
        let tensors = SafeTensors::deserialize(bytes)?;
        let count = metadata.keys().filter(|name| name.ends_with(".exponent")).count();
        let layers = (0..count)
            .map(|index| {
                Ok(BinaryLayer {
                    connectivity: read_json(&metadata, &format!("layers.{index}.wiring"))?,
                    sources: read_json(&metadata, &format!("layers.{index}.sources"))?,
                    weights: matrix(&tensors, &format!("layers.{index}.weights"))?,
                    thresholds: vector(&tensors, &format!("layers.{index}.thresholds"))?,
                    exponent: number(&format!("layers.{index}.exponent"))?,
                })
            })
            .collect::<Result<_, FileError>>()?;
        let input_max = u8::try_from(number("input_max")?)
            .map_err(|_| FileError::Content("metadata input_max".to_owned()))?;
        let network = Self { input_max, layers, key: key(&tensors)? };
        network.check()?;
        Ok((network, metadata))
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("sizes and lists of them can be written as JSON")
}

fn read_json<T: DeserializeOwned>(metadata: &HashMap<String, String>, name: &str) -> Result<T, FileError> {
    let found = metadata.get(name).and_then(|text| serde_json::from_str(text).ok());
    found.ok_or_else(|| FileError::Content(format!("metadata {name}")))
}

fn bytes<'a>(numbers: impl Iterator<Item = &'a f64>) -> Vec<u8> {
    numbers.flat_map(|number| number.to_le_bytes()).collect()
}

fn tensor<'a>(
    tensors: &SafeTensors<'a>,
    name: &str,
    dtype: Dtype,
    rank: usize,
) -> Result<TensorView<'a>, FileError> {
    let view = tensors.tensor(name)?;
    match view.dtype() == dtype && view.shape().len() == rank {
        true => Ok(view),
        false => Err(FileError::Content(format!("tensor {name}"))),
    }
}

/// The bytes of a safetensors `file` with its metadata sorted by name. The crate that writes the
/// file puts them in another order every time.
pub(crate) fn with_sorted_metadata(file: Vec<u8>) -> Vec<u8> {
    let sorted = || {
        let (length, rest) = file.split_first_chunk::<8>()?;
        let (header, tensors) = rest.split_at_checked(u64::from_le_bytes(*length).try_into().ok()?)?;
        let mut content: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(header).ok()?;
        content.get_mut("__metadata__")?.sort_all_objects();
        let mut text = serde_json::to_vec(&content).ok()?;
        // The format asks that tensors begin at a multiple of eight bytes.
        text.resize(text.len().next_multiple_of(8), b' ');
        let length = (text.len() as u64).to_le_bytes();
        Some([&length[..], &text, tensors].concat())
    };
    sorted().expect("the crate writes a header that is JSON and has metadata")
}

fn numbers(view: &TensorView<'_>) -> Vec<f64> {
    let (numbers, _) = view.data().as_chunks::<8>();
    numbers.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect()
}

fn matrix(tensors: &SafeTensors<'_>, name: &str) -> Result<Array2<f64>, FileError> {
    let view = tensor(tensors, name, Dtype::F64, 2)?;
    let shape = (view.shape()[0], view.shape()[1]);
    Array2::from_shape_vec(shape, numbers(&view)).map_err(|_| FileError::Content(format!("tensor {name}")))
}

fn vector(tensors: &SafeTensors<'_>, name: &str) -> Result<Array1<f64>, FileError> {
    Ok(Array1::from(numbers(&tensor(tensors, name, Dtype::F64, 1)?)))
}

fn key(tensors: &SafeTensors<'_>) -> Result<Key, FileError> {
    let view = tensor(tensors, "key", Dtype::U8, 2)?;
    let shape = (view.shape()[0], view.shape()[1]);
    let members = view.data().iter().map(|&member| member != 0).collect();
    let members =
        Array2::from_shape_vec(shape, members).map_err(|_| FileError::Content("tensor key".to_owned()))?;
    Ok(Key::from_members(members))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::network::{Connectivity, Volume, Window};

    /// A convolution of graded pixels, a pool, a residual convolution and an output layer.
    fn network() -> BinaryNetwork {
        let input = Volume { height: 2, width: 2, channels: 1 };
        let window = |size, padding| Window { height: size, width: size, stride: 1, padding };
        let convolution = |input, sources, weights, thresholds, exponent| BinaryLayer {
            connectivity: Connectivity::Convolution { input, window: window(1, 0), channels: 2 },
            sources,
            weights,
            thresholds,
            exponent,
        };
        let hidden = Volume { channels: 2, ..input };
        BinaryNetwork {
            input_max: 16,
            layers: vec![
                convolution(input, vec![0], array![[0.5], [-0.25]], array![0.5, -0.75], -2),
                BinaryLayer::pool(hidden, Window { height: 3, width: 3, stride: 1, padding: 1 }, vec![1]),
                convolution(hidden, vec![2, 1], array![[1.0, -3.0], [2.0, 0.0]], array![2.0, 1.0], 0),
                BinaryLayer {
                    connectivity: Connectivity::Dense { inputs: 8, outputs: 1 },
                    sources: vec![3],
                    weights: array![[0.0, 2.5, -1.25, 1.0, 1.0, 1.0, 1.0, 1.0]],
                    thresholds: array![2.0],
                    exponent: -2,
                },
            ],
            key: Key::from_members(array![[true], [false]]),
        }
    }

    fn message(network: &BinaryNetwork) -> String {
        BinaryNetwork::from_bytes(&network.to_bytes(&Remarks::new(), &[]))
            .expect_err("it does not fit")
            .to_string()
    }

    #[test]
    fn a_network_and_what_is_said_of_it_survive_their_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("net.safetensors");
        let remarks = Remarks::from([("author".to_owned(), "somebody".to_owned())]);
        network().save(&remarks, &[], &file).expect("written");
        let bytes = std::fs::read(&file).expect("a file");
        let (read, remarks) = BinaryNetwork::from_bytes(&bytes).expect("read");
        assert_eq!((read, remarks["author"].as_str()), (network(), "somebody"));
    }

    #[test]
    fn the_same_network_is_the_same_bytes() {
        let remarks =
            Remarks::from_iter((0..20).map(|number| (format!("r{number}"), format!("\"{number}\n\u{e9}"))));
        let bytes = network().to_bytes(&remarks, &[]);
        for _ in 0..20 {
            // A map that is made anew has another order.
            assert_eq!(network().to_bytes(&remarks.clone().into_iter().collect(), &[]), bytes);
        }
        let (read, again) = BinaryNetwork::from_bytes(&bytes).expect("read");
        assert!(read == network() && remarks.iter().all(|(name, text)| again.get(name) == Some(text)));
        let (length, _) = bytes.split_first_chunk::<8>().expect("a header");
        assert_eq!(u64::from_le_bytes(*length) % 8, 0);
    }

    #[test]
    fn a_damaged_or_foreign_file_is_refused() {
        let whole = network().to_bytes(&Remarks::new(), &[]);
        for length in [0, 7, 40, whole.len() - 1] {
            assert!(BinaryNetwork::from_bytes(&whole[..length]).is_err(), "{length} bytes");
        }
        let empty: [(&str, TensorView<'_>); 0] = [];
        let foreign = safetensors::serialize(empty, None).expect("an empty file");
        let message = BinaryNetwork::from_bytes(&foreign).expect_err("no network").to_string();
        assert_eq!(message, "metadata format: not as `tune` writes it");
    }

    #[test]
    fn a_changed_bit_is_noticed_unless_it_is_in_the_name_of_the_checksum() {
        // Each remark has a name or a text that looks like the checksum of a file.
        let remarks = Remarks::from([
            ("a".to_owned(), r#""sha256":"0""#.to_owned()),
            ("a\"sha256".to_owned(), checksum::PLACE.to_owned()),
        ]);
        let whole = network().to_bytes(&remarks, &[]);
        assert_eq!(BinaryNetwork::from_bytes(&whole).expect("read").0, network());
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 7);
            if let Ok((read, remarks)) = BinaryNetwork::from_bytes(&bytes) {
                assert!(
                    read == network() && !remarks.contains_key(checksum::NAME),
                    "byte {at} of {}",
                    whole.len()
                );
            }
        }
        let last = whole.len() - 1;
        let mut bytes = whole;
        bytes[last] ^= 1;
        let message = BinaryNetwork::from_bytes(&bytes).expect_err("changed").to_string();
        assert!(message.starts_with("damaged: its content does not have the SHA-256"), "{message}");
    }

    /// The bytes without a checksum, as files of 0.1 are.
    fn without_checksum(bytes: &[u8]) -> Vec<u8> {
        let (length, rest) = bytes.split_first_chunk::<8>().expect("a header");
        let (header, tensors) = rest.split_at(u64::from_le_bytes(*length) as usize);
        let mut header: serde_json::Value = serde_json::from_slice(header).expect("JSON");
        header["__metadata__"].as_object_mut().expect("metadata").remove(checksum::NAME);
        let text = header.to_string();
        [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), tensors].concat()
    }

    #[test]
    fn a_wiring_that_cannot_be_read_is_refused() {
        let mut bytes = without_checksum(&network().to_bytes(&Remarks::new(), &[]));
        let name = b"convolution";
        let at = bytes.windows(name.len()).position(|part| part == name).expect("it is there");
        bytes[at] = b'k';
        let error = BinaryNetwork::from_bytes(&bytes).expect_err("no wiring");
        let wirings = ["metadata layers.0.wiring", "metadata layers.2.wiring"];
        assert!(
            wirings.map(|name| format!("{name}: not as `tune` writes it")).contains(&error.to_string()),
            "{error}"
        );
    }

    #[test]
    fn a_wiring_that_does_not_fit_is_refused_in_one_line() {
        let changed = |change: fn(&mut BinaryNetwork)| {
            let mut network = network();
            change(&mut network);
            message(&network)
        };
        let elements = changed(|network| network.layers[2].weights = array![[1.0], [2.0]]);
        assert_eq!(elements, "layer 2: weights are 2 x 1, the convolution takes 2 x 2");
        let thresholds = changed(|network| network.layers[0].thresholds = array![0.5]);
        assert_eq!(thresholds, "layer 0: 1 thresholds for 2 neurons");
        let pool = changed(|network| network.layers[1].thresholds = array![2.0]);
        assert_eq!(pool, "layer 1: weight and threshold of a pool must be 1");
        let graded = changed(|network| network.layers[2].sources = vec![1, 0]);
        assert_eq!(graded, "layer 2: graded inputs cannot be added to spikes");
        let above = changed(|network| network.layers[2].sources = vec![3]);
        assert_eq!(above, "layer 2: source 3 is not below the layer");
        let twice = changed(|network| network.layers[2].sources = vec![1, 1]);
        assert_eq!(twice, "layer 2: source 1 is named twice");
        let none = changed(|network| network.layers[2].sources.clear());
        assert_eq!(none, "layer 2: 0 sources: must be 1 to 255");
        let size = changed(|network| network.layers[3].sources = vec![0]);
        assert_eq!(size, "layer 3: 8 inputs do not match the inputs of the network");
        let huge = changed(|network| {
            network.layers[0].connectivity = Connectivity::Dense { inputs: usize::MAX, outputs: usize::MAX };
        });
        assert_eq!(huge, format!("layer 0: {} inputs or neurons: must be at most 16777216", usize::MAX));
    }
}
