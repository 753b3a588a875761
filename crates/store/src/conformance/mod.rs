//! The suite that judges every back end.
//!
//! [`conformance!`] makes one test of each case for one back end. The list of cases stands there
//! once; a back end cannot skip one, and a case that is missing from the list is dead code, which
//! is an error.
//!
//! A case gets a store that holds nothing and is its own.

mod basics;
mod batches;
mod cancelled;
mod idempotency;
mod ids;
mod kit;
mod model;
mod orders;
mod paging;
mod preconditions;
mod prefixes;
mod races;
mod representations;
mod snapshots;
mod transcript;
mod unchanged;

/// Runs every case against the stores that `$fixture` opens: a function without arguments that
/// returns an `Arc<dyn Store>` and a guard that must live as long.
macro_rules! conformance {
    ($fixture:path) => {
        conformance! { $fixture =>
            basics: an_absent_item_is_none;
            basics: a_put_creates_then_updates_then_changes_nothing;
            basics: equal_json_in_another_order_changes_nothing;
            basics: a_deleted_item_is_gone_and_its_successor_is_created;
            basics: an_absent_item_cannot_be_deleted_or_replaced;
            basics: acknowledged_writes_are_seen_from_other_threads;
            basics: a_fresh_store_is_in_order;
            batches: no_writes_have_no_results;
            batches: writes_to_one_id_apply_in_order;
            batches: calls_apply_in_order_to_each_id;
            batches: a_refused_write_does_not_stop_the_others;
            batches: thousands_of_writes_apply_at_once;
            batches: many_bytes_apply_at_once;
            batches: thousands_of_conditional_and_keyed_writes_apply_at_once;
            cancelled: a_dropped_reply_leaves_whole_writes;
            idempotency: a_repeated_write_is_told_what_the_first_one_was;
            idempotency: what_was_answered_before_does_nothing_to_a_later_state;
            idempotency: a_key_stands_for_one_request;
            idempotency: what_is_over_counts_no_more;
            idempotency: a_refused_write_may_be_tried_again;
            idempotency: a_creation_is_remembered_with_its_id;
            idempotency: what_changed_an_item_is_remembered_with_it;
            idempotency: of_many_repetitions_one_acts;
            idempotency: of_many_creations_under_one_key_one_acts;
            idempotency: repetitions_in_one_call_act_once;
            idempotency: an_answer_of_one_mebibyte_is_remembered;
            idempotency: an_attempt_that_changed_something_is_remembered;
            idempotency: an_attempt_that_changed_nothing_leaves_nothing;
            idempotency: of_many_attempts_one_acts;
            ids: every_allowed_character_is_kept;
            ids: ids_are_compared_byte_for_byte;
            ids: collections_do_not_mix;
            ids: slashes_part_no_ids;
            ids: the_longest_names_work;
            model: random_operations_do_what_decide_says;
            orders: a_late_write_is_stale_and_an_equal_token_is_applied;
            orders: a_write_without_a_token_applies_and_leaves_the_token;
            orders: a_newer_token_is_kept_even_if_the_item_does_not_change;
            orders: a_deletion_leaves_a_tombstone_that_only_writes_see;
            orders: many_creations_meet_tombstones;
            orders: kinds_do_not_mix_within_one_item;
            orders: writes_in_any_order_do_what_they_do_sorted;
            orders: a_repeated_request_is_answered_before_it_is_stale;
            paging: an_empty_collection_has_one_empty_page;
            paging: pages_cover_everything_once_in_ascending_order;
            paging: a_page_begins_at_an_id_whether_it_is_there_or_not;
            paging: a_page_ends_at_its_number_of_items;
            paging: a_page_ends_when_it_has_enough_bytes;
            paging: a_page_goes_on_after_an_id_that_is_gone;
            paging: what_stays_is_listed_once_while_others_write;
            prefixes: a_list_holds_what_has_the_prefix_and_nothing_else;
            prefixes: a_page_begins_at_the_later_of_its_start_and_its_prefix;
            prefixes: a_prefix_goes_on_page_by_page;
            prefixes: a_count_is_the_number_of_items_that_a_list_has;
            prefixes: a_count_stops_at_its_number_and_goes_on;
            prefixes: collections_that_hold_items_are_found_in_order;
            preconditions: if_none_match_any_admits_only_a_creation;
            preconditions: if_match_admits_only_the_listed_tags;
            preconditions: if_match_any_admits_only_an_existing_item;
            preconditions: a_repeated_conditional_put_is_no_conflict;
            preconditions: an_absent_item_comes_before_preconditions;
            preconditions: a_conditional_delete_looks_at_the_tag;
            preconditions: a_replacement_needs_its_basis;
            preconditions: if_match_comes_before_the_basis;
            races: exactly_one_of_many_first_puts_creates;
            races: compare_and_set_loses_no_increment;
            races: reads_never_go_back_in_time;
            representations: number_text_and_member_order_are_kept;
            representations: an_item_of_one_mebibyte_is_kept;
            representations: an_empty_object_is_an_item;
            snapshots: an_empty_collection_has_an_empty_snapshot;
            snapshots: a_snapshot_holds_everything_in_ascending_order;
            snapshots: a_snapshot_begins_after_an_id;
            snapshots: large_items_come_in_small_chunks;
            snapshots: order_tokens_are_seen_and_tombstones_are_not;
            snapshots: later_writes_are_not_seen;
            snapshots: a_snapshot_is_of_one_moment_while_others_write;
            snapshots: two_snapshots_are_read_at_once;
            snapshots: a_dropped_snapshot_leaves_room_for_others;
            snapshots: too_many_snapshots_are_refused;
            transcript: the_same_operations_give_the_same_bytes_as_memory;
            unchanged: an_item_that_did_not_change_is_deleted;
            unchanged: an_item_that_changed_is_not_deleted;
            unchanged: a_put_can_demand_it_too;
            unchanged: what_one_call_changed_has_changed_for_its_later_writes;
            unchanged: of_many_deletions_and_changes_each_item_sees_one;
        }
    };
    ($fixture:path => $($group:ident: $case:ident;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let (store, _keep) = $fixture();
                crate::conformance::$group::$case(store).await;
            }
        )+
    };
}

