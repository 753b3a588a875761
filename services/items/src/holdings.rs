//! What the store holds when the service starts.

use std::ffi::OsString;
use std::time::Duration;

use domain::{COUNT_STEP_ITEMS_MAX, CollectionName, Count, Keyspace, PageQuery, PageStart};
use store::{Error, Store};
use tokio::time::timeout;

/// Most collections that are looked at: a line of the log is to stay readable.
const COLLECTIONS_MAX: usize = 50;

/// Longest time for the look: the service does not start later for it than that.
const TIME_MAX: Duration = Duration::from_secs(5);

/// Says which store is used and what it holds, and warns of items that are not served, because the file of
/// `--collections` does not name their collection any more, or names another one of the same name. They look
/// lost otherwise. A store that cannot be read now is no reason not to start.
pub(crate) async fn announce(store: &dyn Store, url: &str, configured: &[CollectionName]) {
    let url = without_credentials(url);
    let found = match timeout(TIME_MAX, holdings(store)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(store = url, error, "the store {url} cannot tell what it holds");
            return;
        }
        Err(_) => {
            tracing::info!(
                store = url,
                "the store is {url}; what it holds was not counted in time"
            );
            return;
        }
    };
    let shown = found.iter().map(|(keyspace, count)| format!("{} ({count})", keyspace.name()));
    let shown: Vec<_> = shown.collect();
    let holds = if shown.is_empty() { "nothing yet".to_owned() } else { shown.join(", ") };
    tracing::info!(store = url, holds, "the store is {url}; it holds {holds}");
    for (keyspace, count) in found {
        let collection = keyspace.name();
        let is_configured = configured.iter().any(|name| name.as_str() == collection);
        match (is_configured, keyspace.has_incarnation()) {
            (false, false) => {
                tracing::warn!(
                    collection,
                    "the store holds items of the collection {collection} ({count}) that are not served: --collections named it once, and does not now"
                );
            }
            (true, true) => {
                tracing::warn!(
                    collection,
                    "the store holds items of the collection {collection} ({count}) that are not served: it was declared over HTTP, and --collections names another one of that name"
                );
            }
            (true, false) | (false, true) => {}
        }
    }
}

/// Returns the collections that hold items, and how many; beyond one step it is not counted on.
async fn holdings(store: &dyn Store) -> Result<Vec<(Keyspace, String)>, Error> {
    let mut found: Vec<(Keyspace, String)> = Vec::new();
    let mut after: Option<Keyspace> = None;
    while found.len() < COLLECTIONS_MAX {
        let Some(collection) = store.collection_after(after.as_ref()).await? else { break };
        after = Some(collection.clone());
        if api::is_reserved(collection.as_str()) {
            // Definitions are no items of a client.
            continue;
        }
        let query = PageQuery {
            collection: collection.clone(),
            start: PageStart::First,
            prefix: None,
            items_max: COUNT_STEP_ITEMS_MAX,
        };
        let Count { items, last } = store.count(query).await?;
        let count = match (items, last) {
            (1, None) => "1 item".to_owned(),
            (items, None) => format!("{items} items"),
            (items, Some(_)) => format!("{items} items or more"),
        };
        found.push((collection, count));
    }
    Ok(found)
}

/// Warns if the URL of the store has a password and came as an argument: every user of the machine sees the
/// arguments of a process.
pub(crate) fn warn_of_visible_password(url: &str, mut arguments: impl Iterator<Item = OsString>) {
    if has_password(url) && arguments.any(|argument| argument.to_string_lossy().contains(url)) {
        tracing::warn!(
            "the password of the store is on the command line, where other users of this machine see it; set SHELF_STORE, or `store` in the file of --config"
        );
    }
}

fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest);
    let (authority, parameters) = authority.split_once('?').unwrap_or((authority, ""));
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
        || parameters.split('&').any(|parameter| parameter.starts_with("password="))
}

/// Returns the URL of a store without user, password and parameters.
pub(crate) fn without_credentials(url: &str) -> String {
    // A wrapper names another store behind a question mark.
    let is_of_server = |scheme: &str| scheme != "file" && !scheme.contains('?');
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| is_of_server(scheme))
    else {
        return url.split('?').next().unwrap_or(url).to_owned();
    };
    let rest = rest.split('?').next().unwrap_or(rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    format!("{scheme}://{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found() {
        for url in ["postgres://u:p@h/d", "postgres://h/d?user=u&password=p", "etcds://u:p@a,b"] {
            assert!(has_password(url), "{url}");
        }
        for url in ["postgres://u@h:5432/d", "etcd://a:2379,b:2379", "file:./a:b@c", "memory:"] {
            assert!(!has_password(url), "{url}");
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        for (url, shown) in [
            ("postgres://shelf:p@ss@db:5432/shelf?password=x", "postgres://db:5432/shelf"),
            ("etcds://u:p@a,b,c/prefix?ca=/x", "etcds://a,b,c/prefix"),
            ("file:./shelf-data", "file:./shelf-data"),
            ("file:///var/lib/a@b", "file:///var/lib/a@b"),
            ("memory:", "memory:"),
            ("faulty:faults?store=postgres://u:p@h/d", "faulty:faults"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
    }
}
