//! Output files: a file is written whole or not at all.
//!
//! A regular file, or a path where nothing is yet, is replaced by a rename: a reader sees the old
//! file or the new one. A symbolic link stays, and the file that it leads to is replaced. A device,
//! a FIFO (named pipe) and an open descriptor (`/dev/stdout`, `/dev/fd/3`) cannot be replaced: they
//! are written directly.

use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

/// The most symbolic links that are followed one after the other, as on Linux.
const MOST_LINKS: usize = 40;

/// How long to wait for a reader of a FIFO, and how often to look for one.
#[cfg(unix)]
const READER_WITHIN: Duration = Duration::from_secs(10);
#[cfg(unix)]
const READER_EVERY: Duration = Duration::from_millis(20);

/// What lies at the path of an output file.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    /// A regular file, after all links were followed. It may not exist yet.
    File(PathBuf),
    /// A device, a FIFO or an open descriptor.
    Stream(PathBuf),
}

/// Why an output file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum Unwritable {
    /// The path is a folder.
    #[error("is a folder: name a file")]
    Folder,
    /// The folder of the file does not exist.
    #[error("the folder {} does not exist: make it first", .0.display())]
    NoFolder(PathBuf),
    /// The folder of the file accepts no new file.
    #[error("cannot write there: choose another folder: {0}")]
    Closed(io::Error),
    /// The file exists, and may not be written.
    #[error("the file is read-only: choose another name")]
    ReadOnly,
    /// The system does not tell what lies at the path.
    #[error("cannot look at it: choose another name: {0}")]
    Unseen(io::Error),
}

/// Writes `content` to `file`. A file that exists keeps its mode, and its owner if the system
/// allows it. A new file has the mode that the process gives to new files.
///
/// # Errors
/// The file cannot be written whole. A regular file is then as it was.
pub fn write(file: &Path, content: &[u8]) -> io::Result<()> {
    let mut pieces = Pieces::begin(file)?;
    pieces.write(content)?;
    pieces.finish()
}

/// The SHA-256 of the content of `file`, in hex.
///
/// # Errors
/// The file cannot be read.
pub fn sha256(file: &Path) -> io::Result<String> {
    Ok(Sha256::digest(fs::read(file)?).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A file that is written piece by piece. A regular file appears when it is finished; until then, and
/// for ever if that does not come, it is as it was.
#[derive(Debug)]
pub struct Pieces(Writing);

#[derive(Debug)]
enum Writing {
    /// A file beside its place.
    Beside(Box<Beside>),
    /// A device, a FIFO or an open descriptor.
    Stream(File),
}

/// A file beside the `path` to which it will be moved.
#[derive(Debug)]
struct Beside {
    new: BufWriter<NamedTempFile>,
    path: PathBuf,
    /// What stands at the path.
    there: Option<Metadata>,
}

impl Pieces {
    /// Begins to write `file`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn begin(file: &Path) -> io::Result<Self> {
        Ok(Self(match Target::of(file)? {
            Target::File(path) => {
                let there = fs::metadata(&path).ok();
                let new = BufWriter::new(beside(folder_of(&path), there.as_ref())?);
                Writing::Beside(Box::new(Beside { new, path, there }))
            }
            Target::Stream(path) => Writing::Stream(open_stream(&path)?),
        }))
    }

    /// Adds `piece`.
    ///
    /// # Errors
    /// The system does not write it.
    pub fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            Writing::Beside(file) => file.new.write_all(piece),
            Writing::Stream(stream) => stream.write_all(piece),
        }
    }

    /// Ends the file and puts it into its place.
    ///
    /// # Errors
    /// The system does not write it.
    pub fn finish(self) -> io::Result<()> {
        match self.0 {
            Writing::Beside(file) => {
                let Beside { new, path, there } = *file;
                replace(new.into_inner().map_err(io::IntoInnerError::into_error)?, &path, there.as_ref())
            }
            Writing::Stream(mut stream) => stream.flush(),
        }
    }
}

/// Checks that `file` can be written, without changing it.
///
/// # Errors
/// Why it cannot be written.
pub fn check(file: &Path) -> Result<(), Unwritable> {
    let path = match Target::of(file) {
        Ok(Target::File(path)) => path,
        Ok(Target::Stream(path)) => return check_stream(&path),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => return Err(Unwritable::Folder),
        Err(error) => return Err(Unwritable::Unseen(error)),
    };
    if path.file_name().is_none() {
        return Err(Unwritable::Folder);
    }
    let folder = folder_of(&path);
    if !folder.is_dir() {
        return Err(Unwritable::NoFolder(folder.to_owned()));
    }
    NamedTempFile::new_in(folder).map_err(Unwritable::Closed)?;
    match fs::metadata(&path).is_ok_and(|metadata| metadata.permissions().readonly()) {
        true => Err(Unwritable::ReadOnly),
        false => Ok(()),
    }
}

