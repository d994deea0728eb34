//! The table of cases.

use super::html::{escape, number, table};
use crate::run::RunResults;

/// Every row of `metrics.csv`; a click on a column's head sorts by it.
pub(super) fn table_of(run: &RunResults) -> String {
    let classes = run.stages().any(|stage| !run.scores.classes(stage).is_empty());
    let mut header = vec!["case".to_string(), "stage".to_string()];
    header.extend(classes.then(|| "label".to_string()));
    header.extend(run.scores.metrics.iter().map(|m| escape(&m.title)));
    let rows: Vec<Vec<String>> = run
        .scores
        .rows
        .iter()
        .map(|r| {
            let mut row = vec![escape(&r.case), escape(run.title_of(&r.stage))];
            row.extend(classes.then(|| escape(r.class.as_deref().unwrap_or("mean"))));
            row.extend(run.scores.metrics.iter().zip(&r.values).map(|(m, v)| number(*v, m.digits)));
            row
        })
        .collect();
    let page = table("sortable named", &header, &rows).replacen("class=\"scroll\"", "class=\"scroll tall\"", 1);
    page + "<p class=\"soft\">n/a: undefined, because the reference or the prediction has no foreground; ∞: the distance to \
            an empty mask. The same numbers are in <code>metrics.csv</code>.</p>"
}
