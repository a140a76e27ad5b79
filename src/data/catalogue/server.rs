//! A small HTTP server for tests of downloads, with the faults of real servers.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use sha2::{Digest, Sha256};

use super::entry::CatalogueFile;

/// The behaviour of the server.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    /// The server answers as it should.
    Serve,
    /// The server always sends the whole file.
    IgnoreRanges,
    /// The server sends at most this number of bytes per request, whatever the header promises.
    CutAfter(usize),
    /// The server answers 404 (not found).
    Refuse,
    /// The server sends another content of the same length.
    Corrupt,
}

/// A server that has one file under every path, on a thread of its own.
pub(crate) struct Server {
    /// The address of the server, with the scheme.
    pub address: String,
    /// The path and the first byte of every request.
    requests: Arc<Mutex<Vec<(String, usize)>>>,
}

impl Server {
    /// A server of `content` that behaves by `manner`.
    pub(crate) fn start(content: Vec<u8>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let request = read_request(&stream);
                received.lock().unwrap().push(request.clone());
                answer(stream, request.1, &content, manner);
            }
        });
        Self { address, requests }
    }

    /// The address of `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.address)
    }

    /// The path and the first byte of every request until now.
    pub(crate) fn requests(&self) -> Vec<(String, usize)> {
        self.requests.lock().unwrap().clone()
    }

    /// The first byte of every request until now.
    pub(crate) fn starts(&self) -> Vec<usize> {
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

/// The entry of the catalogue for a file with this content.
pub(crate) fn described(name: &'static str, content: &[u8]) -> CatalogueFile {
    let sum: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    CatalogueFile { name, bytes: content.len() as u64, sha256: sum.leak(), unpacked_sha256: None }
}
