//! Downloads of files. An interrupted download is resumed. The file gets its name only after its
//! content was verified.
//!
//! Bytes go to `FILE.part`, which is kept if a download is interrupted. The next attempt asks any
//! mirror for the missing bytes (an HTTP range request). The file is locked, so that processes that
//! start at the same time download it only once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use ureq::http::{Response, header};
use ureq::{Agent, Body};

use super::checksum;
use super::entry::CatalogueFile;
use crate::data::DataError;

/// The progress of the download of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DownloadProgress<'a> {
    /// The name of the file.
    pub file: &'a str,
    /// Bytes that were received, in earlier attempts too.
    pub bytes: u64,
    /// Bytes of the whole file.
    pub total: u64,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a mirror may send nothing before the connection counts as broken.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// A mirror is given up after this number of attempts in a row without a new byte.
const FRUITLESS_ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);
const BUFFER_BYTES: usize = 1 << 16;

/// Downloads `file` to the path `target`, from the first of `urls` that has it. The folder of
/// `target` is created if it is missing.
pub(crate) fn download(
    file: &CatalogueFile,
    urls: &[String],
    target: &Path,
    progress: &mut dyn FnMut(DownloadProgress<'_>),
) -> Result<(), DataError> {
    let mut part = PartialFile::open(target)?;
    if is_right(target, file)? {
        return part.discard();
    }
    let agent = agent();
    let mut tried = Vec::new();
    for url in urls {
        match part.fill_and_verify(&agent, url, file, progress) {
            Ok(()) => return part.rename_to(target),
            Err(Failure::Disk(error)) => return Err(error),
            Err(Failure::Cut(reason) | Failure::Mirror(reason)) => tried.push(format!("{url}: {reason}")),
        }
    }
    Err(DataError::Download { file: file.name.to_owned(), tried: tried.join("; ") })
}

/// Why a mirror failed to send the file.
enum Failure {
    /// The connection broke: another attempt at the same mirror may help.
    Cut(String),
    /// The mirror does not have the file, or not as it should be: another mirror may help.
    Mirror(String),
    /// The file cannot be written: no mirror helps.
    Disk(DataError),
}

/// The unfinished download `FILE.part`, open and locked.
struct PartialFile {
    path: PathBuf,
    handle: File,
}

fn agent() -> Agent {
    let config = Agent::config_builder()
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(READ_TIMEOUT))
        .timeout_per_read(Some(READ_TIMEOUT))
        .http_status_as_error(false);
    config.build().into()
}

fn is_right(target: &Path, file: &CatalogueFile) -> Result<bool, DataError> {
    Ok(target.is_file() && checksum::file(target)? == file.sha256)
}

impl PartialFile {
    fn open(target: &Path) -> Result<Self, DataError> {
        let mut path = target.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        let failed = |source| DataError::Write { file: path.clone(), source };
        fs::create_dir_all(target.parent().unwrap_or(Path::new("."))).map_err(failed)?;
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let handle = opened.map_err(failed)?;
        // Some network file systems have no locks. Then two downloads at once damage the file,
        // which the checksum detects.
        let _ = handle.lock();
        Ok(Self { path, handle })
    }

