//! Offer and response (RFC 7692 §5, §7.1), for both roles.

use crate::EXTENSION;
use crate::config::Config;
use crate::error::ResponseError;
use crate::params::{Params, Role, Window};
use crate::terms::{ClientWindow, Place, Terms};

/// One element of a client's offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    terms: Terms,
}

impl Offer {
    /// Returns the name to write, [`EXTENSION`].
    pub fn name(&self) -> &'static str {
        EXTENSION
    }

    /// Returns the parameters to write after the name.
    pub fn params(&self) -> impl Iterator<Item = (&'static str, Option<&'static str>)> + use<> {
        self.terms.params()
    }

    /// Checks that a response matches this offer.
    fn admits(self, answer: Terms) -> Result<(), ResponseError> {
        // §7.1.1.1: a server that accepts the request repeats it.
        if self.terms.server_no_context_takeover && !answer.server_no_context_takeover {
            return Err(ResponseError::TakeoverNotGivenUp);
        }
        // §7.1.2.1: the same value or a smaller one.
        if let Some(asked) = self.terms.server_max_window_bits {
            if answer
                .server_max_window_bits
                .is_none_or(|bits| bits > asked)
            {
                return Err(ResponseError::ServerWindow);
            }
        }
        // §7.1.2.2: not above an offered value. Every offer of this crate has
        // the parameter, so a response may always have it.
        match (
            self.terms.client_max_window_bits,
            answer.client_max_window_bits,
        ) {
            (ClientWindow::Bits(offered), ClientWindow::Bits(bits)) if bits > offered => {
                Err(ResponseError::ClientWindow)
            }
            _ => Ok(()),
        }
    }
}

/// A server's response to the offer that it accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    terms: Terms,
    agreed: Params,
}

impl Answer {
    /// Returns the name to write, [`EXTENSION`].
    pub fn name(&self) -> &'static str {
        EXTENSION
    }

    /// Returns the parameters to write after the name.
    pub fn params(&self) -> impl Iterator<Item = (&'static str, Option<&'static str>)> + use<> {
        self.terms.params()
    }

    /// Returns the parameters that are agreed once the response is sent.
    pub fn agreed(&self) -> Params {
        self.agreed
    }
}

impl Config {
    /// For a client: returns the elements to offer, in order of preference.
    ///
    /// There is a second one if [`server_max_window_bits`](Self::server_max_window_bits) is below
    /// 15: a server that cannot limit its window may give up context takeover instead, which needs
    /// no more memory here.
    pub fn offers(&self) -> impl Iterator<Item = Offer> + use<> {
        let first = Terms {
            server_no_context_takeover: self.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover,
            server_max_window_bits: (self.server_max_window_bits < 15)
                .then_some(self.server_max_window_bits),
            // Always offered, as any response from 9 up can be obeyed.
            client_max_window_bits: match self.client_max_window_bits {
                15.. => ClientWindow::Bare,
                bits => ClientWindow::Bits(bits),
            },
        };
        let fallback = first.server_max_window_bits.map(|_| Terms {
            server_no_context_takeover: true,
            server_max_window_bits: None,
            ..first
        });
        [Some(first), fallback]
            .into_iter()
            .flatten()
            .map(|terms| Offer { terms })
    }

