use std::error::Error;
use std::fmt;
use std::io;

/// Why a name was not found; from [`ConnectError::lookup_failure`](crate::ConnectError::lookup_failure).
///
/// Operating systems tell it by a number that the standard library does not pass on, and by a text. The
/// texts of glibc, musl, Android, Windows, macOS and the BSDs are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LookupFailure {
    /// There is no such name, or it has no address: a mistake in the URL, or a name that exists in another
    /// network only.
    NoSuchHost,
    /// No name server answered: most often there is no network at the moment.
    TryAgain,
    /// Something else, or the system did not say. The `io::Error` has its text.
    Other,
}

impl LookupFailure {
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            // WSAHOST_NOT_FOUND, WSANO_DATA and WSATRY_AGAIN.
            Some(11_001 | 11_004) if cfg!(windows) => return Self::NoSuchHost,
            Some(11_002) if cfg!(windows) => return Self::TryAgain,
            _ if error.kind() == io::ErrorKind::NotFound => return Self::NoSuchHost,
            _ => {}
        }
        // Runtimes put words of their own before those of the system, or the system's behind `source`.
        let mut next: Option<&dyn Error> = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            let says = |texts: &[&str]| texts.iter().any(|known| holds(&text, known));
            match () {
                () if says(&NO_SUCH_HOST) => return Self::NoSuchHost,
                () if says(&TRY_AGAIN) => return Self::TryAgain,
                () => next = error.source(),
            }
        }
        Self::Other
    }
}

impl fmt::Display for LookupFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchHost => "the name is unknown",
            Self::TryAgain => "the name cannot be looked up at the moment",
            Self::Other => "the name lookup failed",
        })
    }
}

/// Returns whether a text has this part, ignoring ASCII case.
fn holds(text: &str, part: &str) -> bool {
    let mut parts = text.as_bytes().windows(part.len());
    parts.any(|bytes| bytes.eq_ignore_ascii_case(part.as_bytes()))
}

/// `EAI_NONAME` and `EAI_NODATA` in words.
const NO_SUCH_HOST: [&str; 6] = [
    // glibc.
    "name or service not known",
    // glibc and Android; OpenBSD says "name".
    "no address associated with",
    // musl and FreeBSD.
    "name does not resolve",
    "name has no usable address",
    // macOS and the BSDs: "nodename" or "hostname".
    "name nor servname provided, or not known",
    // Resolvers in Rust.
    "no such host",
];

/// `EAI_AGAIN` in words.
const TRY_AGAIN: [&str; 3] = [
    "temporary failure in name resolution",
    "try again",
    "name could not be resolved at this time",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_operating_systems_are_told_apart() {
        for (text, failure) in [
            ("Name or service not known", LookupFailure::NoSuchHost),
            (
                "No address associated with hostname",
                LookupFailure::NoSuchHost,
            ),
            ("Name does not resolve", LookupFailure::NoSuchHost),
            (
                "nodename nor servname provided, or not known",
                LookupFailure::NoSuchHost,
            ),
            (
                "Temporary failure in name resolution",
                LookupFailure::TryAgain,
            ),
            ("Try again", LookupFailure::TryAgain),
            (
                "Non-recoverable failure in name resolution",
                LookupFailure::Other,
            ),
        ] {
            let error = format!("failed to lookup address information: {text}");
            assert_eq!(
                LookupFailure::of(&io::Error::other(error)),
                failure,
                "{text}"
            );
        }
        let no_address = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(LookupFailure::of(&no_address), LookupFailure::NoSuchHost);
    }
}
