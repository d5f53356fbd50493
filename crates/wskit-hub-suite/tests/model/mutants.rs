//! Engines that are wrong in one way fail a scenario.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::bench::ModelBench;
use crate::engine::Mutant;
use wskit_hub_suite::engines::{alone, back, following, names, presence, publishing, reading};
use wskit_hub_suite::hubs::{faults, present, sharing};

/// Whether a scenario fails.
fn fails(mutant: Mutant, scenario: impl AsyncFnOnce(&ModelBench)) -> bool {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let bench = ModelBench::new(mutant);
    catch_unwind(AssertUnwindSafe(|| runtime.block_on(scenario(&bench)))).is_err()
}

macro_rules! mutants {
    ($($name:ident: $mutant:ident fails $file:ident::$scenario:ident;)+) => {
        $(
            #[test]
            fn $name() {
                assert!(fails(Mutant::$mutant, $file::$scenario), "the scenario passes");
                assert!(!fails(Mutant::None, $file::$scenario), "the scenario fails without the fault");
            }
        )+
    };
}

mutants! {
    a_guessed_chain: GuessesBefore fails following::before_is_the_message_before;
    drops_that_are_hidden: HidesDrops fails alone::a_node_that_does_not_poll_is_told_what_it_missed;
    forgotten_ids: ForgetsIds fails publishing::an_id_is_published_once;
    ids_of_all_topics: SharesIds fails publishing::ids_of_two_topics_are_two;
    pages_that_claim_to_be_whole: ClaimsAll fails reading::what_is_gone_is_not_complete;
    the_oldest_instead_of_the_newest: ReadsOldest fails reading::a_page_has_the_newest_of_more;
    positions_of_any_epoch: ReadsAnyEpoch fails reading::a_position_of_another_epoch_reads_all;
    the_message_before_the_history: KeepsNoFloor fails reading::as_many_are_kept_as_the_history_has;
    old_messages_that_never_were: ForgetsOld fails reading::a_message_that_grew_old_unseen_is_a_gap;
    one_epoch_for_ever: KeepsEpoch fails back::lost_memory_is_a_new_epoch;
    listening_that_begins_late: ListensLate fails following::before_is_the_message_before;
    listening_for_ever: ListensForEver fails following::nothing_comes_after_unlistening;
    tops_left_out: ShortensTops fails reading::tops_are_those_of_five_hundred_topics;
    names_mixed: MixesNames fails names::odd_names_are_different_topics;
    texts_that_become_bytes: PassesText fails names::payloads_are_passed_on_as_they_are;
    ids_lost: LosesIds fails names::ids_are_passed_on;
    own_members_among_the_others: ListsOwnMembers fails presence::own_members_are_not_among_the_others;
    one_identity_one_member: MergesMembers fails presence::one_identity_on_two_nodes_is_two_members;
    nodes_that_stay: KeepsTheGone fails presence::members_of_a_node_that_is_gone_are_gone;
    info_lost: LosesInfo fails presence::what_is_told_of_a_member_changes;
    a_connection_lost_by_a_payload: CutsTheLarge fails
        names::a_payload_that_is_too_large_is_refused_and_the_rest_goes_on;
    commands_that_wait_for_ever: WaitsForEver fails alone::commands_fail_while_the_server_is_down;
    nothing_said_of_coming_back: ForgetsUp fails back::a_cut_connection_comes_back;
    hubs_are_not_told_of_lost_memory: KeepsEpoch fails faults::lost_memory_is_told_to_subscribers;
    hubs_do_not_listen_again: ForgetsUp fails faults::what_a_hub_missed_comes_when_it_is_back;
    hubs_keep_the_members_of_one_that_is_gone: KeepsTheGone fails present::members_of_a_killed_hub_leave;
    hubs_take_one_message_for_two: ForgetsIds fails sharing::an_id_is_one_message_on_all_hubs;
    hubs_are_not_told_of_old_positions: ClaimsAll fails sharing::a_client_that_was_away_for_too_long_is_told;
    another_order: Reorders fails following::before_is_the_message_before;
}
