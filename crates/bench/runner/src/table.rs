//! Markdown tables.

/// A table in the making.
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these headings; the first column is text, the others are numbers.
    pub fn new<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Self {
            columns: columns.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The markdown.
    pub fn render(&self) -> String {
        let mut text = format!("| {} |\n|---", self.columns.join(" | "));
        for _ in 1..self.columns.len() {
            text.push_str("|---:");
        }
        text.push_str("|\n");
        for row in &self.rows {
            text.push_str(&format!("| {} |\n", row.join(" | ")));
        }
        text
    }
}
