//! The command line, the same for every server.

use std::time::Duration;

/// What a server is asked for.
#[derive(Debug)]
pub struct Options {
    /// Where to listen: `--address`, by default any port of 127.0.0.1.
    pub address: String,
    /// `--threads N`: worker threads; 0 is tokio's current-thread runtime.
    pub threads: usize,
    /// `--batched`: everything that is ready is answered with one flush, if the library can.
    pub batched: bool,
    /// `--deflate takeover` or `--deflate alone`: agree to compression, with or without context
    /// takeover.
    pub deflate: Option<Takeover>,
    /// `--level N`: level of compression, 1 if not given, so that all do the same work.
    pub level: u8,
    /// `--tls ring` or `--tls aws-lc`: inside TLS.
    pub tls: Option<String>,
    /// `--tls-limit BYTES`: how much rustls takes before it has to be sent; its default if not given.
    pub tls_limit: Option<usize>,
    /// `--spec TEXT`: something that only one server knows.
    pub spec: Option<String>,
    /// `--hyper`: the upgrade is done by hyper, for libraries that leave it to that.
    pub hyper: bool,
    /// `--fanout N`: no echo; once N connections are there, send to all of them for ever. Of a
    /// publisher: N subscribers, see [`fanout::Subscribers`](crate::fanout::Subscribers).
    pub fanout: Option<usize>,
    /// `--lifetime S`: end after `S` seconds, 120 by default.
    pub lifetime: Duration,
}

/// Whether messages are compressed with regard to earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takeover {
    /// They are, in both directions.
    Both,
    /// Each alone, in both directions.
    Neither,
}

impl Options {
    /// From the process's arguments; says what is wrong and ends the process otherwise.
    #[must_use]
    pub fn parse() -> Self {
        match Self::try_parse(std::env::args().skip(1)) {
            Ok(options) => options,
            Err(error) => {
                eprintln!("{error}");
                std::process::exit(2);
            }
        }
    }

    fn try_parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            address: "127.0.0.1:0".to_owned(),
            threads: 0,
            batched: false,
            deflate: None,
            level: 1,
            tls: None,
            tls_limit: None,
            spec: None,
            hyper: false,
            fanout: None,
            lifetime: Duration::from_secs(120),
        };
        while let Some(name) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{name} wants a value"))
            };
            let number = |text: String| {
                text.parse::<u64>()
                    .map_err(|_| format!("{text}: no number"))
            };
            match name.as_str() {
                "--address" => options.address = value()?,
                "--threads" => options.threads = number(value()?)? as usize,
                "--batched" => options.batched = true,
                "--deflate" => {
                    options.deflate = Some(match value()?.as_str() {
                        "takeover" => Takeover::Both,
                        "alone" => Takeover::Neither,
                        other => return Err(format!("{other}: takeover or alone")),
                    });
                }
                "--level" => options.level = number(value()?)? as u8,
                "--tls" => options.tls = Some(value()?),
                "--tls-limit" => options.tls_limit = Some(number(value()?)? as usize),
                "--spec" => options.spec = Some(value()?),
                "--hyper" => options.hyper = true,
                "--fanout" => options.fanout = Some(number(value()?)? as usize),
                "--lifetime" => options.lifetime = Duration::from_secs(number(value()?)?),
                _ => return Err(format!("{name}: not known")),
            }
        }
        Ok(options)
    }
}
