//! What was measured, for people and for programs.

use serde_json::{Map, Value, json};

/// A list of figures, each with its unit.
pub(crate) struct Report {
    title: String,
    figures: Vec<Figure>,
}

struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
}

impl Report {
    pub(crate) fn new(title: String) -> Self {
        Self { title, figures: Vec::new() }
    }

    /// Adds a figure; `None` is left out.
    pub(crate) fn figure(&mut self, name: &'static str, value: impl Into<Option<f64>>, unit: &'static str) {
        if let Some(value) = value.into() {
            self.figures.push(Figure { name, value, unit });
        }
    }

    /// Aligned lines.
    pub(crate) fn to_text(&self) -> String {
        let names = self.figures.iter().map(|figure| figure.name.len()).max().unwrap_or(0);
        let rows: Vec<(&Figure, String)> = self.figures.iter().map(|figure| (figure, readable(figure.value))).collect();
        let values = rows.iter().map(|(_, value)| value.len()).max().unwrap_or(0);
        let mut text = self.title.clone();
        for (Figure { name, unit, .. }, value) in rows {
            text.push_str(&format!("\n  {name:names$}  {value:>values$} {unit}"));
        }
        text
    }

    /// One JSON object; a figure's name has its unit behind it.
    pub(crate) fn to_json(&self) -> String {
        let mut figures = Map::new();
        for Figure { name, value, unit } in &self.figures {
            figures.insert((*name).to_owned(), json!({ "value": value, "unit": unit }));
        }
        json!({ "title": self.title, "figures": Value::Object(figures) }).to_string()
    }
}

/// Three or more significant digits, and spaces between thousands.
fn readable(value: f64) -> String {
    if value.abs() < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligned() {
        let mut report = Report::new("a run".to_owned());
        report.figure("messages", 1_234_567.0, "/s");
        report.figure("nothing", None, "");
        report.figure("memory", 9.25, "KiB");
        assert_eq!(report.to_text(), "a run\n  messages  1 234 567 /s\n  memory         9.25 KiB");
        assert_eq!(
            report.to_json(),
            r#"{"figures":{"memory":{"unit":"KiB","value":9.25},"messages":{"unit":"/s","value":1234567.0}},"title":"a run"}"#
        );
    }
}
