//! The series of a study in a PACS, and one of them fetched: from an address, or from a stand-in on this machine if none is given.
//!
//! ```sh
//! cargo run --features dicomweb --example dicomweb
//! cargo run --features dicomweb --example dicomweb -- ADDRESS STUDY [SERIES FOLDER]
//! ```
//!
//! Credentials are taken from the environment: MEDSEG_DICOMWEB_USER and MEDSEG_DICOMWEB_PASSWORD, or MEDSEG_DICOMWEB_TOKEN.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::ExitCode;

use medseg::dicomweb::Client;
use medseg::volume::error_chain;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error_chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    match arguments {
        [] => list(&stand_in()?, "1.2.3"),
        [address, study] => list(address, study),
        [address, study, series, folder] => {
            let fetched = Client::new(address)?.fetch_series(study, series, folder)?;
            println!("{} files, {} bytes in {folder}", fetched.files.len(), fetched.bytes);
            Ok(())
        }
        _ => Err("usage: dicomweb [ADDRESS STUDY [SERIES FOLDER]]".into()),
    }
}

fn list(address: &str, study: &str) -> Result<(), Box<dyn Error>> {
    for series in Client::new(address)?.series_of(study)? {
        println!("{series}");
    }
    Ok(())
}

/// Starts a server that gives one answer, a study with a CT, and returns its address.
fn stand_in() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}/dicom-web", listener.local_addr()?);
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        let answer = r#"[{"0020000E":{"vr":"UI","Value":["1.2.3.4"]},"00080060":{"vr":"CS","Value":["CT"]},
            "0008103E":{"vr":"LO","Value":["Abdomen"]},"00201209":{"vr":"IS","Value":[120]}}]"#;
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\nContent-Length: {}\r\n\r\n{answer}",
            answer.len()
        )
    });
    Ok(address)
}
