//! Output files of a run. They are checked before the run, and may not be a file that the run
//! reads.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cli::options::data::DataArgs;
use crate::cli::shown::exit::WhileRunning;
use crate::data::{self, Origin};
use crate::output;
use crate::storage::Location;

/// The name that stands for standard output.
const STANDARD_OUTPUT: &str = "-";

/// An output file that has been checked: it can be written.
#[derive(Debug)]
pub(crate) struct Output {
    file: PathBuf,
    /// The file beside it for the network's weights, if the run makes a network.
    model: Option<PathBuf>,
}

impl Output {
    /// Checks that `file`, which `--out` names, can be written and is none of `inputs`.
    ///
    /// # Errors
    /// One line that names the file, what stands in the way, and the way out.
    pub fn check(file: &Path, inputs: &Inputs) -> Result<Self> {
        Self::check_of("--out", file, inputs)
    }

    /// Like [`Output::check`], for a file that `option` names.
    ///
    /// # Errors
    /// See [`Output::check`].
    pub fn check_of(option: &str, file: &Path, inputs: &Inputs) -> Result<Self> {
        let shown = file.display();
        if file == Path::new(STANDARD_OUTPUT) {
            bail!("{option} -: must name a file: ./- for one of this name, /dev/stdout for standard output");
        }
        output::check(file).with_context(|| format!("{option} {shown}"))?;
        if let Some(what) = inputs.name_of(file) {
            bail!("{option} {shown}: is the file of {what}, which would be lost: choose another name");
        }
        Ok(Self { file: file.to_owned(), model: None })
    }

    /// The file that `--out` names, checked; `None` if the result goes to standard output, which is so without
    /// the option and with `-`.
    ///
    /// # Errors
    /// See [`Output::check`].
    pub fn check_or_print(file: Option<&Path>, inputs: &Inputs) -> Result<Option<Self>> {
        let named = file.filter(|&file| file != Path::new(STANDARD_OUTPUT));
        named.map(|file| Self::check(file, inputs)).transpose()
    }

    /// Like [`Output::check`], with a file for a network beside it. A device or a FIFO (named pipe)
    /// gets no file beside it.
    ///
    /// # Errors
    /// See [`Output::check`]; either file can cause them.
    pub fn check_with_model(file: &Path, inputs: &Inputs) -> Result<Self> {
        let output = Self::check(file, inputs)?;
        if !output::is_regular(file) {
            return Ok(output);
        }
        let (shown, model) = (file.display(), file.with_extension("safetensors"));
        if output::is_same(file, &model) {
            bail!(
                "--out {shown}: the network's weights go to the same file: choose another ending, such as .json"
            );
        }
        let context = || format!("--out {shown}: the network's weights go to {}", model.display());
        output::check(&model).with_context(context)?;
        if let Some(what) = inputs.name_of(&model) {
            return Err(anyhow::anyhow!(
                "it is the file of {what}, which would be lost: choose another name"
            ))
            .with_context(context);
        }
        Ok(Self { model: Some(model), ..output })
    }

    /// The path of the file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The path of the file for the network's weights, if the run makes a network.
    pub fn model(&self) -> Option<&Path> {
        self.model.as_deref()
    }

    /// Begins to replace the file's content piece by piece: a reader sees the old content until
    /// [`Growing::finish`].
    ///
    /// # Errors
    /// The system does not write it.
    pub fn begin(&self) -> Result<Growing<'_>, WhileRunning> {
        let pieces = output::Pieces::begin(&self.file).map_err(|error| unwritten(&self.file, &error))?;
        Ok(Growing { file: &self.file, pieces })
    }

    /// Replaces the file's content, all at once: a reader sees the old or the new.
    ///
    /// # Errors
    /// The system cannot write the file.
    pub fn write(&self, content: impl AsRef<[u8]>) -> Result<(), WhileRunning> {
        output::write(&self.file, content.as_ref()).map_err(|error| unwritten(&self.file, &error))
    }
}

fn unwritten(file: &Path, error: &std::io::Error) -> WhileRunning {
    WhileRunning(format!("cannot write {}: {error}", file.display()))
}

/// A file that is written piece by piece.
pub(crate) struct Growing<'a> {
    file: &'a Path,
    pieces: output::Pieces,
}

impl Growing<'_> {
    /// Adds `piece`.
    ///
    /// # Errors
    /// The system does not write it.
    pub fn write(&mut self, piece: &str) -> Result<(), WhileRunning> {
        self.pieces.write(piece.as_bytes()).map_err(|error| unwritten(self.file, &error))
    }

    /// Ends the file and puts it into its place.
    ///
    /// # Errors
    /// The system does not write it.
    pub fn finish(self) -> Result<(), WhileRunning> {
        self.pieces.finish().map_err(|error| unwritten(self.file, &error))
    }
}

/// The files that a command reads, each with the option that names it, so that no output replaces
/// them.
#[derive(Default)]
pub(crate) struct Inputs(Vec<(String, PathBuf)>);

