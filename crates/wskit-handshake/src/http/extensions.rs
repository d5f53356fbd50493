//! The grammar of `Sec-WebSocket-Extensions` (RFC 6455 §9.1).
#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions and counts within one text"
)]

use std::borrow::Cow;
use std::fmt;

use crate::error::ExtensionError;
use crate::http::token::{is_token, is_token_byte};

/// A valid list of extensions with their parameters.
///
/// Several header lines mean the same as one line joined by commas (§9.1). Join
/// them before parsing. Quoted values are unquoted and unescaped while parsing.
///
/// ```
/// let list = wskit_handshake::ExtensionList::parse(r#"a; x=1; y, b; z="2""#)?;
/// let names: Vec<_> = list.iter().map(|extension| extension.name()).collect();
/// assert_eq!(names, ["a", "b"]);
/// assert_eq!(list.iter().last().unwrap().params().next(), Some(("z", Some("2"))));
/// # Ok::<(), wskit_handshake::ExtensionError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ExtensionList<'a> {
    text: Cow<'a, str>,
}

impl<'a> ExtensionList<'a> {
    /// Parses a header value, in one pass for any input.
    ///
    /// Blanks around `,`, `;` and `=` are skipped, and so are empty elements.
    /// At least one element must not be empty.
    pub fn parse(value: &'a str) -> Result<Self, ExtensionError> {
        let text = match unquote(value.as_bytes())? {
            None => Cow::Borrowed(value),
            // Tokens and separators are ASCII, so nothing is replaced.
            Some(unquoted) => String::from_utf8_lossy(&unquoted).into_owned().into(),
        };
        Ok(Self { text })
    }

    /// Returns the extensions in order: the order of preference in an offer,
    /// and the order of application in a response.
    pub fn iter(&self) -> Extensions<'_> {
        Extensions { rest: &self.text }
    }

    /// Returns whether the list is empty. A parsed list never is.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns the list as text, unquoted.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns a list that owns its text.
    pub fn into_owned(self) -> ExtensionList<'static> {
        ExtensionList {
            text: Cow::Owned(self.text.into_owned()),
        }
    }

    /// Creates a list from text that this crate has written or checked.
    pub(crate) fn from_checked(text: Cow<'a, str>) -> Self {
        Self { text }
    }
}

impl<'a> IntoIterator for &'a ExtensionList<'_> {
    type Item = Extension<'a>;
    type IntoIter = Extensions<'a>;

    fn into_iter(self) -> Extensions<'a> {
        self.iter()
    }
}

/// Lists are equal if they have the same extensions with the same parameters in
/// the same order, regardless of blanks and quotes.
impl PartialEq for ExtensionList<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for ExtensionList<'_> {}

/// Iterator over the extensions of an [`ExtensionList`].
#[derive(Debug, Clone, Default)]
pub struct Extensions<'a> {
    /// Checked and unquoted text.
    rest: &'a str,
}

impl<'a> Extensions<'a> {
    /// Creates an iterator over checked, unquoted text.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Extension<'a>;

    fn next(&mut self) -> Option<Extension<'a>> {
        while !self.rest.is_empty() {
            let (element, rest) = self.rest.split_once(',').unwrap_or((self.rest, ""));
            self.rest = rest;
            let element = element.trim_matches(BLANKS);
            if element.is_empty() {
                continue;
            }
            let (name, params) = element.split_once(';').unwrap_or((element, ""));
            return Some(Extension {
                name: name.trim_matches(BLANKS),
                params,
            });
        }
        None
    }
}

/// One extension with its parameters. `Display` writes it as in a header.
#[derive(Debug, Clone, Copy)]
pub struct Extension<'a> {
    name: &'a str,
    params: &'a str,
}

impl<'a> Extension<'a> {
    /// Returns the name as written. Names are case-sensitive.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Returns the parameters in order as `(name, value)`, with values
    /// unquoted.
    pub fn params(&self) -> ExtensionParams<'a> {
        ExtensionParams { rest: self.params }
    }
}

impl PartialEq for Extension<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.params().eq(other.params())
    }
}

impl Eq for Extension<'_> {}

