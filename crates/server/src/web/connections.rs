//! Who is connected, and who has to go where there is no more room.
//!
//! Whoever is signed in is *known*; everybody else is a *stranger*. Strangers can never take all places, and one address
//! only a part of them. Where a place is wanted and there is none, the stranger goes that waits longest and for whom no
//! answer is being made: half-sent headers and bodies and idle connections wait, so that many slow connections push out
//! each other and not the request that comes now. Loopback and the site's own proxies stand for many and have no limit
//! of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Open files that the store, the log and the listener need beside the connections.
const OTHER_FILES: usize = 160;
/// Most connections, however many files may be open.
const MOST: usize = 4096;
/// Connections that are tried for one to end before a new one is refused.
const LOOKED_AT: usize = 256;
/// A connection that waits ends when no byte moves for this long.
pub(crate) const IDLE: Duration = Duration::from_secs(20);
/// One for which an answer is made ends after more than the longest answer takes. Live lines may be silent.
pub(crate) const STALLED: Duration = Duration::from_secs(75);

/// How many there may be at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// In all.
    pub(crate) most: usize,
    /// Strangers.
    pub(crate) strangers: usize,
    /// Strangers of one address (IPv6: of one network of 64 bits).
    pub(crate) of_address: usize,
    /// Known ones: a few places stay for who wants to sign in.
    pub(crate) known: usize,
}

impl Limits {
    /// Limits for so many connections in all.
    pub(crate) fn of(most: usize) -> Self {
        let part = |of: usize| (most * of / 16).max(1);
        Self {
            most,
            strangers: part(12),
            of_address: part(4),
            known: part(15),
        }
    }

    /// As many as the system lets this process hold.
    pub(crate) fn of_system() -> Self {
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
        Self::of(open_files(&limits).saturating_sub(OTHER_FILES).clamp(64, MOST))
    }
}

/// The soft limit of open files in the kernel's table of limits; the usual 1024 where it cannot be read.
fn open_files(limits: &str) -> usize {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next());
    soft.and_then(|soft| soft.parse().ok()).unwrap_or(1024)
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It sends, or is idle, or takes what was answered: it can be ended.
    Waiting = 0,
    /// An answer is being made.
    Answering = 1,
    /// It is a live line.
    Line = 2,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    number: u64,
    network: IpAddr,
    phase: AtomicU8,
    /// When a byte moved last, in milliseconds after the server's start.
    moved: AtomicU64,
    ended: Notify,
    all: Arc<Connections>,
}

impl Connection {
    /// Says what it is doing now.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
        self.moves();
    }

    /// Says that a byte moved.
    pub(crate) fn moves(&self) {
        self.moved.store(self.all.now(), Ordering::Relaxed);
    }

    /// Says that whoever is behind it is signed in, or has the hospital's token.
    pub(crate) fn recognise(&self) {
        self.all.recognise(self.number);
    }

    /// Whether this is the address of a proxy of the site.
    pub(crate) fn is_of_proxy(&self, address: IpAddr) -> bool {
        self.all.is_proxy(address)
    }

    /// Waits until it has to end.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    fn is(&self, phase: Phase) -> bool {
        self.phase.load(Ordering::Relaxed) == phase as u8
    }
}

/// The place of a connection; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Connection>);

impl Place {
    /// Whose it is.
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.all.state().remove(self.0.number);
    }
}

/// All connections.
#[derive(Debug)]
pub(crate) struct Connections {
    limits: Limits,
    proxies: Vec<IpAddr>,
    begun: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    all: BTreeMap<u64, Arc<Connection>>,
    strangers: BTreeSet<u64>,
    of_address: BTreeMap<IpAddr, BTreeSet<u64>>,
}

impl State {
    fn remove(&mut self, number: u64) {
        let Some(connection) = self.all.remove(&number) else {
            return;
        };
        self.strangers.remove(&number);
        self.leave(connection.network, number);
    }

    /// No longer counts it among the strangers of an address.
    fn leave(&mut self, network: IpAddr, number: u64) {
        if let Some(numbers) = self.of_address.get_mut(&network) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.of_address.remove(&network);
            }
        }
    }

    fn known(&self) -> usize {
        self.all.len().saturating_sub(self.strangers.len())
    }

    /// Ends the stranger that came first of those that wait; whether there was one.
    fn end_one(&mut self, among: Option<IpAddr>) -> bool {
        let none = BTreeSet::new();
        let numbers = match among {
            None => &self.strangers,
            Some(network) => self.of_address.get(&network).unwrap_or(&none),
        };
        let waiting = numbers
            .iter()
            .take(LOOKED_AT)
            .filter_map(|number| self.all.get(number))
            .find(|connection| connection.is(Phase::Waiting));
        let Some(connection) = waiting.map(Arc::clone) else {
            return false;
        };
        connection.ended.notify_one();
        self.remove(connection.number);
        true
    }
}

