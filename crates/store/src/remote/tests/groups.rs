//! Many writes in one group.

use domain::{Outcome, Refusal};

use super::engine::Engine;
use super::kit::*;

#[tokio::test(start_paused = true)]
async fn writes_to_one_item_apply_in_order() {
    let engine = Engine::default();
    let writes = (0..100).map(|n| if n % 10 == 9 { delete("a") } else { put("a", n) });
    let results = settled(&engine, writes).await;
    for (n, result) in results.iter().enumerate() {
        let expected = match n % 10 {
            9 => Ok(Ok(Outcome::Deleted)),
            0 => created(n),
            _ => updated(n),
        };
        assert_results(std::slice::from_ref(result), &[expected]);
    }
    assert!(engine.inner().calls <= 6, "{} calls", engine.inner().calls);
}

#[tokio::test(start_paused = true)]
async fn results_are_in_the_order_of_the_writes() {
    let engine = Engine::default();
    engine.write(put("c", 1));
    let writes =
        [put("a", 1), delete("b"), put("c", 1), put("a", 2), if_match(put("c", 3), 2), delete("a")];
    let results = settled(&engine, writes).await;
    assert_results(
        &results,
        &[
            created(1),
            Ok(Err(Refusal::NotFound)),
            Ok(Ok(Outcome::Unchanged(item(1)))),
            updated(2),
            Ok(Err(Refusal::PreconditionFailed { current: Some(item(1).etag()) })),
            Ok(Ok(Outcome::Deleted)),
        ],
    );
}
