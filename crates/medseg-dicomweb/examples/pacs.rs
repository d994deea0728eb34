//! A PACS by DICOMweb from the command line; credentials from the environment.
//!
//! ```sh
//! cargo run -p medseg-dicomweb --example pacs -- ADDRESS series STUDY
//! cargo run -p medseg-dicomweb --example pacs -- ADDRESS fetch STUDY SERIES FOLDER
//! cargo run -p medseg-dicomweb --example pacs -- ADDRESS store FILE...
//! ```

use std::error::Error;
use std::process::ExitCode;

use medseg_dicomweb::Client;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut causes = vec![error.to_string()];
            let mut cause = error.source();
            while let Some(error) = cause {
                causes.push(error.to_string());
                cause = error.source();
            }
            eprintln!("error: {}", causes.join(": "));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let [address, command @ ..] = arguments else {
        return Err("usage: pacs ADDRESS series|fetch|store ...".into());
    };
    let client = Client::new(address)?;
    match command {
        ["series", study] => {
            for series in client.series_of(study)? {
                println!("{series}");
            }
        }
        ["fetch", study, series, folder] => {
            let fetched = client.fetch_series(study, series, folder)?;
            println!("{} files, {} bytes", fetched.files.len(), fetched.bytes);
        }
        ["store", files @ ..] if !files.is_empty() => {
            for stored in client.store(files)? {
                match stored.warning {
                    Some(warning) => println!("{} (warning 0x{warning:04X})", stored.instance),
                    None => println!("{}", stored.instance),
                }
            }
        }
        _ => return Err("usage: pacs ADDRESS series STUDY | fetch STUDY SERIES FOLDER | store FILE...".into()),
    }
    Ok(())
}