mod memory {
    use std::sync::Arc;

    use crate::memory::Memory;
    use crate::options::Options;
    use crate::store::Store;

    fn fixture() -> (Arc<dyn Store>, ()) {
        (Arc::new(Memory::new(&Options::default())), ())
    }

    conformance!(fixture);
}

mod embedded {
    use std::sync::Arc;

    use tempfile::TempDir;

    use crate::open::open;
    use crate::options::Options;
    use crate::store::Store;

    fn fixture() -> (Arc<dyn Store>, TempDir) {
        let directory = tempfile::tempdir().unwrap();
        (
            open(&format!("file:{}", directory.path().display()), &Options::default()).unwrap(),
            directory,
        )
    }

    conformance!(fixture);
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::sync::{Arc, OnceLock};

    use testbed::Postgres;

    use crate::open::open;
    use crate::options::Options;
    use crate::store::Store;

    /// One server for all cases; each has a database of its own.
    static SERVER: OnceLock<Postgres> = OnceLock::new();

    fn fixture() -> (Arc<dyn Store>, ()) {
        let server =
            SERVER.get_or_init(|| Postgres::builder().setting("max_connections", "500").start());
        (open(&server.create_database(), &Options::default()).unwrap(), ())
    }

    conformance!(fixture);
}

#[cfg(feature = "etcd")]
mod etcd {
    use std::sync::Arc;

    use crate::etcd::tests::kit::{prefix, shared};
    use crate::open::open;
    use crate::options::Options;
    use crate::store::Store;

    /// One cluster of three nodes for all cases; each has a prefix of its own.
    fn fixture() -> (Arc<dyn Store>, ()) {
        let url = format!("{}/{}", shared().url(), prefix());
        (open(&url, &Options::default()).unwrap(), ())
    }

    conformance!(fixture);
}

/// Without a fault it is the store it wraps.
mod faulty {
    use std::sync::Arc;

    use tempfile::TempDir;

    use crate::open::open;
    use crate::options::Options;
    use crate::store::Store;

    fn fixture() -> (Arc<dyn Store>, TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("faulty:{}?store=memory:", directory.path().display());
        (open(&url, &Options::default()).unwrap(), directory)
    }

    conformance!(fixture);
}
