//! The operators' page, in a real browser.

use std::time::{Duration, Instant};

use e2e::Shelf;
use e2e::browser::Browser;
use e2e::gateway::Gateway;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_death_of_a_replica_shows_within_two_seconds() {
    let (one, two) = (Shelf::start().spawn().await, Shelf::start().spawn().await);
    let (first, second) = (one.address().to_string(), two.address().to_string());
    let gateway = Gateway::start().replica(one.address()).replica(two.address()).spawn().await;
    let browser = Browser::start().await;
    let mut page = browser.open(&format!("http://{}/", gateway.admin())).await;
    let shows = |address: &str, state: &str| {
        format!(
            "[...document.querySelectorAll('#replicas tr')].some(row => row.innerText.includes('{address}') && row.innerText.includes('{state}'))"
        )
    };
    page.until(&shows(&first, "up")).await;
    page.until(&shows(&second, "up")).await;
    let killed = Instant::now();
    drop(one.kill());
    page.until(&shows(&first, "down")).await;
    let seen = killed.elapsed();
    println!("the page showed it after {seen:?}");
    assert!(seen < Duration::from_secs(2), "{seen:?}");
    page.until(&shows(&second, "up")).await;
    let errors = page.errors();
    assert!(errors.is_empty(), "{errors:#?}");
    gateway.stop().await;
    two.stop().await;
}
