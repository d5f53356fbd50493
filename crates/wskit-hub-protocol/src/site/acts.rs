use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use wskit_driver::AnyWriter;
use wskit_hub::{
    Epoch, Error, HeldSubscription, Peer, Position, Publication, Rules, Since, Subscribed,
};

use super::grant::ttl;
use super::{Client, Grant, Site};
use crate::codec::Codec;
use crate::codes::{DisconnectCode, ErrorCode};
use crate::message::{
    ClientInfo, ConnectRequest, ConnectResult, HistoryRequest, HistoryResult, PresenceResult,
    PresenceStatsResult, PublishRequest, RefreshRequest, RefreshResult, RpcRequest, RpcResult,
    SubRefreshRequest, SubRefreshResult, Subscribe, SubscribeRequest, SubscribeResult,
};
use crate::refusal::Refusal;
use crate::session::{Answer, Request};
use crate::wires::{Side, gaps, info_of, member, publication, wire};

/// The most messages of a page of history.
const PAGE: usize = 1000;

/// What the requests of a client are answered with.
pub(super) struct Acts {
    site: Site,
    codec: Codec,
    writer: AnyWriter,
    gaps: u64,
    pub(super) client: OnceLock<Client>,
    peer: OnceLock<Peer>,
    /// Of subscriptions that the server has made. Most clients have none.
    server_peer: OnceLock<Peer>,
}

/// What has come of a request.
pub(super) enum Outcome {
    /// An answer, after which these subscriptions begin.
    Answered(Result<Answer, Refusal>, Vec<HeldSubscription>),
    /// The server has subscribed the client, or failed to.
    Subscribed(String, Result<(Subscribe, HeldSubscription), Refusal>),
}

impl Acts {
    pub(super) fn new(site: Site, codec: Codec, writer: AnyWriter) -> Self {
        Self {
            site,
            codec,
            writer,
            gaps: gaps(),
            client: OnceLock::new(),
            peer: OnceLock::new(),
            server_peer: OnceLock::new(),
        }
    }

    fn client(&self) -> Result<&Client, Refusal> {
        self.client.get().ok_or(DisconnectCode::BadRequest.into())
    }

    /// Returns the peer of one side, which it attaches if there is none yet.
    fn peer(&self, side: Side) -> Result<&Peer, Refusal> {
        let place = match side {
            Side::Client => &self.peer,
            Side::Server => &self.server_peer,
        };
        if let Some(peer) = place.get() {
            return Ok(peer);
        }
        let peer = self.site.hub.attach(&self.writer, wire(self.codec, side))?;
        Ok(place.get_or_init(|| peer))
    }

    /// Answers a request.
    pub(super) async fn answer(&self, request: Request) -> Outcome {
        let mut held = Vec::new();
        let answer = match request {
            Request::Connect(request) => self.connect(request, &mut held).await,
            Request::Subscribe(request) => self.subscribe(request, &mut held).await,
            Request::Unsubscribe(request) => {
                self.unsubscribe(&request.channel);
                Ok(Answer::Unsubscribe(request.channel))
            }
            Request::Publish(request) => self.publish(request).await,
            Request::Presence(request) => self.presence(&request.channel).await,
            Request::PresenceStats(request) => self.presence_stats(&request.channel).await,
            Request::History(request) => self.history(request).await,
            Request::Rpc(request) => self.rpc(request).await,
            Request::Send(request) => self.send(request.data).await,
            Request::Refresh(request) => self.refresh(request).await,
            Request::SubRefresh(request) => self.sub_refresh(request).await,
        };
        if answer.is_err() {
            held.clear();
        }
        Outcome::Answered(answer, held)
    }

    async fn connect(
        &self,
        request: ConnectRequest,
        held: &mut Vec<HeldSubscription>,
    ) -> Result<Answer, Refusal> {
        let handler = &self.site.handlers.connect;
        let handler = handler.as_ref().ok_or(ErrorCode::Unauthorized)?;
        let positions = request.subs.clone();
        let identity = handler(request).await?;
        let info = ClientInfo {
            user: identity.user,
            client: new_id(),
            conn_info: identity.info,
            ..ClientInfo::default()
        };
        let client = info.client.clone();
        let _ = self.client.set(Client::new(info));
        self.peer(Side::Client)?;
        let mut subs = std::collections::BTreeMap::new();
        for (topic, grant) in identity.subscriptions {
            let position = positions.get(&topic);
            let (result, subscription) = self.begin(Side::Server, &topic, grant, position).await?;
            held.push(subscription);
            subs.insert(topic, result);
        }
        let (expires, ttl) = ttl(identity.expires_in);
        Ok(Answer::Connect(ConnectResult {
            client,
            expires,
            ttl,
            data: identity.data,
            subs,
            ..ConnectResult::default()
        }))
    }