impl fmt::Display for Extension<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        for (name, value) in self.params() {
            write!(f, "; {name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

/// Iterator over the parameters of an [`Extension`]: `(name, value)`.
#[derive(Debug, Clone)]
pub struct ExtensionParams<'a> {
    rest: &'a str,
}

impl<'a> Iterator for ExtensionParams<'a> {
    type Item = (&'a str, Option<&'a str>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (param, rest) = self.rest.split_once(';').unwrap_or((self.rest, ""));
        self.rest = rest;
        Some(match param.split_once('=') {
            Some((name, value)) => (name.trim_matches(BLANKS), Some(value.trim_matches(BLANKS))),
            None => (param.trim_matches(BLANKS), None),
        })
    }
}

/// Appends one extension to a header value, after a comma if `out` is not
/// empty. On an error `out` is unchanged.
///
/// Values are written as tokens without quotes: a value must be a token even if
/// it is quoted (§9.1).
pub fn write_extension<'a>(
    out: &mut String,
    name: &str,
    params: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> Result<(), ExtensionError> {
    let mark = out.len();
    let written = append(out, name, params);
    if written.is_err() {
        out.truncate(mark);
    }
    written
}

fn append<'a>(
    out: &mut String,
    name: &str,
    params: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> Result<(), ExtensionError> {
    let token = |text: &str, error| is_token(text.as_bytes()).then_some(()).ok_or(error);
    token(name, ExtensionError::Name)?;
    if !out.is_empty() {
        out.push_str(", ");
    }
    out.push_str(name);
    for (name, value) in params {
        token(name, ExtensionError::ParamName)?;
        out.push_str("; ");
        out.push_str(name);
        if let Some(value) = value {
            token(value, ExtensionError::ParamValue)?;
            out.push('=');
            out.push_str(value);
        }
    }
    Ok(())
}

/// Checks a list and removes its quotes. Returns `None` if it has none.
pub(crate) fn unquote(list: &[u8]) -> Result<Option<Vec<u8>>, ExtensionError> {
    Parser { text: list, at: 0 }.list()
}

/// A parser whose cursor only moves forward, so that parsing takes linear time.
struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    /// §9.1: `extension-list = 1#extension`.
    fn list(mut self) -> Result<Option<Vec<u8>>, ExtensionError> {
        let mut unquoted = Unquoted::default();
        let mut elements = 0_usize;
        loop {
            self.skip_blanks();
            match self.peek() {
                None => break,
                Some(b',') => self.at += 1,
                Some(_) => {
                    self.extension(&mut unquoted)?;
                    elements += 1;
                    match self.peek() {
                        None => break,
                        Some(b',') => self.at += 1,
                        Some(_) => return Err(ExtensionError::Separator),
                    }
                }
            }
        }
        if elements == 0 {
            return Err(ExtensionError::Empty);
        }
        Ok(unquoted.finish(self.text))
    }

    /// §9.1: `extension = extension-token *( ";" extension-param )`.
    fn extension(&mut self, unquoted: &mut Unquoted) -> Result<(), ExtensionError> {
        self.token().ok_or(ExtensionError::Name)?;
        self.skip_blanks();
        while self.peek() == Some(b';') {
            self.at += 1;
            self.skip_blanks();
            self.token().ok_or(ExtensionError::ParamName)?;
            self.skip_blanks();
            if self.peek() == Some(b'=') {
                self.at += 1;
                self.skip_blanks();
                if self.peek() == Some(b'"') {
                    self.quoted(unquoted)?;
                } else {
                    self.token().ok_or(ExtensionError::ParamValue)?;
                }
                self.skip_blanks();
            }
        }
        Ok(())
    }

    /// §9.1: a quoted value must be a token once it is unescaped.
    fn quoted(&mut self, unquoted: &mut Unquoted) -> Result<(), ExtensionError> {
        unquoted.copy(self.text, self.at);
        self.at += 1;
        let mut length = 0_usize;
        loop {
            let byte = match self.next().ok_or(ExtensionError::UnclosedQuote)? {
                b'"' => break,
                b'\\' => self.next().ok_or(ExtensionError::UnclosedQuote)?,
                byte => byte,
            };
            if !is_token_byte(byte) {
                return Err(ExtensionError::ParamValue);
            }
            unquoted.text.push(byte);
            length += 1;
        }
        unquoted.copied = self.at;
        match length {
            0 => Err(ExtensionError::ParamValue),
            _ => Ok(()),
        }
    }

    fn token(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(is_token_byte) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }
}

/// The text without quotes. Filled only if there are quotes.
#[derive(Default)]
struct Unquoted {
    text: Vec<u8>,
    /// How far the source has been copied. 0 if there were no quotes.
    copied: usize,
}

impl Unquoted {
    fn copy(&mut self, source: &[u8], end: usize) {
        self.text
            .extend_from_slice(source.get(self.copied..end).unwrap_or_default());
        self.copied = end;
    }

    fn finish(mut self, source: &[u8]) -> Option<Vec<u8>> {
        if self.copied == 0 {
            return None;
        }
        self.copy(source, source.len());
        Some(self.text)
    }
}

const BLANKS: [char; 2] = [' ', '\t'];
