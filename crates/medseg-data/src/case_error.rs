//! Errors that name their case, once.

use std::error::Error;

use medseg_transforms::TransformError;

use crate::DataError;
use crate::case::Case;

impl DataError {
    /// The error with the name of its case, unless it has it.
    pub(crate) fn in_case(self, case: &Case) -> Self {
        named_once(Box::new(self), &case.id)
    }

    /// Id of the case that the error's message begins with.
    fn case(&self) -> Option<&str> {
        match self {
            Self::Prepare { case, .. } | Self::Channels { case, .. } => Some(case),
            _ => None,
        }
    }
}

/// The error of a case's preparation, under the case's name. An error of this crate or of the transforms that has the
/// name keeps it; one further in loses it.
pub(crate) fn named_once(error: Box<dyn Error + Send + Sync>, id: &str) -> DataError {
    let error = match error.downcast::<DataError>() {
        Ok(error) if error.case() == Some(id) => return *error,
        Ok(error) => error,
        Err(error) => match error.downcast::<TransformError>() {
            Ok(error) => return prepare(id, Box::new(without_case(*error, id))),
            Err(error) => return prepare(id, error),
        },
    };
    prepare(id, error)
}

fn prepare(id: &str, source: Box<dyn Error + Send + Sync>) -> DataError {
    DataError::Prepare { case: id.into(), source }
}

/// An error of a transform without the links that name this case.
fn without_case(error: TransformError, id: &str) -> TransformError {
    match error {
        TransformError::Case { id: named, source } if named == id => without_case(*source, id),
        TransformError::Case { id: other, source } => {
            TransformError::Case { id: other, source: Box::new(without_case(*source, id)) }
        }
        TransformError::Step { number, transform, source } => {
            TransformError::Step { number, transform, source: Box::new(without_case(*source, id)) }
        }
        other => other,
    }
}

/// The reasons of an error in the words of [`error_chain`](medseg_volume::error_chain), without the case's name, for a
/// text that has it already.
///
/// ```
/// use medseg_data::{Case, case_reason};
/// let case = Case::new("liver_7", "missing.nii", None);
/// let error = case.read().unwrap_err();
/// let text = format!("case {} is left out: {}", case.id, case_reason(&case.id, &error));
/// assert!(text.starts_with("case liver_7 is left out: cannot read missing.nii: "));
/// ```
#[must_use]
pub fn case_reason(id: &str, error: &dyn Error) -> String {
    let name = format!("case {id}");
    let mut text = String::new();
    let mut link = Some(error);
    while let Some(error) = link {
        let message = error.to_string();
        let reason = message.strip_prefix(&format!("{name}: ")).unwrap_or(&message);
        if reason != name && !text.ends_with(reason) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(reason);
        }
        link = error.source();
    }
    if text.is_empty() { name } else { text }
}