    async fn subscribe(
        &self,
        request: SubscribeRequest,
        held: &mut Vec<HeldSubscription>,
    ) -> Result<Answer, Refusal> {
        let topic = request.channel.clone();
        let grant = match &self.site.handlers.subscribe {
            Some(handler) => handler((self.client()?.clone(), request.clone())).await?,
            None => {
                let rules = self.site.hub.rules(&topic)?;
                if rules.get_subscribe() != wskit_hub::Access::Everyone {
                    return Err(ErrorCode::PermissionDenied.into());
                }
                Grant::new()
            }
        };
        let begun = self
            .begin(Side::Client, &topic, grant, Some(&request))
            .await;
        let (result, subscription) = begun?;
        held.push(subscription);
        Ok(Answer::Subscribe(topic, result))
    }

    /// The server subscribes the client.
    pub(super) async fn subscribe_by_server(&self, topic: String, grant: Grant) -> Outcome {
        let begun = self.begin(Side::Server, &topic, grant, None).await;
        let begun = begun.map(|(result, held)| {
            let subscribe = Subscribe {
                recoverable: result.recoverable,
                positioned: result.positioned,
                epoch: result.epoch,
                offset: result.offset,
                data: result.data,
            };
            (subscribe, held)
        });
        Outcome::Subscribed(topic, begun)
    }

    /// Begins a subscription.
    async fn begin(
        &self,
        side: Side,
        topic: &str,
        grant: Grant,
        request: Option<&SubscribeRequest>,
    ) -> Result<(SubscribeResult, HeldSubscription), Refusal> {
        let rules = self.site.hub.rules(topic)?;
        let peer = self.peer(side)?;
        peer.grant(topic, grant.of_hub());
        if side == Side::Server {
            // It may ask, and publish, as for its own subscriptions.
            self.peer(Side::Client)?.grant(topic, grant.of_hub());
        }
        let recovering = request.filter(|request| request.recover);
        let since = since(&rules, recovering);
        let held = match peer.subscribe_held(topic, since).await {
            Err(Error::AlreadySubscribed) if self.gaps != gaps() => {
                // The client may have been told of a gap, which for it ends the subscription.
                peer.unsubscribe(topic);
                peer.subscribe_held(topic, since).await
            }
            held => held,
        };
        let held = match held {
            Ok(held) => held,
            Err(error) => {
                if !matches!(error, Error::AlreadySubscribed) {
                    self.revoke(topic);
                }
                return Err(error.into());
            }
        };
        if rules.get_presence() {
            let mut info = self.client()?.client_info().clone();
            info.chan_info = grant.info;
            held.enter(member(&info))?;
        }
        let keeps = rules.get_history().is_some();
        let position = held.subscribed().position();
        let (expires, ttl) = ttl(grant.expires_in);
        let result = SubscribeResult {
            expires,
            ttl,
            recoverable: keeps,
            positioned: keeps,
            epoch: epoch(position.epoch),
            offset: position.offset,
            publications: held.past().iter().map(publication).collect(),
            recovered: recovering.is_some() && matches!(held.subscribed(), Subscribed::All { .. }),
            was_recovering: recovering.is_some(),
            data: grant.data,
        };
        Ok((result, held))
    }

    /// Ends what the client has of a topic.
    pub(super) fn unsubscribe(&self, topic: &str) {
        for peer in [&self.peer, &self.server_peer] {
            if let Some(peer) = peer.get() {
                peer.leave(topic);
                peer.unsubscribe(topic);
            }
        }
        self.revoke(topic);
    }

    fn revoke(&self, topic: &str) {
        for peer in [&self.peer, &self.server_peer] {
            if let Some(peer) = peer.get() {
                peer.grant(topic, wskit_hub::Grant::new());
            }
        }
    }

    async fn publish(&self, request: PublishRequest) -> Result<Answer, Refusal> {
        let publication = match String::from_utf8(request.data.into()) {
            Ok(text) => Publication::text(text),
            Err(error) => Publication::binary(error.into_bytes()),
        };
        let publication = match &self.site.handlers.publish {
            Some(handler) => {
                let client = self.client()?.clone();
                handler((client, request.channel.clone(), publication)).await?
            }
            None => publication,
        };
        let peer = self.peer(Side::Client)?;
        peer.publish(&request.channel, publication).await?;
        Ok(Answer::Publish)
    }

    async fn presence(&self, topic: &str) -> Result<Answer, Refusal> {
        let present = self.peer(Side::Client)?.present(topic).await?;
        let members = present.members.iter().map(info_of);
        Ok(Answer::Presence(PresenceResult {
            presence: members.map(|info| (info.client.clone(), info)).collect(),
        }))
    }

