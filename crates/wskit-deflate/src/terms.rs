//! The parameters of one permessage-deflate element (RFC 7692 §7.1).

use crate::error::ParamError;

/// The four parameters of an offer or response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Terms {
    pub(crate) server_no_context_takeover: bool,
    pub(crate) client_no_context_takeover: bool,
    pub(crate) server_max_window_bits: Option<u8>,
    pub(crate) client_max_window_bits: ClientWindow,
}

/// `client_max_window_bits`, the only parameter whose value is optional.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ClientWindow {
    #[default]
    Absent,
    /// Only in an offer (§7.1.2.2): the client can obey a limit.
    Bare,
    Bits(u8),
}

/// Whether an element is an offer or a response. A response always has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Offer,
    Answer,
}

impl Terms {
    /// Parses `(name, value)` pairs. §7: an element with an unknown or repeated
    /// parameter or an invalid value is not acceptable.
    pub(crate) fn read<'a>(
        params: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
        place: Place,
    ) -> Result<Self, ParamError> {
        let mut terms = Self::default();
        for (name, value) in params {
            match name {
                SERVER_NO_CONTEXT_TAKEOVER => {
                    flag(
                        &mut terms.server_no_context_takeover,
                        SERVER_NO_CONTEXT_TAKEOVER,
                        value,
                    )?;
                }
                CLIENT_NO_CONTEXT_TAKEOVER => {
                    flag(
                        &mut terms.client_no_context_takeover,
                        CLIENT_NO_CONTEXT_TAKEOVER,
                        value,
                    )?;
                }
                SERVER_MAX_WINDOW_BITS => {
                    if terms.server_max_window_bits.is_some() {
                        return Err(ParamError::Repeated(SERVER_MAX_WINDOW_BITS));
                    }
                    let value = value.ok_or(ParamError::MissingValue(SERVER_MAX_WINDOW_BITS))?;
                    terms.server_max_window_bits = Some(window(SERVER_MAX_WINDOW_BITS, value)?);
                }
                CLIENT_MAX_WINDOW_BITS => {
                    if terms.client_max_window_bits != ClientWindow::Absent {
                        return Err(ParamError::Repeated(CLIENT_MAX_WINDOW_BITS));
                    }
                    terms.client_max_window_bits = match (value, place) {
                        (Some(value), _) => {
                            ClientWindow::Bits(window(CLIENT_MAX_WINDOW_BITS, value)?)
                        }
                        (None, Place::Offer) => ClientWindow::Bare,
                        (None, Place::Answer) => {
                            return Err(ParamError::MissingValue(CLIENT_MAX_WINDOW_BITS));
                        }
                    };
                }
                _ => return Err(ParamError::Unknown),
            }
        }
        Ok(terms)
    }

    /// Returns the parameters to write, in the order of §7.1.
    pub(crate) fn params(self) -> impl Iterator<Item = Param> {
        let flag = |name, set: bool| set.then_some((name, None));
        [
            flag(SERVER_NO_CONTEXT_TAKEOVER, self.server_no_context_takeover),
            flag(CLIENT_NO_CONTEXT_TAKEOVER, self.client_no_context_takeover),
            self.server_max_window_bits
                .map(|bits| (SERVER_MAX_WINDOW_BITS, Some(decimal(bits)))),
            match self.client_max_window_bits {
                ClientWindow::Absent => None,
                ClientWindow::Bare => Some((CLIENT_MAX_WINDOW_BITS, None)),
                ClientWindow::Bits(bits) => Some((CLIENT_MAX_WINDOW_BITS, Some(decimal(bits)))),
            },
        ]
        .into_iter()
        .flatten()
    }
}

pub(crate) type Param = (&'static str, Option<&'static str>);

fn flag(set: &mut bool, name: &'static str, value: Option<&str>) -> Result<(), ParamError> {
    if *set {
        return Err(ParamError::Repeated(name));
    }
    if value.is_some() {
        return Err(ParamError::UnexpectedValue(name));
    }
    *set = true;
    Ok(())
}

/// Parses a decimal number from 8 to 15 without leading zeros (§7.1.2).
fn window(name: &'static str, value: &str) -> Result<u8, ParamError> {
    (8..=15)
        .find(|&bits| decimal(bits) == value)
        .ok_or(ParamError::InvalidWindow(name))
}

fn decimal(bits: u8) -> &'static str {
    match bits {
        0..=8 => "8",
        9 => "9",
        10 => "10",
        11 => "11",
        12 => "12",
        13 => "13",
        14 => "14",
        15.. => "15",
    }
}

const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";
