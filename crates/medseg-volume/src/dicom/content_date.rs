//! The moment that a new object states as its making.

use super::DicomError;

/// Date and time of a new object's content.
///
/// Files do not depend on the clock: who wants the present moment gives it.
///
/// ```
/// use medseg_volume::dicom::ContentDate;
/// assert!(ContentDate::new("20261129", "134500").is_ok());
/// assert!(ContentDate::new("2026-11-29", "13:45").is_err());
/// # Ok::<(), medseg_volume::dicom::DicomError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentDate {
    date: String,
    time: String,
}

impl ContentDate {
    /// From a date `YYYYMMDD` and a time `HHMMSS`, of which seconds, or minutes too, may be missing.
    ///
    /// # Errors
    /// [`DicomError::Option`] if one has another form.
    pub fn new(date: impl Into<String>, time: impl Into<String>) -> Result<Self, DicomError> {
        let (date, time) = (date.into(), time.into());
        if !is_date(&date) {
            return Err(DicomError::Option { option: "the content's date", reason: "is not YYYYMMDD".into() });
        }
        if !is_time(&time) {
            return Err(DicomError::Option { option: "the content's time", reason: "is not HHMMSS".into() });
        }
        Ok(Self { date, time })
    }

    /// From what a source says of its study: its date if that is one, else the first day of 1900; its time, else midnight.
    pub(super) fn of_source(date: &str, time: &str) -> Self {
        let date = if is_date(date) { date } else { "19000101" };
        let time = if is_time(time) { time } else { "000000" };
        Self { date: date.into(), time: time.into() }
    }

    /// The date, `YYYYMMDD`.
    #[must_use]
    pub fn date(&self) -> &str {
        &self.date
    }

    /// The time, `HHMMSS`.
    #[must_use]
    pub fn time(&self) -> &str {
        &self.time
    }
}

fn is_date(text: &str) -> bool {
    let number = |at: std::ops::Range<usize>| text.get(at).and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(0);
    let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && (1..=12).contains(&number(4..6)) && (1..=31).contains(&number(6..8))
}

fn is_time(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let below = |at: std::ops::Range<usize>, most: u32| match whole.get(at) {
        Some(two) => two.parse::<u32>().is_ok_and(|number| number < most),
        None => true,
    };
    let fraction = digits(fraction) && (1..=6).contains(&fraction.len()) && (whole.len() == 6 || !text.contains('.'));
    let form = digits(whole) && matches!(whole.len(), 2 | 4 | 6) && fraction;
    form && below(0..2, 24) && below(2..4, 60) && below(4..6, 61)
}
