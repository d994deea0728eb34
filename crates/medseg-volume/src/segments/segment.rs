//! One segment of a mask.

use std::fmt;
use std::str::FromStr;

use super::{Code, SegmentFault, anatomy, colour, text};

/// A segment: the meaning of one label value of a mask (PS3.3 C.8.20.2 and C.8.20.4).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segment {
    /// Label value in the mask, 1 to 65535.
    pub label: u16,
    /// Segment Label, for people; up to 64 characters.
    pub name: String,
    /// Segment Description, up to 1024 characters.
    pub description: Option<String>,
    /// Segmented Property Category, such as Anatomical Structure.
    pub category: Code,
    /// Segmented Property Type, such as Liver.
    pub property_type: Code,
    /// Segmented Property Type Modifier, such as Left.
    pub modifier: Option<Code>,
    /// Recommended colour: red, green, blue, 0 to 255 (sRGB).
    pub colour: [u8; 3],
    /// The way the segment was made.
    pub algorithm: AlgorithmKind,
    /// Name of the algorithm, up to 64 characters; not used for manual segments.
    pub algorithm_name: String,
}

impl Segment {
    /// A segment with the codes that its name has in the built-in table of anatomy, and a colour by its label value.
    ///
    /// Case, underscores and the place of `left` and `right` do not matter. A name that is not known gets the general
    /// codes of Tissue, as 3D Slicer gives them. The algorithm is automatic with the name `medseg`.
    ///
    /// ```
    /// use medseg_volume::segments::Segment;
    /// assert_eq!(Segment::new(3, "Left_Kidney").property_type.value, "64033007");
    /// assert_eq!(Segment::new(4, "structure 17").property_type.meaning, "Tissue");
    /// ```
    #[must_use]
    pub fn new(label: u16, name: impl Into<String>) -> Self {
        let name = name.into();
        let codes = anatomy::codes(&name).unwrap_or_else(anatomy::general);
        Self {
            label,
            description: None,
            category: codes.category,
            property_type: codes.property_type,
            modifier: codes.modifier,
            colour: colour::of_label(label),
            algorithm: AlgorithmKind::Automatic,
            algorithm_name: "medseg".into(),
            name,
        }
    }

    /// Sets the description.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Sets the codes of category and type, and removes the modifier.
    #[must_use]
    pub fn with_codes(mut self, category: Code, property_type: Code) -> Self {
        (self.category, self.property_type, self.modifier) = (category, property_type, None);
        self
    }

    /// Sets the modifier of the type, such as [`Code::sct`]`("7771000", "Left")`.
    #[must_use]
    pub fn with_modifier(mut self, modifier: Code) -> Self {
        self.modifier = Some(modifier);
        self
    }

    /// Sets the recommended colour: red, green, blue.
    #[must_use]
    pub fn with_colour(mut self, colour: [u8; 3]) -> Self {
        self.colour = colour;
        self
    }

    /// Sets the way the segment was made, and the algorithm's name.
    #[must_use]
    pub fn with_algorithm(mut self, kind: AlgorithmKind, name: impl Into<String>) -> Self {
        (self.algorithm, self.algorithm_name) = (kind, name.into());
        self
    }

    /// Checks that DICOM can hold the segment.
    pub(super) fn check(&self) -> Result<(), SegmentFault> {
        if self.label == 0 {
            return Err(SegmentFault::NoLabel("0".into()));
        }
        text::check("the name", &self.name, text::LONG)?;
        if let Some(description) = &self.description {
            text::check_lines("the description", description, text::TEXT)?;
        }
        self.category.check("the category")?;
        self.property_type.check("the type")?;
        self.modifier.iter().try_for_each(|code| code.check("the modifier"))?;
        match self.algorithm {
            AlgorithmKind::Manual if self.algorithm_name.is_empty() => Ok(()),
            _ => text::check("the algorithm's name", &self.algorithm_name, text::LONG),
        }
    }
}

/// Ways in which a segment was made (Segment Algorithm Type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlgorithmKind {
    /// By a program alone.
    Automatic,
    /// By a program that a person guided.
    Semiautomatic,
    /// By a person.
    Manual,
}

impl fmt::Display for AlgorithmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Automatic => "automatic",
            Self::Semiautomatic => "semiautomatic",
            Self::Manual => "manual",
        })
    }
}

impl FromStr for AlgorithmKind {
    type Err = SegmentFault;

    fn from_str(text: &str) -> Result<Self, SegmentFault> {
        let all = [Self::Automatic, Self::Semiautomatic, Self::Manual];
        let known = all.into_iter().find(|kind| kind.to_string().eq_ignore_ascii_case(text));
        known.ok_or_else(|| SegmentFault::NoAlgorithm(text.to_string()))
    }
}
