//! The places of open connections, and the connection that gives its place up when none is free.
//!
//! A client proves itself with its first valid key. Until then its connection counts as a
//! stranger's, and one peer's strangers hold at most half of the places. When all places are taken,
//! a new connection takes the place of the one that is missed the least.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The interval at which a new connection looks for a place while every client is being served.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The places of all open connections.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    limit: usize,
    free: Arc<Semaphore>,
    /// The open connections by number. The lock protects the table alone and is held across no
    /// wait.
    open: Arc<Mutex<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    last: u64,
    connections: HashMap<u64, ConnectionUse>,
}

/// An open connection's place, which is free again once this value is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    number: u64,
    connection: ConnectionUse,
    open: Arc<Mutex<Table>>,
    _permit: OwnedSemaphorePermit,
}

/// The use that a client makes of its connection. Every request carries it as an extension.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionUse(Arc<Shared>);

/// The parts that the clones of a [`ConnectionUse`] share.
#[derive(Debug)]
struct Shared {
    peer: IpAddr,
    /// The lock protects the fields alone and is held across no wait.
    usage: Mutex<UseState>,
    /// Cancelled when the connection has to give up its place.
    evicted: CancellationToken,
}

#[derive(Clone, Copy, Debug)]
struct UseState {
    is_authenticated: bool,
    /// The number of requests in progress, and of writes that wait for the client.
    busy: usize,
    /// The moment since which the connection has the current value of `busy`, if that is 0.
    idle_since: Instant,
}

/// Marks a connection as busy until it is dropped.
#[derive(Debug)]
pub(crate) struct Busy(ConnectionUse);

impl Places {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            free: Arc::new(Semaphore::new(limit)),
            open: Arc::default(),
        }
    }

    /// Takes a place for a new connection of `peer`. Waits only while all places are taken by
    /// connections that authenticated clients use.
    pub(crate) async fn take(&self, peer: SocketAddr) -> Place {
        let peer = network(peer.ip());
        self.table().make_room_among_strangers(peer, self.limit);
        let permit = loop {
            let permit = self.free.clone();
            if let Ok(permit) = permit.try_acquire_owned() {
                break permit;
            }
            self.evict();
            // A connection that gives its place up does so at once.
            let permit = self.free.clone().acquire_owned();
            // The semaphore is never closed.
            if let Ok(Ok(permit)) = tokio::time::timeout(LOOK_EVERY, permit).await {
                break permit;
            }
        };
        let connection = ConnectionUse::new(peer);
        let mut table = self.table();
        table.last += 1;
        let number = table.last;
        table.connections.insert(number, connection.clone());
        Place {
            number,
            connection,
            open: self.open.clone(),
            _permit: permit,
        }
    }

    /// Ends the connection that is missed the least, if any may be ended. Returns false otherwise.
    pub(crate) fn evict(&self) -> bool {
        self.table().evict()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Ends the oldest connections of strangers from `peer` that are more than half of `limit`, if
    /// one more is added.
    fn make_room_among_strangers(&self, peer: IpAddr, limit: usize) {
        let mut strangers: Vec<(UseState, &ConnectionUse)> = self
            .strangers()
            .filter(|(_, connection)| connection.0.peer == peer)
            .collect();
        let most = (limit / 2).max(1);
        if strangers.len() < most {
            return;
        }
        strangers.sort_by_key(|(usage, _)| (usage.busy > 0, usage.idle_since));
        let surplus = strangers.len() + 1 - most;
        for (_, connection) in strangers.into_iter().take(surplus) {
            connection.0.evicted.cancel();
        }
    }

    /// Ends one connection: an idle one of a stranger, else an idle one of an authenticated client,
    /// else any of a stranger. Among strangers, the peer with the most connections loses its
    /// oldest one.
    fn evict(&self) -> bool {
        let mut held: HashMap<IpAddr, usize> = HashMap::new();
        for (_, connection) in self.strangers() {
            *held.entry(connection.0.peer).or_default() += 1;
        }
        let rank = |usage: &UseState, peer: &IpAddr| {
            let of_peer = held.get(peer).copied().unwrap_or_default();
            match (usage.is_authenticated, usage.busy > 0) {
                (false, false) => Some((0, usize::MAX - of_peer)),
                (true, false) => Some((1, 0)),
                (false, true) => Some((2, usize::MAX - of_peer)),
                (true, true) => None,
            }
        };
        let least = self
            .staying()
            .filter_map(|(usage, connection)| {
                let rank = rank(&usage, &connection.0.peer)?;
                Some(((rank, usage.idle_since), connection))
            })
            .min_by_key(|(rank, _)| *rank);
        match least {
            Some((_, connection)) => {
                connection.0.evicted.cancel();
                true
            }
            None => false,
        }
    }

    /// Returns the connections that have not been told to end.
    fn staying(&self) -> impl Iterator<Item = (UseState, &ConnectionUse)> {
        self.connections
            .values()
            .filter(|connection| !connection.0.evicted.is_cancelled())
            .map(|connection| (*connection.usage(), connection))
    }

    fn strangers(&self) -> impl Iterator<Item = (UseState, &ConnectionUse)> {
        self.staying().filter(|(usage, _)| !usage.is_authenticated)
    }
}

