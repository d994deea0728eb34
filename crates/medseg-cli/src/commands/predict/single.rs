//! One image and the files of its prediction.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use medseg_device::Chosen;
use medseg_train::Observer;
use medseg_volume::{error_chain, write_image};
use serde_json::{Map, Value};

use super::found::Found;
use super::model::{Model, Predicted, name_of};
use super::nnunet::CaseMasks;
use super::output::Naming;
use super::{Args, extras, picture};
use crate::console::Console;
use crate::mask::{MaskVolume, MaskWriter};
use crate::{CliError, image, output, paths};

/// Segments the image.
///
/// # Errors
/// A model that cannot be opened, an image that does not fit it, outputs that cannot be written.
pub fn run(args: &Args, device: &Chosen, console: &mut Console) -> Result<(), CliError> {
    let mut model = Model::open(args, device)?;
    let (kind, masks) = (model.input(), CaseMasks::of(&args.nnunet));
    let files = kind.files(&args.image)?;
    let read = std::iter::once(&args.image).chain(&files).chain(masks.files());
    let inputs: Vec<&Path> = read.map(PathBuf::as_path).collect();
    paths::refuse_output_over_input(&args.mask, &inputs)?;
    args.output.check(&args.mask, &inputs)?;
    extras::check(args, model.classes().as_ref(), &inputs)?;
    let is_series = image::is_series(&args.image);
    if args.output.needs_series(&args.mask) && !is_series {
        let image = args.image.display();
        return Err(CliError::Usage(format!(
            "{image} is no DICOM series, and DICOM segmentations and structure sets refer to one"
        )));
    }
    let naming = Naming::new(&args.output, &args.model, model.label_names())?;
    if let Some(planned) = model.check_header(&args.image, args, console)? {
        return print_json(args, planned, None, &naming);
    }
    let input = if is_series { kind.read_series(&files, &args.series) } else { kind.read_files(&files, &args.series) }?;
    for warning in &input.warnings {
        console.warning(&format!("{}: {warning}", args.image.display()));
    }
    if let Some(folder) = args.nnunet.save_probabilities.as_deref().filter(|_| !args.dry_run) {
        extras::make_folder(folder)?;
    }
    let found = match model.predict(args, &masks, input.voxels, console)? {
        Predicted::Planned(planned) => return print_json(args, planned, None, &naming),
        Predicted::Found(found) => found,
    };
    found.warnings.iter().for_each(|warning| console.warning(warning));
    let outputs = naming.writer(&args.output, (&input.series, &args.series), &found)?;
    save(&args.mask, &found.mask, &outputs)?;
    for path in &args.output.also {
        outputs.write_mask(path, &found.mask)?;
    }
    if let Some(path) = &args.output.rtstruct {
        outputs.write_structure_set(path, &found.mask)?;
    }
    if let Some(path) = &args.output.surface {
        outputs.write_surface(path, &found.mask)?;
    }
    if let (Some(path), Some(entropy)) = (&args.uncertainty.save_entropy, &found.entropy) {
        write_image(path, entropy)?;
    }
    if let (Some(folder), Some((scores, classes))) = (&args.nnunet.save_probabilities, &found.probabilities) {
        let files = classes.files(folder);
        extras::write_classes(&files, scores, found.mask.geometry(), args.uncertainty.bits())?;
    }
    let named: Vec<String> =
        found.volumes_ml.iter().map(|(label, ml)| format!("{} {ml:.1} ml", numbered(naming.names(), *label))).collect();
    let named = if named.is_empty() { "nothing".into() } else { named.join(", ") };
    let written = std::iter::once(&args.mask).chain(args.output.files());
    let written = written.chain(&args.uncertainty.save_entropy).chain(&args.nnunet.save_probabilities);
    let written = written.map(|path| path.display().to_string());
    let written = written.collect::<Vec<_>>().join(", ");
    console.message(&format!("found {named} in {:.1} s, written to {written}", found.seconds));
    extras::print(found.certainty, console);
    print_json(args, found.details.clone(), Some(&found), &naming)?;
    match &args.picture {
        Some(path) => picture::write(args, path, &found, naming.names(), console),
        None => Ok(()),
    }
}

/// A label's value and name; the value alone is in the name of one that has none.
fn numbered(names: &BTreeMap<u16, String>, label: u16) -> String {
    let name = name_of(names, label);
    if names.contains_key(&label) { format!("{label} {name}") } else { name }
}

/// Writes the mask; where that fails, on a full disk for example, beside the system's temporary files, so that the work is
/// not lost.
fn save(path: &Path, mask: &MaskVolume, outputs: &MaskWriter<'_>) -> Result<(), CliError> {
    let Err(error) = outputs.write_mask(path, mask) else { return Ok(()) };
    let (CliError::Usage(error) | CliError::Failed(error)) = error;
    let name = format!("{}-{}.nii.gz", std::process::id(), super::file_name(path));
    let refuge = std::env::temp_dir().join(name);
    Err(CliError::Failed(match mask.write(&refuge) {
        Ok(()) => format!("{error}; the mask is in {} instead", refuge.display()),
        Err(second) => format!("{error}; nor can it be saved elsewhere: {}", error_chain(&second)),
    }))
}

/// With `--json`, prints plan and result as one object.
fn print_json(
    args: &Args,
    details: Map<String, Value>,
    found: Option<&Found>,
    naming: &Naming,
) -> Result<(), CliError> {
    if !args.json {
        return Ok(());
    }
    let mut result = Value::Object(details);
    result["image"] = args.image.display().to_string().into();
    result["mask"] = found.map(|_| args.mask.display().to_string()).into();
    if let Some(found) = found {
        let names = found.volumes_ml.keys().map(|label| (label.to_string(), name_of(naming.names(), *label).into()));
        result["labels"] = names.collect::<Map<_, _>>().into();
        result["volumes_ml"] = serde_json::to_value(&found.volumes_ml)?;
        result["certainty"] = serde_json::to_value(found.certainty)?;
        result["seconds"] = found.seconds.into();
    }
    output::result(result)
}
