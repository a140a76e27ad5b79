//! Trained networks in files: those of `tune`, and those of other programs in NIR.

use std::path::Path;

use super::description::Description;
use crate::backend::nir::{NirError, NirFile, Reading};
use crate::backend::{DeployOptions, IntegerNetwork};
use crate::data::InputCoding;
use crate::network::{BinaryNetwork, FileError, IntegerTensor, Remarks};

/// Names of the metadata of a saved network. Version 0.1 wrote the first two and reads no others.
const CODING: &str = "input_coding";
const DEPLOY: &str = "deploy";
const DESCRIPTION: &str = "description";
const DEPLOYED: &str = "deployed";

/// The first bytes of an HDF5 file, of which NIR is one.
const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";

/// A trained network with all that it takes to use it.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedNetwork {
    /// The network.
    pub network: BinaryNetwork,
    /// What its file says about it.
    pub description: Description,
}

impl SavedNetwork {
    /// Writes it to `file`, all at once, with the integers of the chip on which it is `deployed`. These
    /// are left out where the chip has exact weights: they are the weights in units of their grid.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, deployed: Option<&IntegerNetwork>, file: &Path) -> std::io::Result<()> {
        let Description { coding, deploy, .. } = &self.description;
        let mut remarks = Remarks::from([
            (DEPLOY.to_owned(), serde_json::to_string(deploy)?),
            (DESCRIPTION.to_owned(), self.description.to_text()),
        ]);
        if let Some(coding) = coding {
            remarks.insert(CODING.to_owned(), serde_json::to_string(coding)?);
        }
        let deployed = deployed.filter(|deployed| deployed.weight_bits.is_some());
        if let Some(deployed) = deployed {
            let (compare, bits) = (deployed.compare, deployed.weight_bits);
            let json = serde_json::json!({"compare": compare, "weight_bits": bits});
            remarks.insert(DEPLOYED.to_owned(), json.to_string());
        }
        let integers = deployed.map(integers).unwrap_or_default();
        self.network.save(&remarks, &integers, file)
    }

    /// Reads the bytes of a file that [`SavedNetwork::save`] wrote.
    ///
    /// # Errors
    /// They are no such file, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FileError> {
        let (network, remarks) = BinaryNetwork::from_bytes(bytes)?;
        if let Some(text) = remarks.get(DESCRIPTION) {
            let wrong = |problem| FileError::Remark { name: DESCRIPTION, problem };
            return Ok(Self { network, description: Description::from_text(text).map_err(wrong)? });
        }
        let unread = |name: &str| FileError::Content(format!("metadata {name}"));
        let coding = remarks.get(CODING).map(|text| serde_json::from_str(text).map_err(|_| unread(CODING)));
        let deploy = remarks.get(DEPLOY).map(|text| serde_json::from_str(text).map_err(|_| unread(DEPLOY)));
        let (coding, deploy) = (coding.transpose()?, deploy.transpose()?.unwrap_or_default());
        Ok(Self { network, description: Description { coding, deploy, ..Description::default() } })
    }
}

/// The integers of a network on a chip: weights (channels, kernel elements) and thresholds (channels) of
/// each layer.
fn integers(deployed: &IntegerNetwork) -> Vec<IntegerTensor> {
    let layers = deployed.layers.iter().enumerate().flat_map(|(index, layer)| {
        let weights = layer.weights.t();
        [
            IntegerTensor {
                name: format!("deployed.{index}.weights"),
                shape: weights.shape().to_vec(),
                values: weights.iter().copied().collect(),
            },
            IntegerTensor {
                name: format!("deployed.{index}.thresholds"),
                shape: vec![layer.thresholds.len()],
                values: layer.thresholds.to_vec(),
            },
        ]
    });
    layers.collect()
}

/// A file with a trained network.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelFile {
    /// A file of `tune`.
    Saved(Box<SavedNetwork>),
    /// A file in NIR, the intermediate representation that many programs write.
    Nir(NirFile),
}

/// Why a file holds no network.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It is no file of `tune`, or damaged.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is HDF5, but no network in NIR.
    #[error(transparent)]
    Nir(#[from] NirError),
    /// What a NIR file says about its network is malformed.
    #[error("metadata tune: {0}")]
    Description(String),
}

