//! The file of a mask.

use super::Postprocess;
use crate::BundleProblem;
use crate::config::{Component, Value, single};

pub(super) fn save(component: &mut Component<'_>) -> Result<Postprocess, BundleProblem> {
    component.refuse("scale")?;
    let resample = component.flag("resample", false)?;
    if resample {
        component.one_of("mode", "nearest", &["nearest"])?;
    }
    let dtype = match component.some("output_dtype")?.map(single) {
        None => "float32".to_owned(),
        Some(Value::Text(name) | Value::Symbol(name)) => name.rsplit('.').next().unwrap_or_default().to_owned(),
        Some(_) => return Err(BundleProblem::value(component.argument("output_dtype"), "the name of a type")),
    };
    let postfix = component.optional_text("output_postfix")?.unwrap_or_else(|| "trans".to_owned());
    let extension = component.optional_text("output_ext")?.unwrap_or_else(|| ".nii.gz".to_owned());
    component.ignore(&[
        "meta_keys",
        "meta_key_postfix",
        "output_dir",
        "mode",
        "padding_mode",
        "dtype",
        "squeeze_end_dims",
        "data_root_dir",
        "separate_folder",
        "print_log",
        "output_format",
        "writer",
        "output_name_formatter",
        "folder_layout",
        "savepath_in_metadict",
    ]);
    Ok(Postprocess::Save { postfix, extension, dtype, resample })
}
