//! What the figures were taken on.

use std::fs;
use std::process::Command;

/// Machine, kernel, compiler, versions of the libraries, command.
pub fn facts() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model
        .map_or("an unknown CPU", |(_, name)| name.trim())
        .to_owned();
    let cores = cpu
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let hypervisor = if cpu.contains(" hypervisor") {
        " of a virtual machine"
    } else {
        ""
    };
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // It decides about what large messages cost more than the server does.
    let control = fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control");
    let control = control.unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let rustc = Command::new("rustc").arg("--version").output();
    let rustc = rustc.map_or(String::new(), |out| {
        String::from_utf8_lossy(&out.stdout).into_owned()
    });
    let command: Vec<String> = std::env::args().skip(1).collect();
    format!(
        "- Machine: {model}, {cores} cores{hypervisor}, Linux {}, TCP {}; load average at the start {}\n\
         - Compiler: {}; release, fat LTO, one codegen unit, {}\n\
         - Libraries: {}\n\
         - Command: `wskit-bench {}`\n",
        kernel.trim(),
        control.trim(),
        load.split(' ').next().unwrap_or("?"),
        rustc.trim(),
        option_env!("RUSTFLAGS").map_or("no flags".to_owned(), |flags| format!("`{flags}`")),
        versions().join(", "),
        command.join(" "),
    )
}

fn versions() -> Vec<String> {
    let lock = include_str!("../../Cargo.lock");
    let mut found = Vec::new();
    let mut name = "";
    for line in lock.lines() {
        if let Some(value) = line.strip_prefix("name = ") {
            name = value.trim_matches('"');
        } else if let Some(value) = line.strip_prefix("version = ")
            && SHOWN.contains(&name)
        {
            found.push(format!("{name} {}", value.trim_matches('"')));
        }
    }
    found
}

const SHOWN: &[&str] = &[
    "aws-lc-rs",
    "fastwebsockets",
    "ring",
    "rustls",
    "sockudo-ws",
    "tokio",
    "tokio-rustls",
    "tokio-tungstenite",
    "tokio-websockets",
    "web-socket",
    "wskit",
    "yawc",
];