    /// For a server: returns the response to the first offer that can be
    /// accepted, if any.
    ///
    /// `offers` are all elements of the client's `Sec-WebSocket-Extensions`:
    /// the name and the parameters, with values unquoted. Other extensions are
    /// skipped, and so are offers that are invalid (§7) or request a server
    /// window of 8 bits, which no DEFLATE engine supports. `None` declines:
    /// continue without compression.
    pub fn accept<'a, P>(&self, offers: impl IntoIterator<Item = (&'a str, P)>) -> Option<Answer>
    where
        P: IntoIterator<Item = (&'a str, Option<&'a str>)>,
    {
        offers
            .into_iter()
            .filter(|&(name, _)| name == EXTENSION)
            .filter_map(|(_, params)| Terms::read(params, Place::Offer).ok())
            .find_map(|offer| self.answer(offer))
    }

    fn answer(&self, offer: Terms) -> Option<Answer> {
        let server_bits = offer.server_max_window_bits.unwrap_or(15);
        // §7.1.2.1: zlib and its derivatives change 8 bits to 9 or refuse; both would violate the
        // agreement.
        if server_bits < SMALLEST {
            return None;
        }
        let server_bits = server_bits.min(self.server_max_window_bits);
        // §7.1.2.2: an offered value binds the client even if the response does not have it, and
        // the response may have the parameter only if the offer had it. A client that cannot be
        // bound to a smaller window starts each message with an empty one instead.
        let (offered, can_limit) = match offer.client_max_window_bits {
            ClientWindow::Absent => (15, false),
            ClientWindow::Bare => (15, true),
            ClientWindow::Bits(bits) => (bits, true),
        };
        let limit = offered > self.client_max_window_bits;
        let client_bits = if limit && can_limit {
            self.client_max_window_bits
        } else {
            offered
        };
        // §7.1.1.2: a client that announces it loses nothing if it is
        // requested.
        let client_empty = self.client_no_context_takeover
            || offer.client_no_context_takeover
            || (limit && !can_limit);
        let server_empty = self.server_no_context_takeover || offer.server_no_context_takeover;
        Some(Answer {
            terms: Terms {
                server_no_context_takeover: server_empty,
                client_no_context_takeover: client_empty,
                // §7.1.2.1: an offer with it is answered with it.
                server_max_window_bits: (offer.server_max_window_bits.is_some()
                    || server_bits < 15)
                    .then_some(server_bits),
                client_max_window_bits: if client_bits < offered {
                    ClientWindow::Bits(client_bits)
                } else {
                    ClientWindow::Absent
                },
            },
            agreed: Params::new(
                Role::Server,
                Window {
                    bits: server_bits,
                    no_context_takeover: server_empty,
                },
                Window {
                    bits: client_bits,
                    no_context_takeover: client_empty,
                },
            ),
        })
    }

    /// For a client that sent [`offers`](Self::offers) of this configuration:
    /// returns the agreed parameters, or `None` if the server declined.
    ///
    /// `answer` are all elements of the server's `Sec-WebSocket-Extensions`; other extensions are
    /// skipped. On an error the client must fail the connection (§7).
    pub fn confirm<'a, P>(
        &self,
        answer: impl IntoIterator<Item = (&'a str, P)>,
    ) -> Result<Option<Params>, ResponseError>
    where
        P: IntoIterator<Item = (&'a str, Option<&'a str>)>,
    {
        let mut elements = answer.into_iter().filter(|&(name, _)| name == EXTENSION);
        let Some((_, params)) = elements.next() else {
            return Ok(None);
        };
        // §5: at most one element responds.
        if elements.next().is_some() {
            return Err(ResponseError::Twice);
        }
        let answer = Terms::read(params, Place::Answer)?;
        // The response belongs to one of the offers. An error is that of the preferred one.
        let mut refused = None;
        for offer in self.offers() {
            match offer.admits(answer) {
                Ok(()) => {
                    refused = None;
                    break;
                }
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        if let Some(error) = refused {
            return Err(error);
        }
        let client_bits = match answer.client_max_window_bits {
            ClientWindow::Bits(bits) if bits < SMALLEST => {
                return Err(ResponseError::ClientWindowTooSmall);
            }
            ClientWindow::Bits(bits) => bits,
            ClientWindow::Absent | ClientWindow::Bare => self.client_max_window_bits,
        };
        Ok(Some(Params::new(
            Role::Client,
            Window {
                bits: answer.server_max_window_bits.unwrap_or(15),
                no_context_takeover: answer.server_no_context_takeover,
            },
            Window {
                bits: client_bits,
                // The client's announcement is not binding, but is kept (§7.1.1.2).
                no_context_takeover: answer.client_no_context_takeover
                    || self.client_no_context_takeover,
            },
        )))
    }
}

/// The smallest window for compressing, in bits.
const SMALLEST: u8 = 9;
