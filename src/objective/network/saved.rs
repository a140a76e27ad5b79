//! Trained networks in files: those of `tune`, and those of other programs in NIR.

use std::path::Path;

use crate::backend::DeployOptions;
use crate::backend::nir::{NirError, NirFile, Reading};
use crate::data::InputCoding;
use crate::network::{BinaryNetwork, FileError, Remarks};

/// Names of the metadata of a saved network.
const CODING: &str = "input_coding";
const DEPLOY: &str = "deploy";

/// The first bytes of an HDF5 file, of which NIR is one.
const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";

/// A trained network, with its input coding and deployment, which are needed to score it again.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedNetwork {
    /// The network.
    pub network: BinaryNetwork,
    /// How the network's inputs are coded; `None` in files of versions that did not keep it.
    pub coding: Option<InputCoding>,
    /// How it is deployed.
    pub deploy: DeployOptions,
}

impl SavedNetwork {
    /// Writes the network to `file`, which is replaced as a whole.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, file: &Path) -> std::io::Result<()> {
        let deploy = serde_json::to_string(&self.deploy)?;
        let mut remarks = Remarks::from([(DEPLOY.to_owned(), deploy)]);
        if let Some(coding) = &self.coding {
            remarks.insert(CODING.to_owned(), serde_json::to_string(coding)?);
        }
        self.network.save(&remarks, file)
    }

    /// Reads the bytes of a file that [`SavedNetwork::save`] wrote.
    ///
    /// # Errors
    /// The bytes are not of such a file, or are damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FileError> {
        let (network, remarks) = BinaryNetwork::from_bytes(bytes)?;
        let unread = |name: &str| FileError::Content(format!("metadata {name}"));
        let coding = remarks.get(CODING).map(|text| serde_json::from_str(text).map_err(|_| unread(CODING)));
        let deploy = remarks.get(DEPLOY).map(|text| serde_json::from_str(text).map_err(|_| unread(DEPLOY)));
        Ok(Self { network, coding: coding.transpose()?, deploy: deploy.transpose()?.unwrap_or_default() })
    }
}

/// A file with a trained network.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelFile {
    /// A file of `tune`.
    Saved(SavedNetwork),
    /// A file in NIR, the intermediate representation that many programs write.
    Nir(NirFile),
}

/// Why a file holds no network.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file is no file of `tune`, or is damaged.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is HDF5, but holds no network in NIR.
    #[error(transparent)]
    Nir(#[from] NirError),
}

impl ModelFile {
    /// Reads the bytes of a file of `tune` or of a NIR file.
    ///
    /// # Errors
    /// The file is neither of the two, or is damaged.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ModelError> {
        match bytes.starts_with(HDF5) {
            true => Ok(Self::Nir(NirFile::from_bytes(bytes)?)),
            false => Ok(Self::Saved(SavedNetwork::from_bytes(&bytes)?)),
        }
    }

    /// How the network's inputs are coded, if the file says so.
    ///
    /// # Errors
    /// The file names a coding that does not exist.
    pub fn coding(&self) -> Result<Option<InputCoding>, ModelError> {
        match self {
            Self::Saved(saved) => Ok(saved.coding),
            Self::Nir(file) => Ok(file.coding()?),
        }
    }

    /// How the network was deployed when it was saved; the default for NIR.
    pub fn deploy(&self) -> DeployOptions {
        match self {
            Self::Saved(saved) => saved.deploy.clone(),
            Self::Nir(_) => DeployOptions::default(),
        }
    }

    /// Lines for the user: what the file does not say, and how it is read instead.
    ///
    /// # Errors
    /// A NIR file does not tell its time step, and the user did not name it.
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
    /// A NIR file holds no network that such samples fit and that needs a single time step.
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
    use crate::network::fixtures;

    #[test]
    fn a_network_is_saved_with_its_coding_and_deployment() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("net.safetensors");
        let saved = SavedNetwork {
            network: fixtures::network(1, 1, 100, -3),
            coding: Some(InputCoding::Thermometer { levels: 3 }),
            deploy: DeployOptions { weight_bits: Some(4), ..DeployOptions::default() },
        };
        saved.save(&file).expect("written");
        let read = ModelFile::from_bytes(std::fs::read(&file).expect("a file")).expect("a network");
        assert_eq!(read, ModelFile::Saved(saved));
    }

    #[test]
    fn a_file_of_neither_kind_is_refused() {
        let message =
            |bytes: &[u8]| ModelFile::from_bytes(bytes.to_vec()).expect_err("no network").to_string();
        assert!(message(b"{}").starts_with("not a safetensors file: "), "{}", message(b"{}"));
        assert!(message(HDF5).starts_with("not an HDF5 file that can be read: "), "{}", message(HDF5));
    }
}
