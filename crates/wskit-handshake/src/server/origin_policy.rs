//! Which pages may open a WebSocket (RFC 6455 §10.2).
//!
//! A browser sends cookies along with a handshake to any server, whatever page
//! asks for it. The Origin header is all that tells the server whose page it is.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use http::StatusCode;

use crate::server::origin::{RequestOrigin, WebOrigin};
use crate::server::reject::Rejection;
use crate::server::request::UpgradeRequest;

/// Who may open a WebSocket. There is no default: a server chooses.
///
/// Origins are parsed and compared by scheme, host and port, ASCII case
/// ignored, the default port of http, https, ws and wss equal to none. Nothing
/// is ever compared by its beginning or end, and a trailing dot in a host makes
/// another host.
///
/// **Requests without an Origin header** come from programs, not from browsers
/// (§4.2.1 item 7), and programs can send any Origin they like. So
/// [`SameOrigin`](Self::SameOrigin) and [`List`](Self::List) let them pass;
/// [`required`](Self::required) refuses them. The origin `null` (sandboxed
/// frames, files) passes only under [`Any`](Self::Any), a predicate, or a list
/// that names it.
#[derive(Clone)]
#[non_exhaustive]
pub enum OriginPolicy {
    /// Every origin and none: for servers that neither look at cookies nor sit
    /// in a network that others cannot reach.
    Any,
    /// Pages of the host and port that the request itself names in `Host`.
    ///
    /// The scheme is not compared, because a server behind a TLS terminator
    /// does not know its own; only http and https pass. As the client chooses
    /// `Host`, this is no protection against DNS rebinding. Where either
    /// matters, list the origins.
    SameOrigin,
    /// Pages of these origins.
    List(OriginList),
    /// What this function says, of requests with and without an Origin.
    Predicate(OriginPredicate),
    /// The policy inside, and an Origin header must be there.
    Required(Box<OriginPolicy>),
}

/// The function of [`OriginPolicy::Predicate`]: true lets the request pass. It
/// will mostly look at [`UpgradeRequest::origin`].
pub type OriginPredicate = Arc<dyn Fn(&UpgradeRequest) -> bool + Send + Sync>;

impl OriginPolicy {
    /// A list such as `["https://example.com", "https://example.com:8443"]`.
    /// `"null"` may be among them, and `"file://"`, which some apps that are made
    /// of local pages send. No path, not even a final slash.
    pub fn list<I>(origins: I) -> Result<Self, OriginError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        OriginList::new(origins).map(Self::List)
    }

    /// A policy of one's own.
    pub fn predicate(allows: impl Fn(&UpgradeRequest) -> bool + Send + Sync + 'static) -> Self {
        Self::Predicate(Arc::new(allows))
    }

    /// The same policy, which also refuses requests without an Origin header:
    /// for servers that browsers alone should reach.
    #[must_use]
    pub fn required(self) -> Self {
        match self {
            Self::Required(_) => self,
            policy => Self::Required(Box::new(policy)),
        }
    }

    /// Says whether the request may pass; if not, with the 403 to send.
    /// [`UpgradeRequest::check`] does the same and leads on.
    pub fn check(&self, request: &UpgradeRequest) -> Result<(), Rejection> {
        if self.allows(request) {
            return Ok(());
        }
        let reason = "origin not allowed";
        Err(Rejection::explained(StatusCode::FORBIDDEN, &reason))
    }

    fn allows(&self, request: &UpgradeRequest) -> bool {
        // Neither needs the header to be read here.
        match self {
            Self::Any => return true,
            Self::Predicate(allows) => return allows(request),
            _ => {}
        }
        match (self, request.origin()) {
            (Self::SameOrigin | Self::List(_), RequestOrigin::Absent) => true,
            (Self::Required(_), RequestOrigin::Absent) => false,
            (Self::Required(policy), _) => policy.allows(request),
            (Self::SameOrigin, RequestOrigin::Site(origin)) => origin.is_host(request.host()),
            (Self::List(list), RequestOrigin::Site(origin)) => list.holds(&origin),
            (Self::List(list), RequestOrigin::Null) => list.null,
            _ => false,
        }
    }
}

impl fmt::Debug for OriginPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("Any"),
            Self::SameOrigin => f.write_str("SameOrigin"),
            Self::List(list) => list.fmt(f),
            Self::Predicate(_) => f.write_str("Predicate(..)"),
            Self::Required(policy) => f.debug_tuple("Required").field(policy).finish(),
        }
    }
}

/// The origins of [`OriginPolicy::List`].
#[derive(Debug, Clone)]
pub struct OriginList {
    sites: Vec<String>,
    null: bool,
}

impl OriginList {
    /// Checks and keeps the origins. See [`OriginPolicy::list`].
    pub fn new<I>(origins: I) -> Result<Self, OriginError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut list = Self {
            sites: Vec::new(),
            null: false,
        };
        for origin in origins {
            let origin = origin.as_ref();
            match RequestOrigin::parse(origin.as_bytes()) {
                RequestOrigin::Null => list.null = true,
                RequestOrigin::Site(_) => list.sites.push(origin.to_owned()),
                _ => return Err(OriginError(origin.to_owned())),
            }
        }
        Ok(list)
    }

    fn holds(&self, origin: &WebOrigin<'_>) -> bool {
        let mut sites = self.sites.iter();
        sites.any(|site| WebOrigin::parse(site).as_ref() == Some(origin))
    }
}

/// An entry of a list is not an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginError(String);

impl OriginError {
    /// The entry.
    pub fn entry(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not an origin; write scheme://host or scheme://host:port",
            self.0
        )
    }
}

impl Error for OriginError {}
