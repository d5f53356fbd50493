//! What the README says, and what is generated.
#![allow(missing_docs, reason = "a test")]

mod common;

use common::{Folder, run};

const README: &str = include_str!("../README.md");

/// The options that a help text lists.
fn options(command: &str) -> Vec<String> {
    let help = run(&[command, "--help"], b"").exits(0).out;
    let words = help.split(|char: char| char.is_whitespace() || char == ',');
    words
        .filter(|word| word.starts_with('-'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn options_in_the_tables_exist() {
    let known = [
        options("connect"),
        options("listen"),
        options("echo"),
        options("bench"),
    ]
    .concat();
    let rows = README
        .lines()
        .filter(|line| line.starts_with("| `") || line.starts_with("| history"));
    let mut seen = 0;
    for row in rows {
        // The second column is what `wsk` has; in the first "the same" is said of.
        let columns: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let ours = if columns[1].trim_start().starts_with("the same") {
            columns[0]
        } else {
            columns[1]
        };
        let code = ours.split('`').skip(1).step_by(2);
        for option in code
            .flat_map(str::split_whitespace)
            .filter(|word| word.starts_with('-'))
        {
            if option == "-1" && ours.contains("-w") {
                continue; // wscat's, for `-w`
            }
            assert!(known.iter().any(|known| known == option), "{option}: {row}");
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn exit_codes_of_help_and_readme_are_the_same() {
    let help = run(&["--help"], b"").exits(0).out;
    for number in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 130] {
        let line = help
            .lines()
            .find(|line| line.trim_start().starts_with(&format!("{number}  ")));
        assert!(line.is_some(), "{number}: {help}");
        assert!(README.contains(&format!("| {number} | ")), "{number}");
    }
}

#[test]
fn completions_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell], b"").exits(0).out;
        assert!(script.contains("connect-timeout"), "{shell}");
    }
    let folder = Folder::new();
    let script = folder.file("wsk.bash", run(&["completions", "bash"], b"").out);
    let checked = std::process::Command::new("bash")
        .args(["-n", &script])
        .status();
    assert!(checked.unwrap().success());
}

#[test]
fn manual_pages() {
    let page = run(&["man"], b"").exits(0).out;
    assert!(
        page.contains(".TH wsk 1") && page.contains("Exit codes"),
        "{page}"
    );
    let page = run(&["man", "connect"], b"").exits(0).out;
    assert!(page.contains("\\-\\-reconnect"), "{page}");
    run(&["man", "nonsense"], b"").exits(2);
    let folder = Folder::new();
    run(&["man", "--dir", &folder.path("")], b"").exits(0);
    for name in [
        "wsk.1",
        "wsk-connect.1",
        "wsk-listen.1",
        "wsk-echo.1",
        "wsk-bench.1",
    ] {
        assert!(folder.0.join(name).exists(), "{name}");
    }
}

#[test]
fn help_of_each_command_fits_and_is_short() {
    for command in ["connect", "listen", "echo", "bench", "completions", "man"] {
        let short = run(&[command, "-h"], b"").exits(0).out;
        assert!(
            short.starts_with(|char: char| char.is_ascii_uppercase()),
            "{short}"
        );
    }
    // The long one says how it is used.
    let long = run(&["bench", "--help"], b"").exits(0).out;
    assert!(long.contains("Open model (--rate)"), "{long}");
    assert!(
        run(&["man", "connect"], b"")
            .out
            .contains("end of standard input closes")
    );
    run(&["--version"], b"").exits(0);
    run(&[], b"").exits(2);
}
