//! `/problems`: what the `type` of each problem means.

use std::sync::Arc;

use contract::Variant;
use contract::extract::State;

use super::asset::{Asset, GetAsset};

/// Returns the page.
pub(crate) async fn problems(State(problems): State<Arc<[&'static Variant]>>) -> GetAsset {
    let sections: String = problems.iter().map(|problem| problem.section()).collect();
    Asset::html(include_str!("problems.html").replace("<!-- problems -->", &sections))
}