impl ModelFile {
    /// Reads the bytes of a file of either kind.
    ///
    /// # Errors
    /// The file is of neither kind, or damaged.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ModelError> {
        match bytes.starts_with(HDF5) {
            true => Ok(Self::Nir(NirFile::from_bytes(bytes)?)),
            false => Ok(Self::Saved(Box::new(SavedNetwork::from_bytes(&bytes)?))),
        }
    }

    /// What the file says about the network.
    ///
    /// # Errors
    /// The metadata of a NIR file is malformed.
    pub fn description(&self) -> Result<Description, ModelError> {
        match self {
            Self::Saved(saved) => Ok(saved.description.clone()),
            Self::Nir(file) => match file.description() {
                Some(text) => Description::from_text(text).map_err(ModelError::Description),
                None => Ok(Description { coding: file.coding()?, ..Description::default() }),
            },
        }
    }

    /// How its inputs are coded, if the file says so.
    ///
    /// # Errors
    /// The file names a coding that does not exist.
    pub fn coding(&self) -> Result<Option<InputCoding>, ModelError> {
        match self {
            Self::Saved(saved) => Ok(saved.description.coding),
            Self::Nir(file) => Ok(file.coding()?),
        }
    }

    /// How the network was deployed when it was saved; the default for NIR files of other programs.
    ///
    /// # Errors
    /// The metadata of a NIR file is malformed.
    pub fn deploy(&self) -> Result<DeployOptions, ModelError> {
        Ok(self.description()?.deploy)
    }

    /// Lines for the user: what the file leaves open, and how it is read.
    ///
    /// # Errors
    /// A NIR file does not tell its time step.
    pub fn remarks(&self, reading: Reading) -> Result<Vec<String>, ModelError> {
        match self {
            Self::Saved(_) => Ok(Vec::new()),
            Self::Nir(file) => Ok(file.remarks(reading)?),
        }
    }

    /// The network for samples of a shape (height, width, channels) whose inputs go up to
    /// `input_max`.
    ///
    /// # Errors
    /// A NIR file holds no network of one time step for such samples.
    pub fn network(
        &self,
        shape: [usize; 3],
        input_max: u8,
        reading: Reading,
    ) -> Result<BinaryNetwork, ModelError> {
        match self {
            Self::Saved(saved) => Ok(saved.network.clone()),
            Self::Nir(file) => Ok(file.network(shape, input_max, reading)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ChipProfile;
    use crate::data::{InputScaling, Preprocessing};
    use crate::network::fixtures;

    #[test]
    fn a_network_is_saved_with_all_that_is_known_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("net.safetensors");
        let inputs = Preprocessing {
            shape: [1, 1, 2],
            levels: 255,
            scaling: InputScaling::Columns { low: vec![0.1, -1e-3], high: vec![0.1 + 0.2, 7.0] },
            columns: None,
            schema: None,
            classes: ["a, \"b\"", "ö"].map(str::to_owned).to_vec(),
        };
        let description = Description {
            coding: Some(InputCoding::Thermometer { levels: 3 }),
            deploy: DeployOptions { weight_bits: Some(4), ..DeployOptions::default() },
            chip: Some(ChipProfile::builtin("loihi1").expect("built in")),
            inputs: Some(inputs),
            ..Description::new()
        };
        let saved = SavedNetwork { network: fixtures::network(1, 1, 100, -3), description };
        let profile = saved.description.chip.clone().expect("a chip");
        let integers =
            IntegerNetwork::new(&saved.network, &profile, &DeployOptions::default()).expect("it fits");
        saved.save(Some(&integers), &file).expect("written");
        let bytes = std::fs::read(&file).expect("a file");
        let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
        let weights = tensors.tensor("deployed.0.weights").expect("integers");
        assert_eq!(weights.shape(), saved.network.layers[0].weights.shape());
        assert_eq!(weights.data()[0] as i8 as i64, integers.layers[0].weights[[0, 0]]);
        assert_eq!(ModelFile::from_bytes(bytes).expect("a network"), ModelFile::Saved(Box::new(saved)));
    }

    #[test]
    fn a_file_of_neither_kind_is_refused() {
        let message =
            |bytes: &[u8]| ModelFile::from_bytes(bytes.to_vec()).expect_err("no network").to_string();
        assert!(message(b"{}").starts_with("not a safetensors file"), "{}", message(b"{}"));
        assert!(message(HDF5).starts_with("not an HDF5 file that can be read: "), "{}", message(HDF5));
    }
}
