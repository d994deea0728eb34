//! The Rust side of `benches/peers/io.py` and `benches/peers/nifti_equality.py`: commands on standard input, one a line
//! with tabs between its parts, and an answer each.
//!
//! - `read PATH`: reads an image as f32; seconds and the process's peak memory in KiB.
//! - `again PATH`: the same, into the memory of the image that was read before.
//! - `label PATH`, then `write PATH [LEVEL]`: keeps a label map, and writes it; seconds and peak memory.
//! - `copy FROM STORED IMAGE`: writes a file again in its own type, and as f32 with nothing but the affine as NIfTI-2; `ok`
//!   or what is wrong.

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

use medseg_volume::{
    Geometry, NiftiVersion, ReadOptions, StoredVoxels, Volume, VolumeFile, WriteOptions, error_chain, read_image,
    read_label, write_channels, write_volume,
};
use ndarray::Array3;

fn main() -> Result<(), Box<dyn Error>> {
    let mut kept = Kept::default();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let parts: Vec<&str> = line.split('\t').collect();
        let answer = answer(&parts, &mut kept).unwrap_or_else(|e| format!("error: {}", error_chain(&*e)));
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// Volumes that commands leave for later ones.
#[derive(Default)]
struct Kept {
    label: Option<Volume<u8>>,
    image: Option<Array3<f32>>,
}

fn answer(parts: &[&str], kept: &mut Kept) -> Result<String, Box<dyn Error>> {
    let started = Instant::now();
    match parts {
        ["read", path] => {
            let image = read_image(path)?;
            let seconds = started.elapsed().as_secs_f64();
            Ok(format!("{seconds} {} {}", peak_kib(), image.data.len()))
        }
        ["again", path] => {
            let file = VolumeFile::open(path)?;
            let shape = file.info().shape.to_array();
            let image = kept.image.get_or_insert_with(|| Array3::zeros(shape));
            file.image_into(&ReadOptions::default(), &mut image.view_mut())?;
            Ok(format!("{} {}", started.elapsed().as_secs_f64(), peak_kib()))
        }
        ["label", path] => {
            kept.label = Some(read_label(path)?);
            Ok("ok".into())
        }
        ["write", path, level @ ..] => {
            let level: Option<u32> = level.first().map(|level| level.parse()).transpose()?;
            let options = WriteOptions::default().with_labels(true).with_level(level);
            write_volume(path, kept.label.as_ref().ok_or("no label was read")?, &options)?;
            Ok(format!("{} {}", started.elapsed().as_secs_f64(), peak_kib()))
        }
        ["copy", from, stored, image] => copy(from, stored, image).map(|()| "ok".into()),
        _ => Err(format!("no such command: {parts:?}").into()),
    }
}

fn copy(from: &str, stored: &str, image: &str) -> Result<(), Box<dyn Error>> {
    let (file, options) = (VolumeFile::open(from)?, WriteOptions::default());
    let (voxels, geometry) = file.stored(&ReadOptions::default())?;
    macro_rules! write_as {
        ($($variant:ident),*) => {
            match voxels {
                $(StoredVoxels::$variant(data) => write_channels(stored, &data, &geometry, &options)?,)*
            }
        };
    }
    write_as!(U8, I8, U16, I16, U32, I32, U64, I64, F32, F64);
    let (data, geometry) = file.channels(&ReadOptions::default())?;
    // Without the file's own fields, so that the affine is the one computed here.
    let geometry = Geometry::from_affine(geometry.affine())?;
    let options = options.with_version(NiftiVersion::Two);
    Ok(write_channels(image, &data, &geometry, &options)?)
}

/// The most memory this process has had; 0 where the system does not say.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}
