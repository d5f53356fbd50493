use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;

use super::Grant;
use crate::codes::DisconnectCode;
use crate::message::{ClientInfo, Disconnect};

/// A connected client, for callbacks and for what the application wants to do to it. Cloning it is cheap, and keeps
/// nothing of the connection.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    /// Of the connection, without what differs by topic.
    info: ClientInfo,
    orders: Mutex<Orders>,
}

#[derive(Default)]
struct Orders {
    list: Vec<Order>,
    waker: Option<Waker>,
    is_over: bool,
}

/// What the application wants done to a client.
#[derive(Debug)]
pub(crate) enum Order {
    Send(Bytes),
    Subscribe(String, Grant),
    Unsubscribe(String),
    Refresh(Option<Duration>),
    Disconnect(Disconnect),
}

/// Orders that may wait. A client that does not keep up with more is too slow.
const ORDERS: usize = 256;

impl Client {
    pub(crate) fn new(info: ClientInfo) -> Self {
        Self(Arc::new(Shared {
            info,
            orders: Mutex::default(),
        }))
    }

    /// Returns the id of the connection, which no other has.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.info.client
    }

    /// Returns the name of the user.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.0.info.user
    }

    /// Returns what else is told of the client.
    #[must_use]
    pub fn info(&self) -> &Bytes {
        &self.0.info.conn_info
    }

    /// Whether the connection is still there.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        !self.orders().is_over
    }

    /// Sends data to this client alone. Like all that follows it returns at once, and does nothing if the connection
    /// is over. A client for which 256 orders wait is disconnected.
    pub fn send(&self, data: impl Into<Bytes>) {
        self.order(Order::Send(data.into()));
    }

    /// Subscribes the client to a topic. Nothing happens if it is subscribed already.
    pub fn subscribe(&self, topic: impl Into<String>, grant: Grant) {
        self.order(Order::Subscribe(topic.into(), grant));
    }

    /// Ends the client's subscription to a topic: it does not subscribe again by itself.
    pub fn unsubscribe(&self, topic: impl Into<String>) {
        self.order(Order::Unsubscribe(topic.into()));
    }

    /// Has the session expire after this time, in whole seconds, or not at all.
    pub fn refresh(&self, expires_in: Option<Duration>) {
        self.order(Order::Refresh(expires_in));
    }

    /// Closes the connection. The code says whether the client comes back.
    pub fn disconnect(&self, why: impl Into<Disconnect>) {
        self.order(Order::Disconnect(why.into()));
    }

    pub(crate) fn client_info(&self) -> &ClientInfo {
        &self.0.info
    }

    fn orders(&self) -> std::sync::MutexGuard<'_, Orders> {
        let orders = self.0.orders.lock();
        orders.unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, order: Order) {
        let mut orders = self.orders();
        if orders.is_over {
            return;
        }
        if orders.list.len() >= ORDERS {
            orders.list.clear();
            orders
                .list
                .push(Order::Disconnect(DisconnectCode::Slow.into()));
        } else {
            orders.list.push(order);
        }
        let waker = orders.waker.take();
        drop(orders);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes the orders, or has `waker` woken when there are some.
    pub(crate) fn take_orders(&self, waker: &Waker) -> Vec<Order> {
        // Cloned and dropped without the lock: wakers are foreign code.
        let new = waker.clone();
        let mut orders = self.orders();
        let old = orders.waker.replace(new);
        let list = std::mem::take(&mut orders.list);
        drop(orders);
        drop(old);
        list
    }

    /// The connection is over.
    pub(crate) fn end(&self) {
        let mut orders = self.orders();
        orders.is_over = true;
        let left = (std::mem::take(&mut orders.list), orders.waker.take());
        drop(orders);
        drop(left);
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id())
            .field("user", &self.user())
            .finish_non_exhaustive()
    }
}
