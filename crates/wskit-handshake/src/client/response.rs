//! The client's check of a 101 response (RFC 6455 §4.1, the list after "once
//! the client's opening handshake has been sent").

use httparse::Header;

use crate::ExtensionList;
use crate::error::ExtensionError;
use crate::error::HandshakeError;
use crate::http::fields::{Field, Fields};
use crate::http::token::{list_names, trim_blanks};

/// The client's offers, and the accept value it expects.
#[derive(Debug)]
pub(crate) struct Offers {
    pub(crate) accept: [u8; 28],
    pub(crate) protocols: Vec<String>,
    pub(crate) extensions: ExtensionList<'static>,
}

/// The agreement of client and server.
#[derive(Debug)]
pub(crate) struct Agreement {
    pub(crate) protocol: Option<String>,
    pub(crate) extensions: ExtensionList<'static>,
}

impl Offers {
    /// Checks the headers of a 101 response.
    pub(crate) fn check(&self, headers: &[Header<'_>]) -> Result<Agreement, HandshakeError> {
        let fields = Fields::collect(headers);
        // Item 2: Upgrade is websocket, and nothing besides it.
        if !fields.upgrade.is_present() {
            return Err(HandshakeError::MissingUpgrade);
        }
        let upgrade = fields.upgrade.list("upgrade", headers);
        if !upgrade.eq_ignore_ascii_case(b"websocket") {
            return Err(HandshakeError::InvalidUpgrade);
        }
        // Item 3: Connection names Upgrade.
        if !fields.connection.is_present() {
            return Err(HandshakeError::MissingConnection);
        }
        let connection = fields.connection.list("connection", headers);
        if !list_names(&connection, b"upgrade") {
            return Err(HandshakeError::InvalidConnection);
        }
        // Item 4, §11.3.3: once, and for the key that was sent.
        match fields.accept.single("Sec-WebSocket-Accept")? {
            None => return Err(HandshakeError::MissingAccept),
            Some(accept) if accept == self.accept => {}
            Some(_) => return Err(HandshakeError::InvalidAccept),
        }
        // RFC 9112 §6.3 item 1: a 1xx ends at its blank line, whatever its
        // headers say. A proxy could read frames as the body if the length is
        // not 0.
        let mut lengths = headers
            .iter()
            .filter(|header| header.name.eq_ignore_ascii_case("content-length"));
        if lengths.any(|header| trim_blanks(header.value) != b"0") {
            return Err(HandshakeError::ResponseBody);
        }
        Ok(Agreement {
            extensions: self.check_extensions(&fields.extensions, headers)?,
            protocol: self.check_protocol(fields.protocols)?,
        })
    }

    /// Item 5: every extension was offered. §11.3.2 asks for one line, §4.2.2
    /// allows several: they are read as one list.
    fn check_extensions<'a>(
        &self,
        field: &Field<'a>,
        headers: &[Header<'a>],
    ) -> Result<ExtensionList<'static>, HandshakeError> {
        if !field.is_present() {
            return Ok(ExtensionList::default());
        }
        let list = field.list("sec-websocket-extensions", headers);
        let list = std::str::from_utf8(&list)
            .map_err(|_| HandshakeError::InvalidExtensions(ExtensionError::Name))?;
        let list = ExtensionList::parse(list).map_err(HandshakeError::InvalidExtensions)?;
        let mut seen: Vec<&str> = Vec::new();
        for extension in &list {
            let name = extension.name();
            if !self.extensions.iter().any(|offer| offer.name() == name) {
                return Err(HandshakeError::ExtensionNotOffered);
            }
            // RFC 7692 §5: at most one element. Each name is in the list of
            // offers, so this loop is short.
            if seen.contains(&name) {
                return Err(HandshakeError::ExtensionRepeated);
            }
            seen.push(name);
        }
        Ok(list.into_owned())
    }

    /// Item 6, §11.3.4: one subprotocol, which was offered. Case matters.
    fn check_protocol(&self, field: Field<'_>) -> Result<Option<String>, HandshakeError> {
        let Some(chosen) = field.single("Sec-WebSocket-Protocol")? else {
            return Ok(None);
        };
        let mut offered = self.protocols.iter();
        match offered.find(|name| name.as_bytes() == chosen) {
            Some(name) => Ok(Some(name.clone())),
            None => Err(HandshakeError::ProtocolNotOffered),
        }
    }
}
