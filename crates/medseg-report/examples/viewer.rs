//! Writes a viewer's page of an image and masks; without files, of a synthetic CT with a reference and a worse prediction.
//!
//! `cargo run -p medseg-report --example viewer -- page.html [IMAGE MASK...]`

use std::error::Error;
use std::path::{Path, PathBuf};

use medseg_phantom::PhantomConfig;
use medseg_report::{ViewerMask, ViewerOptions, write_viewer};
use medseg_volume::{Volume, read_image, read_label, volume_stem};

/// An image and its named masks.
type Volumes = (Volume<f32>, Vec<(String, Volume<u8>)>);

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    let temporary = tempfile::tempdir()?;
    let page = files.first().cloned().unwrap_or_else(|| temporary.path().join("page.html"));
    let (image, masks) = match files.get(1..) {
        Some([image, masks @ ..]) => {
            let masks = masks.iter().map(|path| Ok((stem(path), read_label(path)?)));
            (read_image(image)?, masks.collect::<Result<Vec<_>, Box<dyn Error>>>()?)
        }
        _ => phantom()?,
    };
    let masks: Vec<ViewerMask<'_>> = masks.iter().map(|(name, mask)| ViewerMask::new(name, mask)).collect();
    let held = write_viewer(&page, &image, &masks, &ViewerOptions::default().with_title("Example"))?;
    let bytes = std::fs::metadata(&page)?.len();
    println!("{}: {bytes} bytes, {} of {} voxels", page.display(), held.shape(), held.given);
    Ok(())
}

fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    volume_stem(&name).unwrap_or(&name).to_string()
}

/// A case, the reference of its liver, and the same mask a little beside it.
fn phantom() -> Result<Volumes, Box<dyn Error>> {
    let (image, label) = PhantomConfig::default().generate(0)?;
    let reference = label.map_data(|label| u8::from(*label != 0));
    let mut prediction = reference.clone();
    for (to, from) in prediction.data.iter_mut().skip(3).zip(&reference.data) {
        *to = *from;
    }
    let masks = vec![("reference".into(), reference), ("prediction".into(), prediction)];
    Ok((image.map_data(|v| f32::from(*v)), masks))
}
