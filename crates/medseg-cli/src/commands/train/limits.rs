//! Time, memory and groups as the command line gives them.

use std::path::PathBuf;
use std::str::FromStr;

use medseg_data::Grouping;

/// A time above 0, such as `90s`, `30m`, `2h` or `1.5h`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Duration(f64);

/// An amount of memory above 0, such as `800M` or `8G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(u64);

impl Duration {
    pub fn seconds(self) -> f64 {
        self.0
    }
}

impl Memory {
    pub fn bytes(self) -> u64 {
        self.0
    }
}

/// A number above 0 and the unit behind it.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text[..at].trim().parse().ok()?;
    (number.is_finite() && number > 0.0).then_some((number, &text[at..]))
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = number_and_unit(text.trim()).and_then(|(number, unit)| match unit {
            "s" => Some(number),
            "m" | "min" => Some(number * 60.0),
            "h" => Some(number * 3600.0),
            _ => None,
        });
        seconds.map(Self).ok_or_else(|| format!("{text} is no time such as 90s, 30m or 2h"))
    }
}

impl FromStr for Memory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = number_and_unit(text.trim()).and_then(|(number, unit)| match unit {
            "M" | "MiB" => Some(number * f64::from(1 << 20)),
            "G" | "GiB" => Some(number * f64::from(1 << 30)),
            _ => None,
        });
        bytes.map(|bytes| Self(bytes as u64)).ok_or_else(|| format!("{text} is no memory such as 800M or 8G"))
    }
}

/// A table if the text names a CSV file, otherwise a pattern.
pub fn groups(text: &str) -> Grouping {
    if text.to_ascii_lowercase().ends_with(".csv") {
        Grouping::Table(PathBuf::from(text))
    } else {
        Grouping::Pattern(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_memory_have_units() {
        let time = |text: &str| text.parse::<Duration>().map(Duration::seconds);
        assert_eq!((time("90s"), time("1.5 h"), time("30m")), (Ok(90.0), Ok(5400.0), Ok(1800.0)));
        let memory = |text: &str| text.parse::<Memory>().map(Memory::bytes);
        assert_eq!((memory("8G"), memory("512MiB")), (Ok(8 << 30), Ok(512 << 20)));
        for text in ["", "30", "m", "-3m", "0s", "3 days", "infm", "nanm", "é"] {
            assert!(time(text).unwrap_err().contains(text), "{text}");
            assert!(memory(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_csv_file_is_a_table_and_all_else_a_pattern() {
        assert_eq!(groups("Patients.CSV"), Grouping::Table("Patients.CSV".into()));
        assert_eq!(groups("^(p[0-9]+)"), Grouping::Pattern("^(p[0-9]+)".into()));
    }
}
