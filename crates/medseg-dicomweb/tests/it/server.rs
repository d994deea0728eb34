//! A small HTTP server whose answers a test chooses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use medseg_dicomweb::{Access, Client, ClientOptions};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    /// The value of a header; its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whether it asks for the list of series.
    pub fn is_search(&self) -> bool {
        self.header("accept") == Some("application/dicom+json") && self.line.starts_with("GET ")
    }
}

/// A server on a free port of this machine. It ends with the process.
pub struct Server {
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Answers every request by `answer`, which gets the request, its number from 0 and the connection.
    pub fn start(answer: impl Fn(&Asked, usize, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/dicom-web", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (list, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, list, answer) = (stream.unwrap(), Arc::clone(&list), Arc::clone(&answer));
                std::thread::spawn(move || {
                    if let Some(request) = receive(&stream) {
                        let number = {
                            let mut list = list.lock().unwrap();
                            list.push(request.clone());
                            list.len() - 1
                        };
                        answer(&request, number, &mut stream);
                    }
                });
            }
        });
        Self { address, asked }
    }

    /// A server that lists one series of `announced` instances and answers a fetch with `body`.
    pub fn of_series(announced: Option<usize>, content_type: &'static str, body: Vec<u8>) -> Self {
        Self::start(move |asked, _, stream| {
            if asked.is_search() {
                send(stream, 200, &[("Content-Type", "application/dicom+json")], listed(announced).as_bytes());
            } else {
                send(stream, 200, &[("Content-Type", content_type)], &body);
            }
        })
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// A client without credentials that does not wait long.
    pub fn client(&self) -> Client {
        self.client_with(Access::none(), options())
    }

    pub fn client_with(&self, access: Access, options: ClientOptions) -> Client {
        Client::with_access(&self.address, access, options).unwrap()
    }
}

/// Options that do not wait long before a repetition, but for a busy machine.
pub fn options() -> ClientOptions {
    ClientOptions::default()
        .with_connect_timeout(Duration::from_secs(5))
        .with_stall_timeout(Duration::from_secs(15))
        .with_transfer_timeout(Duration::from_secs(20))
        .with_retries(2, Duration::from_millis(5))
}

/// A user and a password that must not be seen anywhere.
pub fn user() -> Access {
    Access::from_variables(|name| match name {
        medseg_dicomweb::USER => Some("anna".into()),
        medseg_dicomweb::PASSWORD => Some("hush".into()),
        _ => None,
    })
    .unwrap()
}

fn receive(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let mut asked = Asked { line: line.trim_end().into(), headers, body: Vec::new() };
    let length = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
    asked.body.resize(length, 0);
    reader.read_exact(&mut asked.body).ok()?;
    Some(asked)
}

/// Sends a whole answer.
pub fn send(stream: &mut TcpStream, status: u16, headers: &[(&str, &str)], body: &[u8]) {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head =
        format!("HTTP/1.1 {status} Status\r\n{lines}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    // The client may have gone already.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// The list with series 1.2.3.4 of study 1.2.3 in DICOM JSON.
pub fn listed(announced: Option<usize>) -> String {
    let count = announced.map_or(String::new(), |n| format!(r#","00201209":{{"vr":"IS","Value":[{n}]}}"#));
    format!(r#"[{{"0020000E":{{"vr":"UI","Value":["1.2.3.4"]}},"00080060":{{"vr":"CS","Value":["CT"]}}{count}}}]"#)
}

/// A small DICOM file: its head, then something.
pub fn dicom_file(instance: &str, length: usize) -> Vec<u8> {
    let mut file = [vec![0; 128], b"DICM".to_vec()].concat();
    let padded = if instance.len().is_multiple_of(2) { instance.to_owned() } else { format!("{instance}\0") };
    file.extend([2, 0, 3, 0, b'U', b'I']);
    file.extend(u16::try_from(padded.len()).unwrap().to_le_bytes());
    file.extend(padded.as_bytes());
    file.extend((0..length).map(|n| [b'\r', b'\n', b'-', b'-', 7, 0, 255][n % 7]));
    file
}

/// Files as the body of an answer with the boundary `edge`.
pub fn body_of(files: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    for file in files {
        body.extend(b"\r\n--edge\r\nContent-Type: application/dicom\r\n\r\n");
        body.extend(file);
    }
    body.extend(b"\r\n--edge--\r\n");
    body
}

pub const RELATED: &str = "multipart/related; type=\"application/dicom\"; boundary=edge";

/// An error and its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", chain(cause)))
}
