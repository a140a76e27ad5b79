//! Downloads: resumed where they broke off, verified, and only then given their name.
//!
//! Bytes go to `FILE.part`, which is kept when a download breaks off, here or in another process, and is
//! continued by a range request at whichever mirror answers. It is locked, so that programs started at the
//! same time download a file once.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use ureq::http::{Response, header};
use ureq::{Agent, Body};

use super::catalogue::CatalogueFile;
use super::{DataError, checksum};

/// How far the download of a file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The file's name.
    pub file: &'a str,
    /// Bytes that are here, those of earlier attempts included.
    pub bytes: u64,
    /// Bytes of the whole file.
    pub total: u64,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// A mirror that sends nothing for so long has broken off.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Attempts at one mirror in a row that may bring nothing new.
const FRUITLESS_ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);
const BUFFER_BYTES: usize = 1 << 16;

/// Downloads `file` from the first of `urls` that has it to `target`, whose folder is made.
pub(super) fn download(
    file: &CatalogueFile,
    urls: &[String],
    target: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), DataError> {
    let mut part = Part::open(target)?;
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

/// Why a mirror did not give the file.
enum Failure {
    /// The connection broke off; going on may help.
    Cut(String),
    /// This mirror will not do.
    Mirror(String),
    /// No mirror will do.
    Disk(DataError),
}

/// The file `FILE.part`, open and locked.
struct Part {
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

impl Part {
    fn open(target: &Path) -> Result<Self, DataError> {
        let mut path = target.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        let failed = |source| DataError::Write { file: path.clone(), source };
        fs::create_dir_all(target.parent().unwrap_or(Path::new("."))).map_err(failed)?;
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let handle = opened.map_err(failed)?;
        handle.lock().map_err(failed)?;
        Ok(Self { path, handle })
    }

    /// Fetches from one mirror; a wrong content may stem from an earlier attempt, so it starts once more.
    fn fill_and_verify(
        &mut self,
        agent: &Agent,
        url: &str,
        file: &CatalogueFile,
        progress: &mut dyn FnMut(Progress<'_>),
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

    /// Requests until the file is whole, or several attempts in a row brought nothing new.
    fn fill(
        &mut self,
        agent: &Agent,
        url: &str,
        file: &CatalogueFile,
        progress: &mut dyn FnMut(Progress<'_>),
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

    /// One request for what is missing.
    fn request(
        &mut self,
        agent: &Agent,
        url: &str,
        file: &CatalogueFile,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), Failure> {
        if self.length()? > file.bytes {
            self.clear()?;
        }
        let have = self.length()?;
        if have == file.bytes {
            return Ok(());
        }
        // Without this, a server may pack the file once more, and ranges would count packed bytes.
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
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), Failure> {
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut bytes = self.handle.seek(SeekFrom::End(0)).map_err(|error| self.disk(error))?;
        loop {
            progress(Progress { file: file.name, bytes, total: file.bytes });
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

    /// Emptied rather than deleted: another process may be waiting for its lock.
    fn clear(&self) -> Result<(), Failure> {
        self.handle.set_len(0).map_err(|error| self.disk(error))
    }

    fn disk(&self, source: std::io::Error) -> Failure {
        Failure::Disk(DataError::Write { file: self.path.clone(), source })
    }

    fn rename_to(self, target: &Path) -> Result<(), DataError> {
        let done = self.handle.sync_all().and_then(|()| fs::rename(&self.path, target));
        done.map_err(|source| DataError::Write { file: target.into(), source })
    }

    fn discard(self) -> Result<(), DataError> {
        fs::remove_file(&self.path).map_err(|source| DataError::Write { file: self.path, source })
    }
}

/// Whether the response continues after `have` bytes; otherwise it starts from the beginning.
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
pub(super) mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::net::{TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};

    use sha2::{Digest, Sha256};

    /// How the server treats requests for its file.
    #[derive(Clone, Copy)]
    pub(in crate::data) enum Manner {
        /// As it should.
        Serve,
        /// Always the whole file.
        IgnoreRanges,
        /// At most so many bytes a request, whatever the header promised.
        CutAfter(usize),
        /// 404.
        Refuse,
        /// Another content of the same length.
        Corrupt,
    }

    /// A server of one file under every path, on a thread of its own.
    pub(in crate::data) struct Server {
        pub address: String,
        /// Path and first byte of every request.
        requests: Arc<Mutex<Vec<(String, usize)>>>,
    }

    impl Server {
        pub fn start(content: Vec<u8>, manner: Manner) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = format!("http://{}", listener.local_addr().unwrap());
            let requests = Arc::new(Mutex::new(Vec::new()));
            let heard = Arc::clone(&requests);
            thread::spawn(move || {
                for stream in listener.incoming() {
                    let stream = stream.unwrap();
                    let request = read_request(&stream);
                    heard.lock().unwrap().push(request.clone());
                    answer(stream, request.1, &content, manner);
                }
            });
            Self { address, requests }
        }

        fn url(&self) -> String {
            format!("{}/file.bin", self.address)
        }

        pub fn requests(&self) -> Vec<(String, usize)> {
            self.requests.lock().unwrap().clone()
        }

        fn starts(&self) -> Vec<usize> {
            self.requests().into_iter().map(|(_, start)| start).collect()
        }
    }

    fn read_request(stream: &TcpStream) -> (String, usize) {
        let lines = BufReader::new(stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
        let mut path = String::new();
        let mut start = 0;
        for line in lines {
            let lower = line.to_lowercase();
            if let Some(range) = lower.strip_prefix("range: bytes=") {
                start = range.trim_end_matches('-').parse().unwrap();
            } else if let Some(rest) = line.strip_prefix("GET ") {
                path = rest.split(' ').next().unwrap().to_owned();
            }
        }
        (path, start)
    }

    fn answer(mut stream: TcpStream, start: usize, content: &[u8], manner: Manner) {
        let inverted: Vec<u8> = content.iter().map(|byte| !byte).collect();
        let (status, range, body, sent) = match manner {
            Manner::Refuse => ("404 Not Found", None, &[][..], usize::MAX),
            Manner::IgnoreRanges => ("200 OK", None, content, usize::MAX),
            Manner::Corrupt => ("200 OK", None, &inverted[..], usize::MAX),
            Manner::Serve if start == 0 => ("200 OK", None, content, usize::MAX),
            Manner::CutAfter(sent) if start == 0 => ("200 OK", None, content, sent),
            Manner::Serve => ("206 Partial Content", Some(start), &content[start..], usize::MAX),
            Manner::CutAfter(sent) => ("206 Partial Content", Some(start), &content[start..], sent),
        };
        let range = range.map_or(String::new(), |start| {
            format!("Content-Range: bytes {start}-{}/{}\r\n", content.len() - 1, content.len())
        });
        let length = body.len();
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{range}Connection: close\r\n\r\n")
            .unwrap();
        stream.write_all(&body[..sent.min(body.len())]).unwrap();
    }

    fn content() -> Vec<u8> {
        (0..200_000u32).flat_map(u32::to_le_bytes).collect()
    }

    /// What the catalogue says of a file with this content.
    pub(in crate::data) fn described(name: &'static str, content: &[u8]) -> CatalogueFile {
        let sum: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        CatalogueFile { name, bytes: content.len() as u64, sha256: sum.leak(), unpacked_sha256: None }
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
            let urls: Vec<String> = servers.iter().map(|server| server.url()).collect();
            let file = described("file.bin", &content());
            let target = self.target();
            let mut hear = |progress: Progress<'_>| self.progress.push(progress.bytes);
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
        assert!(message.contains(&format!("{}: status 404; ", refuses.url())), "{message}");
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
}
