//! Ids of settings: `a#b`, `a::b`, and relative ones such as `@##x`.

use crate::BundleProblem;

/// Longest text with references.
pub(super) const LONGEST: usize = 8192;

/// The same text with `#` for `::`.
pub(super) fn normal(id: &str) -> String {
    id.replace("::", "#")
}

/// Bytes of an id at the start of a text: letters, digits and `_`, with `#` or `::` between.
pub(super) fn id_length(text: &str) -> usize {
    let word = |text: &str| text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let mut end = word(text);
    loop {
        let rest = &text[end..];
        let separator = if rest.starts_with("::") { 2 } else { usize::from(rest.starts_with('#')) };
        if separator == 0 {
            return end;
        }
        end += separator + word(&rest[separator..]);
    }
}

/// The text with absolute ids: after `@` or `%`, one `#` means the same level as the setting `id`, each further one a level up.
pub(super) fn absolute(id: &str, text: &str) -> Result<String, BundleProblem> {
    if !(text.contains("@#") || text.contains("%#") || text.contains("@::") || text.contains("%::")) {
        return Ok(text.to_owned());
    }
    if text.len() > LONGEST {
        return Err(BundleProblem::bound(id, format!("a text with references of more than {LONGEST} bytes")));
    }
    let parts: Vec<&str> = id.split('#').collect();
    let text = normal(text);
    let (mut out, mut rest) = (String::new(), text.as_str());
    while let Some(at) = rest.find(['@', '%']) {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        let up = after.len() - after.trim_start_matches('#').len();
        rest = &after[up..];
        if up > 0 {
            let levels = parts.len().checked_sub(up);
            let levels = levels.ok_or_else(|| BundleProblem::reference(id, &text))?;
            parts[..levels].iter().for_each(|part| {
                out.push_str(part);
                out.push('#');
            });
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_ids_become_absolute() {
        // The example of MONAI's documentation.
        assert_eq!(absolute("B#key", "@##A").unwrap(), "@A");
        assert_eq!(absolute("B#value1", "%#value1").unwrap(), "%B#value1");
        assert_eq!(absolute("B#value3#2", "@#1").unwrap(), "@B#value3#1");
        assert_eq!(absolute("B#value3#2", "$@::::x + @y").unwrap(), "$@B#x + @y");
        assert!(absolute("B", "@####x").is_err());
    }

    #[test]
    fn ids_end_where_words_end() {
        for (text, length) in [("network.to", 7), ("a#b::c + 1", 6), ("", 0), ("a#", 2), ("é_1-", 4)] {
            assert_eq!(id_length(text), length, "{text}");
        }
    }
}
