use serde_json::{Value, json};
use wskit::hub::{Member, Peer};

use super::{Chat, Refused, refused, title};

/// Names that are tried before one gives up.
const TRIES: usize = 20;

/// Returns the name that others see, if they see the member. A name that is only claimed is not seen yet.
pub(super) fn shown(member: &Member) -> Option<String> {
    let info = info(member);
    let field = if is_claim(&info) { "was" } else { "name" };
    info[field].as_str().map(str::to_owned)
}

/// Returns the old name, if there was one, and the new one, of a member that others see come or change.
pub(super) fn change(member: &Member) -> Option<(Option<String>, String)> {
    let info = info(member);
    let text = |field: &str| info[field].as_str().map(str::to_owned);
    (!is_claim(&info)).then_some((text("was"), text("name")?))
}

/// What is told of a member: a `name`, the name that it `was`, and whether the name is a `claim`.
fn info(member: &Member) -> Value {
    serde_json::from_slice(member.get_info()).unwrap_or_default()
}

fn is_claim(info: &Value) -> bool {
    info["claim"] == true
}

fn member(identity: &str, info: &Value) -> Member {
    Member::new(identity).info(info.to_string())
}

/// A name with a number behind it, from the second on.
fn numbered(name: &str, number: usize) -> String {
    match number {
        0 | 1 => name.to_owned(),
        _ => format!("{name} {number}"),
    }
}

impl Chat {
    /// Makes a peer present by a name, with a number behind it if it is taken.
    ///
    /// Two processes may look for a name at once. So a name is claimed, then looked for again: of those who
    /// claim the same one, at least one sees the other, and each that sees another takes a later number.
    pub(super) async fn take_name(
        &self,
        peer: &Peer,
        room: &str,
        identity: &str,
        name: &str,
    ) -> Result<String, Refused> {
        let name =
            title(name, 24).ok_or_else(|| refused("bad-name", "A name has 1 to 24 characters."))?;
        let _naming = self.naming.lock().await;
        let (mine, mut others) = self.members(room, identity).await?;
        let was = mine.as_ref().and_then(shown);
        let mut number = 1;
        for _ in 0..TRIES {
            let free = (number..).find(|number| {
                let name = numbered(&name, *number);
                others.iter().all(|other| !has(other, &name))
            });
            number = free.unwrap_or(number);
            let mut info = json!({"name": numbered(&name, number)});
            match (&mine, &was) {
                (Some(mine), Some(was)) if info["name"] == **was => {
                    peer.enter(room, mine.clone())?;
                    return Ok(was.clone());
                }
                (_, Some(was)) => info["was"] = was.as_str().into(),
                _ => {}
            }
            let mut claim = info.clone();
            claim["claim"] = true.into();
            peer.enter(room, member(identity, &claim))?;
            others = self.members(room, identity).await?.1;
            let taken = numbered(&name, number);
            let rivals: Vec<_> = others.iter().filter(|other| has(other, &taken)).collect();
            if rivals.is_empty() {
                peer.enter(room, member(identity, &info))?;
                return Ok(taken);
            }
            // Those who see each other take different numbers.
            let before = |other: &&&Member| other.identity() < identity;
            number += 1 + rivals.iter().filter(before).count();
        }
        match mine {
            Some(mine) => peer.enter(room, mine)?,
            None => peer.leave(room),
        }
        Err(refused("refused", "Too many take this name now. Try again."))
    }

    /// Returns the member of an identity, if it is here, and the others.
    async fn members(
        &self,
        room: &str,
        identity: &str,
    ) -> Result<(Option<Member>, Vec<Member>), Refused> {
        let members = self.hub.present(room).await?.members;
        let (mine, others): (Vec<_>, _) = members
            .into_iter()
            .partition(|member| member.identity() == identity);
        Ok((mine.into_iter().next(), others))
    }
}

/// Whether a member has a name, or had it a moment ago.
fn has(member: &Member, name: &str) -> bool {
    let info = info(member);
    info["name"] == name || is_claim(&info) && info["was"] == name
}
