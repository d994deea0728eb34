//! An error and its causes as one line.

use std::error::Error;

/// Joins an error and its causes with `": "`, for a warning, a log line or a message to a user.
///
/// A cause is left out where the text so far already ends with it, as with errors that repeat their source.
///
/// ```
/// let error = medseg_volume::read_image("missing.nii").unwrap_err();
/// assert!(medseg_volume::error_chain(&error).starts_with("cannot read missing.nii: "));
/// ```
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        if !text.ends_with(&reason) {
            text.push_str(": ");
            text.push_str(&reason);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    fn chain(texts: &[&'static str]) -> String {
        let link = |source: Option<Box<Link>>, text: &&'static str| Some(Box::new(Link { text, source }));
        error_chain(&*texts.iter().rev().fold(None, link).unwrap())
    }

    #[test]
    fn causes_follow_in_their_order() {
        assert_eq!(chain(&["alone"]), "alone");
        assert_eq!(chain(&["cannot open a.nii", "no such file"]), "cannot open a.nii: no such file");
        assert_eq!(chain(&["case c1", "cannot open a.nii", "denied"]), "case c1: cannot open a.nii: denied");
    }

    #[test]
    fn a_cause_that_is_already_the_end_is_not_repeated() {
        assert_eq!(chain(&["cannot open a.nii: denied", "denied"]), "cannot open a.nii: denied");
        assert_eq!(chain(&["case c1: denied", "denied", "denied"]), "case c1: denied");
        assert_eq!(chain(&["denied for all", "denied"]), "denied for all: denied");
    }
}
