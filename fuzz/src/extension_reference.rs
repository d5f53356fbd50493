/// One extension: its name and its parameters.
pub type Element = (String, Vec<(String, Option<String>)>);

/// Reads an extension list by RFC 6455 §9.1, `None` when it is wrong.
///
/// It is split at separators outside of quotes, then each part is looked at.
#[must_use]
pub fn read_extensions(text: &str) -> Option<Vec<Element>> {
    let mut elements = Vec::new();
    for element in split(text, ',')? {
        if blank(&element).is_empty() {
            continue;
        }
        let mut parts = split(&element, ';')?.into_iter();
        let name = token(&parts.next()?)?;
        let mut params = Vec::new();
        for part in parts {
            params.push(match part.split_once('=') {
                None => (token(&part)?, None),
                Some((name, value)) => (token(name)?, Some(unquoted(value)?)),
            });
        }
        elements.push((name, params));
    }
    (!elements.is_empty()).then_some(elements)
}

/// Splits at a separator that is not inside quotes; `None` when a quote does not end.
fn split(text: &str, separator: char) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for char in text.chars() {
        if char == separator && !quoted {
            parts.push(String::new());
            continue;
        }
        parts.last_mut()?.push(char);
        if escaped {
            escaped = false;
        } else if quoted && char == '\\' {
            escaped = true;
        } else if char == '"' {
            quoted = !quoted;
        }
    }
    (!quoted).then_some(parts)
}

fn blank(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn unquoted(value: &str) -> Option<String> {
    let value = blank(value);
    let Some(inner) = value.strip_prefix('"') else {
        return token(value);
    };
    let mut chars = inner.chars();
    let mut text = String::new();
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => text.push(chars.next()?),
            char => text.push(char),
        }
    }
    (chars.next().is_none() && blank(&text) == text)
        .then_some(text)
        .and_then(|text| token(&text))
}

/// RFC 9110 §5.6.2.
fn token(text: &str) -> Option<String> {
    let text = blank(text);
    let is_char = |char: char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char);
    (!text.is_empty() && text.chars().all(is_char)).then(|| text.to_owned())
}
