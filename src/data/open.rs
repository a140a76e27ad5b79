//! Opening a data set by its name in the catalogue, or by its path.

use std::path::{Path, PathBuf};

use super::catalogue::{self, BuiltIn, CatalogueFile, Entry, Format, Origin};
use super::cifar::Cifar;
use super::csv::OpenOptions;
use super::download::Progress;
use super::fetch::find_or_download;
use super::idx::Pair;
use super::parts::Parts;
use super::sources::Sources;
use super::{DataError, Dataset, builtin, csv, idx, npz, yinyang};

/// The files of an IDX folder, which are named as MNIST's.
const IDX_FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

impl Dataset {
    /// The set called `name_or_path` in the [`catalogue`](super::catalogue()), or else at this path.
    ///
    /// A path may be a table (`.csv`, `.tsv`, `.data`, also with `.gz`), an `.npz`, a folder of IDX files with
    /// MNIST's names, a folder of CIFAR's batches, or CIFAR's archive (`.tar.gz`). Write `./mnist` for a path
    /// that is also a name. `options` are only for tables.
    ///
    /// Files of the catalogue are looked for in `sources`, verified, and downloaded if they are nowhere and
    /// `sources` allows it; `progress` hears of it.
    ///
    /// Real features become 255 levels between the least and the greatest value of the training part, per
    /// column of a table and over all pixels of an image. A set without a test part gives 20 % of each class
    /// to one, the same for everybody.
    ///
    /// # Errors
    /// An unknown name; a file that cannot be had or read, or breaks its format; fewer than two classes.
    pub fn open(
        name_or_path: &str,
        options: &OpenOptions,
        sources: &Sources,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Self, DataError> {
        let path = Path::new(name_or_path);
        match catalogue::find(name_or_path) {
            Ok(entry) => open_entry(entry, sources, progress),
            Err(_) if path.exists() => open_path(path, options)?.into_dataset(&stem(path), path),
            Err(unknown) => Err(unknown),
        }
    }
}

fn open_entry(
    entry: &Entry,
    sources: &Sources,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Dataset, DataError> {
    let (parts, file) = match entry.origin {
        Origin::BuiltIn(set) => (open_built_in(set)?, PathBuf::from(entry.name)),
        Origin::Files { format: Format::Idx, files, .. } => {
            let mut find = |file: &CatalogueFile| find_or_download(entry, file, sources, progress);
            let paths = files.iter().map(&mut find).collect::<Result<Vec<PathBuf>, _>>()?;
            (open_idx(&paths, Some(entry.class_names()))?, paths[0].clone())
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

/// The archive, else unpacked batches, which may be fewer, else a download.
fn open_cifar(
    entry: &Entry,
    set: Cifar,
    file: &CatalogueFile,
    sources: &Sources,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(Parts, PathBuf), DataError> {
    let archive = match (sources.find_file(entry, file)?, sources.find_batches(entry, set)) {
        (Some(archive), _) => archive,
        (None, Some(folder)) => return Ok((set.read_folder(&folder, entry.class_names())?, folder)),
        (None, None) => find_or_download(entry, file, sources, progress)?,
    };
    Ok((set.read_archive(&archive, entry.class_names())?, archive))
}

/// Images and labels of the training part, then of the test part, which may be missing.
fn open_idx(paths: &[PathBuf], classes: Option<Vec<String>>) -> Result<Parts, DataError> {
    let pairs: Vec<Pair> =
        paths.chunks_exact(2).map(|pair| Pair { images: pair[0].clone(), labels: pair[1].clone() }).collect();
    idx::read_set(&pairs[0], pairs.get(1), classes)
}

fn open_path(path: &Path, options: &OpenOptions) -> Result<Parts, DataError> {
    if path.is_dir() {
        return open_folder(path);
    }
    let name = path.to_string_lossy().to_lowercase();
    let unpacked = name.strip_suffix(".gz").unwrap_or(&name);
    match unpacked.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "csv" | "tsv" | "data" => csv::read(path, options)?.into_parts(),
        "npz" => npz::read(path),
        "tar" | "tgz" => open_archive(path),
        _ => Err(DataError::UnknownKind { file: path.into() }),
    }
}

fn open_archive(path: &Path) -> Result<Parts, DataError> {
    let set = Cifar::in_archive(path)?.ok_or_else(|| DataError::UnknownKind { file: path.into() })?;
    set.read_archive(path, cifar_classes(set)?)
}

fn open_folder(folder: &Path) -> Result<Parts, DataError> {
    if let Some(set) = Cifar::in_folder(folder) {
        return set.read_folder(folder, cifar_classes(set)?);
    }
    let found: Vec<PathBuf> = IDX_FILES.iter().map_while(|name| packed_or_not(folder, name)).collect();
    match found.len() {
        2 | 4 => open_idx(&found, None),
        _ => Err(DataError::UnknownKind { file: folder.into() }),
    }
}

fn packed_or_not(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(format!("{name}.gz")), folder.join(name)].into_iter().find(|path| path.is_file())
}

fn cifar_classes(set: Cifar) -> Result<Vec<String>, DataError> {
    let name = match set {
        Cifar::Ten => "cifar10",
        Cifar::Hundred => "cifar100",
    };
    Ok(catalogue::find(name)?.class_names())
}

/// The file's name without its extensions, or the folder's name.
fn stem(path: &Path) -> String {
    let name = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let unpacked = name.strip_suffix(".gz").unwrap_or(&name);
    match unpacked.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() && path.is_file() => stem.to_owned(),
        _ => unpacked.to_owned(),
    }
}
