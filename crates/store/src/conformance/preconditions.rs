//! Every row of the order of checks.

use domain::{Outcome, Refusal};

use super::kit::*;

fn failed(current: Option<&domain::Item>) -> domain::Verdict {
    Err(Refusal::PreconditionFailed { current: current.map(domain::Item::etag) })
}

pub(crate) async fn if_none_match_any_admits_only_a_creation(store: Subject) {
    let (first, second) = (numbered(1), numbered(2));
    assert_eq!(
        one(&store, if_none_match_any(put("a", &first))).await,
        Ok(Outcome::Created(first.clone()))
    );
    assert_eq!(one(&store, if_none_match_any(put("a", &second))).await, failed(Some(&first)));
    assert_eq!(one(&store, if_none_match_any(put("a", &first))).await, failed(Some(&first)));
    assert_eq!(one(&store, if_none_match_any(delete("a"))).await, failed(Some(&first)));
    assert_eq!(get(&store, "a").await, Some(first));
}

pub(crate) async fn if_match_admits_only_the_listed_tags(store: Subject) {
    let (first, second, third) = (numbered(1), numbered(2), numbered(3));
    assert_eq!(one(&store, if_match(put("a", &first), &[first.etag()])).await, failed(None));
    one(&store, put("a", &first)).await.unwrap();
    assert_eq!(
        one(&store, if_match(put("a", &second), &[third.etag()])).await,
        failed(Some(&first))
    );
    assert_eq!(one(&store, if_match(put("a", &second), &[])).await, failed(Some(&first)));
    let tags = [third.etag(), first.etag()];
    assert_eq!(
        one(&store, if_match(put("a", &second), &tags)).await,
        Ok(Outcome::Updated(second.clone()))
    );
    assert_eq!(get(&store, "a").await, Some(second));
}

pub(crate) async fn if_match_any_admits_only_an_existing_item(store: Subject) {
    let (first, second) = (numbered(1), numbered(2));
    assert_eq!(one(&store, if_match_any(put("a", &first))).await, failed(None));
    assert_eq!(get(&store, "a").await, None);
    one(&store, put("a", &first)).await.unwrap();
    assert_eq!(one(&store, if_match_any(put("a", &second))).await, Ok(Outcome::Updated(second)));
}

pub(crate) async fn a_repeated_conditional_put_is_no_conflict(store: Subject) {
    let (first, second) = (numbered(1), numbered(2));
    one(&store, put("a", &first)).await.unwrap();
    let write = if_match(put("a", &second), &[first.etag()]);
    assert_eq!(one(&store, write.clone()).await, Ok(Outcome::Updated(second.clone())));
    assert_eq!(one(&store, write).await, Ok(Outcome::Unchanged(second)));
}

pub(crate) async fn an_absent_item_comes_before_preconditions(store: Subject) {
    let sent = numbered(1);
    assert_eq!(one(&store, if_match_any(delete("a"))).await, Err(Refusal::NotFound));
    assert_eq!(one(&store, if_none_match_any(delete("a"))).await, Err(Refusal::NotFound));
    assert_eq!(
        one(&store, if_match(replace("a", sent.etag(), &sent), &[])).await,
        Err(Refusal::NotFound)
    );
}

pub(crate) async fn a_conditional_delete_looks_at_the_tag(store: Subject) {
    let (first, second) = (numbered(1), numbered(2));
    one(&store, put("a", &first)).await.unwrap();
    assert_eq!(one(&store, if_match(delete("a"), &[second.etag()])).await, failed(Some(&first)));
    assert_eq!(one(&store, if_match(delete("a"), &[first.etag()])).await, Ok(Outcome::Deleted));
    assert_eq!(get(&store, "a").await, None);
}

pub(crate) async fn a_replacement_needs_its_basis(store: Subject) {
    let (first, second, third) = (numbered(1), numbered(2), numbered(3));
    one(&store, put("a", &first)).await.unwrap();
    assert_eq!(
        one(&store, replace("a", first.etag(), &second)).await,
        Ok(Outcome::Updated(second.clone()))
    );
    assert_eq!(one(&store, replace("a", first.etag(), &third)).await, Err(Refusal::Moved));
    assert_eq!(
        one(&store, replace("a", second.etag(), &second)).await,
        Ok(Outcome::Unchanged(second.clone()))
    );
    assert_eq!(get(&store, "a").await, Some(second));
}

pub(crate) async fn if_match_comes_before_the_basis(store: Subject) {
    let (first, second) = (numbered(1), numbered(2));
    one(&store, put("a", &first)).await.unwrap();
    let write = if_match(replace("a", second.etag(), &second), &[second.etag()]);
    assert_eq!(one(&store, write).await, failed(Some(&first)));
    let write = if_none_match_any(if_match(put("a", &first), &[first.etag()]));
    assert_eq!(one(&store, write).await, failed(Some(&first)));
}