impl Place {
    pub(crate) const fn connection(&self) -> &ConnectionUse {
        &self.connection
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        table.connections.remove(&self.number);
    }
}

impl ConnectionUse {
    fn new(peer: IpAddr) -> Self {
        let usage = UseState {
            is_authenticated: false,
            busy: 0,
            idle_since: Instant::now(),
        };
        Self(Arc::new(Shared {
            peer,
            usage: Mutex::new(usage),
            evicted: CancellationToken::new(),
        }))
    }

    /// Creates a connection that has no place, for tests of its parts.
    #[cfg(test)]
    pub(crate) fn unplaced() -> Self {
        Self::new(IpAddr::V6(Ipv6Addr::LOCALHOST))
    }

    fn usage(&self) -> MutexGuard<'_, UseState> {
        self.0.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a request of this connection had a valid key.
    pub(crate) fn authenticate(&self) {
        self.usage().is_authenticated = true;
    }

    /// Marks the connection as busy until the returned value is dropped.
    pub(crate) fn busy(&self) -> Busy {
        self.usage().busy += 1;
        Busy(self.clone())
    }

    /// Resolves when the connection has to be closed: because it was idle for `limit`, or because a
    /// new one takes its place.
    pub(crate) async fn overdue(&self, limit: Duration) -> &'static str {
        let idle = async {
            loop {
                let UseState {
                    busy, idle_since, ..
                } = *self.usage();
                let now = Instant::now();
                // A connection that is busy now cannot be idle for long before `now + limit`.
                let until = if busy > 0 { now } else { idle_since } + limit;
                if until <= now {
                    return;
                }
                tokio::time::sleep_until(until).await;
            }
        };
        tokio::select! {
            () = self.0.evicted.cancelled() => "another connection took its place",
            () = idle => "it had no request for too long",
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut usage = self.0.usage();
        usage.busy -= 1;
        usage.idle_since = Instant::now();
    }
}

/// Returns the network that counts as one peer: an IPv4 address, or 64 bits of an IPv6 address,
/// which one host can have alone.
pub(crate) fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let host_bits = u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !host_bits))
        }
    }
}

/// The body of a response, during which the connection is busy.
pub(crate) struct BusyBody {
    body: Body,
    _busy: Busy,
}

impl BusyBody {
    pub(crate) const fn new(body: Body, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl HttpBody for BusyBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn peer(last: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, last], 1))
    }

    fn is_evicted(place: &Place) -> bool {
        place.connection.0.evicted.is_cancelled()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_is_overdue_and_a_busy_one_is_not() {
        let places = Places::new(4);
        let place = places.take(peer(1)).await;
        let began = Instant::now();
        let busy = place.connection().busy();
        let overdue = place.connection().overdue(LIMIT);
        let serving = async {
            tokio::time::sleep(4 * LIMIT + LIMIT / 2).await;
            drop(busy);
        };
        tokio::join!(overdue, serving);
        assert_eq!(began.elapsed(), 5 * LIMIT + LIMIT / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn one_peer_cannot_hold_more_than_half_of_the_places_without_a_key() {
        let places = Places::new(4);
        let first = places.take(peer(1)).await;
        tokio::time::advance(LIMIT / 10).await;
        let second = places.take(peer(1)).await;
        let other = places.take(peer(2)).await;
        assert!(!is_evicted(&first));
        let _third = places.take(peer(1)).await;
        assert!(is_evicted(&first), "the oldest one of the peer gives way");
        assert!(!is_evicted(&second) && !is_evicted(&other));
    }

    #[tokio::test(start_paused = true)]
    async fn clients_with_a_key_keep_their_places() {
        let places = Places::new(4);
        let streaming = places.take(peer(1)).await;
        streaming.connection().authenticate();
        let _stream = streaming.connection().busy();
        let waiting = places.take(peer(1)).await;
        waiting.connection().authenticate();
        let slow = places.take(peer(2)).await;
        let _slow = slow.connection().busy();
        let silent = places.take(peer(3)).await;
        let evicts = |expected: &Place| {
            assert!(places.evict());
            assert!(is_evicted(expected));
        };
        evicts(&silent);
        evicts(&waiting);
        evicts(&slow);
        assert!(!places.evict(), "a client in the middle of a request stays");
        assert!(!is_evicted(&streaming));
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_waits_for_a_place_among_busy_clients() {
        let places = Places::new(1);
        let first = places.take(peer(1)).await;
        first.connection().authenticate();
        let busy = first.connection().busy();
        let next = tokio::time::timeout(LIMIT, places.take(peer(2))).await;
        assert!(next.is_err());
        drop(busy);
        let (_, _) = tokio::join!(places.take(peer(2)), async {
            first.connection().overdue(LIMIT).await;
            drop(first);
        });
    }

    #[test]
    fn a_peer_is_an_address_or_a_network_of_one_host() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }
}