impl Inputs {
    /// Adds the file `name`, if there is one, which `option` names.
    pub fn with(mut self, option: &str, name: Option<impl AsRef<Path>>) -> Self {
        if let Some(path) = name.as_ref().map(AsRef::as_ref).filter(|path| path.exists()) {
            self.0.push((format!("{option} {}", path.display()), path.to_owned()));
        }
        self
    }

    /// Adds the database's file and the files that SQLite keeps beside it.
    pub fn with_storage(mut self, database: &Location) -> Self {
        let Some(file) = database.file() else { return self };
        let whole = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        for ending in ["", "-wal", "-shm", "-journal"] {
            let mut path = whole.clone().into_os_string();
            path.push(ending);
            self.0.push((format!("--storage {}", file.display()), path.into()));
        }
        self
    }

    /// Adds the files among the words of `command`: its program and its arguments.
    pub fn with_command(self, command: &str) -> Self {
        let words = shlex::split(command).unwrap_or_default();
        words.into_iter().fold(self, |inputs, word| inputs.with("--command", Some(word)))
    }

    /// Adds the files of the data set: one file, or those of a folder or of the catalogue.
    pub fn with_dataset(mut self, args: &DataArgs) -> Self {
        let Some(name) = &args.dataset else { return self };
        let files = match data::find(name) {
            Ok(entry) => match entry.origin {
                Origin::BuiltIn(_) => Vec::new(),
                Origin::Files { files, .. } => catalogue_files(args, entry.name, files),
            },
            Err(_) => [vec![PathBuf::from(name)], data_files(Path::new(name))].concat(),
        };
        self.0.extend(files.into_iter().map(|file| (format!("--dataset {name}"), file)));
        self.with("--test", args.table.test.as_ref()).with("--labels", args.pictures.labels.as_ref())
    }

    /// The option and value by which `file` is read; `None` if the command does not read it.
    fn name_of(&self, file: &Path) -> Option<&str> {
        let (name, _) = self.0.iter().find(|(_, input)| output::is_same(input, file))?;
        Some(name)
    }
}

/// All paths at which the files of the catalogue's data set `name` may be.
fn catalogue_files(args: &DataArgs, name: &str, files: &[data::CatalogueFile]) -> Vec<PathBuf> {
    let Ok(sources) = args.sources.sources() else { return Vec::new() };
    let places =
        sources.folders.iter().chain(&sources.cache).flat_map(|folder| [folder.join(name), folder.clone()]);
    let in_place = |place: PathBuf| {
        let names = files.iter().flat_map(|file| [file.name, file.name.trim_end_matches(".gz")]);
        names.map(|name| place.join(name)).chain(data_files(&place)).collect::<Vec<_>>()
    };
    places.flat_map(in_place).collect()
}

/// The files in `folder` and its subfolders whose names are those of data set files.
fn data_files(folder: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    };
    let is_data = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        name.contains("ubyte") || [".bin", ".gz", ".tar", ".tgz"].iter().any(|ending| name.ends_with(ending))
    };
    let below = entries(folder).into_iter().flat_map(|path| [entries(&path), vec![path]].concat());
    below.filter(is_data).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_or_a_file_in_no_folder_is_refused_before_the_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let message =
            |path: &Path| format!("{:#}", Output::check(path, &Inputs::default()).expect_err("not writable"));
        assert!(message(folder.path()).ends_with("is a folder: name a file"));
        assert!(message(&folder.path().join("no/best.json")).contains("does not exist: make it first"));
    }

    #[test]
    fn a_file_is_replaced_whole_and_its_model_stands_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("best.json");
        let output = Output::check_with_model(&file, &Inputs::default()).expect("writable");
        output.write("old").expect("written");
        output.write("new").expect("written");
        assert_eq!(std::fs::read_to_string(output.file()).expect("there"), "new");
        assert_eq!(output.model(), Some(folder.path().join("best.safetensors").as_path()));
        assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 1);
    }

    #[test]
    fn an_output_that_is_an_input_or_its_own_model_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("space.json"), "{}").expect("written");
        std::fs::hard_link(path("space.json"), path("best.json")).expect("a link");
        let inputs = || {
            let database: Location = path("best.safetensors").display().to_string().parse().expect("a file");
            Inputs::default().with("--space", Some(path("space.json"))).with_storage(&database)
        };
        let message = |file: &str| {
            format!("{:#}", Output::check_with_model(&path(file), &inputs()).expect_err("an input"))
        };
        assert!(message("best.json").contains("is the file of --space "), "{}", message("best.json"));
        assert!(message("best.txt").contains("is the file of --storage "), "{}", message("best.txt"));
        assert!(message("x.safetensors").contains("the same file"), "{}", message("x.safetensors"));
        assert!(message("best.safetensors-wal").contains("is the file of --storage "));
        assert!(Output::check_with_model(&path("other.json"), &inputs()).is_ok());
    }

    #[test]
    fn a_device_has_no_model_beside_it() {
        if cfg!(unix) {
            let output =
                Output::check_with_model(Path::new("/dev/null"), &Inputs::default()).expect("a device");
            assert_eq!(output.model(), None);
        }
    }
}
