//! A page for browsers on this machine: HTTP on the address 127.0.0.1, which no other machine reaches.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};

use super::signals::STOP;

/// The time between two looks for a visitor or a signal.
const LOOK: Duration = Duration::from_millis(50);
/// The time that a visitor has to say what it wants, and to take a part of the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes of a request.
const REQUEST: usize = 16 * 1024;
/// Seconds after which a browser asks again, and after which it does if the page could not be made.
const AGAIN: [u32; 2] = [30, 3];

/// A server of one page.
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// A server on `port` of 127.0.0.1; with port 0 on a free one.
    ///
    /// # Errors
    /// The port is taken or not allowed.
    pub fn open(port: u16) -> Result<Self> {
        let way_out = || format!("--watch {port}: cannot listen on this port: name another, or none");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(way_out)?;
        listener.set_nonblocking(true).with_context(way_out)?;
        let address = listener.local_addr().with_context(way_out)?;
        Ok(Self { listener, address })
    }

    /// The address that a browser opens.
    pub fn address(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Answers visitors with what `page` makes for each of them, until a signal comes. If it makes
    /// nothing, as when a database is written while it is read, the visitor gets the reason.
    ///
    /// # Errors
    /// The system accepts no more visitors.
    pub fn serve(&self, page: &mut dyn FnMut() -> Result<String>) -> Result<()> {
        while !STOP.load(Ordering::Relaxed) {
            match self.listener.accept() {
                Ok((visitor, _)) => self.answer(visitor, page),
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(LOOK),
                // A visitor that went away before it was let in.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error).context("cannot wait for a browser"),
            }
        }
        Ok(())
    }

    fn answer(&self, mut visitor: TcpStream, page: &mut dyn FnMut() -> Result<String>) {
        let Ok(request) = request(&mut visitor) else { return };
        let answer = match self.refusal(&request) {
            Some(status) => response(status, "plain", status, None),
            None => match page() {
                Ok(page) => response("200 OK", "html", &page, Some(AGAIN[0])),
                Err(error) => {
                    response("503 Service Unavailable", "plain", &format!("{error:#}"), Some(AGAIN[1]))
                }
            },
        };
        // A visitor that goes away in between needs no answer.
        let _ = visitor.write_all(answer.as_bytes());
    }

    /// Why `request` gets no page: it asks for another one, or under the name of another machine, as
    /// a page from elsewhere may do.
    fn refusal(&self, request: &str) -> Option<&'static str> {
        let mut lines = request.lines();
        let first = lines.next().unwrap_or_default();
        let host = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("host").then(|| value.trim())
        });
        let port = self.address.port();
        let ours = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
        if !host.is_some_and(|host| ours.iter().any(|name| name == host)) {
            return Some("403 Forbidden");
        }
        match first.split(' ').collect::<Vec<_>>()[..] {
            ["GET", "/", _] => None,
            ["GET", _, _] => Some("404 Not Found"),
            _ => Some("405 Method Not Allowed"),
        }
    }
}

/// The head of the request of `visitor`.
fn request(visitor: &mut TcpStream) -> io::Result<String> {
    visitor.set_nonblocking(false)?;
    visitor.set_read_timeout(Some(PATIENCE))?;
    visitor.set_write_timeout(Some(PATIENCE))?;
    let (mut head, mut part) = (Vec::new(), [0; 1024]);
    while head.len() < REQUEST && !head.windows(4).any(|four| four == b"\r\n\r\n") {
        match visitor.read(&mut part)? {
            0 => break,
            count => head.extend_from_slice(&part[..count]),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// An answer whose `body` is text of this `kind`. The browser asks again after some seconds.
fn response(status: &str, kind: &str, body: &str, again: Option<u32>) -> String {
    let (length, refresh) =
        (body.len(), again.map_or(String::new(), |seconds| format!("Refresh: {seconds}\r\n")));
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n{refresh}\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(server: &Server, request: &str) -> Option<&'static str> {
        server.refusal(&request.replace("PORT", &server.address.port().to_string()))
    }

    #[test]
    fn only_the_page_is_given_and_only_under_the_name_of_this_machine() {
        let server = Server::open(0).expect("a free port");
        assert!(server.address().starts_with("http://127.0.0.1:"));
        assert_eq!(asked(&server, "GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n"), None);
        assert_eq!(asked(&server, "GET / HTTP/1.1\r\naccept: */*\r\nhost: localhost:PORT\r\n\r\n"), None);
        for (request, refusal) in [
            ("GET / HTTP/1.1\r\nHost: evil.example:PORT\r\n\r\n", "403 Forbidden"),
            ("GET / HTTP/1.1\r\n\r\n", "403 Forbidden"),
            ("GET /../etc/passwd HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "404 Not Found"),
            ("POST / HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "405 Method Not Allowed"),
            ("", "403 Forbidden"),
        ] {
            assert_eq!(asked(&server, request), Some(refusal), "{request}");
        }
        let taken = Server::open(server.address.port()).err().expect("the port is taken");
        assert!(format!("{taken:#}").contains("name another"), "{taken:#}");
    }
}
