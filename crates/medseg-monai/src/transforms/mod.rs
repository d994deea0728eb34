//! Settings of transforms. Triples are `[depth, height, width]`, the reverse of MONAI's x, y, z.

mod crop_pad;
mod intensity;
mod load;
mod spatial;

pub use crop_pad::{CropForeground, Padding, SpatialPad};
pub use intensity::{NormalizeIntensity, ScaleIntensity, ScaleIntensityRange, ScaleIntensityRangePercentiles};
pub use load::{ChannelDim, LoadImage};
pub use spatial::{Orientation, Resize, ResizeMode, SizeMode, Spacing};

pub(crate) use spatial::sizes;

use crate::BundleProblem;
use crate::config::{Component, Config, Node, Value, single};

/// The transforms of a `Compose`, or of a single transform; disabled ones are left out.
pub(crate) fn composed<'a>(
    config: &'a Config,
    value: &Value<'a>,
    id: &str,
) -> Result<Vec<Component<'a>>, BundleProblem> {
    let mut compose = Component::of_value(config, id, value)?;
    if compose.class != "Compose" {
        return Ok(vec![compose]);
    }
    let transforms = match compose.take("transforms")? {
        Some(Value::List(values)) => values,
        Some(single @ Value::Object(_)) => vec![single],
        _ => return Err(BundleProblem::value(compose.argument("transforms"), "a list of transforms")),
    };
    // Each image passes alone, so neither mapping nor lazy resampling of lists is at stake.
    compose.ignore(&["map_items", "unpack_items", "log_stats"]);
    only_false(&mut compose, "lazy")?;
    compose.refuse("overrides")?;
    let id = compose.argument("transforms");
    compose.finish()?;
    let mut out = Vec::new();
    for (number, value) in transforms.iter().enumerate() {
        let component = Component::of_value(config, &format!("{id}#{number}"), value)?;
        match component.class == "Compose" {
            true => return Err(component.unknown("transforms, not nested in a Compose")),
            false => out.push(component),
        }
    }
    Ok(out)
}

/// Refuses a lazy transform, whose resampling would be joined with that of its neighbours.
pub(crate) fn only_false(component: &mut Component<'_>, name: &str) -> Result<(), BundleProblem> {
    match component.some(name)?.map(single) {
        None | Some(Value::Bool(false)) => Ok(()),
        Some(_) => Err(component.refusal(name)),
    }
}

/// Name of a keyed transform in the form `Spacingd`, which MONAI also calls `SpacingD` and `SpacingDict`.
pub(crate) fn keyed(class: &str) -> String {
    let stem = class.strip_suffix("Dict").or_else(|| class.strip_suffix('D'));
    stem.map_or_else(|| class.to_owned(), |stem| format!("{stem}d"))
}

/// Checks that a transform concerns the key `expected` and no other.
pub(crate) fn key(component: &mut Component<'_>, expected: &str) -> Result<(), BundleProblem> {
    match component.required("keys").map(single)? {
        Value::Text(key) if key == expected => {}
        _ => return Err(BundleProblem::value(component.argument("keys"), format!("{expected:?}"))),
    }
    component.ignore(&["allow_missing_keys"]);
    Ok(())
}

/// A number, or one for each axis, as `[depth, height, width]`; a list that is short goes on with its last number.
pub(crate) fn numbers(component: &Component<'_>, name: &str, value: &Value<'_>) -> Result<[f64; 3], BundleProblem> {
    let wrong = || BundleProblem::value(component.argument(name), "a number, or one for each of three axes");
    let list = match value {
        Value::List(values) => values.iter().map(Value::number).collect::<Option<Vec<f64>>>().ok_or_else(wrong)?,
        value => vec![value.number().ok_or_else(wrong)?],
    };
    let last = *list.last().filter(|_| list.len() <= 3).ok_or_else(wrong)?;
    let at = |axis: usize| list.get(axis).copied().unwrap_or(last);
    Ok([at(2), at(1), at(0)])
}

/// The setting of an id, or of the id to which the evaluator or the data set refers in its place.
pub(crate) fn well_known<'a>(
    config: &'a Config,
    id: &str,
    owner: &str,
    argument: &str,
) -> Result<Value<'a>, BundleProblem> {
    let owner = config.raw(owner);
    let given: Option<Node<'_>> = owner.and_then(|owner| {
        let raw = owner.raw.as_object()?.get(argument)?;
        let refers = raw.as_str().is_some_and(|text| text.starts_with(['@', '%'])) || raw.is_object();
        refers.then(|| owner.below(argument, raw))
    });
    match given {
        Some(node) => config.resolve(&node),
        None if config.raw(id).is_some() => config.by_id(id),
        None => Err(BundleProblem::missing(id)),
    }
}
