//! Where a cell's instructions go: callgrind's record, by function and per message.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};

use wskit_bench_guard::Cell;

use crate::figure::Build;
use crate::tool::Programs;

/// Prints the dearest functions, without and with what they call.
pub(crate) fn print(programs: &Programs, build: Build, cell: Cell) -> Result<(), String> {
    let (file, messages) = programs.callgrind(build, cell, 0)?;
    let record =
        fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let functions = functions(&record);
    let mut table = format!(
        "{build} {cell}, instructions per message; record: {}\n",
        file.display()
    );
    for (title, cost) in [
        (
            "of the function alone",
            Function::alone as fn(&Function) -> u64,
        ),
        ("with what it calls", Function::in_all),
    ] {
        let mut sorted: Vec<_> = functions.iter().collect();
        sorted.sort_by_key(|(_, function)| std::cmp::Reverse(cost(function)));
        let _ = writeln!(table, "\n{title:>26}   calls");
        for (name, function) in sorted.iter().take(SHOWN) {
            let cost = cost(function) as f64 / messages;
            let calls = function.calls as f64 / messages;
            let _ = writeln!(table, "{cost:>26.2} {calls:>7.3}  {name}");
        }
    }
    // A reader such as `head` may have closed the pipe.
    let _ = io::stdout().write_all(table.as_bytes());
    Ok(())
}

#[derive(Debug, Default)]
struct Function {
    alone: u64,
    called: u64,
    calls: u64,
}

impl Function {
    fn alone(&self) -> u64 {
        self.alone
    }

    fn in_all(&self) -> u64 {
        self.alone + self.called
    }
}

/// Reads callgrind's format: `fn=` begins a function, `cfn=` and `calls=` announce that the cost in
/// the next line is a callee's; `(7) name` names number 7, which later stands alone.
fn functions(record: &str) -> HashMap<&str, Function> {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut functions: HashMap<&str, Function> = HashMap::new();
    let (mut caller, mut callee, mut in_call) = ("?", "?", false);
    for line in record.lines() {
        let mut name = |text| named(&mut names, text);
        if let Some(text) = line.strip_prefix("fn=") {
            caller = name(text);
        } else if let Some(text) = line.strip_prefix("cfn=") {
            callee = name(text);
        } else if let Some(text) = line.strip_prefix("calls=") {
            let count = text.split(' ').next().and_then(|n| n.parse().ok());
            functions.entry(callee).or_default().calls += count.unwrap_or(0);
            in_call = true;
        } else if line.starts_with([
            '+', '-', '*', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9',
        ]) {
            let cost = line.rsplit(' ').next().and_then(|n| n.parse().ok());
            let function = functions.entry(caller).or_default();
            if !in_call {
                function.alone += cost.unwrap_or(0);
            } else if caller != callee {
                function.called += cost.unwrap_or(0);
            }
            in_call = false;
        }
    }
    functions
}

fn named<'a>(names: &mut HashMap<&'a str, &'a str>, text: &'a str) -> &'a str {
    match text.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(text).copied().unwrap_or(text),
    }
}

/// Functions shown of each order.
const SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_of_calls_are_the_callers_too() {
        let record = "fn=(1) main\n1 5\ncfn=(2) echo\ncalls=3 0\n2 30\n+1 2\n\nfn=(2)\n4 30\n";
        let functions = functions(record);
        let main = &functions["main"];
        assert_eq!((main.alone(), main.in_all(), main.calls), (7, 37, 0));
        let echo = &functions["echo"];
        assert_eq!((echo.alone(), echo.in_all(), echo.calls), (30, 30, 3));
    }
}
