//! Functions that make labels of channels.

use super::parse::parse;
use super::tree::Tree;

/// Channels with their labels, and the label of all other voxels.
pub(crate) type ChannelLabels = (Vec<(usize, u32)>, u32);

/// Reads `lambda x: torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, 0))` and the like.
pub(crate) fn channel_labels(text: &str) -> Option<ChannelLabels> {
    let (variable, body) = text.trim_start().strip_prefix("lambda ")?.split_once(':')?;
    let mut tree = parse(body).ok()?;
    let mut labels = Vec::new();
    loop {
        match tree {
            Tree::Int(otherwise) if !labels.is_empty() => return Some((labels, otherwise.try_into().ok()?)),
            Tree::Call(function, mut arguments) if is_where(&function) && arguments.len() == 3 => {
                let otherwise = arguments.pop()?;
                let (Some(Tree::Int(label)), Some(condition)) = (arguments.pop(), arguments.pop()) else { return None };
                labels.push((channel(&condition, variable.trim())?, label.try_into().ok()?));
                tree = otherwise;
            }
            _ => return None,
        }
    }
}

fn is_where(function: &Tree) -> bool {
    matches!(function, Tree::Attribute(of, name) if name == "where" && **of == Tree::Name("torch".into()))
}

/// The channel of `x[[2]] > 0`.
fn channel(condition: &Tree, variable: &str) -> Option<usize> {
    let Tree::Binary(">", left, right) = condition else { return None };
    let Tree::Index(of, index) = left.as_ref() else { return None };
    let Tree::List(numbers) = index.as_ref() else { return None };
    match (of.as_ref(), &numbers[..], right.as_ref()) {
        (Tree::Name(name), [Tree::Int(channel)], Tree::Int(0)) if name == variable => usize::try_from(*channel).ok(),
        _ => None,
    }
}
