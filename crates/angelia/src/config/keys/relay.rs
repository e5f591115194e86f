//! Who may send without signing in.

use super::{Key, is};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[Key {
    name: "relay.networks",
    kind: Kind::Networks,
    default: is("[]", "Who may send is asked of the person, not of the address."),
    doc: "Addresses and networks that may send mail anywhere without signing in: a printer, a web server. Everyone \
              there can send in anyone's name. No network may be wider than /8, or /19 of IPv6.",
}];
