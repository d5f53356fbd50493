//! `wsk` in a terminal, which tmux is. Without tmux these tests do nothing but say so.
#![allow(missing_docs, reason = "a test")]

mod common;

use std::process::Command;
use std::time::{Duration, Instant};

use common::{Background, Folder};

/// A terminal of 100 columns and 30 lines.
struct Terminal {
    socket: String,
    _folder: Folder,
}

impl Terminal {
    /// Opens it with a shell in it; `None` if there is no tmux.
    fn open() -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            eprintln!("no tmux: not tested");
            return None;
        }
        let folder = Folder::new();
        let terminal = Self {
            socket: folder.path("tmux"),
            _folder: folder,
        };
        let shell = "env -u NO_COLOR PS1='$ ' sh";
        terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "100",
            "-y",
            "30",
            shell,
        ]);
        Some(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let ran = Command::new("tmux")
            .args(["-S", &self.socket])
            .args(arguments)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{arguments:?}: {ran:?}");
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    /// Types a line.
    fn type_line(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.tmux(&["send-keys", "Enter"]);
    }

    /// Starts `wsk` in it.
    fn wsk(&self, arguments: &str) {
        self.type_line(&format!("{} {arguments}", env!("CARGO_BIN_EXE_wsk")));
    }

    /// Returns the screen; with its escape sequences for colours if `colours`.
    fn screen(&self, colours: bool) -> String {
        let mut arguments = vec!["capture-pane", "-p"];
        if colours {
            arguments.push("-e");
        }
        self.tmux(&arguments)
    }

    /// Waits until this is on the screen.
    #[track_caller]
    fn shows(&self, text: &str) {
        self.shows_in(text, false);
    }

    #[track_caller]
    fn shows_in(&self, text: &str, colours: bool) {
        let until = Instant::now() + Duration::from_secs(30);
        while !self.screen(colours).contains(text) {
            assert!(
                Instant::now() < until,
                "{text:?} is not shown:\n{:?}",
                self.screen(colours)
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux")
            .args(["-S", &self.socket, "kill-server"])
            .output();
    }
}

#[test]
fn talking_in_a_terminal() {
    let Some(terminal) = Terminal::open() else {
        return;
    };
    let (_server, url) = Background::serve(&["echo", "0"]);
    terminal.wsk(&format!("connect {url}"));
    terminal.shows("connected to ws://127.0.0.1:");
    terminal.shows("Ctrl-D closes; /ping [TEXT], /close [CODE [REASON]]");
    terminal.type_line("hello");
    terminal.shows("< hello");
    // Cyan and dim, for the arrow and the status.
    terminal.shows_in("\x1b[36m<\x1b[39m hello", true);
    terminal.shows_in("\x1b[2mconnected", true);
    terminal.type_line("/ping");
    terminal.shows("pong after ");
    terminal.type_line("/nonsense");
    terminal.shows("wsk: /nonsense: no such command");
    terminal.type_line("still here");
    terminal.shows("< still here");
    terminal.tmux(&["send-keys", "C-d"]);
    terminal.shows("closed by us with 1000");
    terminal.type_line("echo code $?");
    terminal.shows("code 0");
}

#[test]
fn no_color_and_dumb_terminals_are_respected() {
    let Some(terminal) = Terminal::open() else {
        return;
    };
    let (_server, url) = Background::serve(&["echo", "0"]);
    terminal.type_line("export NO_COLOR=1");
    terminal.wsk(&format!("connect {url}"));
    terminal.shows("connected to");
    terminal.type_line("hello");
    terminal.shows_in("< hello", true);
    assert!(!terminal.screen(true).contains("\x1b[36m"));
    terminal.tmux(&["send-keys", "C-c"]);
    terminal.shows("closed by us with 1000");
}

#[test]
fn what_a_server_sends_does_not_control_the_terminal() {
    let Some(terminal) = Terminal::open() else {
        return;
    };
    let (mut server, url) = Background::serve(&["listen", "0"]);
    terminal.wsk(&format!("connect {url}"));
    terminal.shows("connected to");
    server.type_line("\x1b[2J\x1b]0;title\x07gone?");
    terminal.shows("\\u{1b}[2J\\u{1b}]0;title\\u{7}gone?");
    terminal.shows("connected to");
}

#[test]
fn a_bar_shows_the_progress_of_bench() {
    let Some(terminal) = Terminal::open() else {
        return;
    };
    let (_server, url) = Background::serve(&["echo", "0"]);
    terminal.wsk(&format!("bench -d 20s --warm-up 0 {url}"));
    terminal.shows("measuring [");
    terminal.shows("10 open, 0 errors");
    terminal.tmux(&["send-keys", "C-c"]);
    terminal.shows("10 open at the end; interrupted");
    terminal.shows("errors  none");
    // At an end without Ctrl-C, which the terminal echoes into it, the bar goes.
    terminal.type_line("clear");
    terminal.wsk(&format!("bench -d 300ms --warm-up 0 {url}"));
    terminal.shows("errors  none");
    let screen = terminal.screen(false);
    assert!(!screen.contains("measuring ["), "{screen}");
}
