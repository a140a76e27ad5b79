//! A binary network in a file: safetensors, readable from any language.
//!
//! Tensors `layers.L.weights` (O, I) and `layers.L.thresholds` (O) in `f64`, `key` (K, N) of 0 and 1. Output
//! o of layer L fires where `weights[o] . inputs >= thresholds[o]`. Metadata: `format`, `input_max`, and
//! `layers.L.exponent`, the base-2 logarithm of the grid that the numbers lie on.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

use ndarray::{Array1, Array2};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use tempfile::NamedTempFile;

use super::{BinaryLayer, BinaryNetwork, Key};

/// Value of the metadata key `format`.
const FORMAT: &str = "binary-network-1";

/// A file that holds no binary network.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not in the safetensors format.
    #[error("not a safetensors file: {0}")]
    Form(#[from] safetensors::SafeTensorError),
    /// It is another kind of safetensors file, or a damaged one.
    #[error("{0}: not as `tune` writes it")]
    Content(String),
}

impl BinaryNetwork {
    /// Writes the network to `file`, all at once: a reader sees the old file or the new.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, file: &Path) -> io::Result<()> {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut new = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        new.write_all(&self.to_bytes())?;
        new.persist(file)?;
        Ok(())
    }

    /// Reads a network that [`BinaryNetwork::save`] wrote.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn load(file: &Path) -> Result<Self, FileError> {
        Self::from_bytes(&std::fs::read(file)?)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut metadata = HashMap::from([
            ("format".to_owned(), FORMAT.to_owned()),
            ("input_max".to_owned(), self.input_max.to_string()),
        ]);
        let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            metadata.insert(format!("layers.{index}.exponent"), layer.exponent.to_string());
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
        let views = tensors.iter().map(|(name, dtype, shape, data)| {
            let view = TensorView::new(*dtype, shape.clone(), data).expect("as many bytes as the shape says");
            (name.as_str(), view)
        });
        safetensors::serialize(views, Some(metadata)).expect("views are valid")
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, FileError> {
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let metadata = metadata.metadata().clone().unwrap_or_default();
        let number = |name: &str| {
            let found = metadata.get(name).and_then(|text| text.parse::<i32>().ok());
            found.ok_or_else(|| FileError::Content(format!("metadata {name}")))
        };
        if metadata.get("format").map(String::as_str) != Some(FORMAT) {
            return Err(FileError::Content("metadata format".to_owned()));
        }
        let tensors = SafeTensors::deserialize(bytes)?;
        let count = metadata.keys().filter(|name| name.ends_with(".exponent")).count();
        let layers = (0..count)
            .map(|index| {
                Ok(BinaryLayer {
                    weights: matrix(&tensors, &format!("layers.{index}.weights"))?,
                    thresholds: vector(&tensors, &format!("layers.{index}.thresholds"))?,
                    exponent: number(&format!("layers.{index}.exponent"))?,
                })
            })
            .collect::<Result<_, FileError>>()?;
        let input_max = u8::try_from(number("input_max")?)
            .map_err(|_| FileError::Content("metadata input_max".to_owned()))?;
        Ok(Self { input_max, layers, key: key(&tensors)? })
    }
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

    fn network() -> BinaryNetwork {
        BinaryNetwork {
            input_max: 16,
            layers: vec![
                BinaryLayer {
                    weights: array![[0.5, -0.25, 1.0], [0.0, 2.5, -1.25]],
                    thresholds: array![0.5, -0.75],
                    exponent: -2,
                },
                BinaryLayer { weights: array![[1.0, -3.0]], thresholds: array![2.0], exponent: 0 },
            ],
            key: Key::from_members(array![[true], [false]]),
        }
    }

    #[test]
    fn a_network_survives_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("net.safetensors");
        network().save(&file).expect("written");
        assert_eq!(BinaryNetwork::load(&file).expect("read"), network());
    }

    #[test]
    fn a_damaged_or_foreign_file_is_refused() {
        let whole = network().to_bytes();
        for length in [0, 7, 40, whole.len() - 1] {
            assert!(BinaryNetwork::from_bytes(&whole[..length]).is_err(), "{length} bytes");
        }
        let empty: [(&str, TensorView<'_>); 0] = [];
        let foreign = safetensors::serialize(empty, None).expect("an empty file");
        let message = BinaryNetwork::from_bytes(&foreign).expect_err("no network").to_string();
        assert_eq!(message, "metadata format: not as `tune` writes it");
    }
}