/// Whether `file` is a regular file or will be one. Only such a file can have others beside it.
pub fn is_regular(file: &Path) -> bool {
    matches!(Target::of(file), Ok(Target::File(_)))
}

/// Whether both paths lead to the same regular file, whatever their names and links. The file may
/// not exist yet.
pub fn is_same(one: &Path, other: &Path) -> bool {
    match (Place::of(one), Place::of(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// What identifies a regular file.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// The number of its device, and its number on that device.
    #[cfg(unix)]
    Inode(u64, u64),
    /// The absolute path, for a file that does not exist yet.
    Path(PathBuf),
}

impl Place {
    /// What identifies the regular file at this path; `None` for folders, devices and FIFOs.
    fn of(file: &Path) -> Option<Self> {
        let path = match fs::metadata(file) {
            #[cfg(unix)]
            Ok(there) => {
                use std::os::unix::fs::MetadataExt;
                return there.is_file().then(|| Self::Inode(there.dev(), there.ino()));
            }
            #[cfg(not(unix))]
            Ok(there) => return Some(Self::Path(file.canonicalize().ok()?)).filter(|_| there.is_file()),
            Err(_) => end_of_links(file).ok()?,
        };
        let folder = folder_of(&path).canonicalize().ok()?;
        Some(Self::Path(folder.join(path.file_name()?)))
    }
}

impl Target {
    fn of(file: &Path) -> io::Result<Self> {
        let path = end_of_links(file)?;
        if is_descriptor(&path) {
            return Ok(Self::Stream(path));
        }
        match fs::metadata(&path) {
            Ok(there) if there.is_file() => Ok(Self::File(path)),
            Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(_) => Ok(Self::Stream(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::File(path)),
            Err(error) => Err(error),
        }
    }
}

/// The path to which the links at `file` lead. Nothing needs to exist there.
fn end_of_links(file: &Path) -> io::Result<PathBuf> {
    let mut path = file.to_owned();
    for _ in 0..MOST_LINKS {
        if is_descriptor(&path) {
            return Ok(path);
        }
        match fs::read_link(&path) {
            Ok(next) => path = folder_of(&path).join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Whether `path` names an open descriptor of a process, in the way of Linux and the BSDs.
fn is_descriptor(path: &Path) -> bool {
    let in_table = |parent: &Path| {
        parent == Path::new("/dev/fd") || parent.starts_with("/proc") && parent.ends_with("fd")
    };
    path.parent().is_some_and(in_table)
}

/// The folder of the file at `path`.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Checks that this process may write to `path`. It does not open it: opening a FIFO would wait for
/// its reader.
#[cfg(unix)]
fn check_stream(path: &Path) -> Result<(), Unwritable> {
    use rustix::fs::{Access, access};

    access(path, Access::WRITE_OK).map_err(|error| match error {
        rustix::io::Errno::ACCESS => Unwritable::ReadOnly,
        other => Unwritable::Unseen(other.into()),
    })
}

#[cfg(not(unix))]
fn check_stream(_path: &Path) -> Result<(), Unwritable> {
    Ok(())
}

/// Opens a device, a FIFO or an open descriptor. A FIFO must get a reader soon: this
/// program does not wait for ever.
#[cfg(unix)]
fn open_stream(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::FileTypeExt;

    match fs::metadata(path)?.file_type().is_fifo() {
        true => open_fifo(path, READER_WITHIN),
        false => File::options().append(true).open(path),
    }
}

/// Opens a FIFO for writing, if it gets a reader `within` this time.
#[cfg(unix)]
fn open_fifo(path: &Path, within: Duration) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    let last = Instant::now() + within;
    loop {
        match File::options().append(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path) {
            Ok(stream) => {
                fcntl_setfl(&stream, fcntl_getfl(&stream)? - OFlags::NONBLOCK)?;
                return Ok(stream);
            }
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                return Err(error);
            }
            Err(_) if Instant::now() >= last => {
                let seconds = within.as_secs();
                let problem = format!("nobody has read this FIFO for {seconds} s: start its reader first");
                return Err(io::Error::new(io::ErrorKind::TimedOut, problem));
            }
            Err(_) => std::thread::sleep(READER_EVERY),
        }
    }
}

#[cfg(not(unix))]
fn open_stream(path: &Path) -> io::Result<File> {
    File::options().append(true).open(path)
}

/// Moves the whole file `new` to `path`, with the mode and the owner of what is `there`.
fn replace(new: NamedTempFile, path: &Path, there: Option<&Metadata>) -> io::Result<()> {
    if let Some(there) = there {
        keep_owner(new.as_file(), there);
        new.as_file().set_permissions(there.permissions())?;
    }
    new.as_file().sync_all()?;
    new.persist(path)?;
    Ok(())
}

/// A new file in `folder`. Nobody may read it who may not read the file that is `there`.
#[cfg(unix)]
fn beside(folder: &Path, there: Option<&Metadata>) -> io::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;

    // The system removes the rights that the umask of the process forbids.
    let mode = there.map_or(0o666, |there| there.permissions().mode() & 0o777);
    tempfile::Builder::new().permissions(fs::Permissions::from_mode(mode)).tempfile_in(folder)
}

#[cfg(not(unix))]
fn beside(folder: &Path, _there: Option<&Metadata>) -> io::Result<NamedTempFile> {
    NamedTempFile::new_in(folder)
}

/// Gives `new` to the owner and the group of the file that is `there`, where the system allows it.
#[cfg(unix)]
fn keep_owner(new: &File, there: &Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};

    if fchown(new, Some(there.uid()), Some(there.gid())).is_err() {
        let _ = fchown(new, None, Some(there.gid()));
    }
}

#[cfg(not(unix))]
fn keep_owner(_new: &File, _there: &Metadata) {}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(file: &Path) -> u32 {
        fs::metadata(file).expect("there").permissions().mode() & 0o7777
    }

    #[test]
    fn a_file_is_replaced_whole_with_its_mode_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("best.json");
        write(&file, b"old").expect("written");
        let mut held = File::open(&file).expect("there");
        for bits in [0o640, 0o604, 0o755, 0o600] {
            fs::set_permissions(&file, fs::Permissions::from_mode(bits)).expect("ours");
            write(&file, b"new").expect("written");
            assert_eq!((mode(&file), fs::read(&file).expect("there")), (bits, b"new".to_vec()));
        }
        assert_eq!(io::read_to_string(&mut held).expect("read"), "old", "replaced, not overwritten");
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1);
    }

    #[test]
    fn a_new_file_has_the_mode_of_any_new_file_of_the_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let [file, plain] = ["ours", "plain"].map(|name| folder.path().join(name));
        write(&file, b"x").expect("written");
        fs::write(&plain, b"x").expect("written");
        assert_eq!(mode(&file), mode(&plain));
    }

    #[test]
    fn links_stay_and_the_file_behind_them_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("deep")).expect("a folder");
        symlink("middle", path("link")).expect("a link");
        symlink("deep/target", path("middle")).expect("a link");
        for content in [b"first", b"other"] {
            assert!(check(&path("link")).is_ok(), "a link to a file that may be missing");
            write(&path("link"), content).expect("written");
            assert_eq!(fs::read(path("deep/target")).expect("there"), content);
        }
        assert_eq!(fs::read_link(path("link")).expect("a link"), Path::new("middle"));
        assert!(path("middle").is_symlink());
        symlink("round", path("round")).expect("a link");
        assert!(matches!(check(&path("round")), Err(Unwritable::Unseen(_))));
        symlink("deep", path("to-folder")).expect("a link");
        assert!(matches!(check(&path("to-folder")), Err(Unwritable::Folder)));
        symlink("gone/file", path("to-nowhere")).expect("a link");
        assert!(matches!(check(&path("to-nowhere")), Err(Unwritable::NoFolder(_))));
    }

    #[test]
    fn a_fifo_and_a_descriptor_are_written_as_they_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let fifo = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo");
        assert!(made.success() && check(&fifo).is_ok() && !is_regular(&fifo));
        let reader = std::thread::spawn({
            let fifo = fifo.clone();
            move || fs::read(fifo)
        });
        write(&fifo, b"through").expect("written");
        assert_eq!(reader.join().expect("no panic").expect("read"), b"through");
        assert!(!fs::metadata(&fifo).expect("there").is_file());
        let alone = open_fifo(&fifo, Duration::from_millis(50)).expect_err("no reader");
        assert_eq!(alone.kind(), io::ErrorKind::TimedOut);
        assert!(alone.to_string().ends_with("start its reader first"), "{alone}");

        for name in ["/dev/stdout", "/dev/stderr", "/dev/fd/7", "/proc/self/fd/1", "/proc/1/fd/1"] {
            let target = Target::of(Path::new(name)).expect("known");
            assert!(matches!(target, Target::Stream(_)), "{name}: {target:?}");
        }
        assert!(is_regular(&folder.path().join("fd")) && is_regular(Path::new("/tmp/fd/1")));
    }

    #[test]
    fn the_same_file_is_known_by_any_name_and_before_it_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("deep")).expect("a folder");
        fs::write(path("file"), "x").expect("written");
        fs::hard_link(path("file"), path("hard")).expect("a link");
        symlink("../file", path("deep/soft")).expect("a link");
        symlink("later", path("soon")).expect("a link");
        assert!(is_same(&path("file"), &path("hard")) && is_same(&path("hard"), &path("deep/soft")));
        assert!(is_same(&path("deep/../file"), &path("file")));
        assert!(is_same(&path("later"), &path("deep/../later")) && is_same(&path("soon"), &path("later")));
        assert!(!is_same(&path("file"), &path("later")) && !is_same(&path("later"), &path("other")));
        assert!(!is_same(Path::new("/dev/null"), Path::new("/dev/null")), "no file is lost there");
    }
}
