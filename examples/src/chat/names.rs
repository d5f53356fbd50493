use std::time::Duration;

use serde_json::{Value, json};
use wskit::hub::{History, Member, Peer, Publication, Rules, Since};

use super::{Chat, Refused, now, refused, title};

/// How long a name is kept for one who has claimed it and is not seen yet.
const CLAIMED: Duration = Duration::from_secs(3);

/// What the topics of claims begin with. No room has so long a name.
const CLAIMS: &str = "names that are claimed in the room ";

/// The rules of a topic, if it is one of claims. People have nothing to do with it.
pub(super) fn rules(topic: &str) -> Option<Rules> {
    topic
        .starts_with(CLAIMS)
        .then(|| Rules::stream(History::last(100).within(2 * CLAIMED)))
}

/// What others are told of a member: a `name`, and the name that it `was`.
pub(super) fn info(member: &Member) -> Value {
    serde_json::from_slice(member.get_info()).unwrap_or_default()
}

pub(super) fn name_of(member: &Member) -> String {
    info(member)["name"].as_str().unwrap_or_default().to_owned()
}

fn member(identity: &str, info: &Value) -> Member {
    Member::new(identity).info(info.to_string())
}

impl Chat {
    /// Makes a peer present by a name, with a number behind it if it is taken.
    ///
    /// Who is present is known to all processes a moment later only. So a name is claimed by a message, of which
    /// all have the same order: the first one has the name.
    pub(super) async fn take_name(
        &self,
        peer: &Peer,
        room: &str,
        identity: &str,
        name: &str,
    ) -> Result<String, Refused> {
        let name =
            title(name, 24).ok_or_else(|| refused("bad-name", "A name has 1 to 24 characters."))?;
        let members = self.hub.present(room).await?.members;
        let (mine, others): (Vec<_>, Vec<_>) = members
            .into_iter()
            .partition(|member| member.identity() == identity);
        let mine = mine.into_iter().next();
        let taken: Vec<_> = others.iter().map(name_of).collect();
        let numbered = (2..).map(|n| format!("{name} {n}"));
        for name in std::iter::once(name.clone()).chain(numbered) {
            if taken.contains(&name) {
                continue;
            }
            let was = match &mine {
                Some(same) if name_of(same) == name => {
                    peer.enter(room, same.clone())?;
                    return Ok(name);
                }
                Some(other) => Some(name_of(other)),
                None => None,
            };
            if self.claim(room, identity, &name).await? {
                let info = match was {
                    Some(was) => json!({"name": name, "was": was}),
                    None => json!({"name": name}),
                };
                peer.enter(room, member(identity, &info))?;
                return Ok(name);
            }
        }
        Err(refused("bad-name", "There are no more such names."))
    }

    /// Claims a name. Returns whether no one else has done so a moment before.
    async fn claim(&self, room: &str, identity: &str, name: &str) -> Result<bool, Refused> {
        let topic = format!("{CLAIMS}{room}");
        let claim = json!({"name": name, "identity": identity, "time": now()});
        let at = self
            .hub
            .publish(&topic, Publication::text(claim.to_string()))
            .await?;
        let (claims, _) = self.hub.history(&topic, Since::Start, 100).await?;
        let oldest = now().saturating_sub(CLAIMED.as_millis() as u64);
        let is_rival = |claim: &Value| {
            claim["name"] == name
                && claim["identity"] != identity
                && claim["time"].as_u64().is_some_and(|time| time >= oldest)
        };
        let before = claims.iter().filter(|claim| {
            claim.position().epoch == at.epoch && claim.position().offset < at.offset
        });
        let mut before =
            before.filter_map(|claim| serde_json::from_slice::<Value>(claim.payload()).ok());
        Ok(!before.any(|claim| is_rival(&claim)))
    }
}
