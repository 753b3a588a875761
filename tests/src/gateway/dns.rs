//! A server of the DNS that says what it is told to say.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::SRV;
use hickory_proto::rr::{Name, RData, Record};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// Seconds that its records may be kept: as short as a gateway goes.
const TTL: u32 = 1;

/// What a server does with questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Answers from its records; a name that has none does not exist.
    Well,
    /// Says that it failed (SERVFAIL).
    Failing,
    /// Says nothing.
    Silent,
}

/// A server at a port of 127.0.0.1, by UDP.
#[derive(Debug)]
pub struct Dns {
    address: SocketAddr,
    shared: Arc<Shared>,
    answering: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    zone: Mutex<(Mood, HashMap<Name, Vec<RData>>)>,
    asked: AtomicUsize,
}

impl Dns {
    /// Starts a server without records.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port is free");
        let address = socket.local_addr().expect("it is bound");
        let zone = Mutex::new((Mood::Well, HashMap::new()));
        let shared = Arc::new(Shared { zone, asked: AtomicUsize::new(0) });
        let sharing = Arc::clone(&shared);
        let answering = tokio::spawn(async move {
            let mut bytes = [0; 4096];
            while let Ok((length, client)) = socket.recv_from(&mut bytes).await {
                if let Some(answer) = sharing.answer(&bytes[..length]) {
                    let _ = socket.send_to(&answer, client).await;
                }
            }
        });
        Self { address, shared, answering }
    }

    /// Returns where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says what it does with questions from now on.
    pub fn set_mood(&self, mood: Mood) {
        self.shared.lock().0 = mood;
    }

    /// Lets a name have these addresses, in this order, and no others.
    pub fn set_addresses(&self, name: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        self.set(name, addresses.into_iter().map(RData::from));
    }

    /// Lets a service have these hosts, given by priority, name and port, and no others.
    pub fn set_services<'a>(
        &self,
        name: &str,
        hosts: impl IntoIterator<Item = (u16, &'a str, u16)>,
    ) {
        let services = hosts
            .into_iter()
            .map(|(priority, host, port)| RData::SRV(SRV::new(priority, 0, port, absolute(host))));
        self.set(name, services);
    }

    /// Returns how many questions were asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    fn set(&self, name: &str, records: impl Iterator<Item = RData>) {
        self.shared.lock().1.insert(absolute(name), records.collect());
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, (Mood, HashMap<Name, Vec<RData>>)> {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let question = Message::from_vec(question).expect("a gateway asks in the right form");
        self.asked.fetch_add(1, Ordering::SeqCst);
        let (mood, zone) = &*self.lock();
        if *mood == Mood::Silent {
            return None;
        }
        let query = question.queries.first().expect("there is a question").clone();
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        let records = zone.get(query.name()).filter(|records| !records.is_empty());
        answer.metadata.response_code = match records {
            _ if *mood == Mood::Failing => ResponseCode::ServFail,
            Some(_) => ResponseCode::NoError,
            None => ResponseCode::NXDomain,
        };
        if *mood == Mood::Well {
            let wanted = records.into_iter().flatten();
            let wanted = wanted.filter(|data| data.record_type() == query.query_type());
            for data in wanted {
                answer.add_answer(Record::from_rdata(query.name().clone(), TTL, data.clone()));
            }
        }
        answer.add_query(query);
        Some(answer.to_vec().expect("an answer can be written"))
    }
}

fn absolute(name: &str) -> Name {
    Name::from_ascii(format!("{name}.")).expect("a test's names are names")
}
