//! One replica: where it is, and what is known of it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use http::header::RETRY_AFTER;
use http::{Response, Uri};

use super::ewma::PeakEwma;
use super::health::Health;
use super::history::{Change, History};
use crate::clock::{self, nanos};

/// Where a replica listens: `http://HOST:PORT`, written so or as `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Origin {
    host: String,
    port: u16,
}

impl Origin {
    /// Returns what a socket is connected to.
    pub(crate) fn address(&self) -> (&str, u16) {
        (self.host.trim_start_matches('[').trim_end_matches(']'), self.port)
    }
}

impl From<SocketAddr> for Origin {
    fn from(address: SocketAddr) -> Self {
        let host = match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        Self { host, port: address.port() }
    }
}

impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write http://HOST:PORT";
        let with_scheme =
            if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let uri: Uri = with_scheme.parse().map_err(|_| FORM)?;
        if uri.scheme_str() != Some("http") {
            return Err("replicas are spoken to by http://; keep them on a network of their own");
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err("a replica has no path");
        }
        let authority = uri.authority().ok_or(FORM)?;
        if authority.as_str().contains('@') {
            return Err("a replica has no user");
        }
        Ok(Self { host: authority.host().to_owned(), port: authority.port_u16().unwrap_or(80) })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// One replica. All workers share it; only its history is locked, which no request waits for.
#[derive(Debug)]
pub(crate) struct Replica {
    /// Unique in the process, also among replicas that are gone: pools are kept by it.
    pub(crate) number: u64,
    pub(crate) origin: Origin,
    pub(crate) health: Health,
    latency: PeakEwma,
    in_flight: AtomicUsize,
    /// Attempts whose answer is waited for, and since when there was none: the last answer, or the
    /// beginning of the first of them. Nanoseconds.
    awaited: AtomicUsize,
    silent_since: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
    faults: AtomicU64,
    history: History,
}

/// What an answer says of the replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grade {
    /// Nothing bad.
    Good,
    /// 503 with `Retry-After`: it has too much to do. It gets less, and is not compared with the others
    /// by it: they would have more to do without it.
    Busy,
    /// 500: the cause may be the request or the store, which all replicas have in common, so it only
    /// counts where the others do better.
    Error,
    /// 502, 504, or 503 without `Retry-After`: it cannot work.
    Failed,
}

impl Grade {
    pub(crate) fn of<B>(answer: &Response<B>) -> Self {
        match answer.status().as_u16() {
            500 => Self::Error,
            503 if answer.headers().contains_key(RETRY_AFTER) => Self::Busy,
            502..=504 => Self::Failed,
            _ => Self::Good,
        }
    }
}

impl Replica {
    pub(crate) fn new(origin: Origin, health: Health) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let replica = Arc::new(Self {
            number: NEXT.fetch_add(1, Relaxed),
            origin,
            health,
            latency: PeakEwma::new(clock::now()),
            in_flight: AtomicUsize::new(0),
            awaited: AtomicUsize::new(0),
            silent_since: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            history: History::default(),
        });
        replica.note_state();
        replica
    }

    /// Notes the state in the history if it has changed.
    pub(crate) fn note_state(&self) {
        self.history.note(self.health.state(clock::now()), SystemTime::now());
    }

    /// Returns the last changes of its state, the last one first.
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.history.changes()
    }

    /// Returns what another request would cost here: latency times the requests that share it. A
    /// replica that is warming up looks as many times more expensive as its share is smaller.
    ///
    /// What is still waited for counts as well: a replica that stands still gives no answer whose
    /// latency could be measured, and would look as fast as it was.
    pub(crate) fn cost(&self, now: Duration) -> f64 {
        let requests = (self.in_flight.load(Relaxed) + 1) as f64;
        let latency = self.latency.nanos(now).max(self.silence(now));
        latency * requests / self.health.share(now)
    }

    /// Returns for how many nanoseconds nothing has come although something is waited for.
    fn silence(&self, now: Duration) -> f64 {
        if self.awaited.load(Relaxed) == 0 {
            return 0.0;
        }
        nanos(now).saturating_sub(self.silent_since.load(Relaxed)) as f64
    }

    /// Begins to wait for an answer, until what this returns is dropped.
    pub(crate) fn awaiting(&self) -> AwaitedAnswer<'_> {
        if self.awaited.fetch_add(1, Relaxed) == 0 {
            self.silent_since.store(nanos(clock::now()), Relaxed);
        }
        AwaitedAnswer(self)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    /// Returns how many requests were answered, and how many failed.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.answered.load(Relaxed), self.failed.load(Relaxed))
    }

    /// Returns how many requests had a fault: no answer, one of 500 and 502 to 504, or one that was
    /// broken off.
    pub(crate) fn faults(&self) -> u64 {
        self.faults.load(Relaxed)
    }

    /// Returns the latency as the balancer sees it: an average that follows a slower answer at once.
    pub(crate) fn peak_average(&self, now: Duration) -> Duration {
        Duration::from_nanos(self.latency.nanos(now) as u64)
    }

    /// Takes the head of an answer to a stream. It tells nothing of the latency: when it comes is up to the client.
    pub(crate) fn answered_stream(&self, grade: Grade) {
        let now = clock::now();
        self.answered.fetch_add(1, Relaxed);
        match grade {
            Grade::Good => self.health.succeeded(now),
            Grade::Busy => {}
            Grade::Error => self.note_fault(),
            Grade::Failed => {
                self.note_fault();
                self.note_failure(now);
            }
        }
    }

    /// Takes an attempt at a stream that got no answer.
    pub(crate) fn failed_stream(&self) {
        self.failed.fetch_add(1, Relaxed);
        self.note_fault();
        self.note_failure(clock::now());
    }

    /// Counts a fault.
    pub(crate) fn note_fault(&self) {
        self.faults.fetch_add(1, Relaxed);
    }

    /// Takes the head of an answer to a request that was sent at `since`.
    pub(crate) fn answered(&self, since: Instant, grade: Grade) {
        let (latency, now) = Self::took(since);
        self.silent_since.store(nanos(now), Relaxed);
        self.answered.fetch_add(1, Relaxed);
        if matches!(grade, Grade::Error | Grade::Failed) {
            self.note_fault();
        }
        match grade {
            Grade::Good | Grade::Error => {
                self.latency.observe(latency, now);
                self.health.succeeded(now);
            }
            // Without it the others would have more to do.
            Grade::Busy => self.latency.observe_failure(latency, now),
            Grade::Failed => {
                self.latency.observe_failure(latency, now);
                self.note_failure(now);
            }
        }
    }

    /// Takes an answer that was broken off behind its head.
    pub(crate) fn broke_off(&self) {
        self.note_fault();
        self.latency.observe_failure(Duration::ZERO, clock::now());
    }

    /// Takes an attempt since then that got no answer.
    pub(crate) fn failed(&self, since: Instant) {
        let (latency, now) = Self::took(since);
        self.failed.fetch_add(1, Relaxed);
        self.note_fault();
        self.latency.observe_failure(latency, now);
        self.note_failure(now);
    }

    /// Takes an attempt since then that was given up while there was no answer yet.
    pub(crate) fn given_up(&self, since: Instant) {
        let (latency, now) = Self::took(since);
        self.latency.observe_at_least(latency, now);
    }

    /// Returns the time since then, and what time it is.
    fn took(since: Instant) -> (Duration, Duration) {
        let now = Instant::now();
        (now.duration_since(since), clock::at(now))
    }

    fn note_failure(&self, now: Duration) {
        if let Some(time) = self.health.failed(now) {
            self.note_state();
            let (replica, seconds) = (&self.origin, time.as_secs());
            tracing::warn!(%replica, seconds, "{replica} is ejected for {seconds} s: requests to it fail");
        }
    }
}

