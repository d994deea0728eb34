//! Pieces of HTML.

/// Text as it may stand between tags and in quoted attributes.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// A headed part of the page; nothing if it is empty.
pub(super) fn section(id: &str, title: &str, body: &str) -> String {
    if body.is_empty() { String::new() } else { format!("<section id=\"{id}\"><h2>{title}</h2>{body}</section>\n") }
}

/// A number with these decimals; "undefined" and "∞" in words and signs a reader understands.
pub(super) fn number(value: f64, digits: usize) -> String {
    if value.is_nan() {
        "n/a".into()
    } else if value.is_infinite() {
        if value > 0.0 { "∞".into() } else { "−∞".into() }
    } else {
        format!("{value:.digits$}").replace('-', "−")
    }
}

/// A number that may be missing.
pub(super) fn optional(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "n/a".into(), |v| number(v, digits))
}

/// An interval; `None` below two cases.
pub(super) fn interval(ends: Option<[f64; 2]>, digits: usize) -> String {
    ends.map_or_else(|| "n/a".into(), |[low, high]| format!("{} to {}", number(low, digits), number(high, digits)))
}

/// Seconds as a person says them.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if !seconds.is_finite() => "n/a".into(),
        0..10 => format!("{seconds:.1} s"),
        10..120 => format!("{whole} s"),
        120..7200 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Bytes in MiB or GiB.
pub(super) fn memory(bytes: Option<u64>) -> String {
    let mib = |b: u64| b as f64 / f64::from(1 << 20);
    bytes.map_or_else(
        || "n/a".into(),
        |b| if mib(b) < 1024.0 { format!("{:.0} MiB", mib(b)) } else { format!("{:.2} GiB", mib(b) / 1024.0) },
    )
}

/// A scrolling table: the first column and header stay; cells are HTML already.
pub(super) fn table(class: &str, header: &[String], rows: &[Vec<String>]) -> String {
    let head: String = header.iter().map(|h| format!("<th scope=\"col\">{h}</th>")).collect();
    let body: String = rows
        .iter()
        .map(|row| {
            let cells = row.iter().enumerate();
            let cells: String = cells
                .map(|(i, c)| if i == 0 { format!("<th scope=\"row\">{c}</th>") } else { format!("<td>{c}</td>") })
                .collect();
            format!("<tr>{cells}</tr>\n")
        })
        .collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\"><table class=\"{class}\"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_file_can_become_markup() {
        assert_eq!(escape("<b a=\"1\" c='2'>&"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;");
    }

    #[test]
    fn missing_and_infinite_numbers_are_said() {
        assert_eq!([f64::NAN, f64::INFINITY, -0.25].map(|v| number(v, 2)), ["n/a", "∞", "−0.25"]);
        assert_eq!([3.21, 75.0, 725.0, 7260.0].map(duration), ["3.2 s", "75 s", "12 min 05 s", "2 h 01 min"]);
        assert_eq!(
            (memory(Some(512 << 20)), memory(Some(3 << 30)), memory(None)),
            ("512 MiB".into(), "3.00 GiB".into(), "n/a".into())
        );
    }
}
