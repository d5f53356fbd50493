/// Whether a comma list names this word, ASCII case ignored.
#[must_use]
pub fn list_names(list: &[u8], word: &str) -> bool {
    let mut elements = list.split(|byte| *byte == b',');
    elements.any(|element| {
        String::from_utf8_lossy(element)
            .trim_matches([' ', '\t'])
            .eq_ignore_ascii_case(word)
    })
}

/// RFC 9110 §5.6.2: tokens between commas, one at least.
#[must_use]
pub fn is_token_list(list: &[u8]) -> bool {
    let list = String::from_utf8_lossy(list);
    let is_token = |text: &str| {
        text.chars()
            .all(|char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char))
    };
    let elements = list
        .split(',')
        .map(|element| element.trim_matches([' ', '\t']));
    let filled: Vec<&str> = elements.filter(|element| !element.is_empty()).collect();
    !filled.is_empty() && filled.into_iter().all(is_token)
}

/// A name, an IPv4 address or `[::1]`, and perhaps a port of four digits: beyond doubt.
#[must_use]
pub fn is_plain_host(host: &[u8]) -> bool {
    let host = String::from_utf8_lossy(host);
    let (name, port) = host
        .rsplit_once(':')
        .filter(|(name, _)| name.ends_with(']') || !name.contains(':'))
        .unwrap_or((&host, "80"));
    let plain = |char: char| char.is_ascii_alphanumeric() || char == '.' || char == '-';
    let port_is_plain = (1..=4).contains(&port.len())
        && port.bytes().all(|digit| digit.is_ascii_digit())
        && port.bytes().any(|digit| digit != b'0');
    (name == "[::1]" || !name.is_empty() && name.chars().all(plain)) && port_is_plain
}

/// A path, or an URL of HTTP, without a fragment.
#[must_use]
pub fn is_plain_target(target: &str) -> bool {
    let lower = target.to_ascii_lowercase();
    let form = ["/", "http://", "https://"];
    target.is_ascii() && !target.contains('#') && form.iter().any(|form| lower.starts_with(form))
}

/// Host and port of a target that is a URL.
#[must_use]
pub fn authority_of(target: &str) -> Option<&[u8]> {
    let (_, rest) = target
        .split_once("://")
        .filter(|_| !target.starts_with('/'))?;
    rest.split(['/', '?']).next().map(str::as_bytes)
}
