//! Resolves a `Location` header (RFC 9110 §10.2.2, RFC 3986 §5.2).

use crate::client::url::{Target, invalid_character};
use crate::error::RequestError;
use crate::http::token::ByteSet;

/// Resolves a reference against the URL of the request and returns the new URL. `http` and `https`
/// are read as `ws` and `wss`.
pub(crate) fn resolve(base: &Target, location: &str) -> Result<Target, RequestError> {
    // Browsers read a backslash as a slash and would go to another place.
    if let Some(at) = location.find('\\') {
        return Err(invalid_character(location, at));
    }
    // A fragment is meant for the user agent, not for the server.
    let (location, _) = location.split_once('#').unwrap_or((location, ""));
    let (scheme, rest) = match split_scheme(location) {
        Some((scheme, rest)) => (websocket_scheme(scheme)?, Some(rest)),
        None if location.starts_with("//") => (base.scheme(), Some(location)),
        None => (base.scheme(), None),
    };
    let authority = match rest {
        Some(rest) => rest.strip_prefix("//").ok_or(RequestError::Scheme)?,
        None => "",
    };
    let end = authority.find(['/', '?']).unwrap_or(authority.len());
    let (authority, reference) = authority.split_at_checked(end).unwrap_or_default();
    // §5.2.2: everything before the path, then the path, then the query.
    let (start, reference) = match rest {
        Some(_) => (format!("{scheme}://{authority}"), reference),
        None => (base.origin_url(), location),
    };
    let (path, query) = split_query(reference);
    let (base_path, base_query) = split_query(&base.resource);
    let path = match path {
        "" if rest.is_some() => "/".to_owned(),
        "" => base_path.to_owned(),
        path if path.starts_with('/') => without_dots(path),
        path => {
            let (folder, _) = base_path.rsplit_once('/').unwrap_or_default();
            without_dots(&format!("{folder}/{path}"))
        }
    };
    let query = match query {
        None if reference.is_empty() && rest.is_none() => base_query,
        query => query,
    };
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Target::parse(&format!("{start}{path}{query}"))
}

/// Splits off the scheme if the reference has one: the text before the first colon, if no `/` or
/// `?` comes earlier.
fn split_scheme(location: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = location.split_once(':')?;
    let starts = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    (starts && SCHEME.holds_all(scheme.as_bytes())).then_some((scheme, rest))
}

fn websocket_scheme(scheme: &str) -> Result<&'static str, RequestError> {
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    match () {
        () if is("ws") || is("http") => Ok("ws"),
        () if is("wss") || is("https") => Ok("wss"),
        () => Err(RequestError::Scheme),
    }
}

fn split_query(text: &str) -> (&str, Option<&str>) {
    match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    }
}

/// Removes `.` and `..` from a path that begins with a slash (§5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

/// RFC 3986 §3.1.
static SCHEME: ByteSet = ByteSet::alphanumeric_and(b"+-.");
