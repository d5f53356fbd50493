//! Compression from the command line, for wskit's programs in the interop checks.

use wskit::deflate::Config;

/// Returns what `--deflate` or `--deflate=SPEC` among the arguments asks for. SPEC is a list by commas of
/// `server_bits=N`, `client_bits=N`, `server_no_takeover`, `client_no_takeover`, `history=BYTES`,
/// `threshold=BYTES`, `level=N` and `dedicated`.
///
/// # Errors
/// The part of SPEC that is wrong.
pub(crate) fn from_arguments(defaults: Config) -> Result<Option<Config>, String> {
    let Some(spec) = std::env::args().find_map(|argument| match argument.as_str() {
        "--deflate" => Some(String::new()),
        other => other.strip_prefix("--deflate=").map(str::to_owned),
    }) else {
        return Ok(None);
    };
    let mut config = defaults;
    for part in spec.split(',').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let number = || {
            value
                .parse::<usize>()
                .map_err(|_| format!("{part}: not a number"))
        };
        let bits = || Ok::<_, String>(u8::try_from(number()?).unwrap_or(u8::MAX));
        config = match name {
            "server_bits" => config.server_max_window_bits(bits()?),
            "client_bits" => config.client_max_window_bits(bits()?),
            "server_no_takeover" => config.server_no_context_takeover(true),
            "client_no_takeover" => config.client_no_context_takeover(true),
            "history" => config.deflate_history(number()?),
            "threshold" => config
                .threshold(number()?)
                .threshold_without_takeover(number()?),
            "level" => config.level(bits()?),
            "dedicated" => config.dedicated(true),
            _ => return Err(format!("{part}: not known")),
        };
    }
    Ok(Some(config))
}