    /// Downloads the file from one mirror and verifies it. If the content is wrong, bytes of an
    /// earlier attempt may be the cause. Then the download starts again from the first byte.
    fn fill_and_verify(
        &mut self,
        agent: &Agent,
        url: &str,
        file: &CatalogueFile,
        progress: &mut dyn FnMut(DownloadProgress<'_>),
    ) -> Result<(), Failure> {
        loop {
            let was_resumed = self.length()? > 0;
            self.fill(agent, url, file, progress)?;
            let found = checksum::file(&self.path).map_err(Failure::Disk)?;
            if found == file.sha256 {
                return Ok(());
            }
            self.clear()?;
            if !was_resumed {
                return Err(Failure::Mirror(format!("SHA-256 is {found}, must be {}", file.sha256)));
            }
        }
    }

    /// Sends requests until the file is complete. Gives up after [`FRUITLESS_ATTEMPTS`] in a row
    /// without a new byte.
    fn fill(
        &mut self,
        agent: &Agent,
        url: &str,
        file: &CatalogueFile,
        progress: &mut dyn FnMut(DownloadProgress<'_>),
    ) -> Result<(), Failure> {
        let mut longest = self.length()?;
        let mut fruitless = 0;
        loop {
            match self.request(agent, url, file, progress) {
                Err(Failure::Cut(reason)) => {
                    let length = self.length()?;
                    fruitless = if length > longest { 0 } else { fruitless + 1 };
                    longest = longest.max(length);
                    if fruitless == FRUITLESS_ATTEMPTS {
                        return Err(Failure::Cut(reason));
                    }
                    thread::sleep(PAUSE * fruitless);
                }
                done => return done,
            }
        }
    }

    /// Sends one request for the missing bytes and writes what arrives.
    fn request(
        &mut self,
        agent: &Agent,
        url: &str,
        file: &CatalogueFile,
        progress: &mut dyn FnMut(DownloadProgress<'_>),
    ) -> Result<(), Failure> {
        if self.length()? > file.bytes {
            self.clear()?;
        }
        let have = self.length()?;
        if have == file.bytes {
            return Ok(());
        }
        // Without this header a server may compress the file, and ranges would count compressed
        // bytes.
        let mut request = agent.get(url).header(header::ACCEPT_ENCODING, "identity");
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        let response = request.call().map_err(|error| Failure::Mirror(error.to_string()))?;
        if !resumes(&response, have)? {
            self.clear()?;
        }
        self.append(response, file, progress)
    }

    fn append(
        &mut self,
        response: Response<Body>,
        file: &CatalogueFile,
        progress: &mut dyn FnMut(DownloadProgress<'_>),
    ) -> Result<(), Failure> {
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut bytes = self.handle.seek(SeekFrom::End(0)).map_err(|error| self.disk(error))?;
        loop {
            progress(DownloadProgress { file: file.name, bytes, total: file.bytes });
            let count = body.read(&mut buffer).map_err(|error| Failure::Cut(error.to_string()))?;
            if count == 0 {
                break;
            }
            self.handle.write_all(&buffer[..count]).map_err(|error| self.disk(error))?;
            bytes += count as u64;
            if bytes > file.bytes {
                return Err(Failure::Mirror(format!("sends more than the {} bytes of the file", file.bytes)));
            }
        }
        if bytes < file.bytes {
            return Err(Failure::Cut(format!("broke off after {bytes} of {} bytes", file.bytes)));
        }
        Ok(())
    }

    fn length(&self) -> Result<u64, Failure> {
        Ok(self.handle.metadata().map_err(|error| self.disk(error))?.len())
    }

    /// Empties the file. It is not deleted, since another process may wait for its lock.
    fn clear(&self) -> Result<(), Failure> {
        self.handle.set_len(0).map_err(|error| self.disk(error))
    }

    fn disk(&self, source: io::Error) -> Failure {
        Failure::Disk(DataError::Write { file: self.path.clone(), source })
    }

    fn rename_to(self, target: &Path) -> Result<(), DataError> {
        let done = self.handle.sync_all().and_then(|()| fs::rename(&self.path, target));
        done.map_err(|source| DataError::Write { file: target.into(), source })
    }

    /// Deletes the file, unless another process has renamed it already.
    fn discard(self) -> Result<(), DataError> {
        match fs::remove_file(&self.path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(DataError::Write { file: self.path, source })
            }
            _ => Ok(()),
        }
    }
}

/// Whether the response continues after the first `have` bytes; otherwise it starts at the first
/// byte.
fn resumes(response: &Response<Body>, have: u64) -> Result<bool, Failure> {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    match response.status().as_u16() {
        200 => Ok(false),
        206 if range.is_some_and(|range| range.starts_with(&format!("bytes {have}-"))) => Ok(true),
        206 => {
            Err(Failure::Mirror(format!("sends another range than asked for: {}", range.unwrap_or("none"))))
        }
        status => Err(Failure::Mirror(format!("status {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::server::{Manner, Server, described};
    use super::*;

    fn content() -> Vec<u8> {
        (0..200_000u32).flat_map(u32::to_le_bytes).collect()
    }

    struct Attempt {
        folder: tempfile::TempDir,
        progress: Vec<u64>,
    }

    impl Attempt {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), progress: Vec::new() }
        }

        fn target(&self) -> PathBuf {
            self.folder.path().join("set").join("file.bin")
        }

        fn part(&self) -> PathBuf {
            self.folder.path().join("set").join("file.bin.part")
        }

        fn with_part(self, bytes: &[u8]) -> Self {
            fs::create_dir_all(self.part().parent().unwrap()).unwrap();
            fs::write(self.part(), bytes).unwrap();
            self
        }

        fn from(&mut self, servers: &[&Server]) -> Result<(), String> {
            let urls: Vec<String> = servers.iter().map(|server| server.url("file.bin")).collect();
            let file = described("file.bin", &content());
            let target = self.target();
            let mut hear = |progress: DownloadProgress<'_>| self.progress.push(progress.bytes);
            download(&file, &urls, &target, &mut hear).map_err(|error| error.to_string())
        }

        fn check(&self) {
            assert!(fs::read(self.target()).unwrap() == content());
            assert!(!self.part().exists());
            assert_eq!(self.progress.last(), Some(&(content().len() as u64)));
        }
    }

    #[test]
    fn a_file_is_downloaded_and_its_progress_told() {
        let mut attempt = Attempt::new();
        attempt.from(&[&Server::start(content(), Manner::Serve)]).unwrap();
        attempt.check();
        assert_eq!(attempt.progress[0], 0);
        assert!(attempt.progress.is_sorted());
    }

    #[test]
    fn a_part_is_continued_where_it_ends() {
        let server = Server::start(content(), Manner::Serve);
        let mut attempt = Attempt::new().with_part(&content()[..1234]);
        attempt.from(&[&server]).unwrap();
        attempt.check();
        assert_eq!(server.starts(), [1234]);
        assert_eq!(attempt.progress[0], 1234);
    }

    #[test]
    fn a_whole_part_needs_no_request() {
        let server = Server::start(content(), Manner::Refuse);
        let mut attempt = Attempt::new().with_part(&content());
        attempt.from(&[&server]).unwrap();
        assert!(server.starts().is_empty() && attempt.target().exists());
    }

    #[test]
    fn a_server_that_ignores_ranges_starts_over() {
        let mut attempt = Attempt::new().with_part(&content()[..1234]);
        attempt.from(&[&Server::start(content(), Manner::IgnoreRanges)]).unwrap();
        attempt.check();
    }

    #[test]
    fn a_part_of_something_else_is_thrown_away() {
        for part in [vec![7; 1234], vec![7; content().len()], vec![7; content().len() + 1]] {
            let mut attempt = Attempt::new().with_part(&part);
            attempt.from(&[&Server::start(content(), Manner::Serve)]).unwrap();
            attempt.check();
        }
    }

    #[test]
    fn a_connection_that_is_cut_again_and_again_is_continued() {
        let server = Server::start(content(), Manner::CutAfter(300_000));
        let mut attempt = Attempt::new();
        attempt.from(&[&server]).unwrap();
        attempt.check();
        assert_eq!(server.starts(), [0, 300_000, 600_000]);
    }

    #[test]
    fn a_mirror_that_lacks_the_file_is_followed_by_the_next() {
        let refuses = Server::start(content(), Manner::Refuse);
        let corrupts = Server::start(content(), Manner::Corrupt);
        let serves = Server::start(content(), Manner::Serve);
        let mut attempt = Attempt::new();
        attempt.from(&[&refuses, &corrupts, &serves]).unwrap();
        attempt.check();
        assert_eq!([refuses, corrupts, serves].map(|server| server.starts()), [[0], [0], [0]]);
    }

    #[test]
    fn what_every_mirror_lacks_is_an_error_of_one_line_with_all_reasons() {
        let refuses = Server::start(content(), Manner::Refuse);
        let corrupts = Server::start(content(), Manner::Corrupt);
        let mut attempt = Attempt::new();
        let message = attempt.from(&[&refuses, &corrupts]).unwrap_err();
        assert!(message.starts_with("cannot download file.bin: http://127.0.0.1:"), "{message}");
        assert!(message.contains(&format!("{}: status 404; ", refuses.url("file.bin"))), "{message}");
        assert!(message.contains("SHA-256 is "), "{message}");
        assert!(
            message.ends_with("put the file into a folder named by --data-dir") && !message.contains('\n')
        );
        assert!(!attempt.target().exists());
    }

    #[test]
    fn a_mirror_that_sends_nothing_is_given_up() {
        let server = Server::start(content(), Manner::CutAfter(0));
        assert!(Attempt::new().from(&[&server]).is_err());
        assert_eq!(server.starts().len(), FRUITLESS_ATTEMPTS as usize);
    }

    #[test]
    fn a_file_that_came_by_another_process_is_not_downloaded_again() {
        let server = Server::start(content(), Manner::Serve);
        let mut attempt = Attempt::new().with_part(&[]);
        fs::write(attempt.target(), content()).unwrap();
        attempt.from(&[&server]).unwrap();
        assert!(server.starts().is_empty() && !attempt.part().exists());
    }

    #[test]
    fn downloads_at_the_same_time_request_the_file_once() {
        let server = Server::start(content(), Manner::Serve);
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file.bin");
        let file = described("file.bin", &content());
        let urls = [server.url("file.bin")];
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| download(&file, &urls, &target, &mut |_| {}).unwrap());
            }
        });
        assert!(fs::read(&target).unwrap() == content());
        assert_eq!(server.starts(), [0]);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