impl Connections {
    /// None yet. `proxies` are those of the site.
    pub(crate) fn new(limits: Limits, proxies: Vec<IpAddr>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            proxies,
            begun: Instant::now(),
            state: Mutex::default(),
        })
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.contains(&address.to_canonical())
    }

    /// Gives a new connection its place, if need be that of another; none where all others are at work.
    pub(crate) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        let stands_for_many = peer.is_loopback() || self.is_proxy(peer);
        let network = network(peer);
        let Limits {
            most,
            strangers,
            of_address,
            ..
        } = self.limits;
        let mut state = self.state();
        let own = state.of_address.get(&network).map_or(0, BTreeSet::len);
        if !stands_for_many && own >= of_address && !state.end_one(Some(network)) {
            return None;
        }
        let is_full = state.strangers.len() >= strangers || state.all.len() >= most;
        if is_full && !state.end_one(None) {
            return None;
        }
        let number = state.next;
        state.next += 1;
        let connection = Arc::new(Connection {
            number,
            network,
            phase: AtomicU8::new(Phase::Waiting as u8),
            moved: AtomicU64::new(self.now()),
            ended: Notify::new(),
            all: Arc::clone(self),
        });
        state.all.insert(number, Arc::clone(&connection));
        state.strangers.insert(number);
        state.of_address.entry(network).or_default().insert(number);
        Some(Place(connection))
    }

    fn recognise(&self, number: u64) {
        let mut state = self.state();
        if !state.strangers.contains(&number) || state.known() >= self.limits.known {
            return;
        }
        state.strangers.remove(&number);
        let network = state.all.get(&number).map(|connection| connection.network);
        if let Some(network) = network {
            state.leave(network, number);
        }
    }

    /// Ends those on which nothing has moved for `idle` while they wait, for `stalled` while an answer is made; gives
    /// how many.
    pub(crate) fn end_stalled(&self, idle: Duration, stalled: Duration) -> usize {
        let now = self.now();
        let mut state = self.state();
        let stalled: Vec<Arc<Connection>> = state
            .all
            .values()
            .filter(|connection| {
                let still = now.saturating_sub(connection.moved.load(Ordering::Relaxed));
                let longest = if connection.is(Phase::Waiting) {
                    idle
                } else {
                    stalled
                };
                !connection.is(Phase::Line) && u128::from(still) > longest.as_millis()
            })
            .map(Arc::clone)
            .collect();
        for connection in &stalled {
            connection.ended.notify_one();
            state.remove(connection.number);
        }
        stalled.len()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock panics; were it poisoned, the counts would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What counts as one address: a machine has a whole network of IPv6 to itself.
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn is_ended(place: &Place) -> bool {
        let all = &place.connection().all;
        !all.state().all.contains_key(&place.connection().number)
    }

    #[test]
    fn the_longest_waiting_stranger_makes_room() {
        let all = Connections::new(Limits::of(16), Vec::new());
        let here = address("127.0.0.1");
        let places: Vec<Place> = (0..12).map(|_| all.admit(here).unwrap()).collect();
        places[0].connection().enter(Phase::Answering);
        places[1].connection().recognise();
        // The known one left room among the strangers.
        let one = all.admit(here).unwrap();
        assert!(places.iter().all(|place| !is_ended(place)));
        let another = all.admit(here).unwrap();
        let ended: Vec<usize> = (0..12).filter(|number| is_ended(&places[*number])).collect();
        assert_eq!(ended, [2], "neither the one at work nor the known one");
        assert!(!is_ended(&one) && !is_ended(&another));
        for place in places.iter().chain([&one, &another]) {
            place.connection().enter(Phase::Answering);
        }
        assert!(all.admit(here).is_none(), "all are at work");
        drop(places);
        assert_eq!(all.state().all.len(), 2);
        drop((one, another));
        let state = all.state();
        assert!(state.all.is_empty() && state.strangers.is_empty() && state.of_address.is_empty());
    }

    #[test]
    fn an_address_pushes_out_its_own() {
        let proxy = address("10.0.0.9");
        let all = Connections::new(Limits::of(32), vec![proxy]);
        let other = all.admit(address("10.0.0.1")).unwrap();
        let many: Vec<Place> = (0..20).map(|_| all.admit(address("10.0.0.2")).unwrap()).collect();
        assert!(!is_ended(&other));
        let left = many.iter().filter(|place| !is_ended(place)).count();
        assert_eq!(left, Limits::of(32).of_address);
        assert!(is_ended(&many[0]) && !is_ended(&many[19]));
        // One machine, many addresses.
        let six: Vec<Place> = (0..9)
            .map(|host| all.admit(address(&format!("2001:db8::{host}"))).unwrap())
            .collect();
        assert_eq!(six.iter().filter(|place| !is_ended(place)).count(), 8);
        let proxied: Vec<Place> = (0..12).map(|_| all.admit(proxy).unwrap()).collect();
        assert_eq!(proxied.iter().filter(|place| !is_ended(place)).count(), 12);
    }

    #[test]
    fn the_known_leave_room_for_who_wants_to_sign_in() {
        let limits = Limits::of(16);
        let all = Connections::new(limits, Vec::new());
        let mut places = Vec::new();
        for _ in 0..40 {
            let Some(place) = all.admit(address("127.0.0.1")) else {
                break;
            };
            place.connection().recognise();
            place.connection().enter(Phase::Line);
            places.push(place);
        }
        assert_eq!(all.state().known(), limits.known);
        assert!(all.state().all.len() <= limits.most);
        assert_eq!(
            all.end_stalled(Duration::ZERO, Duration::ZERO),
            0,
            "live lines may be silent"
        );
    }

    #[test]
    fn what_stands_still_ends() {
        let all = Connections::new(Limits::of(16), Vec::new());
        let here = address("::1");
        let [still, moving, working] = [0; 3].map(|_| all.admit(here).unwrap());
        working.connection().enter(Phase::Answering);
        std::thread::sleep(Duration::from_millis(40));
        moving.connection().moves();
        let idle = Duration::from_millis(20);
        assert_eq!(all.end_stalled(idle, STALLED), 1);
        assert!(is_ended(&still) && !is_ended(&moving) && !is_ended(&working));
        assert_eq!(all.end_stalled(STALLED, idle), 1);
        assert!(is_ended(&working));
    }

    #[test]
    fn the_limit_of_open_files_is_read() {
        let table = "Limit                     Soft Limit           Hard Limit           Units     \n\
                     Max open files            2048                 524288               files     \n";
        assert_eq!((open_files(table), open_files("")), (2048, 1024));
    }
}
