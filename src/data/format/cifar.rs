//! The binary versions of CIFAR-10 and CIFAR-100: a folder of batches, or an archive of them.
//!
//! A record is one label byte, then 32x32 red, green and blue bytes, plane after plane. In
//! CIFAR-100 a coarse label comes before the fine one, which is used. Images are kept with the
//! channels last: height, width, channel. A batch may have any number of records. Krizhevsky 2009,
//! "Learning Multiple Layers of Features from Tiny Images".

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::Path;

use ndarray::Array2;

use super::stream::{open, read_error};
use crate::data::parts::{Parts, check_labels};
use crate::data::{DataError, Samples};

const SIDE: usize = 32;
const PIXELS: usize = SIDE * SIDE;
const CHANNELS: usize = 3;

const TEN_TRAIN: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];

/// One of the two CIFAR data sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cifar {
    /// CIFAR-10.
    Ten,
    /// CIFAR-100.
    Hundred,
}

/// Samples of one or more batches.
#[derive(Default)]
struct Batch {
    inputs: Vec<u8>,
    labels: Vec<u16>,
}

impl Cifar {
    /// The data set whose first batch is in `folder`, if there is one.
    pub(crate) fn in_folder(folder: &Path) -> Option<Self> {
        [Self::Ten, Self::Hundred].into_iter().find(|set| folder.join(set.train_members()[0]).is_file())
    }

    /// The data set whose first batch is in the archive `file`, if there is one.
    pub(crate) fn in_archive(file: &Path) -> Result<Option<Self>, DataError> {
        let failed = |error| read_error(file, error);
        let mut archive = tar::Archive::new(open(file)?);
        for entry in archive.entries().map_err(failed)? {
            let path = entry.and_then(|entry| Ok(entry.path()?.into_owned())).map_err(failed)?;
            let is_first = |set: &Self| path.ends_with(set.train_members()[0]);
            if let Some(set) = [Self::Ten, Self::Hundred].into_iter().find(is_first) {
                return Ok(Some(set));
            }
        }
        Ok(None)
    }

    fn train_members(self) -> &'static [&'static str] {
        match self {
            Self::Ten => &TEN_TRAIN,
            Self::Hundred => &["train.bin"],
        }
    }

    fn test_member(self) -> &'static str {
        match self {
            Self::Ten => "test_batch.bin",
            Self::Hundred => "test.bin",
        }
    }

    /// The number of bytes before the pixels; the last of them is the label.
    fn label_bytes(self) -> usize {
        match self {
            Self::Ten => 1,
            Self::Hundred => 2,
        }
    }

    fn record_bytes(self) -> usize {
        self.label_bytes() + CHANNELS * PIXELS
    }

    /// Reads the batches in `folder`.
    pub(in crate::data) fn read_folder(
        self,
        folder: &Path,
        classes: Vec<String>,
    ) -> Result<Parts, DataError> {
        let read = |members: &[&str]| {
            let mut batch = Batch::default();
            for member in members {
                let file = folder.join(member);
                self.read_batch(open(&file)?, &file, classes.len(), &mut batch)?;
            }
            Ok(batch.into_samples())
        };
        let train = read(self.train_members())?;
        let test = read(&[self.test_member()])?;
        Ok(Self::parts(classes, train, test))
    }

    /// Reads the batches in the tar archive `file`, gzipped or not, in any order.
    pub(in crate::data) fn read_archive(self, file: &Path, classes: Vec<String>) -> Result<Parts, DataError> {
        let mut batches = self.unpack(file, classes.len())?;
        let mut take = |member: &str| {
            let batch = batches.remove(member);
            batch.ok_or_else(|| DataError::malformed(file, format!("no {member} in the archive")))
        };
        let test = take(self.test_member())?;
        let mut train = Batch::default();
        for member in self.train_members() {
            train.append(take(member)?);
        }
        Ok(Self::parts(classes, train.into_samples(), test.into_samples()))
    }

    fn unpack(self, file: &Path, classes: usize) -> Result<BTreeMap<String, Batch>, DataError> {
        let failed = |error| read_error(file, error);
        let mut archive = tar::Archive::new(open(file)?);
        let mut batches = BTreeMap::new();
        for entry in archive.entries().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path().map_err(failed)?.into_owned();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if self.train_members().contains(&name.as_str()) || name == self.test_member() {
                let mut batch = Batch::default();
                self.read_batch(BufReader::new(entry), &file.join(path), classes, &mut batch)?;
                batches.insert(name, batch);
            }
        }
        Ok(batches)
    }

    /// Reads records to the end of `stream`; errors name `file`.
    fn read_batch(
        self,
        mut stream: impl Read,
        file: &Path,
        classes: usize,
        batch: &mut Batch,
    ) -> Result<(), DataError> {
        let start = batch.labels.len();
        let mut record = Vec::with_capacity(self.record_bytes());
        loop {
            record.clear();
            let mut rest = stream.by_ref().take(self.record_bytes() as u64);
            match rest.read_to_end(&mut record).map_err(|error| read_error(file, error))? {
                0 => return check_labels(&batch.labels[start..], classes, file),
                count if count == self.record_bytes() => batch.push(&record, self.label_bytes()),
                count => {
                    let records = batch.labels.len() - start;
                    let problem = format!(
                        "{records} records and {count} bytes; the length must be a multiple of {}",
                        self.record_bytes()
                    );
                    return Err(DataError::malformed(file, problem));
                }
            }
        }
    }

    fn parts(classes: Vec<String>, train: Samples, test: Samples) -> Parts {
        Parts { shape: [SIDE, SIDE, CHANNELS], levels: u8::MAX, classes, train, test: Some(test) }
    }
}

