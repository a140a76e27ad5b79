//! Opening a data set by its name in the catalogue, or by its path.

use std::path::{Path, PathBuf};

use super::catalogue::fetch::find_or_download;
use super::catalogue::sources::Sources;
use super::catalogue::{self, BuiltIn, CatalogueFile, Entry, Format, Origin};
use super::format::cifar::Cifar;
use super::format::idx::Pair;
use super::format::{csv, idx, idx_folder, images, npy_files, npz};
use super::parts::Parts;
use super::{Channels, DataError, Dataset, LoadProgress, OpenOptions, builtin, yinyang};

impl Dataset {
    /// Opens the data set that has this name in the [`catalogue`](super::catalogue()), or that lies
    /// at this path.
    ///
    /// A path may be a table (`.csv`, `.tsv`, `.data`, also with `.gz`), an `.npz` archive, `.npy`
    /// files, a folder with a folder of pictures per class, a folder of IDX files with names like
    /// MNIST's, a folder of CIFAR's batches, or CIFAR's archive (`.tar.gz`). Write `./mnist` for a path that is also a name. `options` say what files do not.
    ///
    /// Files of the catalogue are looked for in `sources` and verified. Missing ones are downloaded
    /// if `sources` allows it; then `progress` is called again and again.
    ///
    /// Bytes are taken as levels (whole numbers that stand for 0 to 1), and so are images of whole
    /// numbers up to 255. Real numbers within [0, 1] are kept. Others are scaled to levels 0 to
    /// 255, between the smallest and the largest value of the training part. A table is scaled per
    /// column, an image over all pixels. If there is no test part, 20 % of each class become one,
    /// the same samples in every run. [`Dataset::reading`] tells what was done.
    ///
    /// # Errors
    /// The name is unknown, a file is missing, unreadable or breaks its format, or there are fewer
    /// than two classes.
    pub fn open(
        name_or_path: &str,
        options: &OpenOptions,
        sources: &Sources,
        progress: &mut dyn FnMut(LoadProgress<'_>),
    ) -> Result<Self, DataError> {
        let path = Path::new(name_or_path);
        if options.labels.is_some() && path.extension().is_none_or(|ending| ending != "npy") {
            let (option, name) = ("--labels", name_or_path.to_owned());
            return Err(DataError::Option { option, name, kind: "NPY file" });
        }
        match catalogue::find(name_or_path) {
            Ok(entry) => {
                check_no_table(name_or_path, options)?;
                check_no_pictures(name_or_path, options)?;
                open_entry(entry, sources, progress)
            }
            Err(_) if path.exists() => {
                open_path(path, options, sources, progress)?.into_dataset(&stem(path), path)
            }
            Err(unknown) => Err(unknown),
        }
    }
}

fn open_entry(
    entry: &Entry,
    sources: &Sources,
    progress: &mut dyn FnMut(LoadProgress<'_>),
) -> Result<Dataset, DataError> {
    let (parts, file) = match entry.origin {
        Origin::BuiltIn(set) => (open_built_in(set)?, PathBuf::from(entry.name)),
        Origin::Files { format: Format::Idx, files, .. } => {
            let mut find = |file: &CatalogueFile| {
                find_or_download(entry, file, sources, &mut |download| {
                    progress(LoadProgress::Download(download))
                })
            };
            let paths = files.iter().map(&mut find).collect::<Result<Vec<PathBuf>, _>>()?;
            (open_idx(&paths, entry.class_names())?, paths[0].clone())
        }
        Origin::Files { format: Format::Cifar(set), files, .. } => {
            open_cifar(entry, set, &files[0], sources, progress)?
        }
    };
    if parts.shape != entry.shape {
        let problem = format!("shape {:?}; that of {} is {:?}", parts.shape, entry.name, entry.shape);
        return Err(DataError::malformed(file, problem));
    }
    parts.into_dataset(entry.name, &file)
}

fn open_built_in(set: BuiltIn) -> Result<Parts, DataError> {
    match set {
        BuiltIn::Digits => builtin::digits(),
        BuiltIn::Iris => builtin::iris(),
        BuiltIn::Winequality => builtin::winequality(),
        BuiltIn::Yinyang => yinyang::generate(),
    }
}

/// Reads CIFAR from the archive; if there is none, from unpacked batches; else from an archive that
/// is downloaded.
fn open_cifar(
    entry: &Entry,
    set: Cifar,
    file: &CatalogueFile,
    sources: &Sources,
    progress: &mut dyn FnMut(LoadProgress<'_>),
) -> Result<(Parts, PathBuf), DataError> {
    let archive = match (sources.find_file(entry, file)?, sources.find_batches(entry, set)) {
        (Some(archive), _) => archive,
        (None, Some(folder)) => return Ok((set.read_folder(&folder, entry.class_names())?, folder)),
        (None, None) => find_or_download(entry, file, sources, &mut |download| {
            progress(LoadProgress::Download(download))
        })?,
    };
    Ok((set.read_archive(&archive, entry.class_names())?, archive))
}

/// Reads images and labels of the training part, then of the test part.
fn open_idx(paths: &[PathBuf], classes: Vec<String>) -> Result<Parts, DataError> {
    let pairs: Vec<Pair> =
        paths.chunks_exact(2).map(|pair| Pair { images: pair[0].clone(), labels: pair[1].clone() }).collect();
    idx::read_set(&pairs[0], pairs.get(1), Some(classes), Channels::Detect)
}

fn open_path(
    path: &Path,
    options: &OpenOptions,
    sources: &Sources,
    progress: &mut dyn FnMut(LoadProgress<'_>),
) -> Result<Parts, DataError> {
    let shown = path.to_string_lossy();
    if path.is_dir() {
        check_no_table(&shown, options)?;
        return match open_arrays(path, options)? {
            Some(parts) => check_no_pictures(&shown, options).map(|()| parts),
            None => open_pictures(path, options, sources, progress),
        };
    }
    check_no_pictures(&shown, options)?;
    let name = path.to_string_lossy().to_lowercase();
    let unpacked = name.strip_suffix(".gz").unwrap_or(&name);
    match unpacked.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "csv" | "tsv" | "data" => csv::read(path, options)?.into_parts(),
        extension => open_other(path, extension, options),
    }
}

fn open_other(path: &Path, extension: &str, options: &OpenOptions) -> Result<Parts, DataError> {
    check_no_table(&path.to_string_lossy(), options)?;
    match extension {
        "npz" => npz::read(path, options.channels),
        "npy" => npy_files::read_pair(path, options),
        "tar" | "tgz" => open_archive(path),
        _ => Err(DataError::UnknownKind { file: path.into() }),
    }
}

/// Refuses options that would have no effect on a data set which is no table.
fn check_no_table(name: &str, options: &OpenOptions) -> Result<(), DataError> {
    match options.for_tables() {
        Some(option) => Err(DataError::Option { option, name: name.to_owned(), kind: "table of its own" }),
        None => Ok(()),
    }
}

fn open_archive(path: &Path) -> Result<Parts, DataError> {
    let set = Cifar::in_archive(path)?.ok_or_else(|| DataError::UnknownKind { file: path.into() })?;
    set.read_archive(path, cifar_classes(set)?)
}

/// Reads the files of CIFAR, IDX or NumPy in a folder, if there are any.
fn open_arrays(folder: &Path, options: &OpenOptions) -> Result<Option<Parts>, DataError> {
    if let Some(set) = Cifar::in_folder(folder) {
        return set.read_folder(folder, cifar_classes(set)?).map(Some);
    }
    match idx_folder::pairs(folder)? {
        Some((train, test)) => idx::read_set(&train, test.as_ref(), None, options.channels).map(Some),
        None => npy_files::read_folder(folder, options.channels),
    }
}

/// Reads a folder of pictures.
fn open_pictures(
    folder: &Path,
    options: &OpenOptions,
    sources: &Sources,
    progress: &mut dyn FnMut(LoadProgress<'_>),
) -> Result<Parts, DataError> {
    let pictures = images::read(folder, options, sources.cache.as_deref(), progress)?;
    pictures.ok_or_else(|| {
        if let Some(picture) = images::foreign_picture(folder) {
            return DataError::malformed(picture, images::FOREIGN_KIND);
        }
        let problem = match images::has_loose_pictures(folder) {
            true => "pictures without classes: move those of each class to a folder of its own".to_owned(),
            false => {
                let looked_for = idx_folder::looked_for(folder);
                format!("no files of IDX, CIFAR or NumPy, and no folder of pictures per class: {looked_for}")
            }
        };
        DataError::malformed(folder, problem)
    })
}

/// Refuses options that would have no effect on a data set which is no folder of pictures.
fn check_no_pictures(name: &str, options: &OpenOptions) -> Result<(), DataError> {
    match options.for_pictures() {
        Some(option) => Err(DataError::Option { option, name: name.to_owned(), kind: "folder of pictures" }),
        None => Ok(()),
    }
}

fn cifar_classes(set: Cifar) -> Result<Vec<String>, DataError> {
    let name = match set {
        Cifar::Ten => "cifar10",
        Cifar::Hundred => "cifar100",
    };
    Ok(catalogue::find(name)?.class_names())
}

/// The name of the file without its extensions, or the name of the folder.
pub(super) fn stem(path: &Path) -> String {
    let name = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let unpacked = name.strip_suffix(".gz").unwrap_or(&name);
    match unpacked.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() && path.is_file() => stem.to_owned(),
        _ => unpacked.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::catalogue::sources::Network;
    use crate::data::format::cifar::tests::record;
    use crate::data::format::idx::tests::idx;
    use crate::data::format::stream::tests::gzipped;

    fn open(name: &str) -> Result<Dataset, DataError> {
        let sources =
            Sources { folders: Vec::new(), cache: None, network: Network::Forbidden, mirrors: Vec::new() };
        Dataset::open(name, &OpenOptions::default(), &sources, &mut |_| {})
    }

    fn message(name: &str) -> String {
        open(name).unwrap_err().to_string()
    }

    /// A folder with one file.
    fn folder(name: &str, content: &[u8]) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        (folder, path.to_string_lossy().into_owned())
    }

    #[test]
    fn every_built_in_set_is_as_the_catalogue_says() {
        for entry in catalogue::catalogue().iter().filter(|entry| entry.files().is_empty()) {
            let set = open(entry.name).unwrap();
            assert_eq!(set.name, entry.name);
            assert_eq!(set.shape, entry.shape);
            assert_eq!(set.classes, entry.class_names());
            assert_eq!((set.train.len(), set.test.len()), (entry.train_samples, entry.test_samples));
            for part in [&set.train, &set.test] {
                assert_eq!(part.inputs.ncols(), entry.shape.iter().product::<usize>());
                assert!(part.inputs.iter().all(|&input| input <= set.levels));
                assert!(part.labels.iter().all(|&label| usize::from(label) < set.classes.len()));
            }
        }
    }

    /// The data must stay the same for everybody: a change would make old results incomparable.
    #[test]
    fn built_in_sets_keep_their_checksums() {
        for (name, checksum) in [
            ("digits", "c7120a23630e2da3947e4979c840c998065e8aa4115f8b07fde75645bf43c947"),
            ("iris", "61aea37ef675392fcc5cd59bde02269b27585bed1ccca09a205eda1aa0c79732"),
            ("winequality", "68d2fad71ffaac2d0b0864d38bdb04b4660f6efb1cbc8524b49363c6fea9a94a"),
            ("yinyang", "f578034404e9c27befbbb9b9f873dc9376f9f93b12fec69b2299fac8ef43e07e"),
        ] {
            assert_eq!(open(name).unwrap().checksum, checksum, "{name}");
        }
    }

    #[test]
    fn a_table_is_opened_by_its_path_plain_or_gzipped() {
        let text = b"a,kind\n0,x\n1,x\n2,x\n10,y\n20,y\n30,y\n";
        let (_plain, plain) = folder("mine.csv", text);
        let (_packed, packed) = folder("mine.csv.gz", &gzipped(text));
        let set = open(&plain).unwrap();
        assert_eq!((set.name.as_str(), set.levels, set.classes.len()), ("mine", 255, 2));
        assert_eq!((set.train.len(), set.test.len()), (4, 2));
        assert_eq!(open(&packed).unwrap(), set);
    }

    #[test]
    fn a_folder_of_idx_files_is_opened_and_a_cut_file_is_named() {
        let images = gzipped(&idx(&[10, 1, 2], &[9; 20]));
        let (folder, path) = folder("train-images-idx3-ubyte.gz", &images);
        let labels = idx(&[10], &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
        fs::write(folder.path().join("train-labels-idx1-ubyte"), labels).unwrap();
        let name = folder.path().to_string_lossy();
        let set = open(&name).unwrap();
        assert_eq!((set.shape, set.train.len(), set.test.len()), ([1, 2, 1], 8, 2));
        fs::write(&path, &images[..images.len() - 4]).unwrap();
        assert!(message(&name).contains("train-images-idx3-ubyte.gz: truncated"));
    }

    #[test]
    fn a_folder_of_batches_is_opened() {
        let (folder, _) = folder("train.bin", &[record(&[0, 7]), record(&[0, 8])].concat());
        fs::write(folder.path().join("test.bin"), record(&[0, 9])).unwrap();
        let set = open(&folder.path().to_string_lossy()).unwrap();
        assert_eq!((set.shape, set.train.labels, set.test.labels), ([32, 32, 3], vec![7, 8], vec![9]));
        assert_eq!(set.classes[9], "bottle");
    }

    #[test]
    fn what_cannot_be_opened_says_why() {
        assert!(message("fashion_mnist").ends_with("did you mean \"fashion-mnist\"?"));
        assert!(
            message("no/such.csv").starts_with("unknown data set \"no/such.csv\": must be a file or one of")
        );
        assert!(message("src").starts_with(
            "src: no files of IDX, CIFAR or NumPy, and no folder of pictures per class: looked for train-images-"
        ));
        assert!(message("src").contains("there: input.rs, lib.rs, main.rs"));
        assert!(message("Cargo.toml").contains("Cargo.toml: unknown kind of file"));
        assert!(message("kmnist").starts_with("kmnist: no train-images-idx3-ubyte.gz in "));
        let (_folder, path) = folder("one.csv", b"1,x\n2,x\n3,x\n");
        assert!(message(&path).contains("one.csv: 1 class; must be 2 to 65,536"));
    }

    #[test]
    fn the_checksum_is_of_the_content_alone() {
        let (_first, first) = folder("first.csv", b"a,kind\n0,x\n1,x\n2,y\n3,y\n");
        let (_same, same) = folder("second.csv", b"0;x\n1;x\n2.0;y\n3;y\n");
        let (_other, other) = folder("third.csv", b"0,x\n1,x\n2,y\n4,y\n");
        let checksum = |path: &str| open(path).unwrap().checksum;
        assert_eq!(checksum(&first), checksum(&same));
        assert_ne!(checksum(&first), checksum(&other));
    }
}
