//! A file and a folder that are either the old or the new one, whenever the process is killed.
//!
//! `cargo run --example files`

use std::io::Write;

use medseg::files::{AtomicFile, neighbour, replace_folder, write_atomic};

fn main() -> std::io::Result<()> {
    let folder = tempfile::tempdir()?;
    let scores = folder.path().join("scores.csv");
    write_atomic(&scores, b"case,dice\n")?;

    // A large file is written in parts and takes its name at the end.
    let mut file = AtomicFile::create(&scores)?;
    for case in 0..3 {
        writeln!(file, "case_{case},0.9{case}")?;
    }
    println!("before: {:?}", std::fs::read_to_string(&scores)?);
    file.commit()?;
    println!("after:  {:?}", std::fs::read_to_string(&scores)?);

    // A folder is finished under a hidden name and put in its place.
    let bundle = folder.path().join("bundle");
    let new = neighbour(&bundle, "writing");
    std::fs::create_dir(&new)?;
    std::fs::write(new.join("bundle.json"), "{}")?;
    replace_folder(&new, &bundle)?;
    println!("bundle.json is there: {}", bundle.join("bundle.json").is_file());
    Ok(())
}
