//! Coded concepts, such as those of SNOMED CT.

use std::fmt;
use std::str::FromStr;

use super::SegmentFault;
use super::text;

/// A coded concept (PS3.3 8): the coding scheme, the value in it, and the meaning for people.
///
/// As text it is `scheme:value:meaning`.
///
/// ```
/// use medseg_volume::segments::Code;
/// let liver: Code = "SCT:10200004:Liver".parse()?;
/// assert_eq!(liver, Code::sct("10200004", "Liver"));
/// assert_eq!(liver.to_string(), "SCT:10200004:Liver");
/// # Ok::<(), medseg_volume::segments::SegmentFault>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Code {
    /// Coding Scheme Designator: `SCT` for SNOMED CT, `DCM` for DICOM's own codes; up to 16 characters.
    pub scheme: String,
    /// Code Value, up to 16 characters.
    pub value: String,
    /// Code Meaning, up to 64 characters.
    pub meaning: String,
}

impl Code {
    /// A code of any scheme.
    #[must_use]
    pub fn new(scheme: impl Into<String>, value: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self { scheme: scheme.into(), value: value.into(), meaning: meaning.into() }
    }

    /// A code of SNOMED CT.
    #[must_use]
    pub fn sct(value: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self::new("SCT", value, meaning)
    }

    /// A code of the DICOM standard itself (PS3.16).
    #[must_use]
    pub fn dcm(value: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self::new("DCM", value, meaning)
    }

    /// Checks that DICOM can hold the three texts.
    pub(crate) fn check(&self, attribute: &'static str) -> Result<(), SegmentFault> {
        let parts = [(&self.scheme, text::SHORT), (&self.value, text::SHORT), (&self.meaning, text::LONG)];
        parts.into_iter().try_for_each(|(part, most)| text::check(attribute, part, most))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.scheme, self.value, self.meaning)
    }
}

impl FromStr for Code {
    type Err = SegmentFault;

    /// Reads `scheme:value:meaning`; the meaning may have colons of its own.
    fn from_str(text: &str) -> Result<Self, SegmentFault> {
        let mut parts = text.splitn(3, ':').map(str::trim);
        let code = match (parts.next(), parts.next(), parts.next()) {
            (Some(scheme), Some(value), Some(meaning)) => Self::new(scheme, value, meaning),
            _ => return Err(SegmentFault::NoCode(text.to_string())),
        };
        code.check("the code")?;
        Ok(code)
    }
}
