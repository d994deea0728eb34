//! Matches the keys of a state dict with the tensors of a network.
//!
//! Stages are found by name. Inside one, modules may be nested and called anything: a shortcut is known by its 1×1×1
//! kernel, and the other convolutions stand in the natural order of their names. A norm belongs to the convolution of
//! the same rank in the same module.

use std::collections::{BTreeMap, BTreeSet};

use super::exact::is_batch_count;
use crate::layout::{ConvLayout, Layout};

/// Shapes by key.
type Shapes = BTreeMap<String, Vec<usize>>;

/// Result of the matching.
#[derive(Debug, Default)]
pub(super) struct Matched {
    /// Prefix of the stages' names, such as `module.`; empty or with a dot at its end.
    pub prefix: String,
    /// Keys, without the prefix, by this crate's names.
    pub keys: BTreeMap<String, String>,
    /// Tensors of the network without a key.
    pub missing: Vec<String>,
    /// Keys without a tensor of the network, with the prefix.
    pub unexpected: Vec<String>,
}

/// Matches all keys that start with the prefix, or with the only one there is; the error lists the prefixes of several
/// networks.
pub(super) fn match_keys(found: &Shapes, layout: &Layout, prefix: Option<&str>) -> Result<Matched, Vec<String>> {
    let prefix = match prefix {
        Some("") => String::new(),
        Some(given) => format!("{}.", given.trim_end_matches('.')),
        None => only_prefix(found, &layout.encoder[0].name)?,
    };
    let inside = found.iter().filter_map(|(key, shape)| Some((key.strip_prefix(&prefix)?.to_string(), shape.clone())));
    let mut rest: Shapes = inside.filter(|(key, _)| !is_batch_count(key)).collect();
    let mut keys = BTreeMap::new();
    let tensors = layout.tensors();
    for (name, _) in &tensors {
        if rest.remove(name).is_some() {
            keys.insert(name.clone(), name.clone());
        }
    }
    let mut stages: BTreeMap<&str, Vec<&ConvLayout>> = BTreeMap::new();
    for conv in layout.convs() {
        stages.entry(first_of(&conv.name)).or_default().push(conv);
    }
    for (stage, convs) in stages {
        match_stage(stage, &convs, &mut rest, &mut keys);
    }
    let missing = tensors.into_iter().map(|(name, _)| name).filter(|name| !keys.contains_key(name)).collect();
    let unexpected = rest.into_keys().map(|key| format!("{prefix}{key}")).collect();
    Ok(Matched { prefix, keys, missing, unexpected })
}

/// Prefix of the first stage's name.
fn only_prefix(found: &Shapes, first_stage: &str) -> Result<String, Vec<String>> {
    let prefixes: BTreeSet<String> = found
        .keys()
        .filter_map(|key| {
            let parts: Vec<&str> = key.split('.').collect();
            let at = parts.iter().position(|part| *part == first_stage)?;
            Some(parts[..at].iter().map(|part| format!("{part}.")).collect())
        })
        .collect();
    match prefixes.len() {
        0 | 1 => Ok(prefixes.into_iter().next().unwrap_or_default()),
        _ => Err(prefixes.iter().map(|prefix| prefix.trim_end_matches('.').to_string()).collect()),
    }
}

/// Matches what is left of a stage, and takes it out of `rest`.
fn match_stage(stage: &str, convs: &[&ConvLayout], rest: &mut Shapes, keys: &mut BTreeMap<String, String>) {
    let inside: Vec<&String> = rest.keys().filter(|key| first_of(key) == stage).collect();
    let mut modules: BTreeSet<String> = inside.into_iter().map(|key| module_of(key).to_string()).collect();
    // Modules whose weights this crate calls the same take part too: their norms may have other names.
    let mut places: Vec<(&ConvLayout, String)> = Vec::new();
    let mut open = Vec::new();
    for conv in convs {
        match keys.get(&conv.weight_name()) {
            Some(key) => {
                modules.remove(module_of(key));
                places.push((conv, module_of(key).to_string()));
            }
            None => open.push(*conv),
        }
    }
    let kernel =
        |module: &String| rest.get(&format!("{module}.weight")).filter(|s| s.len() == 5).map(|s| s[2..].to_vec());
    let (mut theirs, mut norms): (Vec<String>, Vec<String>) = modules.into_iter().partition(|m| kernel(m).is_some());
    theirs.sort_by_key(|module| natural(module));
    norms.sort_by_key(|module| natural(module));
    let (points, wide): (Vec<String>, Vec<String>) = theirs.into_iter().partition(|m| kernel(m) == Some(vec![1; 3]));
    let (our_points, our_wide): (Vec<&ConvLayout>, Vec<&ConvLayout>) =
        open.into_iter().partition(|c| c.kernel == [1; 3]);
    places.extend(our_points.into_iter().zip(points).chain(our_wide.into_iter().zip(wide)));

    let mut take = |name: String, key: String| {
        if !keys.contains_key(&name) && rest.remove(&key).is_some() {
            keys.insert(name, key);
        }
    };
    for (conv, module) in &places {
        take(conv.weight_name(), format!("{module}.weight"));
        if conv.bias {
            take(conv.bias_name(), format!("{module}.bias"));
        }
    }
    places.sort_by_key(|(_, module)| natural(module));
    let parents: BTreeSet<&str> = norms.iter().map(|norm| module_of(norm)).collect();
    for parent in parents {
        let inside = |module: &str| module_of(module) == parent;
        let norms: Vec<&String> = norms.iter().filter(|norm| inside(norm)).collect();
        let places: Vec<&ConvLayout> = places.iter().filter(|(_, m)| inside(m)).map(|(conv, _)| *conv).collect();
        if norms.len() != places.len() {
            continue;
        }
        for (conv, module) in places.into_iter().zip(norms) {
            for (norm, part) in conv.norm.iter().flat_map(|norm| norm.parts().into_iter().map(move |part| (norm, part)))
            {
                take(norm.name_of(part), format!("{module}.{part}"));
            }
        }
    }
}

fn first_of(key: &str) -> &str {
    key.split('.').next().unwrap_or_default()
}

/// The key without its last part.
fn module_of(key: &str) -> &str {
    key.rsplit_once('.').map_or("", |(module, _)| module)
}

/// A sort key that puts 2 before 10.
fn natural(text: &str) -> Vec<(bool, u64, String)> {
    let mut parts: Vec<(bool, String)> = Vec::new();
    for c in text.chars() {
        let digit = c.is_ascii_digit();
        match parts.last_mut() {
            Some((of_digits, part)) if *of_digits == digit => part.push(c),
            _ => parts.push((digit, c.to_string())),
        }
    }
    let number = |part: &str| part.parse().unwrap_or(u64::MAX);
    parts.into_iter().map(|(digit, part)| (digit, if digit { number(&part) } else { 0 }, part)).collect()
}
