//! The operators' page, in a real browser.

use e2e::Shelf;
use e2e::browser::Browser;
use e2e::gateway::Gateway;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_death_of_a_replica_shows() {
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
    drop(one.kill());
    page.until(&shows(&first, "down")).await;
    page.until(&shows(&second, "up")).await;
    // What happened is there with its times.
    let happened = format!(
        "[...document.querySelectorAll('#changes tr')].filter(row => row.innerText.includes('{first}') && row.cells[2].innerText !== '').map(row => row.cells[1].innerText).join() === 'down,up'"
    );
    page.until(&happened).await;
    let replicas = gateway.replicas().await;
    let changes = replicas.iter().find(|replica| replica["address"] == first).expect("it is one");
    let changes = changes["changes"].as_array().expect("a list");
    let time = |at: usize| changes[at]["at"].as_str().expect("a time").to_owned();
    assert!(changes.len() == 2 && time(0) > time(1), "{changes:?}");
    let errors = page.errors();
    assert!(errors.is_empty(), "{errors:#?}");
    gateway.stop().await;
    two.stop().await;
}
