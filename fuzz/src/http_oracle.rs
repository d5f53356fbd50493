use std::fmt::Write as _;

/// The head at the start of some bytes, as `httparse` sees it.
#[derive(Debug, PartialEq, Eq)]
pub struct HeadReading {
    /// Method and target of a request, or the status of a response.
    pub start: (String, String),
    /// The digit behind `HTTP/1.`.
    pub minor: u8,
    /// Names in lower case, with their values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Bytes of the head, its blank line included.
    pub size: usize,
}

impl HeadReading {
    /// All values of a header.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let name = name.to_owned();
        self.headers
            .iter()
            .filter(move |(other, _)| *other == name)
            .map(|(_, value)| value.as_slice())
    }

    /// The value of a header that stands exactly once.
    #[must_use]
    pub fn only(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.all(name);
        let first = values.next();
        first.filter(|_| values.next().is_none())
    }
}

/// Reads a request's head; `None` if it is not one, or not whole.
#[must_use]
pub fn read_request(bytes: &[u8]) -> Option<HeadReading> {
    let mut headers = vec![httparse::EMPTY_HEADER; 512];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(size) = request.parse(bytes).ok()? else {
        return None;
    };
    let start = (request.method?.to_owned(), request.path?.to_owned());
    Some(HeadReading {
        start,
        minor: request.version?,
        headers: owned(request.headers),
        size,
    })
}

/// Reads a response's head; `None` if it is not one, or not whole.
#[must_use]
pub fn read_response(bytes: &[u8]) -> Option<HeadReading> {
    let mut headers = vec![httparse::EMPTY_HEADER; 512];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(size) = response.parse(bytes).ok()? else {
        return None;
    };
    let start = (response.code?.to_string(), String::new());
    Some(HeadReading {
        start,
        minor: response.version?,
        headers: owned(response.headers),
        size,
    })
}

/// Fails unless this is one whole final response, which says itself where it ends and closes.
pub fn assert_final_response(bytes: &[u8], head_only: bool) {
    let mut shown = String::new();
    let _ = write!(shown, "{}", bytes.escape_ascii());
    let head = read_response(bytes).unwrap_or_else(|| panic!("no response: {shown}"));
    assert_eq!(head.minor, 1, "{shown}");
    assert!(head.start.0.as_str() >= "200", "{shown}");
    let connection = head
        .only("connection")
        .unwrap_or_else(|| panic!("one Connection: {shown}"));
    assert!(connection.starts_with(b"close"), "{shown}");
    let length = head
        .only("content-length")
        .unwrap_or_else(|| panic!("one Content-Length: {shown}"));
    let body = bytes.len() - head.size;
    if head_only {
        assert_eq!(body, 0, "{shown}");
    } else {
        assert_eq!(length, body.to_string().as_bytes(), "{shown}");
    }
}

/// Where the first blank line ends.
#[must_use]
pub fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4)
}

fn owned(headers: &[httparse::Header<'_>]) -> Vec<(String, Vec<u8>)> {
    headers
        .iter()
        .map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec()))
        .collect()
}
