//! The stored bounds and targets: `bounds.txt`, a line a figure.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use wskit_bench_guard::Cell;

use crate::figure::{Figure, Kind};

/// What `bounds.txt` holds.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// The comment at its head, kept when it is rewritten.
    head: String,
    /// The compiler that the bounds were measured with.
    pub(crate) compiler: String,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    figure: Figure,
    bound: f64,
    target: Option<Target>,
}

/// What a figure shall come to; reported, not enforced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    /// At most this.
    Most(f64),
    /// At most this above raw TCP in the same run.
    OverRaw(f64),
}

impl Bounds {
    pub(crate) fn read(file: &Path) -> Result<Self, String> {
        let text =
            fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut bounds = Self {
            head: String::new(),
            compiler: String::new(),
            rows: Vec::new(),
        };
        for line in text.lines() {
            if let Some(compiler) = line.strip_prefix(COMPILER) {
                compiler.trim().clone_into(&mut bounds.compiler);
            } else if line.starts_with('#') {
                bounds.head += line;
                bounds.head.push('\n');
            } else if !line.trim().is_empty() {
                let row = row(line).map_err(|error| format!("{line:?}: {error}"))?;
                bounds.rows.push(row);
            }
        }
        Ok(bounds)
    }

    pub(crate) fn bound(&self, figure: Figure) -> Option<f64> {
        Some(self.row(figure)?.bound)
    }

    pub(crate) fn target(&self, figure: Figure) -> Option<Target> {
        self.row(figure)?.target
    }

    /// Figures that have a bound.
    pub(crate) fn figures(&self) -> impl Iterator<Item = Figure> {
        self.rows.iter().map(|row| row.figure)
    }

    /// Rewrites the file with these bounds; comment and targets stay.
    pub(crate) fn write(
        &self,
        file: &Path,
        compiler: &str,
        bounds: &[(Figure, f64)],
    ) -> Result<(), String> {
        let text = self.text(compiler, bounds);
        fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
    }

    fn text(&self, compiler: &str, bounds: &[(Figure, f64)]) -> String {
        let mut text = format!("{}{COMPILER} {compiler}\n\n", self.head);
        for &(figure, bound) in bounds {
            let bound = show(figure.kind, bound);
            let target = match self.target(figure) {
                Some(Target::Most(most)) => format!("   {most}"),
                Some(Target::OverRaw(over)) => format!("   raw+{over}"),
                None => String::new(),
            };
            let _ = writeln!(text, "{figure} {bound:>10}{target}");
        }
        text
    }

    fn row(&self, figure: Figure) -> Option<&Row> {
        self.rows.iter().find(|row| row.figure == figure)
    }
}

/// A number of this kind, as it is printed and stored.
pub(crate) fn show(kind: Kind, value: f64) -> String {
    match kind {
        Kind::Instructions => format!("{value:.1}"),
        Kind::Calls | Kind::Writes | Kind::Records | Kind::Allocations => format!("{value:.4}"),
    }
}

const COMPILER: &str = "# compiler:";

fn row(line: &str) -> Result<Row, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (build, server, shape, kind, bound, target) = match words[..] {
        [build, server, shape, kind, bound] => (build, server, shape, kind, bound, None),
        [build, server, shape, kind, bound, target] => {
            (build, server, shape, kind, bound, Some(target))
        }
        _ => return Err("not: build server shape figure bound [target]".into()),
    };
    let number = |text: &str| {
        text.parse::<f64>()
            .map_err(|_| format!("not a number: {text}"))
    };
    let target = match target.map(|text| (text, text.strip_prefix("raw+"))) {
        None => None,
        Some((_, Some(over))) => Some(Target::OverRaw(number(over)?)),
        Some((text, None)) => Some(Target::Most(number(text)?)),
    };
    let cell: Cell = format!("{server} {shape}").parse()?;
    Ok(Row {
        figure: Figure {
            build: build.parse()?,
            cell,
            kind: kind.parse()?,
        },
        bound: number(bound)?,
        target,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewriting_keeps_head_and_targets() {
        let old = Bounds::parse(
            "# Bounds.\n# compiler: rustc 1.90.0\n\nv3 lent 16x1 instructions 1000.0 raw+350\n\
             default owned 16x16 calls 0.1400\n",
        )
        .expect("a table");
        let (instructions, calls) = (old.rows[0].figure, old.rows[1].figure);
        assert_eq!(old.bound(instructions), Some(1000.0));
        assert_eq!(old.target(instructions), Some(Target::OverRaw(350.0)));
        assert_eq!((old.bound(calls), old.target(calls)), (Some(0.14), None));

        let text = old.text("rustc 1.95.0", &[(instructions, 909.09), (calls, 0.1328)]);
        assert!(text.starts_with("# Bounds.\n# compiler: rustc 1.95.0\n"));
        let new = Bounds::parse(&text).expect("its own table");
        assert_eq!(new.bound(instructions), Some(909.1));
        assert_eq!(new.target(instructions), Some(Target::OverRaw(350.0)));
        assert_eq!((new.bound(calls), new.target(calls)), (Some(0.1328), None));
    }

    #[test]
    fn a_line_that_is_no_figure_is_an_error() {
        for line in [
            "v3 lent 16x1 instructions",
            "v3 lent 16x1 instructions many",
            "v4 lent 16x1 instructions 1",
            "v3 lent 16 instructions 1",
            "v3 borrowed 16x1 instructions 1",
            "v3 lent 16x1 seconds 1",
        ] {
            assert!(Bounds::parse(line).is_err(), "{line}");
        }
    }
}
