//! Who may send without signing in, and for which domains anybody may.

use super::{Key, is};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "relay.networks",
        kind: Kind::Networks,
        default: is("[]", "Who may send is asked of the person, not of the address."),
        doc: "Addresses and networks that may send mail anywhere without signing in: a printer, a web server. Everyone \
              there can send in anyone's name. No network may be wider than /8, or /19 of IPv6.",
    },
    Key {
        name: "relay.domains",
        kind: Kind::Domains,
        default: is("[]", "We take mail for our own domains, and carry no other's."),
        doc: "Domains whose mail we take from anybody, and carry on: as a backup MX to the MX hosts that are preferred to us, \
              or to where a route leads. Who has a mailbox there we do not know: mail for a name that does not exist is taken \
              too, and goes back to its sender when the next hop refuses it. So spam for such names makes us write notices to \
              people who sent nothing; only take on what you must.",
    },
];
