//! Cases 1.1.18 to 1.1.20: what is no answer.

use dhc6c_core::wire::MessageType;

use crate::case::{Ask, SEEDS, count, reach, world};
use crate::seeds::over_seeds;
use crate::server::{Dials, Identifier};
use crate::world::{World, seconds};

use MessageType::{Confirm, Decline, InformationRequest, Rebind, Release, Renew, Request, Solicit};

const ADDRESS: Ask = Ask::Address;

/// The server turns a dial on each Advertise; the client asks nobody, until
/// the server is honest again.
fn ignored_advertise(turn: fn(&mut Dials)) {
    over_seeds(SEEDS, |seed| {
        let mut world = world(seed, ADDRESS);
        turn(&mut world.server().dials);
        world.start();
        world.run_for(seconds(10));
        assert_eq!(count(&world, Request), 0);
        assert!(count(&world, Solicit) > 2);
        world.server().dials = Dials::default();
        world.run_until("bound", seconds(40), |world| world.snapshot().ready);
    });
}

#[test]
fn ce_1_1_18_a_advertise_without_a_server_identifier() {
    ignored_advertise(|dials| dials.server_id = Identifier::Missing);
}

#[test]
fn ce_1_1_18_b_advertise_without_a_client_identifier() {
    ignored_advertise(|dials| dials.client_id = Identifier::Missing);
}

#[test]
fn ce_1_1_18_c_advertise_with_another_client_identifier() {
    ignored_advertise(|dials| dials.client_id = Identifier::Wrong);
}

#[test]
fn ce_1_1_18_d_advertise_with_another_transaction_id() {
    ignored_advertise(|dials| dials.wrong_transaction = true);
}

/// The server turns a dial on each Reply; the Request is repeated.
fn ignored_reply(turn: fn(&mut Dials)) -> impl Fn(u64) {
    move |seed| {
        let mut world = reach(seed, ADDRESS, Request, false);
        world.server().dials.silent_to.clear();
        turn(&mut world.server().dials);
        world.run_until_sent(Request, 3, seconds(10));
        assert!(ADDRESS.held(&world).is_empty());
        world.server().dials = Dials::default();
        world.run_until("bound", seconds(40), |world| world.snapshot().ready);
    }
}

#[test]
fn ce_1_1_19_a_reply_without_a_server_identifier() {
    over_seeds(SEEDS, ignored_reply(|dials| dials.server_id = Identifier::Missing));
}

#[test]
fn ce_1_1_19_b_reply_with_another_transaction_id() {
    over_seeds(SEEDS, ignored_reply(|dials| dials.wrong_transaction = true));
}

/// The leases in an association that makes no sense are not used.
fn unused_reply(turn: fn(&mut Dials)) {
    over_seeds(SEEDS, |seed| {
        let mut world: World = reach(seed, ADDRESS, Request, false);
        world.server().dials.silent_to.clear();
        turn(&mut world.server().dials);
        world.run_for(seconds(20));
        assert!(ADDRESS.held(&world).is_empty());
        assert!(count(&world, Solicit) > 1, "it goes on");
        world.server().dials = Dials::default();
        world.run_until("bound", seconds(60), |world| world.snapshot().ready);
    });
}

#[test]
fn ce_1_1_19_c_an_association_with_t1_beyond_t2() {
    unused_reply(|dials| dials.t1_over_t2 = true);
}

#[test]
fn ce_1_1_19_d_an_address_preferred_for_longer_than_it_is_valid() {
    unused_reply(|dials| dials.preferred_over_valid = true);
}

/// In place of every Reply a message that no client takes.
fn discarded(kind: MessageType) {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, ADDRESS, Request, false);
        world.server().dials.silent_to.clear();
        world.server().dials.wrong_type = Some(kind.code());
        world.run_until_sent(Request, 3, seconds(10));
        assert!(ADDRESS.held(&world).is_empty());
        world.server().dials = Dials::default();
        world.run_until("bound", seconds(40), |world| world.snapshot().ready);
    });
}

#[test]
fn ce_1_1_20_a_solicit_is_discarded() {
    discarded(Solicit);
}

#[test]
fn ce_1_1_20_b_request_is_discarded() {
    discarded(Request);
}

#[test]
fn ce_1_1_20_c_confirm_is_discarded() {
    discarded(Confirm);
}

#[test]
fn ce_1_1_20_d_renew_is_discarded() {
    discarded(Renew);
}

#[test]
fn ce_1_1_20_e_rebind_is_discarded() {
    discarded(Rebind);
}

#[test]
fn ce_1_1_20_f_decline_is_discarded() {
    discarded(Decline);
}

#[test]
fn ce_1_1_20_g_release_is_discarded() {
    discarded(Release);
}

/// A Reply with the first octet of a message of relay agents.
fn discarded_relayed(kind: u8) {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, ADDRESS, Request, false);
        let transaction = world.client().sent(Request)[0].message.transaction;
        let honest = world.server().clone();
        let question = world.client().sent(Request)[0].message.encode().expect("as it was sent");
        let client = world.client().link.link_local.expect("an address");
        let mut answering = honest;
        answering.dials = Dials::default();
        let now = world.now;
        let mut octets = answering.handle(now, client, &question).remove(0).octets;
        octets[0] = kind;
        world.inject_from_server(octets);
        assert!(ADDRESS.held(&world).is_empty(), "{transaction}");
        world.server().dials = Dials::default();
        world.run_until("bound", seconds(40), |world| world.snapshot().ready);
    });
}

#[test]
fn ce_1_1_20_h_relay_forward_is_discarded() {
    discarded_relayed(12);
}

#[test]
fn ce_1_1_20_i_relay_reply_is_discarded() {
    discarded_relayed(13);
}

#[test]
fn ce_1_1_20_j_information_request_is_discarded() {
    discarded(InformationRequest);
}
