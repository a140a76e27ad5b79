//! The binary versions of CIFAR-10 and CIFAR-100: a folder of batches, or an archive of them.
//!
//! A record is one label byte, then 32x32 red, green and blue bytes, plane after plane. In
//! CIFAR-100 a coarse label comes before the fine one, which is used. Images are kept with the
//! channels last: height, width, channel. A batch may have any number of records, at least one.
//! Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images".

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::{Component, Path, PathBuf};

use ndarray::Array2;

use super::stream::{open, read_error};
use crate::data::parts::{Parts, check_labels};
use crate::data::{DataError, InputScaling, Reading, Samples, Scaling};

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
#[derive(Clone, Default)]
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

    /// The batches in the archive by name. A link stands for the batch that it names.
    fn unpack(self, file: &Path, classes: usize) -> Result<BTreeMap<String, Batch>, DataError> {
        let failed = |error| read_error(file, error);
        let mut archive = tar::Archive::new(open(file)?);
        let (mut batches, mut links) = (BTreeMap::new(), Vec::new());
        for entry in archive.entries().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path().map_err(failed)?.into_owned();
            if !self.is_member(&path) {
                continue;
            }
            match link_target(&entry, &path).map_err(failed)? {
                Some(target) => links.push((path, target)),
                None if entry.header().entry_type().is_file() => {
                    let mut batch = Batch::default();
                    self.read_batch(BufReader::new(entry), &file.join(&path), classes, &mut batch)?;
                    batches.insert(normal(&path), batch);
                }
                None => return Err(DataError::malformed(file.join(path), "must be a file or a link to one")),
            }
        }
        for (path, target) in links {
            let batch = followed(&batches, &target)
                .map_err(|problem| DataError::malformed(file.join(&path), problem))?;
            batches.insert(normal(&path), batch);
        }
        by_name(batches, file)
    }

    fn is_member(self, path: &Path) -> bool {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        self.train_members().contains(&&*name) || name == self.test_member()
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
                0 if batch.labels.len() == start => {
                    return Err(DataError::malformed(file, "empty: a batch has at least one record"));
                }
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
        let bytes = || train.inputs.iter().copied();
        let reading = Reading {
            label: None,
            header: None,
            range: [bytes().min().unwrap_or(0), bytes().max().unwrap_or(0)].map(f64::from),
            scaling: Scaling::Divided { maximum: u8::MAX },
            inputs: InputScaling::Levels,
            columns: None,
            is_test_cut: false,
            notes: Vec::new(),
            identifiers: Vec::new(),
            schema: None,
        };
        let (shape, levels, validation, test) = ([SIDE, SIDE, CHANNELS], u8::MAX, None, Some(test));
        Parts { shape, levels, classes, train, validation, test, reading, groups: None }
    }
}

/// Where a link of the archive leads, from the archive's root; `None` if the entry is no link.
fn link_target<R: Read>(entry: &tar::Entry<'_, R>, path: &Path) -> std::io::Result<Option<PathBuf>> {
    let kind = entry.header().entry_type();
    let target = if kind.is_symlink() || kind.is_hard_link() { entry.link_name()? } else { None };
    let folder = if kind.is_symlink() { path.parent() } else { None };
    Ok(target.map(|target| normal(&folder.unwrap_or(Path::new("")).join(target))))
}

/// `path` without `.`, without roots, and with `..` followed.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                normal.pop();
            }
            _ => {}
        }
    }
    normal
}

/// The batch that a link leads to.
fn followed(batches: &BTreeMap<PathBuf, Batch>, target: &Path) -> Result<Batch, String> {
    batches.get(target).cloned().ok_or_else(|| {
        let target = target.display();
        format!("a link to {target}, which is no batch of the archive: pack it again by tar --dereference")
    })
}

/// Batches by their names alone, which must be different.
fn by_name(batches: BTreeMap<PathBuf, Batch>, file: &Path) -> Result<BTreeMap<String, Batch>, DataError> {
    let mut named = BTreeMap::new();
    for (path, batch) in batches {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if named.insert(name.clone(), batch).is_some() {
            return Err(DataError::malformed(file, format!("two files {name}: must have one of each name")));
        }
    }
    Ok(named)
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
    use std::fs::File;

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

    /// An archive of CIFAR-10's files in the folder `batches`, of which `name` is what `header` says.
    fn with_entry(name: &str, kind: tar::EntryType, target: &str) -> Result<Parts, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cifar.tar");
        let mut archive = tar::Builder::new(File::create(&file).unwrap());
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(0);
        header.set_entry_type(kind);
        match target {
            "" => archive.append_data(&mut header, format!("batches/{name}"), &[][..]).unwrap(),
            target => archive.append_link(&mut header, format!("batches/{name}"), target).unwrap(),
        }
        for (other, bytes) in ten().iter().filter(|(other, _)| *other != name) {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, format!("batches/{other}"), &bytes[..]).unwrap();
        }
        archive.into_inner().unwrap();
        Cifar::Ten.read_archive(&file, numbered(10)).map_err(|error| error.to_string())
    }

    #[test]
    fn links_in_an_archive_stand_for_the_batches_that_they_name() {
        use tar::EntryType::{Link, Symlink};
        for (kind, target) in [
            (Symlink, "data_batch_1.bin"),
            (Symlink, "./data_batch_1.bin"),
            (Symlink, "../batches/data_batch_1.bin"),
            (Link, "batches/data_batch_1.bin"),
            (Link, "./batches/data_batch_1.bin"),
        ] {
            let parts = with_entry("data_batch_3.bin", kind, target).unwrap();
            assert_eq!(parts.train.labels, [1, 2, 1, 4, 5], "{target}");
        }
    }

    #[test]
    fn what_is_no_batch_is_refused_not_left_out() {
        use tar::EntryType::{Directory, Fifo, Link, Regular, Symlink};
        for (kind, target, expected) in [
            (
                Symlink,
                "/elsewhere/data_batch_1.bin",
                "a link to elsewhere/data_batch_1.bin, which is no batch",
            ),
            (Symlink, "data_batch_3.bin", "which is no batch of the archive"),
            (Link, "data_batch_1.bin", "a link to data_batch_1.bin, which is no batch"),
            (Directory, "", "data_batch_3.bin: must be a file or a link to one"),
            (Fifo, "", "data_batch_3.bin: must be a file or a link to one"),
            (Regular, "", "data_batch_3.bin: empty: a batch has at least one record"),
        ] {
            let message = with_entry("data_batch_3.bin", kind, target).map(|_| ()).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
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
