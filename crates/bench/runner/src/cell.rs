//! A cell of the grid: what is sent, on how many connections, how many at once, inside TLS or not.

use std::fmt;

/// One cell. Written as `16x50x1`, with `t` (ASCII text), `c` (CJK text), `j` (JSON), `b` (one character
/// repeated), and `z` (compressed with context takeover) or `y` (compressed without) behind it: `1024x50x16t`,
/// `238x50x1jz`. `s` is TLS by ring, `a` by aws-lc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub size: usize,
    pub connections: usize,
    pub depth: usize,
    pub kind: &'static str,
    pub deflate: Option<&'static str>,
    /// The provider of the cryptography, if it is inside TLS.
    pub tls: Option<&'static str>,
}

impl Cell {
    /// # Errors
    /// It is not a cell.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("{text}: no cell such as 16x50x1 or 1024x50x16t");
        let numbers =
            text.trim_end_matches(|letter: char| letter.is_ascii_lowercase() && letter != 'x');
        let letters = &text[numbers.len()..];
        let mut parts = numbers.split('x').map(|part| part.parse::<usize>().ok());
        let mut number = || parts.next().flatten().ok_or_else(bad);
        let mut cell = Self {
            size: number()?,
            connections: number()?,
            depth: number()?,
            kind: "binary",
            deflate: None,
            tls: None,
        };
        for letter in letters.chars() {
            match letter {
                't' => cell.kind = "ascii",
                'c' => cell.kind = "cjk",
                'j' => cell.kind = "json",
                'b' => cell.kind = "bomb",
                'z' => cell.deflate = Some("takeover"),
                's' => cell.tls = Some("ring"),
                'a' => cell.tls = Some("aws-lc"),
                'y' => cell.deflate = Some("alone"),
                _ => return Err(bad()),
            }
        }
        Ok(cell)
    }

    /// Arguments for the load generator.
    pub fn load_arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            "--size".to_owned(),
            self.size.to_string(),
            "--connections".to_owned(),
            self.connections.to_string(),
            "--depth".to_owned(),
            self.depth.to_string(),
            "--kind".to_owned(),
            self.kind.to_owned(),
        ];
        if let Some(provider) = self.tls {
            arguments.extend(["--tls".to_owned(), provider.to_owned()]);
        }
        if let Some(offer) = self.offer() {
            arguments.extend(["--offer".to_owned(), offer.to_owned()]);
        }
        arguments
    }

    /// What the client offers: what browsers do, or that and no context takeover.
    pub fn offer(&self) -> Option<&'static str> {
        Some(match self.deflate? {
            "takeover" => "permessage-deflate; client_max_window_bits",
            _ => {
                "permessage-deflate; client_max_window_bits; server_no_context_takeover; \
                 client_no_context_takeover"
            }
        })
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = match self.size {
            n if n >= 1 << 20 && n % (1 << 20) == 0 => format!("{} MiB", n >> 20),
            n if n >= 1 << 10 && n % (1 << 10) == 0 => format!("{} KiB", n >> 10),
            n => format!("{n} B"),
        };
        write!(f, "{size} x {} x {}", self.connections, self.depth)?;
        match self.kind {
            "binary" => {}
            "ascii" => f.write_str(", ASCII text")?,
            "cjk" => f.write_str(", CJK text")?,
            "bomb" => f.write_str(", one character repeated")?,
            _ => f.write_str(", JSON")?,
        }
        if let Some(provider) = self.tls {
            write!(f, ", TLS by {provider}")?;
        }
        match self.deflate {
            None => Ok(()),
            Some("takeover") => f.write_str(", deflate"),
            Some(_) => f.write_str(", deflate without takeover"),
        }
    }
}