    async fn presence_stats(&self, topic: &str) -> Result<Answer, Refusal> {
        let present = self.peer(Side::Client)?.present(topic).await?;
        let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
        let members = present.members.iter().map(info_of);
        let users: std::collections::HashSet<_> = members.map(|info| info.user).collect();
        Ok(Answer::PresenceStats(PresenceStatsResult {
            num_clients: count(present.count),
            num_users: count(users.len()),
        }))
    }

    async fn history(&self, request: HistoryRequest) -> Result<Answer, Refusal> {
        let topic = &request.channel;
        let peer = self.peer(Side::Client)?;
        if self.site.hub.rules(topic)?.get_history().is_none() {
            return Err(ErrorCode::NotAvailable.into());
        }
        let since = match &request.since {
            Some(since) => position(&since.epoch, since.offset),
            None => None,
        };
        let limit = usize::try_from(request.limit).unwrap_or(PAGE).min(PAGE);
        let (page, top) = peer.history(topic, since, limit).await?;
        if request.since.is_some() && since.map(|since| since.epoch) != Some(top.epoch) {
            return Err(ErrorCode::UnrecoverablePosition.into());
        }
        Ok(Answer::History(HistoryResult {
            publications: page.iter().map(publication).collect(),
            epoch: epoch(top.epoch),
            offset: top.offset,
        }))
    }

    async fn rpc(&self, request: RpcRequest) -> Result<Answer, Refusal> {
        let handler = self.site.handlers.rpc.as_ref();
        let handler = handler.ok_or(ErrorCode::NotAvailable)?;
        let client = self.client()?.clone();
        let data = handler((client, request.method, request.data)).await?;
        Ok(Answer::Rpc(RpcResult { data }))
    }

    async fn send(&self, data: bytes::Bytes) -> Result<Answer, Refusal> {
        let handler = self.site.handlers.send.as_ref();
        // There is no reply that could say so.
        let handler = handler.ok_or(DisconnectCode::NotAvailable)?;
        handler((self.client()?.clone(), data)).await?;
        Ok(Answer::Send)
    }

    async fn refresh(&self, request: RefreshRequest) -> Result<Answer, Refusal> {
        let handler = self.site.handlers.refresh.as_ref();
        let handler = handler.ok_or(ErrorCode::NotAvailable)?;
        let client = self.client()?;
        let (expires, ttl) = ttl(handler((client.clone(), request.token)).await?);
        Ok(Answer::Refresh(RefreshResult {
            client: client.id().to_owned(),
            expires,
            ttl,
            ..RefreshResult::default()
        }))
    }

    async fn sub_refresh(&self, request: SubRefreshRequest) -> Result<Answer, Refusal> {
        let handler = self.site.handlers.sub_refresh.as_ref();
        let handler = handler.ok_or(ErrorCode::NotAvailable)?;
        let client = self.client()?.clone();
        let prolonged = handler((client, request.channel.clone(), request.token)).await?;
        let (expires, ttl) = ttl(prolonged);
        let result = SubRefreshResult { expires, ttl };
        Ok(Answer::SubRefresh(request.channel, result))
    }

    /// The connection is over.
    pub(super) fn end(&self) {
        if let Some(client) = self.client.get() {
            client.end();
            if let Some(callback) = &self.site.handlers.disconnect {
                callback(client);
            }
        }
    }
}

/// Returns where a subscription begins.
fn since(rules: &Rules, recovering: Option<&SubscribeRequest>) -> Since {
    let Some(history) = rules.get_history() else {
        return Since::Now;
    };
    match recovering {
        // One that cannot be read is of another time: none is in the future of epoch 0.
        Some(request) => Since::After(position(&request.epoch, request.offset).unwrap_or(
            Position {
                epoch: Epoch::new(0),
                offset: u64::MAX,
            },
        )),
        // Of a topic that keeps only the newest, that is what a client wants first.
        None if history.get_last() == 1 => Since::Start,
        None => Since::Now,
    }
}

/// Returns what clients keep of an epoch.
fn epoch(epoch: Epoch) -> String {
    format!("{:x}", epoch.get())
}

fn position(epoch: &str, offset: u64) -> Option<Position> {
    let is_plain = !epoch.starts_with('+');
    let epoch = u64::from_str_radix(epoch, 16).ok().filter(|_| is_plain)?;
    Some(Position {
        epoch: Epoch::new(epoch),
        offset,
    })
}

/// Returns the id of a new connection: 128 bits that are not guessed by chance.
fn new_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let half = || RandomState::new().hash_one(number);
    format!("{:016x}{:016x}", half(), half())
}
