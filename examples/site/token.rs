use std::time::{Duration, SystemTime};

use bytes::Bytes;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::value::RawValue;
use wskit_hub_protocol::{DisconnectCode, ErrorCode, Refusal};

/// What a token says, in the claims that Centrifugo's tokens have.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    /// The user; empty for an anonymous one.
    #[serde(default)]
    pub(crate) sub: String,
    /// When it expires, in seconds since 1970.
    exp: Option<u64>,
    /// What others see of the user, as JSON.
    info: Option<Box<RawValue>>,
    /// The topic, if the token is for a subscription.
    #[serde(default)]
    channel: String,
    /// Topics that the user is subscribed to as it connects.
    #[serde(default)]
    pub(crate) channels: Vec<String>,
}

impl Claims {
    /// Checks the token of a session that was signed with this secret (HS256).
    pub(crate) fn of(token: &str, secret: &str) -> Result<Self, Refusal> {
        Self::for_topic("", token, secret)
    }

    /// Checks the token of a subscription to a topic.
    pub(crate) fn for_topic(topic: &str, token: &str, secret: &str) -> Result<Self, Refusal> {
        let key = DecodingKey::from_secret(secret.as_bytes());
        let mut validation = Validation::new(Algorithm::HS256);
        // A token without an expiry never expires.
        validation.required_spec_claims.clear();
        validation.validate_aud = false;
        validation.leeway = 0;
        match jsonwebtoken::decode::<Self>(token, &key, &validation) {
            Ok(token) if token.claims.channel == topic => Ok(token.claims),
            // One for something else.
            Ok(_) => Err(ErrorCode::PermissionDenied.into()),
            // The client gets a new one, and comes back.
            Err(error) if *error.kind() == ErrorKind::ExpiredSignature => {
                Err(ErrorCode::TokenExpired.into())
            }
            // It does not come back.
            Err(_) => Err(DisconnectCode::InvalidToken.into()),
        }
    }

    /// Returns how long the token is still good for.
    pub(crate) fn expires_in(&self) -> Option<Duration> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default();
        Some(Duration::from_secs(self.exp?).saturating_sub(now))
    }

    pub(crate) fn info(&self) -> Bytes {
        let info = self.info.as_ref();
        info.map_or_else(Bytes::new, |info| Bytes::from(info.get().to_owned()))
    }
}