/// A request that is under way to a replica; dropping it is the end of that.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Replica>);

impl InFlight {
    pub(crate) fn new(replica: Arc<Replica>) -> Self {
        replica.in_flight.fetch_add(1, Relaxed);
        Self(replica)
    }

    pub(crate) fn replica(&self) -> &Arc<Replica> {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// An answer is waited for.
#[derive(Debug)]
pub(crate) struct AwaitedAnswer<'a>(&'a Replica);

impl Drop for AwaitedAnswer<'_> {
    fn drop(&mut self) {
        self.0.awaited.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_that_stands_still_gets_more_expensive() {
        let replica = Replica::new("127.0.0.1:8000".parse().unwrap(), Health::new());
        replica.answered(Instant::now() - Duration::from_millis(1), Grade::Good);
        let in_a_while = clock::now() + Duration::from_secs(1);
        assert!(replica.cost(in_a_while) < 1e7, "nothing is waited for");
        let awaiting = replica.awaiting();
        assert!(replica.cost(in_a_while) > 9e8);
        replica.answered(Instant::now() - Duration::from_millis(1), Grade::Good);
        drop(awaiting);
        assert!(replica.cost(in_a_while) < 1e7, "it has answered");
    }

    #[test]
    fn an_answer_says_what_the_replica_is_worth() {
        let grade = |status: u16| Response::builder().status(status).body(()).unwrap();
        for (status, expected) in [
            (200, Grade::Good),
            (404, Grade::Good),
            (500, Grade::Error),
            (502, Grade::Failed),
            (503, Grade::Failed),
            (504, Grade::Failed),
            (507, Grade::Good),
        ] {
            assert_eq!(Grade::of(&grade(status)), expected, "{status}");
        }
        let mut busy = grade(503);
        busy.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static("1"));
        assert_eq!(Grade::of(&busy), Grade::Busy);
        let replica = Replica::new("127.0.0.1:8000".parse().unwrap(), Health::new());
        (0..10).for_each(|_| replica.answered(Instant::now(), Grade::Busy));
        assert_eq!(replica.faults(), 0);
        assert_eq!(
            replica.health.state(clock::now()).as_str(),
            Health::new().state(clock::now()).as_str()
        );
        replica.answered(Instant::now(), Grade::Error);
        replica.broke_off();
        replica.failed(Instant::now());
        assert_eq!((replica.faults(), replica.counts()), (3, (11, 1)));
    }

    #[test]
    fn origins_are_read_and_shown() {
        for (text, shown) in [
            ("http://127.0.0.1:8000", "127.0.0.1:8000"),
            ("http://127.0.0.1:8000/", "127.0.0.1:8000"),
            ("shelf-0.shelf:8000", "shelf-0.shelf:8000"),
            ("http://shelf", "shelf:80"),
            ("[::1]:8000", "[::1]:8000"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), shown);
        }
        assert_eq!("[::1]:8000".parse::<Origin>().unwrap().address(), ("::1", 8000));
        for text in ["127.0.0.1:8000", "[::1]:8000"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(Origin::from(address), text.parse().unwrap());
        }
        for text in ["", "https://a:1", "http://a/b", "http://a?b", "http://u@a:1", "a:b:c"] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
