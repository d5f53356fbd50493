//! Which pages may open a WebSocket (RFC 6455 §10.2).
//!
//! A browser sends cookies with a handshake to any server, whichever page asks
//! for it. Only the Origin header tells the server which page that is.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use http::StatusCode;

use crate::server::origin::{RequestOrigin, WebOrigin};
use crate::server::reject::Rejection;
use crate::server::request::UpgradeRequest;

/// Which pages may open a WebSocket. There is no default; every server must
/// choose.
///
/// Origins are parsed and compared by scheme, host and port, ignoring ASCII
/// case. The default port of http, https, ws and wss equals no port. Prefixes
/// and suffixes are never compared, and a host with a trailing dot is another
/// host.
///
/// **Requests without an Origin header** come from programs, not from browsers
/// (§4.2.1 item 7), and programs can send any Origin.
/// [`SameOrigin`](Self::SameOrigin) and [`List`](Self::List) therefore allow
/// them; [`required`](Self::required) refuses them. The origin `null`
/// (sandboxed frames, files) is allowed only by [`Any`](Self::Any), a
/// predicate, or a list that contains it.
#[derive(Clone)]
#[non_exhaustive]
pub enum OriginPolicy {
    /// Allows every request. For servers that do not use cookies and are not in
    /// a network that others cannot reach.
    Any,
    /// Allows pages whose host and port are those of the `Host` header.
    ///
    /// The scheme must be http or https but is not compared otherwise: a server
    /// behind a TLS terminator does not know its own. This does not protect
    /// against DNS rebinding, as the client chooses `Host`. Use a list if
    /// either matters.
    SameOrigin,
    /// Allows pages of these origins.
    List(OriginList),
    /// Asks a function, for requests with and without an Origin.
    Predicate(OriginPredicate),
    /// Requires an Origin header in addition to the inner policy.
    Required(Box<OriginPolicy>),
}

/// The function of [`OriginPolicy::Predicate`], which returns whether the
/// request is allowed. Most look at [`UpgradeRequest::request_origin`].
pub type OriginPredicate = Arc<dyn Fn(&UpgradeRequest) -> bool + Send + Sync>;

impl OriginPolicy {
    /// Creates a list such as `["https://example.com",
    /// "https://example.com:8443"]`. It may contain `"null"`, and `"file://"`,
    /// which some apps of local pages send. Entries have no path, not even a
    /// final slash.
    pub fn list<I>(origins: I) -> Result<Self, OriginError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        OriginList::new(origins).map(Self::List)
    }

    /// Creates a policy from a function.
    pub fn predicate(allows: impl Fn(&UpgradeRequest) -> bool + Send + Sync + 'static) -> Self {
        Self::Predicate(Arc::new(allows))
    }

    /// Returns this policy with requests without an Origin header refused, for
    /// servers that only browsers should reach.
    #[must_use]
    pub fn required(self) -> Self {
        match self {
            Self::Required(_) => self,
            policy => Self::Required(Box::new(policy)),
        }
    }

    /// Checks the request. The error is the 403 response to send.
    /// [`UpgradeRequest::check`] also calls this.
    pub fn check(&self, request: &UpgradeRequest) -> Result<(), Rejection> {
        if self.allows(request) {
            return Ok(());
        }
        let reason = "origin not allowed";
        Err(Rejection::explained(StatusCode::FORBIDDEN, &reason))
    }

    fn allows(&self, request: &UpgradeRequest) -> bool {
        // Neither needs the header.
        match self {
            Self::Any => return true,
            Self::Predicate(allows) => return allows(request),
            _ => {}
        }
        match (self, request.request_origin()) {
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

/// The origins of an [`OriginPolicy::List`].
#[derive(Debug, Clone)]
pub struct OriginList {
    sites: Vec<String>,
    null: bool,
}

impl OriginList {
    /// Creates a list of origins. See [`OriginPolicy::list`].
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
    /// Returns the entry.
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
