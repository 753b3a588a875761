//! `kill -9` under load: every acknowledged write is there afterwards, byte for byte.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use e2e::{Connection, Home, Random, Request, Shelf};
use tokio::sync::watch;

const ROUNDS: usize = 20;
const CLIENTS: usize = 10;
/// Ids of each client: few, so that most writes meet an earlier one.
const IDS: u64 = 40;
/// Longest time until a killed service serves again. The debug build needs a fraction of it.
const RESTART_TIME_MAX: Duration = Duration::from_secs(5);

/// What one client knows of its items; no other client writes them.
#[derive(Debug)]
struct Client {
    number: usize,
    random: Random,
    /// The items by id: body and ETag, as acknowledged.
    items: BTreeMap<String, (String, String)>,
    /// The write that was not acknowledged, if there is one: the body, or nothing for a deletion.
    open: Option<(String, Option<String>)>,
    writes: u64,
    acknowledged: u64,
}

impl Client {
    fn new(number: usize, random: Random) -> Self {
        let items = BTreeMap::new();
        Self { number, random, items, open: None, writes: 0, acknowledged: 0 }
    }

    /// Writes until the service is gone.
    async fn write(mut self, mut connection: Connection, gone: watch::Receiver<bool>) -> Self {
        while !*gone.borrow() {
            let id = format!("{}-{}", self.number, self.random.below(IDS));
            self.writes += 1;
            let body = (self.random.below(4) > 0).then(|| self.body());
            let target = format!("/items/{id}");
            let request = match &body {
                Some(body) => Request::put(target, body.as_str()),
                None => Request::delete(target),
            };
            self.open = Some((id.clone(), body.clone()));
            let Ok(answer) = connection.try_send(&request).await else { break };
            self.open = None;
            self.acknowledged += 1;
            let known = self.items.contains_key(&id);
            match body {
                Some(body) => {
                    answer.expect(if known { 200 } else { 201 });
                    assert_eq!(answer.text(), body);
                    self.items.insert(id, (body, answer.etag()));
                }
                None => {
                    answer.expect(if known { 204 } else { 404 });
                    self.items.remove(&id);
                }
            }
        }
        self
    }

    /// Makes a body that no other write has; some are large enough to fill blocks of the store.
    fn body(&mut self) -> String {
        let length = if self.random.below(50) == 0 { 20_000 } else { self.random.below(200) };
        let padding = "é".repeat(usize::try_from(length).expect("it is small"));
        let writes = self.writes;
        format!("{{\"name\":\"{writes} {padding}\",\"size\":1234567890123456789012345678{writes}}}")
    }

    /// Compares what is there with what was acknowledged, and learns how the open write ended.
    fn check(&mut self, found: &BTreeMap<String, (String, String)>) {
        if let Some((id, body)) = self.open.take() {
            let now = found.get(&id);
            if now.map(|(now, _)| now) == body.as_ref() {
                match now {
                    Some(now) => self.items.insert(id, now.clone()),
                    None => self.items.remove(&id),
                };
            }
        }
        let prefix = format!("{}-", self.number);
        let own = found.iter().filter(|(id, _)| id.starts_with(&prefix));
        let own: BTreeMap<_, _> = own.map(|(id, item)| (id.clone(), item.clone())).collect();
        for id in own.keys().chain(self.items.keys()) {
            assert_eq!(own.get(id), self.items.get(id), "{id}: found, and acknowledged");
        }
    }
}

/// Reads the whole collection, and every item of it by itself.
async fn read_all(shelf: &Shelf) -> BTreeMap<String, (String, String)> {
    let mut connection = shelf.connect().await;
    let mut found = BTreeMap::new();
    let mut target = Some("/items?limit=100".to_owned());
    while let Some(page) = target.take() {
        let page = connection.send(&Request::get(page)).await.json();
        for entry in page["items"].as_array().expect("a list") {
            let text = |name: &str| entry[name].as_str().expect("a text").to_owned();
            let item = connection.send(&Request::get(format!("/items/{}", text("id")))).await;
            item.expect(200);
            assert_eq!((item.text(), item.etag()), (entry["item"].to_string(), text("etag")));
            found.insert(text("id"), (item.text(), item.etag()));
        }
        target = page["next"].as_str().map(str::to_owned);
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_kill_9() {
    let home = Home::new();
    let mut random = Random::new();
    let mut clients: Vec<_> =
        (0..CLIENTS).map(|number| Client::new(number, random.fork())).collect();
    let mut open = 0;
    for round in 0..=ROUNDS {
        let started = Instant::now();
        let shelf = Shelf::start().home(&home).on_disk().spawn().await;
        let restart = started.elapsed();
        assert!(restart < RESTART_TIME_MAX, "round {round}: the restart took {restart:?}");
        open += clients.iter().filter(|client| client.open.is_some()).count();
        let found = read_all(&shelf).await;
        clients.iter_mut().for_each(|client| client.check(&found));
        let acknowledged: u64 = clients.iter().map(|client| client.acknowledged).sum();
        println!(
            "round {round}: restarted in {restart:?}, {} items, {acknowledged} acknowledged",
            found.len()
        );
        if round == ROUNDS {
            // Most rounds interrupt something; if none did, the test would show nothing.
            assert!(open > ROUNDS, "{open} writes were open when the service was killed");
            assert!(acknowledged > 1_000, "{acknowledged} writes were acknowledged");
            shelf.stop().await;
            return;
        }

        let (gone, is_gone) = watch::channel(false);
        let mut writing = tokio::task::JoinSet::new();
        for client in clients.drain(..) {
            let connection = shelf.connect().await;
            writing.spawn(client.write(connection, is_gone.clone()));
        }
        // This is no wait for something: the moment of the kill is the experiment.
        let moment = random.between(Duration::from_millis(10), Duration::from_millis(600));
        tokio::time::sleep(moment).await;
        shelf.kill();
        gone.send_replace(true);
        clients = writing.join_all().await;
        clients.sort_by_key(|client| client.number);
    }
}