impl Batch {
    fn push(&mut self, record: &[u8], label_bytes: usize) {
        let (labels, planes) = record.split_at(label_bytes);
        self.labels.push(u16::from(labels[label_bytes - 1]));
        let (red, rest) = planes.split_at(PIXELS);
        let (green, blue) = rest.split_at(PIXELS);
        self.inputs.extend((0..PIXELS).flat_map(|pixel| [red[pixel], green[pixel], blue[pixel]]));
    }

    fn append(&mut self, other: Batch) {
        self.inputs.extend_from_slice(&other.inputs);
        self.labels.extend_from_slice(&other.labels);
    }

    fn into_samples(self) -> Samples {
        let inputs = Array2::from_shape_vec((self.labels.len(), CHANNELS * PIXELS), self.inputs)
            .expect("every record has one label and all its pixels");
        Samples { inputs, labels: self.labels }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::stream::tests::gzipped;
    use super::*;
    use crate::data::parts::numbered;

    /// A record whose pixel p has red p, green p + 1, blue p + 2, modulo 256.
    pub(in crate::data) fn record(labels: &[u8]) -> Vec<u8> {
        let planes = (0..CHANNELS).flat_map(|channel| (0..PIXELS).map(move |pixel| (pixel + channel) as u8));
        labels.iter().copied().chain(planes).collect()
    }

    /// Files of CIFAR-10 with one training record of label k in batch k, and two test records.
    fn ten() -> Vec<(&'static str, Vec<u8>)> {
        let mut files: Vec<_> = TEN_TRAIN.into_iter().zip((1..).map(|label| record(&[label]))).collect();
        files.push(("test_batch.bin", [record(&[9]), record(&[0])].concat()));
        files
    }

    fn write(folder: &Path, files: &[(&str, Vec<u8>)]) {
        files.iter().for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes).unwrap());
    }

    fn archive<'a>(files: impl Iterator<Item = &'a (&'static str, Vec<u8>)>) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, Path::new("batches").join(name), &bytes[..]).unwrap();
        }
        gzipped(&archive.into_inner().unwrap())
    }

    fn check(parts: &Parts) {
        assert_eq!(parts.shape, [32, 32, 3]);
        assert_eq!(parts.train.labels, [1, 2, 3, 4, 5]);
        assert_eq!(parts.test.as_ref().unwrap().labels, [9, 0]);
        assert_eq!(parts.train.inputs.row(0).as_slice().unwrap()[..6], [0, 1, 2, 1, 2, 3]);
        assert_eq!(parts.train.inputs[(4, 3071)], (PIXELS + 1) as u8);
    }

    #[test]
    fn batches_of_any_length_are_read_from_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &ten());
        assert_eq!(Cifar::in_folder(folder.path()), Some(Cifar::Ten));
        check(&Cifar::Ten.read_folder(folder.path(), numbered(10)).unwrap());
    }

    #[test]
    fn batches_are_read_from_an_archive_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cifar.tar.gz");
        std::fs::write(&file, archive(ten().iter().rev())).unwrap();
        check(&Cifar::Ten.read_archive(&file, numbered(10)).unwrap());
        std::fs::write(&file, archive(ten().iter().skip(1))).unwrap();
        let error = Cifar::Ten.read_archive(&file, numbered(10)).unwrap_err().to_string();
        assert!(error.ends_with("cifar.tar.gz: no data_batch_1.bin in the archive"), "{error}");
    }

    #[test]
    fn the_fine_labels_of_cifar_100_are_read() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[("train.bin", record(&[3, 99])), ("test.bin", record(&[4, 50]))]);
        assert_eq!(Cifar::in_folder(folder.path()), Some(Cifar::Hundred));
        let parts = Cifar::Hundred.read_folder(folder.path(), numbered(100)).unwrap();
        assert_eq!((parts.train.labels, parts.test.unwrap().labels), (vec![99], vec![50]));
    }

    fn message_with_first_batch(bytes: Vec<u8>) -> String {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &ten());
        write(folder.path(), &[(TEN_TRAIN[0], bytes)]);
        Cifar::Ten.read_folder(folder.path(), numbered(10)).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_label_outside_the_classes_and_a_broken_record_are_errors() {
        let label = message_with_first_batch([record(&[0]), record(&[12])].concat());
        assert!(
            label
                .ends_with("data_batch_1.bin: label 12 of sample 1: must be below 10, the number of classes")
        );
        let mut cut = [record(&[0]), record(&[1])].concat();
        cut.truncate(3073 + 100);
        let length = message_with_first_batch(cut);
        assert!(
            length.ends_with("1 records and 100 bytes; the length must be a multiple of 3073"),
            "{length}"
        );
    }
}
